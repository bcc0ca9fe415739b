"""A browser: headless Chromium, driven over its DevTools protocol with the WebSocket library that Sipline needs anyway; JsSIP from npm.

Rule: as ../conftest.py: every wait has an end and says what it waited for; what a test started is ended by its own pid.
"""

import base64
import contextlib
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest
from websockets.sync.client import connect

HERE = Path(__file__).parent
PACKAGES = ("jssip@3.13.8", "esbuild@0.25.0")


class Tab:
    """One page of the browser."""

    def __init__(self, url):
        self._stack = contextlib.ExitStack()
        self._socket = self._stack.enter_context(connect(url, max_size=None, proxy=None))
        self._ids = itertools.count(1)
        self.said = []

    def ask(self, method, **params):
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=20))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            if message.get("method") in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
                self.said.append(json.dumps(message["params"])[:500])

    def run(self, script):
        """Run JavaScript in the page and return its value."""
        result = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def told(self):
        return self.run("told")

    def close(self):
        self._stack.close()


class Browser:
    """One Chromium with a profile of its own that trusts one key."""

    def __init__(self, program, folder, tools, pin):
        self.tools, self.folder = tools, folder
        self.tabs = []
        with (folder / "chromium.log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio",
                    f"--user-data-dir={folder / 'profile'}", "--remote-debugging-port=0", f"--ignore-certificate-errors-spki-list={pin}",
                    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--allow-loopback-in-peer-connection",
                    "--disable-features=WebRtcHideLocalIpsWithMdns", "--disable-background-timer-throttling",
                    "--disable-renderer-backgrounding", "--autoplay-policy=no-user-gesture-required", "--disable-backgrounding-occluded-windows", "--no-proxy-server", "about:blank",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder)},
            )  # fmt: skip
        found = folder / "profile" / "DevToolsActivePort"
        tools.until(lambda: f"Chromium, which said:\n{self.log}", lambda: found.exists() and found.read_text().count("\n") >= 1, 60)
        self.port = found.read_text().split("\n")[0]

    @property
    def log(self):
        return (self.folder / "chromium.log").read_text(errors="replace")[-3000:]

    def open(self, url):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/json/new?{url}", method="PUT")
        with opener.open(request, timeout=20) as answer:
            tab = Tab(json.load(answer)["webSocketDebuggerUrl"])
        tab.ask("Runtime.enable")
        tab.ask("Log.enable")
        self.tabs.append(tab)
        self.tools.until(lambda: f"the page {url}; it said {tab.said}", lambda: tab.run("typeof JsSIP") == "object", 20)
        return tab

    def close(self):
        for tab in self.tabs:
            tab.close()
        self.tools.end(self.process)


@pytest.fixture(scope="session")
def pages(program, tools):
    """The folder of the web phone: its page, and JsSIP from npm in one file."""
    npm = program("npm")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / f"sipline-{'-'.join(PACKAGES)}"
    script = home / "www" / "jssip.js"
    if not script.exists():
        home.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--prefix", str(home), *PACKAGES],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        if done.returncode:
            tools.missing(f"npm could not install {PACKAGES}: {done.stderr[-500:]}")
        (home / "entry.js").write_text('window.JsSIP = require("jssip");\n')
        subprocess.run(
            [str(home / "node_modules" / ".bin" / "esbuild"), "entry.js", "--bundle", f"--outfile={script}"],
            cwd=home, capture_output=True, timeout=60, check=True,
        )  # fmt: skip
    shutil.copy(HERE / "index.html", script.parent / "index.html")
    return script.parent


@pytest.fixture
def browser(program, tmp_path, tools, pair):
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = x509.load_pem_x509_certificate(pair[0].read_bytes()).public_key()
    pin = base64.b64encode(hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()).decode()
    browser = Browser(program("chromium"), tmp_path, tools, pin)
    yield browser
    browser.close()


@pytest.fixture
def pair(authority):
    return authority.issue("localhost", "dns:localhost", "ip:127.0.0.1", file="web")

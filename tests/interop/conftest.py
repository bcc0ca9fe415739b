"""Real programs against a real server: `python -m pipeline -c FILE run` on a free loopback port, in a directory of its own.

Rule: every wait has an end and says what it waited for; what a test started is ended by its own pid. A program that is not
installed skips the test with the reason, and fails it where CI=true. SIPLINE_PROGRAM may name another command to test.
"""

import contextlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SIPLINE = shlex.split(os.environ.get("SIPLINE_PROGRAM", "")) or [sys.executable, "-m", "pipeline"]
READY = re.compile(r"^ready\b", re.MULTILINE)
FINDERS = {
    "sipp": "sip-tester",
    "sipsak": "sipsak",
    "baresip": "baresip",
    "linphonec": "linphone-cli",
    "unbound": "unbound",
    "ip": "iproute2",
    "rtpengine": "rtpengine-daemon",
    "npm": "npm",
    "chromium": "chromium",
    "kamailio": "kamailio",
}


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in Path(item.fspath).parents:
            item.add_marker(pytest.mark.interop)


def missing(reason):
    """Skip, or fail where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (CI=true)")
    pytest.skip(reason)


def until(what, look, seconds=10.0, pause=0.02):
    """Return the first true value of look(); fail when the time is over."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds:g} s in vain for {what() if callable(what) else what}")
        time.sleep(pause)


def free_port(host="127.0.0.1"):
    """Ask the kernel for a port that is free for UDP and TCP."""
    for _ in range(50):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind((host, 0))
            port = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind((host, port))
                return port
    raise OSError("no port is free for UDP and TCP")


def spaced_port():
    """A port that is free with the next one, which baresip takes for TLS."""
    for _ in range(50):
        port = free_port()
        with contextlib.suppress(OSError, OverflowError), socket.socket() as one, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two:
            one.bind(("127.0.0.1", port + 1))
            two.bind(("127.0.0.1", port + 1))
            return port
    raise OSError("no two ports are free beside each other")


def end(process, seconds=10.0):
    """End a process that we started: SIGTERM, then SIGKILL. Return its exit status."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


class Server:
    """One server with its file, its directory and its log."""

    def __init__(self, folder, toml, port, prefix=()):
        self.folder, self.port, self.prefix = folder, port, list(prefix)
        self.file = folder / "pipeline.toml"
        self.file.write_text(toml)
        self.err = folder / "stderr.txt"
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def log(self):
        return self.err.read_text(errors="replace") if self.err.exists() else ""

    def start(self, *options, ready=True):
        with self.err.open("wb") as err, (self.folder / "stdout.txt").open("wb") as out:
            self.process = subprocess.Popen(
                [*self.prefix, *SIPLINE, "-c", str(self.file), "run", *options],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, "PYTHONWARNINGS": "", "COLUMNS": "200", "NO_COLOR": "1"},
            )
        if ready:
            until(
                lambda: f"the ready line; the server wrote:\n{self.log}", lambda: READY.search(self.log) or self.process.poll() is not None
            )
            assert self.process.poll() is None, f"the server ended with {self.process.returncode}:\n{self.log}"
        return self

    def stop(self):
        """SIGTERM: it drains and exits 0."""
        return end(self.process) if self.process else None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def edit(self, old, new, count=1):
        text = self.file.read_text()
        assert old in text, f"{old!r} is not in {self.file}"
        self.file.write_text(text.replace(old, new, count))

    def sipline(self, *words, stdin=None, check=True):
        """Run a command of the command line on this server's file."""
        if SIPLINE[-2:] != ["-m", "pipeline"] and not SIPLINE[-1].endswith("sipline"):
            pytest.skip("the program under test has no command line")
        done = subprocess.run(
            [*SIPLINE, "-c", str(self.file), *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=20,
            input=stdin,
            check=False,
            env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        )
        if check:
            assert done.returncode == 0, f"sipline {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}\nserver:\n{self.log}"
        return done

    def contacts(self):
        """What `sipline show contacts --json` says."""
        shown = json.loads(self.sipline("show", "contacts", "--json").stdout)
        return shown if isinstance(shown, list) else shown.get("contacts", shown)

    def run(self, command, *, seconds=30.0, **options):
        """Run a program to its end, and show everything when it fails to come to one."""
        try:
            return subprocess.run(
                [str(word) for word in command],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                **options,
            )
        except subprocess.TimeoutExpired as late:
            pytest.fail(f"{command[0]} did not end within {seconds} s\n{late.stdout}\n{late.stderr}\nserver:\n{self.log}")


def make_serve(folder):
    servers = []

    def serve(toml, *, start=True, port=None, prefix=(), options=(), **words):
        """Start a server; @PORT@ and @NAME@ in the text stand for a free port and the keyword arguments."""
        port = port or free_port()
        for name, value in {"port": port, **words}.items():
            toml = toml.replace(f"@{name.upper()}@", str(value))
        place = folder / f"server{len(servers)}"
        place.mkdir()
        server = Server(place, toml, port, prefix)
        servers.append(server)
        return server.start(*options) if start else server

    return serve, servers


@pytest.fixture
def serve(tmp_path, request):
    serve, servers = make_serve(tmp_path)
    yield serve
    for server in servers:
        server.stop()
        request.node.add_report_section("call", "server", server.log)


@pytest.fixture(scope="module")
def serve_module(tmp_path_factory):
    """As `serve`, for all tests of a file."""
    serve, servers = make_serve(tmp_path_factory.mktemp("interop"))
    yield serve
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def program():
    def program(name):
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
        if found is None:
            missing(f"{name} is not installed (Debian: {FINDERS.get(name, name)})")
        return found

    return program


@pytest.fixture(scope="session")
def alone():
    """The words before a command that run it in a network namespace with nothing but a loopback of its own; none where that cannot be had.

    For corpora whose clients insist on ports (5060, 5061): nobody else's are in the way there.
    """
    ip = shutil.which("ip") or shutil.which("ip", path="/usr/sbin:/sbin")
    name = f"sipline{os.getpid()}"

    def run(*words):
        return ip is not None and subprocess.run([ip, *words], capture_output=True, timeout=20, check=False).returncode == 0

    if os.geteuid() != 0 or not run("netns", "add", name):
        yield ()
        return
    try:
        yield (ip, "netns", "exec", name) if run("-n", name, "link", "set", "lo", "up") else ()
    finally:
        run("netns", "delete", name)


@pytest.fixture(scope="session")
def template():
    """The text of a configuration in this directory."""
    return lambda name: (HERE / name).read_text()


@pytest.fixture(scope="session")
def tools():
    """The functions above, for tests: until, end, free_port, missing, udp."""

    class Tools:
        here, root, command = HERE, ROOT, SIPLINE

    for function in (until, end, free_port, spaced_port, missing, udp, ask, request_of):
        setattr(Tools, function.__name__, staticmethod(function))
    return Tools


@pytest.fixture
def rtpengine(program, tmp_path):
    """Run rtpengine on loopback, unprivileged, without its kernel module; give the port of its ng commands and the folder it records to."""

    class Running:
        port = free_port()
        recordings = Path(tempfile.mkdtemp(prefix="recorded"))  # not tmp_path: others than its owner do not come in there

    lowered = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    if lowered:
        shutil.chown(Running.recordings, "nobody", "nogroup")
    log = tmp_path / "rtpengine.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                program("rtpengine"),
                "--config-file=none",
                "--foreground",
                "--log-stderr",
                "--log-level=6",
                "--table=-1",
                "--interface=127.0.0.1",
                f"--listen-ng=127.0.0.1:{Running.port}",
                "--port-min=34000",
                "--port-max=34999",
                "--num-threads=2",
                f"--recording-dir={Running.recordings}",
                "--recording-method=pcap",
            ],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd="/",
            **lowered,
        )
    try:
        with udp() as asking:
            asking.settimeout(0.2)

            def answers():
                asking.sendto(b"1 d7:command4:pinge", ("127.0.0.1", Running.port))
                with contextlib.suppress(OSError):
                    return b"pong" in asking.recv(2000)
                return process.poll() is not None

            until(lambda: f"a pong of rtpengine, which wrote:\n{log.read_text(errors='replace')}", answers, 15)
            assert process.poll() is None, log.read_text(errors="replace")
        yield Running
    finally:
        end(process)
        shutil.rmtree(Running.recordings, ignore_errors=True)


@pytest.fixture
def ng_port(rtpengine):
    """The port of its ng commands."""
    return rtpengine.port


@contextlib.contextmanager
def udp(host="127.0.0.1", port=0, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((host, port))
        yield sock


def request_of(method, uri, me, *, to="", from_="sip:probe@elsewhere.example", headers="", body=b"", cseq=1, call_id="", transport="UDP"):
    """Write a request; `me` is the host:port that answers go to."""
    token = os.urandom(6).hex()
    head = (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {me};branch=z9hG4bK{token};rport\r\nMax-Forwards: 70\r\n"
        f"From: <{from_}>;tag={token}\r\nTo: <{to or uri}>\r\nCall-ID: {call_id or token}\r\nCSeq: {cseq} {method}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def ask(sock, data, to, seconds=3.0):
    """Send, and return the status and text of the first final answer to this very request: (None, "") when there is none."""
    call = re.search(rb"^Call-ID: *(.*?)\r$", data, re.MULTILINE | re.IGNORECASE)[1].decode()
    sock.sendto(data, to)
    over = time.monotonic() + seconds
    while (left := over - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            text = sock.recv(65536).decode("utf-8", "replace")
        except TimeoutError:
            break
        if text.startswith("SIP/2.0 ") and call in text and not text.startswith("SIP/2.0 1"):
            return int(text[8:11]), text
    return None, ""


def clients():
    spec = importlib.util.spec_from_file_location("tests_interop_clients", HERE / "clients.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def phones(program, tmp_path, tools, server):
    """Real softphones at `server`: phones.baresip("bob", contacts=..., account=...), phones.linphone("alice")."""
    module, made = clients(), []

    class Phones:
        @staticmethod
        def add(kind, user, **more):
            made.append(kind(program, tmp_path / f"phone{len(made)}", tools, server, user, **more))
            return made[-1]

        def baresip(self, user, **more):
            return self.add(module.Baresip, user, **more)

        def linphone(self, user, **more):
            return self.add(module.Linphone, user, **more)

    yield Phones()
    for each in made:
        tools.end(each.process)
        if each.process.stdin is not None:
            each.process.stdin.close()

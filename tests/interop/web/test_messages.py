"""Messages between baresip, Linphone and a page with JsSIP over WSS; one of them comes later than what was written to it."""

import contextlib
import json
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
MODULES = ("/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules", "/usr/lib/aarch64-linux-gnu/baresip/modules")
LINPHONERC = """
[sip]
sip_port={port}
sip_tcp_port=-1
sip_tls_port=-1
bind_address=127.0.0.1
default_proxy=0
[video]
enabled=0
[proxy_0]
reg_proxy=<sip:127.0.0.1:{server}>
reg_identity=sip:{user}@127.0.0.1:{server}
reg_expires=600
reg_sendregister=1
publish=0
[auth_info_0]
username={user}
passwd=swordfish
realm=example.com
"""


class Linphone:
    """linphonec, commanded over its standard input."""

    def __init__(self, program, folder, tools, server, user):
        folder.mkdir()
        for each in (".local/share/linphone", ".config/linphone"):  # it writes its database there and makes no folder for it
            (folder / each).mkdir(parents=True)
        (folder / "linphonerc").write_text(LINPHONERC.format(port=tools.free_port(), server=server.port, user=user))
        self.tools, self.domain, self.output, self.log = tools, f"127.0.0.1:{server.port}", folder / "output.txt", folder / "log.txt"
        environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""}
        with self.output.open("wb") as out:
            command = [program("linphonec"), "-c", str(folder / "linphonerc"), "-d", "6", "-l", str(self.log)]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=out, cwd=folder, env=environment)

    def write(self, user, text):
        self.process.stdin.write(f"chat sip:{user}@{self.domain} {text}\n".encode())
        self.process.stdin.flush()

    @property
    def said(self):
        return self.output.read_text(errors="replace")

    def read(self, user, text, seconds=30):
        pattern = rf"Message received from .*{user}@.*: .*{re.escape(text)}"
        self.tools.until(
            lambda: f"{text!r} at Linphone, which said:\n{self.said}\n{self.log.read_text(errors='replace')[-3000:]}",
            lambda: re.search(pattern, self.said),
            seconds,
        )

    def close(self):
        self.tools.end(self.process)
        self.process.stdin.close()


class Baresip:
    """baresip, commanded over ctrl_tcp."""

    def __init__(self, program, folder, tools, server, user):
        folder.mkdir()
        modules = next((path for path in MODULES if Path(path).is_dir()), None)
        if modules is None:
            tools.missing(f"baresip's modules are in none of {', '.join(MODULES)}")
        self.control, self.tools, self.domain = tools.free_port(), tools, f"127.0.0.1:{server.port}"
        lines = [
            f"module_path {modules}", "module g711.so", "module aubridge.so", "module ctrl_tcp.so",
            *(f"module_app {name}.so" for name in ("account", "contact", "menu")),
            f"sip_listen 127.0.0.1:{spaced_port(tools)}", "net_interface 127.0.0.1", f"ctrl_tcp_listen 127.0.0.1:{self.control}",
            "audio_player aubridge,here", "audio_source aubridge,here", "audio_alert aubridge,here",
        ]  # fmt: skip
        (folder / "config").write_text("\n".join(lines) + "\n")
        (folder / "accounts").write_text(f"<sip:{user}@{self.domain}>;auth_user={user};auth_pass=swordfish;regint=120\n")
        contacts = [f'"{name}" <sip:{name}@{self.domain}>\n' for name in ("alice", "bob", "carol")]
        (folder / "contacts").write_text("".join(contacts))
        self.output = folder / "output.txt"
        with self.output.open("wb") as out:
            command = [program("baresip"), "-4", "-v", "-s", "-f", str(folder)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder)
        tools.until(lambda: f"baresip's registration; it said:\n{self.said}", lambda: "[1 binding]" in self.said, 20)

    @property
    def said(self):
        return self.output.read_text(errors="replace")

    def command(self, name, params=""):
        data = json.dumps({"command": name, "params": params, "token": "t"}).encode()
        with socket.create_connection(("127.0.0.1", self.control), 5) as control:
            control.sendall(b"%d:%s," % (len(data), data))
            return control.recv(4096).decode(errors="replace")

    def write(self, user, text):
        """Write to the contact that is chosen: it knows no other way."""
        answers = [self.command(name) for name in ("contact_prev", "contact_prev", "contact_prev")]
        while f"sip:{user}@" not in answers[-1]:
            answers.append(self.command("contact_next"))
            assert len(answers) < 9, f"{user} is not to be chosen: {answers}"
        self.command("message", text)

    def read(self, user, text, seconds=30):
        pattern = rf"MESSAGE sip:.*?^From: .*?{user}@.*?{re.escape(text)}"
        self.tools.until(
            lambda: f"{text!r} at baresip, which said:\n{self.said[-4000:]}",
            lambda: re.search(pattern, self.said, re.DOTALL | re.MULTILINE),
            seconds,
        )

    def close(self):
        self.tools.end(self.process)


def spaced_port(tools):
    """A port that is free with the next one, which baresip takes for TLS."""
    for _ in range(50):
        port = tools.free_port()
        with contextlib.suppress(OSError, OverflowError), socket.create_server(("127.0.0.1", port + 1)):
            return port
    raise OSError("no two ports are free beside each other")


class Page:
    """A page with JsSIP."""

    def __init__(self, tab, tools, user):
        self.tab, self.tools = tab, tools
        tab.run(f'register({json.dumps(user)}, "swordfish")')
        self.has("registered")

    def has(self, what, seconds=30):
        self.tools.until(
            lambda: f"{what!r}; the page told {self.tab.told()} and said {self.tab.said}", lambda: what in self.tab.told(), seconds
        )

    def write(self, user, text):
        self.tab.run(f"write({json.dumps(user)}, {json.dumps(text)})")

    def read(self, user, text):
        self.has(f"written by {user}: {text}")

    def written(self, text):
        return [each for each in self.tab.told() if each.startswith("written") and each.endswith(text)]


@pytest.fixture
def server(serve, template, tools, pair, pages):
    web = tools.free_port()
    server = serve(template("web/messages.toml"), cert=pair[0], key=pair[1], web=web, pages=pages)
    server.page = f"https://localhost:{web}/"
    yield server
    assert "Traceback" not in server.log, server.log


@pytest.fixture
def phone(program, tools, tmp_path, server, browser):
    phones = []

    def phone(kind, user):
        if kind is Page:
            return Page(browser.open(server.page), tools, user)
        phones.append(kind(program, tmp_path / f"phone{len(phones)}", tools, server, user))
        return phones[-1]

    yield phone
    for each in phones:
        each.close()


def waiting(server):
    return json.loads(server.sipline("show", "messages", "--json").stdout)


def test_baresip_linphone_and_a_page_write_to_each_other(server, phone, tools):
    alice, bob, carol = phone(Baresip, "alice"), phone(Linphone, "bob"), phone(Page, "carol")
    tools.until("three bindings", lambda: len(server.contacts()) == 3, 30)
    for writer, name in ((alice, "alice"), (bob, "bob"), (carol, "carol")):
        for reader, other in ((alice, "alice"), (bob, "bob"), (carol, "carol")):
            if reader is not writer:
                text = f"{name} to {other}"
                writer.write(other, text)
                reader.read(name, text)
    carol.has("message 200: carol to bob")
    assert waiting(server) == []


@pytest.mark.parametrize("late", [Baresip, Linphone, Page])
def test_what_was_written_to_one_who_was_not_there_is_delivered_when_he_comes(server, phone, late):
    early = Page if late is not Page else Linphone
    alice = phone(early, "alice")
    texts = ["one", "two", "three"]
    for number, text in enumerate(texts, 1):
        alice.write("bob", text)
        alice.tools.until("that it is kept", lambda number=number: len(waiting(server)) == number, 20)
    bob = phone(late, "bob")
    for text in texts:
        bob.read("alice", text)
    bob.tools.until(lambda: f"nothing to wait; there is {waiting(server)}", lambda: not waiting(server), 20)
    if late is Page:
        assert [each for each in bob.tab.told() if each.startswith("written")] == [f"written by alice: {text}" for text in texts]
    bob.write("alice", "here I am")
    alice.read("bob", "here I am")


def test_the_server_writes_to_a_page_and_to_one_who_comes_later(server, phone):
    carol = phone(Page, "carol")
    server.sipline("message", "carol", "Dinner is ready", "--from", "Kitchen <kitchen>")
    carol.read("kitchen", "Dinner is ready")
    assert "accepted" in server.sipline("message", "bob", "and for you, too").stdout
    failed = server.sipline("message", "nobody", "?", check=False)
    assert failed.returncode == 1
    assert "not delivered: unknown" in failed.stderr
    server.stop()
    server.start()
    phone(Baresip, "bob").read("sipline", "and for you, too")

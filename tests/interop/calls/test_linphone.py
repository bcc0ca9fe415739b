"""linphonec: Debian's Linphone, without a sound card, registers with digest and calls over UDP, TCP and TLS; it gets GRUUs and uses them."""

import array
import os
import re
import subprocess

import pytest

from .conftest import RATE, tone_file, tones_in

A, B = 440, 1000


class Linphone:
    """One linphonec, commanded over its standard input."""

    def __init__(self, program, tools, folder, user, server, transport, hertz, authority, password="swordfish"):
        folder.mkdir()
        (folder / ".local" / "share" / "linphone").mkdir(parents=True)  # it makes its database there, not the folder
        self.tools, self.user, self.folder = tools, user, folder
        self.port = server.tls if transport == "tls" else server.port
        host = "localhost" if transport == "tls" else "127.0.0.1"  # its TLS reads no addresses in certificates
        self.domain, self.tone = f"{host}:{self.port}", tone_file(folder / "says.wav", hertz)
        self.log, self.output = folder / "log.txt", folder / "output.txt"
        (folder / "linphonerc").write_text(
            f"[sip]\nsip_port=-1\nsip_tcp_port=-1\nsip_tls_port=-1\nuse_ipv6=0\nregister_only_when_network_is_up=0\ndefault_proxy=0\n"
            f"root_ca={authority.file}\nverify_server_certs=1\nverify_server_cn=1\nmedia_encryption=0\n"
            f"[net]\nfirewall_policy=0\n[rtp]\naudio_rtp_port={tools.free_port()}\n"
            f"[proxy_0]\nreg_proxy=<sip:{self.domain};transport={transport}>\nreg_identity=sip:{user}@{self.domain}\nreg_expires=600\n"
            f"reg_sendregister=1\npublish=0\n[auth_info_0]\nusername={user}\npasswd={password}\nrealm=example.com\n"
        )
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [program("linphonec"), "-c", str(folder / "linphonerc"), "-d", "6", "-l", str(self.log)],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                cwd=folder,
                env={**os.environ, "HOME": str(folder)},
            )
        self.command("soundcard use files")
        self.command(f"play {self.tone}")
        self.command(f"record {folder / 'hears.wav'}")

    @property
    def said(self):
        return self.output.read_text(errors="replace")

    @property
    def wire(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def command(self, text):
        self.process.stdin.write(f"{text}\n".encode())
        self.process.stdin.flush()

    def says(self, pattern, seconds=20):
        return self.tools.until(
            lambda: f"{pattern!r} of {self.user}, who said:\n{self.said}\n{self.wire[-3000:]}",
            lambda: re.search(pattern, self.said) or (self.process.poll() is not None and None),
            seconds,
        )

    def registered(self):
        """Wait for the 200 to its REGISTER, and return its GRUUs."""
        found = self.tools.until(
            lambda: f"the registration of {self.user}, who said:\n{self.said}\n{self.wire[-3000:]}",
            lambda: re.search(r'pub-gruu="([^"]+)";temp-gruu="([^"]+)"', self.wire),
            20,
        )
        return found.groups()

    def hears(self, hertz, seconds=15):
        """Wait until this tone is in what it records."""
        file = self.folder / "hears.wav"

        def heard():
            samples = array.array("h")
            data = file.read_bytes() if file.exists() else b""
            samples.frombytes(data[44 : len(data) // 2 * 2])
            rate = int.from_bytes(data[24:28], "little") or 48000  # the header is written at the end; two Linphones speak Opus
            return len(samples) > rate and tones_in(samples[-rate :: rate // RATE], {A, B}) == {hertz}

        self.tools.until(lambda: f"{hertz} Hz at {self.user}'s ear; it said:\n{self.said}", heard, seconds, 0.1)

    def close(self):
        self.tools.end(self.process)
        self.process.stdin.close()


@pytest.fixture
def server(serve, template, tools, authority):
    cert, key = authority.issue("localhost", "ip:127.0.0.1", "dns:localhost", file="linphone")
    tls = tools.free_port()
    server = serve(template("calls/linphone.toml"), tls=tls, cert=cert, key=key)
    server.tls = tls
    yield server
    assert "Traceback" not in server.log, server.log


@pytest.fixture
def linphone(program, tools, tmp_path, server, authority):
    phones = []

    def linphone(user, transport, hertz):
        phones.append(Linphone(program, tools, tmp_path / f"linphone{len(phones)}", user, server, transport, hertz, authority))
        return phones[-1]

    yield linphone
    for each in phones:
        each.close()


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_two_of_them_register_and_call_each_other(server, linphone, transport, tools):
    alice, bob = linphone("alice", transport, A), linphone("bob", transport, B)
    gruu = alice.registered()[0]
    bob.registered()
    assert gruu.startswith("sip:alice@example.com;gr=urn:uuid:")
    assert sorted(contact["aor"] for contact in server.contacts()) == ["alice@example.com", "bob@example.com"]
    alice.command(f"call sip:bob@{alice.domain}")
    bob.says("incoming call|Receiving new")
    bob.command("answer")
    alice.says("Media streams established")
    bob.says("Media streams established")
    alice.hears(B)
    bob.hears(A)
    bob.command("terminate")
    alice.says("ended")
    alice.command("quit")
    tools.until("the end of its binding", lambda: [contact["aor"] for contact in server.contacts()] == ["bob@example.com"], 15)


def test_it_is_called_by_its_gruus(server, linphone):
    alice, bob = linphone("alice", "tcp", A), linphone("bob", "udp", B)
    alice.registered()
    for number, gruu in enumerate(bob.registered(), 1):
        alice.command(f"call {gruu.replace('example.com', alice.domain)}")
        bob.tools.until(lambda: f"call {number}; bob said:\n{bob.said}", lambda: len(re.findall("(?m)^INVITE ", bob.wire)) >= number, 15)
        bob.command("answer")
        alice.tools.until(
            lambda: f"answer {number}; alice said:\n{alice.said}", lambda: alice.said.count("Media streams established") >= number
        )
        alice.command("terminate")
        bob.tools.until(lambda: f"end {number}; bob said:\n{bob.said}", lambda: bob.said.count(" ended ") >= number)


def test_a_wrong_password_is_refused(server, program, tools, tmp_path, authority):
    phone = Linphone(program, tools, tmp_path / "mallory", "alice", server, "udp", A, authority, password="guessed")
    try:
        tools.until(lambda: f"a second 401; it said:\n{phone.said}", lambda: phone.wire.count("SIP/2.0 401 ") >= 2, 20)
        assert server.contacts() == []
    finally:
        phone.close()

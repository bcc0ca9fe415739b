"""Edges: baresip behind ours with Kamailio as registrar and proxy, and behind Kamailio with us as registrar. RFC 5626 5, RFC 3327."""

import socket
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

A, B = 440, 1000
MODULES = ("/usr/lib/x86_64-linux-gnu/kamailio/modules/", "/usr/lib/aarch64-linux-gnu/kamailio/modules/", "/usr/lib/kamailio/modules/")


@pytest.fixture
def run_kamailio(program, tools, tmp_path):
    """Run Kamailio at 127.0.0.2 with a configuration of this directory; give its host and port."""
    processes = []

    def run_kamailio(name, **words):
        modules = next((path for path in MODULES if Path(path).is_dir()), None)
        command = program("kamailio")
        if modules is None:
            tools.missing(f"Kamailio's modules are in none of {', '.join(MODULES)}")
        port = tools.free_port("127.0.0.2")
        text = (tools.here / name).read_text()
        for word, value in {"port": port, "modules": modules, **words}.items():
            text = text.replace(f"@{word.upper()}@", str(value))
        file, log = tmp_path / name, tmp_path / "kamailio.log"
        file.write_text(text)
        with log.open("wb") as out:
            process = subprocess.Popen(
                [command, "-DD", "-E", "-m", "32", "-M", "4", "-f", str(file), "-Y", str(tmp_path), "-P", str(tmp_path / "kamailio.pid")],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=tmp_path,
            )
        processes.append(process)

        def listens():
            with socket.socket() as sock:
                return sock.connect_ex(("127.0.0.2", port)) == 0 or process.poll() is not None

        tools.until(lambda: f"Kamailio to listen; it wrote:\n{log.read_text(errors='replace')}", listens, 20)
        assert process.poll() is None, log.read_text(errors="replace")
        return SimpleNamespace(host="127.0.0.2", port=port)

    yield run_kamailio
    for process in processes:
        tools.end(process)


@pytest.fixture
def kamailio(run_kamailio):
    return run_kamailio("kamailio.cfg")


@pytest.fixture
def edge(serve, template, kamailio):
    server = serve(template("edge.toml"), upstream=f"sip:{kamailio.host}:{kamailio.port}")
    yield server
    assert "Traceback" not in server.log, server.log


@pytest.mark.parametrize(("one", "other"), [("udp", "udp"), ("tcp", "tcp"), ("tcp", "udp")])
def test_phones_behind_the_edge_call_each_other_through_kamailio(edge, kamailio, softphone, one, other):
    options = "answermode=manual;outbound=" + '"sip:127.0.0.1:{};transport={}"'
    alice = softphone(kamailio, "alice", A, options.format(edge.port, one), transport=one)
    bob = softphone(kamailio, "bob", B, options.format(edge.port, other), transport=other)
    alice.dial(f"sip:bob@{kamailio.host}:{kamailio.port}")
    alice.wait("CALL_RINGING")
    bob.wait("CALL_INCOMING")
    bob.accept()
    alice.wait("CALL_ESTABLISHED")
    bob.wait("CALL_ESTABLISHED")
    alice.hears(B, not_=(A,))
    bob.hears(A, not_=(B,))
    bob.hangup()
    assert alice.closed()


def test_a_caller_gives_up_and_a_callee_declines(edge, kamailio, softphone):
    options = f'answermode=manual;outbound="sip:127.0.0.1:{edge.port};transport=tcp"'
    alice, bob = (softphone(kamailio, user, tone, options, transport="tcp") for user, tone in (("alice", A), ("bob", B)))
    alice.dial(f"sip:bob@{kamailio.host}:{kamailio.port}")
    bob.wait("CALL_INCOMING")
    alice.hangup()
    bob.closed()
    alice.dial(f"sip:bob@{kamailio.host}:{kamailio.port}")
    bob.wait("CALL_INCOMING", 2)
    bob.hangup()
    alice.wait("CALL_CLOSED", 2)
    alice.dial(f"sip:nobody@{kamailio.host}:{kamailio.port}")
    assert "404" in alice.wait("CALL_CLOSED", 3)["param"]


@pytest.mark.parametrize(("one", "other"), [("udp", "tcp"), ("tcp", "udp")])
def test_phones_behind_kamailio_as_the_edge_call_each_other_through_us(run_kamailio, serve, template, softphone, tmp_path, one, other):
    us = serve(template("calls/calls.toml") + "[plugin.registrar]\npath_needs_support = false\n", folder=tmp_path, media="media_direct")
    kamailio = run_kamailio("kamailio_edge.cfg", registrar=us.port)
    options = 'answermode=manual;outbound="sip:127.0.0.2:{};transport={}"'
    alice = softphone(us, "alice", A, options.format(kamailio.port, one), transport=one)
    bob = softphone(us, "bob", B, options.format(kamailio.port, other), transport=other)
    assert all(f"127.0.0.2:{kamailio.port}" in contact["reach"] for contact in us.contacts())
    alice.dial(f"sip:bob@127.0.0.1:{us.port}")
    alice.wait("CALL_RINGING")
    bob.wait("CALL_INCOMING")
    bob.accept()
    alice.wait("CALL_ESTABLISHED")
    bob.wait("CALL_ESTABLISHED")
    alice.hears(B, not_=(A,))
    bob.hears(A, not_=(B,))
    bob.hangup()
    assert alice.closed()
    assert "Traceback" not in us.log, us.log

"""A call of two baresips through the real rtpengine: SRTP on one leg, plain RTP on the other, a tone heard on both sides. And recorded."""

import json
import re
import subprocess

import pytest

A, B = 440, 1000
pytestmark = pytest.mark.slow
SECURE = "answermode=manual;mediaenc=srtp-mand"


@pytest.fixture
def start(serve, template, rtpengine, softphone):
    """Give a function that starts the server, alice with SRTP and bob without."""
    servers = []

    def start(record="false"):
        server = serve(template("calls/rtpengine.toml"), ng=rtpengine.port, record=record)
        servers.append(server)
        return server, softphone(server, "alice", A, SECURE, module="module srtp.so"), softphone(server, "bob", B)

    yield start
    for server in servers:
        assert "Traceback" not in server.log, server.log


def call(server, caller, callee):
    caller.dial(f"sip:{callee.user}@127.0.0.1:{server.port}")
    callee.wait("CALL_INCOMING")
    callee.accept()
    caller.wait("CALL_ESTABLISHED")
    callee.wait("CALL_ESTABLISHED")


def described(phone):
    """The protocols of the audio lines that the phone saw, those of both sides."""
    return set(re.findall(r"^m=audio [1-9]\d* (\S+)", phone.output.read_text(errors="replace"), re.MULTILINE))


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_srtp_on_one_leg_and_plain_rtp_on_the_other(start, tools, who):
    server, alice, bob = start()
    caller, callee = (alice, bob) if who == "alice" else (bob, alice)
    call(server, caller, callee)
    alice.hears(B, not_=(A,))
    bob.hears(A, not_=(B,))
    assert described(alice) == {"RTP/SAVP"}
    assert described(bob) == {"RTP/AVP"}
    assert "a=crypto:" not in bob.output.read_text(errors="replace")
    assert "SRTP is Enabled" in alice.said or "a=crypto:" in alice.output.read_text(errors="replace")
    caller.hangup()
    callee.closed()
    tools.until(
        lambda: "the end of all channels:\n" + server.sipline("show", "channels").stdout,
        lambda: '"id"' not in server.sipline("show", "channels", "--json").stdout,
    )


def test_hold_and_resume_through_it(start):
    server, alice, bob = start()
    call(server, alice, bob)
    bob.hears(A)
    alice.hears(B)
    alice.hold()
    bob.gets_nothing_of(A)
    alice.resume()
    bob.gets(A)


def test_a_call_is_recorded_where_an_endpoint_wants_it(start, rtpengine, tools):
    server, alice, bob = start(record="true")
    call(server, alice, bob)
    alice.hears(B)
    alice.hangup()
    bob.closed()
    files = tools.until(
        lambda: f"a recording in {[str(path) for path in rtpengine.recordings.rglob('*')]}",
        lambda: [path for path in rtpengine.recordings.rglob("*.pcap") if path.stat().st_size > 10_000],
    )
    assert len(files) == 1


def test_a_recording_begins_and_ends_in_mid_call(start, rtpengine, tools, program):
    program("tshark")
    server, alice, bob = start()
    call(server, alice, bob)
    alice.hears(B)
    channel = json.loads(server.sipline("show", "channels", "--json").stdout)[0]["id"]
    known = set(rtpengine.recordings.rglob("*.pcap"))
    began = server.sipline("record", channel, "start", "--name", "kept")
    assert (began.returncode, began.stdout.startswith("recording ")) == (0, True), began
    assert json.loads(server.sipline("show", "channels", "--json").stdout)[0]["recording"].endswith("/kept.wav")
    bob.hears(A)
    alice.hears(B)
    assert server.sipline("record", channel, "stop").returncode == 0

    def packets():
        return [
            tshark("-r", path, "-Y", "udp", "-T", "fields", "-e", "udp.dstport").split()
            for path in set(rtpengine.recordings.rglob("*.pcap")) - known
        ]

    [recorded] = tools.until(lambda: "a recording", lambda: [each for each in packets() if len(each) > 50] or None)
    alice.hears(B)  # the call goes on, and what is said is not kept
    [later] = packets()
    alice.hangup()
    bob.closed()
    assert len(later) == len(recorded)
    assert len(set(recorded)) >= 2  # both directions


def tshark(*arguments):
    return subprocess.run(["tshark", *arguments], capture_output=True, text=True, check=False).stdout

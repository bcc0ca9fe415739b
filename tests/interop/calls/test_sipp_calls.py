"""SIPp with scenarios of our own for each flow of a call, in both roles: SIPp calls (we are UAS), SIPp is called (we are UAC).

What a flow is: RFC 3261 9, 13, 14, 15; 3262; 3311; 3323; 3326; 4028; 6086. Times are those of T1 = 50 ms where a flow waits for them.
"""

import importlib.util
import pathlib
import re
import socket
import subprocess
import sys

import pytest

from pipeline.testing.names import Loopback, NameServer

spec = importlib.util.spec_from_file_location("tests_calls_written", pathlib.Path(__file__).with_name("written.py"))
w = sys.modules["tests_calls_written"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(w)
SDP, HELD = w.SDP, w.HELD
send, recv, trying, ack, take, answer, ask, pause = w.send, w.recv, w.trying, w.ack, w.take, w.answer, w.ask, w.pause
pytestmark = pytest.mark.slow

DOWN = [send("BYE", cseq=9), recv(200, ("CSeq", "BYE"))]
OVER = [ask("BYE", cseq=9), recv(200, ("CSeq", "BYE"))]
RELIABLE = ["Require: 100rel", "Supported: 100rel"]
FAST = {"t1": "0.05"}
SOUND = ("Content-Type", "application/sdp")


def up(user="600", *fields, checks=()):
    return [send("INVITE", user, body=SDP, fields=fields), trying(), recv(200, SOUND, *checks), ack(user)]


def taken(*fields, checks=()):
    return [take("INVITE", *checks), answer(180), answer(200, SDP, fields), take("ACK")]


REFUSED = [send("ACK", cseq=1, branch="one", retrans=False)]

CALLER = {
    "a reliable 1xx and its PRACK": [
        send("INVITE", "early", body=SDP, fields=RELIABLE),
        trying(),
        recv(183, ("Require", "100rel"), SOUND, keep=[("rseq", "RSeq", "[0-9]+")]),
        send("PRACK", "early", cseq=2, fields=["RAck: [$rseq] 1 INVITE"]),
        recv(200, ("CSeq", "PRACK")),
        recv(200, ("CSeq", "INVITE"), ("Content-Type", None)),
        ack("early"),
        *DOWN,
    ],
    "a reliable 1xx is repeated until its PRACK": [
        send("INVITE", "early", body=SDP, fields=RELIABLE),
        trying(),
        recv(183, keep=[("rseq", "RSeq", "[0-9]+")]),
        pause(500),  # SIPp passes over repetitions: they are counted in its log
        send("PRACK", "early", cseq=2, fields=["RAck: [$rseq] 1 INVITE"]),
        recv(200, ("CSeq", "PRACK")),
        recv(200, ("CSeq", "INVITE")),
        ack("early"),
        *DOWN,
    ],
    "an UPDATE against our re-INVITE is 491": [
        *up("reinvite"),
        take("INVITE"),
        send("UPDATE", "reinvite", body=HELD, cseq=2),
        recv(491),
        answer(200, SDP, again=True),
        take("ACK"),
        send("UPDATE", "reinvite", body=HELD, cseq=3),
        recv(200, SOUND),
        *DOWN,
    ],
    "a re-INVITE against ours is 491": [
        *up("reinvite"),
        take("INVITE"),
        send("INVITE", "reinvite", body=HELD, cseq=2, branch="two"),
        trying(),
        recv(491),
        send("ACK", "reinvite", cseq=2, branch="two"),
        answer(200, SDP, again=True),
        take("ACK"),
        *DOWN,
    ],
    "491 to ours: again within 2 s, for the Call-ID is the caller's": [
        *up("reinvite"),
        take("INVITE"),
        answer(491, again=True),
        take("ACK"),
        take("INVITE", timeout=2200),
        answer(200, SDP, again=True),
        take("ACK"),
        *DOWN,
    ],
    "too short a session is 422, a longer one is refreshed": [
        send("INVITE", body=SDP, fields=["Supported: timer", "Session-Expires: 60"], branch="one"),
        trying(),
        recv(422, ("Min-SE", "90")),
        *REFUSED,
        send("INVITE", body=SDP, fields=["Supported: timer", "Session-Expires: 90;refresher=uac", "Min-SE: 90"], branch="two")
        .replace("CSeq: 1 INVITE", "CSeq: 2 INVITE")
        .replace("[peer_tag_param]", ""),
        trying(),
        recv(200, ("Session-Expires", "90;refresher=uac"), ("Require", "timer")),
        ack(cseq=2),
        send("UPDATE", cseq=3, fields=["Supported: timer", "Session-Expires: 90;refresher=uac"]),
        recv(200, ("Session-Expires", "90;refresher=uac")),
        *DOWN,
    ],
    "a CANCEL before the answer": [
        send("INVITE", "ring", body=SDP, branch="one"),
        trying(),
        recv(180),
        send("CANCEL", "ring", branch="one"),
        recv(200, ("CSeq", "CANCEL")),
        recv(487, ("CSeq", "INVITE")),
        send("ACK", "ring", branch="one"),
    ],
    "a CANCEL that crosses the 200 changes nothing": [
        send("INVITE", body=SDP, branch="one"),
        trying(),
        recv(200, ("CSeq", "INVITE")),
        send("CANCEL", branch="one").replace("[peer_tag_param]", ""),
        recv(200, ("CSeq", "CANCEL")),
        ack(),
        *DOWN,
    ],
    "a 200 is repeated for 64*T1 and then released": [
        send("INVITE", body=SDP),
        trying(),
        recv(200),
        take("BYE", ("Reason", "cause=102"), keep=False),
        answer(200, last=True),
    ],
    "a package of INFO is 469, an empty one 200, a digit too": [
        *up(),
        send("INFO", cseq=2, fields=["Info-Package: nobody"]),
        recv(469),
        send("INFO", cseq=3),
        recv(200),
        send("INFO", cseq=4, body="Signal=5").replace("application/sdp", "application/dtmf-relay"),
        recv(200),
        *DOWN,
    ],
    "OPTIONS within a call": [*up(), send("OPTIONS", cseq=2), recv(200, ("Allow", "INVITE"), ("Accept", "application/sdp")), *DOWN],
    "the reason of our BYE": [
        *up("busy"),
        take("BYE", ("Reason", "Q.850;cause=17"), keep=False),
        answer(200, last=True),
    ],
    "hold and resume": [
        *up(),
        send("INVITE", body=HELD, cseq=2),
        trying(),
        recv(200, SOUND),
        ack(cseq=2),
        send("INVITE", body=SDP.replace("1 1 IN", "1 3 IN"), cseq=3),
        trying(),
        recv(200, SOUND),
        ack(cseq=3),
        *DOWN,
    ],
}

CALLEE = {
    "a reliable 1xx and its PRACK": [
        take("INVITE", ("Supported", "100rel")),
        answer(183, SDP, ["Require: 100rel", "RSeq: 7"]),
        take("PRACK", ("RAck", "7 [0-9]+ INVITE")),
        answer(200, last=True),
        answer(200, retrans=True),
        take("ACK"),
        *OVER,
    ],
    "an UPDATE against our re-INVITE is 491": [
        *taken(),
        take("INVITE"),
        ask("UPDATE", body=HELD, cseq=2).replace("From:[$to];tag=" + w.TAG, "From:[$to]"),
        recv(491),
        answer(200, SDP, again=True),
        take("ACK"),
        *[each.replace("From:[$to];tag=" + w.TAG, "From:[$to]") for each in OVER],
    ],
    "491 to ours: again after 2.1 s and within 4, for the Call-ID is ours": [
        *taken(),
        take("INVITE"),
        answer(491, again=True),
        take("ACK"),
        pause(2000),
        take("INVITE", timeout=2200),
        answer(200, SDP, again=True),
        take("ACK"),
        *[each.replace("From:[$to];tag=" + w.TAG, "From:[$to]") for each in OVER],
    ],
    "422: again with what is wanted": [
        take("INVITE", ("Session-Expires", "1800")),
        answer(422, fields=["Min-SE: 3600"]),
        take("ACK"),
        take("INVITE", ("Min-SE", "3600"), ("Session-Expires", "3600"), ("CSeq", "2 INVITE")),
        answer(200, SDP, ["Require: timer", "Supported: timer", "Session-Expires: 3600;refresher=uac"]),
        take("ACK"),
        *OVER,
    ],
    "a 200 that crosses our CANCEL is acknowledged and released": [
        take("INVITE"),
        answer(180),
        take("CANCEL", keep=False),
        answer(200, last=True),
        answer(200, SDP),
        take("ACK"),
        take("BYE", keep=False),
        answer(200, last=True),
    ],
    "a package of INFO is 469, an empty one 200": [
        *taken(),
        ask("INFO", cseq=2, fields=["Info-Package: nobody"]),
        recv(469),
        ask("INFO", cseq=3),
        recv(200),
        *OVER,
    ],
    "OPTIONS within a call": [*taken(), ask("OPTIONS", cseq=2), recv(200, ("Allow", "INVITE")), *OVER],
    "hold and resume": [
        *taken(),
        ask("INVITE", body=HELD, cseq=2),
        trying(),
        recv(200, SOUND),
        ask("ACK", cseq=2).replace(' retrans="500"', ""),
        *OVER,
    ],
    "the caller's privacy": [
        *taken(checks=[("From", "anonymous.invalid"), ("P-Asserted-Identity", None)]),
        *OVER,
    ],
}
COUNTED = {
    "a reliable 1xx is repeated until its PRACK": (r"^SIP/2.0 183 ", 3),
    "a 200 is repeated for 64*T1 and then released": (r"^SIP/2.0 200 ", 6),
}
"""What has to be in SIPp's log, and how often at least."""
TIMED = {"a reliable 1xx is repeated until its PRACK", "a 200 is repeated for 64*T1 and then released"}


@pytest.fixture
def server(serve, template, tools):
    def server(transport="udp", **more):
        words = {"t1": "0.5", "dns": "", "redirect": "user", "bob": tools.free_port(), "carol": tools.free_port(), **more}
        made = serve(template("calls/sipp.toml"), steps=tools.here / "calls/steps.py", transport=transport, **words)
        made.bob, made.carol = words["bob"], words["carol"]
        return made

    return server


class Sipp:
    """One SIPp with one scenario, one call."""

    def __init__(self, program, server, name, steps, port, transport="udp", calls=1, seconds=20):
        self.server, self.name, self.seconds = server, name, seconds
        self.file = server.folder / f"{name}.xml"
        self.file.write_text(w.scenario(name, *steps))
        self.errors, self.messages = server.folder / f"{name}.err", server.folder / f"{name}.messages"
        self.process = subprocess.Popen(
            [program("sipp"), server.address, "-sf", self.file, "-i", "127.0.0.1", "-p", str(port), "-t", "u1" if transport == "udp" else "t1",
             "-m", str(calls), "-nostdin", "-timeout", f"{seconds}s", "-timeout_error", "-trace_err", "-error_file", self.errors, "-trace_msg",
             "-message_file", self.messages],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=server.folder,
        )  # fmt: skip

    def counted(self, flow):
        """See that what is repeated was repeated."""
        if flow in COUNTED:
            pattern, least = COUNTED[flow]
            found = len(re.findall(pattern, self.messages.read_text(errors="replace"), re.MULTILINE))
            assert found >= least, f"{pattern}: {found} times"

    def ended(self):
        """Wait until it has ended, and see that the call went as written."""
        try:
            said = self.process.communicate(timeout=self.seconds + 10)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            self.process.kill()
            said = "it did not end"
        shown = [path.read_text(errors="replace")[-6000:] for path in (self.errors, self.messages) if path.exists()]
        assert self.process.returncode == 0, "\n".join([self.name, said, *shown, "server:", self.server.log])


@pytest.fixture
def sipp(program, tools):
    running = []

    def sipp(*given, **more):
        running.append(Sipp(program, *given, **more))
        return running[-1]

    yield sipp
    for each in running:
        if each.process.poll() is None:
            tools.end(each.process)


def nothing_left(server, tools):
    tools.until(lambda: "the end of all channels:\n" + server.sipline("show", "channels").stdout,
                lambda: server.sipline("show", "channels", "--json").stdout.strip() == "[]")  # fmt: skip
    assert "Traceback" not in server.log


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("flow", CALLER)
def test_sipp_calls(server, sipp, tools, flow, transport):
    if transport == "tcp" and flow in TIMED:
        pytest.skip("what is repeated by TCP and when is the same")
    here = server(transport, **(FAST if flow in TIMED else {}))
    caller = sipp(here, "caller", CALLER[flow], tools.free_port(), transport)
    caller.ended()
    caller.counted(flow)
    nothing_left(here, tools)


def placed(flow):
    """How bob is called: by a command, or by a phone that has something to say."""
    if flow == "the caller's privacy":
        return [send("INVITE", "bob", body=SDP, fields=["Privacy: id"]), trying(), recv(180, optional=True), recv(200), ack("bob"),
                take("BYE", keep=False), answer(200, last=True)]  # fmt: skip
    return None


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("flow", CALLEE)
def test_sipp_is_called(server, sipp, tools, flow, transport):
    here = server(transport)
    callee = sipp(here, "callee", CALLEE[flow], here.bob, transport)
    if (caller := placed(flow)) is not None:
        sipp(here, "caller", caller, tools.free_port(), transport).ended()
    else:
        extension = "reinvite" if "491" in flow else "600"
        here.sipline("originate", "bob", "--extension", extension, "--timeout", "1" if "CANCEL" in flow else "10", check=False)
    callee.ended()
    nothing_left(here, tools)


MOVED = ["Contact: <sip:carol@example.com>"]


@pytest.mark.parametrize("method", ["user", "uri", "no"])
def test_a_3xx_is_followed_or_passed_on(server, sipp, tools, method):
    here = server(redirect=method)
    bob = sipp(here, "bob", [take("INVITE"), answer(302, fields=MOVED), take("ACK")], here.bob)
    follows = method != "no"
    if follows:
        moved = [
            take("INVITE", ("Diversion", "bob@example.com")),
            answer(200, SDP),
            take("ACK"),
            take("BYE", keep=False),
            answer(200, last=True),
        ]
        carol = sipp(here, "carol", moved, here.carol)
        steps = [send("INVITE", "bob", body=SDP), trying(), recv(181), recv(200), ack("bob"), *DOWN]
    else:
        steps = [send("INVITE", "bob", body=SDP, branch="one"), trying(), recv(302, ("Contact", "sip:carol@example.com")),
                 send("ACK", "bob", branch="one")]  # fmt: skip
    sipp(here, "caller", steps, tools.free_port()).ended()
    bob.ended()
    if follows:
        carol.ended()
    nothing_left(here, tools)


@pytest.fixture
def pool(tools):
    """A domain of two SIP servers, in this order: give their ports and the name server that knows them."""
    zone = NameServer({"one.pool.test": ["127.0.0.1"], "two.pool.test": ["127.0.0.1"]})
    dns = Loopback(zone)
    first, second = tools.free_port(), tools.free_port()
    for transport in ("udp", "tcp"):
        zone.add(f"_sip._{transport}.pool.test", "SRV", f"10 0 {first} one.pool.test", f"20 0 {second} two.pool.test")
    yield first, second, f'"127.0.0.1:{dns.address[1]}"'
    dns.close()


@pytest.mark.parametrize(("transport", "fails"), [("udp", "503"), ("tcp", "503"), ("udp", "silence"), ("tcp", "nobody listens")])
def test_the_next_server_of_a_domain_is_called_when_one_fails(server, sipp, tools, pool, transport, fails):
    """RFC 3263 4.3, RFC 3261 21.5.4: an INVITE of its own for each, and the caller is told nothing."""
    first, second, dns = pool
    here = server(transport, dns=dns, **FAST)
    if fails == "503":
        one = sipp(here, "one", [take("INVITE"), answer(503), take("ACK")], first, transport)
    elif fails == "silence":
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("127.0.0.1", first))
    two = sipp(here, "two", [*taken(), take("BYE", keep=False), answer(200, last=True)], second, transport)
    steps = [send("INVITE", "pool", body=SDP), trying(), recv(180), recv(200), ack("pool"), pause(300), *DOWN]
    sipp(here, "caller", steps, tools.free_port(), transport).ended()
    two.ended()
    if fails == "503":
        one.ended()
    elif fails == "silence":
        assert one.recv(4000).startswith(b"INVITE sip:pool@pool.test")
        one.close()
    nothing_left(here, tools)


def test_the_reason_of_the_cancel_of_who_was_too_late(server, sipp, tools):
    here = server()
    bob = sipp(here, "bob", [take("INVITE"), answer(180), take("CANCEL", ("Reason", 'SIP;cause=200;text="Call completed elsewhere"'), keep=False),
                             answer(200, last=True), answer(487), take("ACK")], here.bob)  # fmt: skip
    carol = sipp(here, "carol", [take("INVITE"), answer(180), pause(300), answer(200, SDP), take("ACK"), take("BYE", keep=False),
                                 answer(200, last=True)], here.carol)  # fmt: skip
    steps = [send("INVITE", "both", body=SDP), trying(), recv(180), recv(200), ack("both"), pause(300), *DOWN]
    sipp(here, "caller", steps, tools.free_port()).ended()
    bob.ended()
    carol.ended()
    nothing_left(here, tools)


def test_a_session_that_is_not_refreshed_is_released_on_both_sides(server, sipp, tools):
    """90 s are the shortest interval (RFC 4028 4); a third of it before its end, the BYE comes (10)."""
    here = server()
    steps = [*up("600", "Supported: timer", "Session-Expires: 90;refresher=uac", checks=[("Session-Expires", "90;refresher=uac")]),
             pause(58000), take("BYE", ("Reason", "cause=102"), keep=False, timeout=8000), answer(200, last=True)]  # fmt: skip
    caller = sipp(here, "caller", steps, tools.free_port(), seconds=80)
    steps = [*taken("Require: timer", "Supported: timer", "Session-Expires: 90;refresher=uas", checks=[("Session-Expires", "1800")]),
             pause(58000), take("BYE", ("Reason", "cause=102"), keep=False, timeout=8000), answer(200, last=True)]  # fmt: skip
    callee = sipp(here, "callee", steps, here.bob, seconds=80)
    here.sipline("originate", "bob", "--extension", "600")
    caller.ended()
    callee.ended()
    nothing_left(here, tools)

"""A call as it stands on the terminal: who, what, when, in which state, by which timer, and why it ended."""

import io
import json
import re

import pytest
from rich.console import Console

from pipeline.testing.server import CALLS
from pipeline.trace import Filter, Viewer, watch
from pipeline.trace.jsonl import JsonLines
from pipeline.trace.ladder import Ladder

PLAN = """
[context.default]
users = true
[context.default.extensions]
600 = ["answer", "echo"]
602 = ["ringing", { wait = 3 }, { hangup = "busy" }]
603 = [{ dial = "bob", timeout = 3 }]
700 = [{ dial = ["bob", "carol"] }]
800 = ["answer", "conference"]
[user.alice]
password = "alice's"
[user.bob]
password = "bob's"
[user.carol]
password = "carol's"
"""


class House:
    """A server, its phones, and a terminal on which ladders are drawn."""

    def __init__(self, sip, phones, width, filters, toml="", stages=None):
        self.server = sip(PLAN + toml, **{**CALLS, "intercept": ["identify"], **(stages or {})})
        self.phones = {name: self.server.phone(name) for name in phones}
        for phone in self.phones.values():
            phone.online()
        self.server.network.delay = (0.01, 0.01)
        self.out = io.StringIO()
        self.stop = watch(
            self.server.engine,
            Viewer(Ladder(Console(file=self.out, width=width, color_system=None)), Filter.of(filters), "ladder"),
        )

    def __getattr__(self, name):
        return self.phones[name]

    def drawn(self, seconds=1.0):
        """Let time pass; what stands on the terminal then."""
        self.server.advance(seconds)
        return self.out.getvalue()

    def rows(self, seconds=1.0):
        """What the rows say: "<offset> <place>: <what>", the place being left or right of the server."""
        return [said(line) for line in self.drawn(seconds).splitlines()]


def said(line):
    """Take the lines away: the words of a row, arrows kept."""
    return re.sub(r"[│║─╌┄═╞╡ ]+", " ", line[5:]).strip()


def in_order(rows, *wanted):
    """Check that rows with these words come in this order."""
    rest = iter(rows)
    for each in wanted:
        assert any(each in row for row in rest), f"{each!r} is not there, or not in its place:\n" + "\n".join(rows)


@pytest.fixture
def house(sip):
    def build(*phones, width=100, toml="", stages=None, **filters):
        return House(sip, phones or ("alice", "bob"), width, filters, toml, stages)

    return build


def test_both_legs_their_states_and_the_bridge_are_drawn(house):
    h = house()
    h.bob.answers(ring=0.0, after=2.0)
    call = h.alice.call("bob").until("up")
    h.drawn(3)
    call.hangup()
    rows = h.rows(2)
    in_order(
        rows, "alice calls sip:bob@example.com", "alice sipline", "+0.000 INVITE SDP →", "[NEW] [NEW→DIALING]", "INVITE SDP →", "+0.020 ← 180 Ringing",
        "[RINGING] [RINGING]", "← 180 Ringing", "+2.020 ← 200 OK SDP", "ACK →", "[UP]", "← 200 OK SDP", "[UP]", "bridge", "+2.040 ACK →",
        "BYE →", "← 200 OK (BYE)", "[ENDED NORMAL]", "left", "BYE →", "[ENDED NORMAL]", "← 200 OK (BYE)",
        "╰ ended after 5.040 s: NORMAL (16) · alice hung up · up for 3.0 s",
    )  # fmt: skip
    assert "udp 10.0.0.2:5060 udp 10.0.0.3:5060" in rows[2]


def test_lifelines_stand_below_each_other_and_the_server_between(house):
    h = house()
    h.alice.call("bob").until("up")
    lines = h.drawn().splitlines()
    places = {(line.index("│"), line.index("║"), line.rindex("│")) for line in lines if line.count("│") == 2 and "║" in line}
    assert len(places) == 1
    (left, server, right) = places.pop()
    assert left < server < right and right - server == server - left


@pytest.mark.parametrize("width", [80, 100, 200])
def test_no_row_is_wider_than_the_terminal(house, width):
    h = house("alice", "bob", "carol", width=width)
    h.bob.answers(after=None)
    h.alice.call("700").until("up")
    h.alice.calls[-1].reinvite()
    h.drawn(1)
    h.alice.calls[-1].hangup()
    assert max(len(line) for line in h.drawn().splitlines()) <= width


def test_every_branch_has_its_line_and_the_losers_say_why(house):
    h = house("alice", "bob", "carol", width=80)
    h.bob.answers(after=None)
    h.carol.answers(ring=0.1, after=1.0)
    h.alice.call("700").until("up")
    text = h.drawn()
    rows = [said(line) for line in text.splitlines()]
    in_order(rows, "alice sipline bob carol", "← 200 OK SDP", "CANCEL →", "[ENDED ANSWERE", "[UP]", "bridge", "← 200 CANCEL", "← 487")
    ring = next(line for line in text.splitlines() if "+0.120" in line and "180" in line)
    assert ring.rindex("180") > ring.rindex("│", 0, ring.rindex("│")), "carol's arrow is named beside carol"


def test_more_branches_than_fit_share_a_line_and_are_named(house):
    h = house("alice", "bob", "carol", width=66)
    h.bob.answers(after=None)
    h.carol.answers(after=None)
    h.alice.call("700")
    rows = h.rows()
    in_order(rows, "bob/carol", "bob: INVITE", "carol: INVI", "[bob RINGING]", "[carol RINGING]")


@pytest.mark.parametrize(
    ("dialled", "answers", "end"),
    [
        ("bob", {"status": 486}, "BUSY (17) · 486 Busy Here · bob refused"),
        ("nobody", {}, "UNALLOCATED (1) · nobody leads nowhere · sipline refused"),
        ("602", {}, "BUSY (17) · sipline refused"),
        ("603", {"after": None}, "NO_ANSWER (19) · a timer ran out"),
    ],
)
def test_a_call_that_fails_says_who_refused_it(house, dialled, answers, end):
    h = house()
    h.bob.answers(**answers)
    h.alice.call(dialled)
    rows = h.rows(6)
    assert rows[-1].endswith(end)
    if dialled == "603":
        in_order(rows, "CANCEL →", "timer: bob: no answer within 3.0 s", "[ENDED NO_ANSWER]", "← 480")


def test_a_caller_who_gives_up_is_named(house):
    h = house()
    h.bob.answers(after=None)
    call = h.alice.call("bob").until("proceeding")
    h.drawn(1)
    call.hangup()
    rows = h.rows(2)
    in_order(rows, "CANCEL →", "← 200 OK (CANCEL)", "← 487", "[ENDED NORMAL]", "CANCEL →", "[ENDED NORMAL]", "← 487", "ACK →")
    assert rows[-1].endswith("NORMAL (16) · alice gave up")


def test_the_callee_hangs_up(house):
    h = house()
    h.alice.call("bob").until("up")
    h.drawn(1)
    h.bob.calls[-1].hangup()
    assert "NORMAL (16) · bob hung up · up for" in h.rows()[-1]


def test_the_operator_hangs_up(house):
    h = house()
    h.alice.call("bob").until("up")
    h.drawn(1)
    h.server.engine.core.hangup("all")
    assert "NORMAL (16) · sipline hung up" in h.rows()[-1]


def test_a_call_of_one_leg_has_one_line(house):
    h = house()
    call = h.alice.call("600").until("up")
    h.drawn(1)
    call.hangup()
    rows = h.rows()
    in_order(rows, "INVITE SDP →", "[NEW]", "← 200 OK SDP", "[UP]", "ACK →", "BYE →", "[ENDED NORMAL]", "alice hung up")
    assert all(line.count("│") <= 1 for line in h.drawn(0).splitlines())


def test_a_call_that_the_house_places_has_who_is_called_first_on_the_left(house):
    h = house()
    h.server.engine.core.originate("bob", target2="alice")
    rows = h.rows(3)
    in_order(
        rows, "sipline calls bob", "[NEW→DIALING]", "← INVITE", "180 Ringing →", "200 OK SDP →", "← ACK", "[UP] [NEW→DIALING]", "INVITE →"
    )
    assert "bob sipline alice" in rows


def test_hold_is_said_and_seen_in_the_descriptions(house):
    h = house()
    call = h.alice.call("bob").until("up")
    h.drawn(1)
    call.hold()
    h.drawn(1)
    call.resume()
    in_order(h.rows(), "re-INVITE SDP sendonly →", "← 200 OK SDP recvonly", "alice holds", "re-INVITE SDP →", "alice is back")


def test_what_is_sent_again_and_never_acknowledged(house):
    h = house()
    h.alice.acks = False
    h.alice.call("bob")
    rows = h.rows(40)
    assert sum("↺ 200 OK SDP" in row for row in rows) == 10
    in_order(rows, "+0.620 ← ↺ 200 OK SDP", "timer: alice: the answer was never acknowledged", "[ENDED TIMER_EXPIRED]", "a timer ran out")


def test_a_phone_that_is_gone_is_asked_again_until_the_timer_ends_it(house):
    h = house()
    h.server.network.filter = lambda data, source, destination: destination[0] != "10.0.0.3"
    h.alice.call("bob")
    rows = h.rows(40)
    assert sum("↺ INVITE SDP →" in row for row in rows) == 6
    in_order(rows, "← 100 Trying", "timer: bob: nobody answered the INVITE in 64*T1", "← 408", "408 · a timer ran out")


def test_a_retransmission_that_comes_is_marked(house):
    h = house()
    message = h.server.message("INVITE", "nobody")
    for _ in range(2):
        h.server.send(message)
        h.server.advance(0.05)
    rows = h.rows(0.1)
    in_order(rows, "INVITE →", "← 404 Not Found", "↺ INVITE →", "← ↺ 404 Not Found")


def test_session_timers_and_their_refreshes_are_seen(house):
    h = house()
    h.alice.call("bob", timers=90).until("up")
    in_order(h.rows(50), "timer: session of 90 s, refreshed by alice", "re-INVITE refresh SDP →", "← 200 OK SDP")


def test_an_attempt_without_credentials_belongs_to_the_call_that_follows(house):
    h = house(stages={"intercept": ["identify", "auth"]})
    h.alice.call("bob").until("up")
    rows = h.rows()
    in_order(rows, "alice calls", "INVITE SDP →", "← 401 Unauthorized", "ACK →", "INVITE SDP →", "[NEW]", "[UP]")
    assert sum("calls" in row for row in rows) == 1


def test_an_attempt_that_another_turn_lets_in_goes_on_under_the_name_of_the_call(house):
    h = house(stages={"intercept": ["identify", "auth"]})
    h.server.network.delay = (0.2, 0.2)
    h.alice.call("bob").until("up")
    lines = h.drawn().splitlines()
    core = next(iter(h.server.engine.core.calls))
    assert "← 401" in said(lines[4]) and "from here on" in "\n".join(lines)
    assert lines[-1].startswith(core[:4]) and not lines[0].startswith(core[:4])


def test_two_calls_at_once_are_told_apart(house):
    h = house("alice", "bob", "carol")
    one, two = h.alice.call("600").until("up"), h.carol.call("600").until("up")
    h.drawn(1)
    one.hangup()
    h.drawn(1)
    two.hangup()
    lines = h.drawn(1).splitlines()
    calls = list(dict.fromkeys(line[:4] for line in lines))
    assert len(calls) == 2
    assert [line[:4] for line in lines if "╰" in line] == calls
    mine = [said(line) for line in lines if line.startswith(calls[0])]
    assert mine[0].endswith(h.server.told("call.begun")[0].fields["call"].id)
    in_order(mine, "INVITE", "ACK", "alice sipline", "BYE", "alice hung up")
    assert not any("carol" in row for row in mine)


def test_a_filter_chooses_whole_calls(house):
    h = house("alice", "bob", "carol", status=["486"])
    h.bob.answers(status=486)
    h.carol.call("600").until("up")
    h.alice.call("bob")
    rows = h.rows(2)
    in_order(rows, "alice calls", "INVITE SDP →", "[RINGING] [RINGING]", "← 486 Busy Here", "bob refused")
    assert not any("carol" in row for row in rows)


def test_who_begins_to_look_in_the_middle_sees_who_takes_part(house):
    h = house()
    h.stop()
    call = h.alice.call("bob").until("up")
    h.server.advance(1)
    watch(h.server.engine, Viewer(Ladder(Console(file=h.out, width=100, color_system=None)), Filter(), "ladder"))
    call.hangup()
    in_order(h.rows(2), "alice is in a call", "alice sipline bob", "[UP] [UP]", "BYE →", "[ENDED NORMAL]", "alice hung up")


def test_other_messages_are_no_ladder_but_stand_in_the_file(house, tmp_path):
    h = house()
    file = JsonLines(tmp_path / "t.jsonl")
    stop = watch(h.server.engine, Viewer(file, Filter(), "ladder"))
    h.alice.register()
    h.drawn(1)
    assert not h.drawn()
    h.alice.call("600").until("up")
    h.drawn(1)
    stop()
    records = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert [record.get("method") for record in records if "call" not in record] == ["REGISTER", None]
    invite, *events = [record for record in records if record.get("method") == "INVITE" or record["kind"] == "event"]
    assert invite["sdp"] == "sendrecv" and invite["steps"]
    assert [(event["event"], event["state"]) for event in events] == [("channel.created", "NEW"), ("channel.state", "UP")]
    assert {event["call"] for event in events} == {invite["call"]}


def test_nothing_is_heard_when_nobody_looks(house):
    h = house()
    bus = h.server.engine.bus
    assert any(prefix == "channel.state" for prefix, _ in bus._listeners)
    h.stop()
    assert not any(prefix.startswith(("channel", "bridge")) for prefix, _ in bus._listeners)
    assert h.server.engine.tap is None


def test_what_the_ring_has_lost_is_told(house):
    h = house()
    tap = h.server.engine.tap
    tap._limit = 5
    h.alice.call("bob").until("up")
    h.drawn(1)
    assert tap.missed and "not shown" in h.out.getvalue()


def test_no_name_controls_the_terminal(house):
    h = house()
    h.server.send(h.server.message("INVITE", "bob", headers=[("From", "<sip:%1b%5b2J@example.com>;tag=x")]))
    text = h.drawn(1)
    assert "\x1b" not in text.replace("\\x1b", "") and "\\x1b[2J" in text

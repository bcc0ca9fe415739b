"""What the tap shows of messages that come, go, come again, wait and are dropped; and what it costs: nothing while nobody looks."""

import io
import json

import pytest
from rich.console import Console

from pipeline.chain import Chain
from pipeline.flow import Target
from pipeline.sip.message import Request
from pipeline.trace import Viewer, begin, end
from pipeline.trace.jsonl import JsonLines
from pipeline.trace.screen import Screen
from pipeline.trace.tap import RING, Tap

INTERCEPTOR = """
@plugin
class Probe:
    does: str = option("pass", help="what it does")
    word: str = option("x", help="an option")
    waits: object = attrs.field(init=False, factory=list)

    @hookimpl
    def intercept(self, message, passage):
        if not message.is_request:
            return None
        if self.does == "reply":
            return Reply(499, "Probed", because="does: it was told to")
        if self.does == "default":
            return Reply(499, because="word: as it is by default")
        if self.does == "raise":
            raise RuntimeError("broken")
        if self.does == "wait":
            pending = Pending()
            self.waits.append(pending)
            return Wait(pending, lambda verdict: verdict, because="does: for the test")
        return None
"""
TRANSPORT = """
@plugin
class Wall:
    @hookimpl
    def transport(self, packet, passage):
        return Drop("the source is denied")
"""


def probed(sip, write, does="pass", **more):
    return sip(write("probe", INTERCEPTOR, f'does = "{does}"'), intercept=["probe"], **more)


def test_a_request_and_its_answer_are_shown_in_this_order(sip, watched):
    server = sip()
    kept = watched(server)
    assert server.request("OPTIONS", "bob").status >= 200
    came, went = kept.seen()
    assert (came["kind"], came["method"], came["from"], came["to"]) == ("received", "OPTIONS", "alice@example.com", "bob@example.com")
    assert (went["kind"], went["peer"], went["cseq"]) == ("sent", "10.0.0.9:5060", "1 OPTIONS")
    assert came["call_id"] == went["call_id"]
    assert came["us"] >= 0 and went["us"] >= 0


def test_the_walk_names_stage_plugin_and_verdict_of_every_step(sip, write, watched):
    server = probed(sip, write, "reply")
    kept = watched(server)
    server.request("OPTIONS", "bob")
    steps = [(step["stage"], step["plugin"], step["verdict"]) for step in kept.seen()[0]["steps"]]
    assert steps == [("protocol", "stack", ""), ("intercept", "probe", "Reply 499")]


def test_what_decided_is_the_line_of_the_option(sip, write, watched):
    server = probed(sip, write, "reply")
    kept = watched(server)
    server.request("OPTIONS", "bob")
    decided = kept.seen()[0]["decided"]
    line = server.text.split("\n").index('does = "reply"') + 1
    assert decided["place"].endswith(f"pipeline.toml:{line}")
    assert (decided["plugin"], decided["what"], decided["because"]) == ("probe", "probe.does", "it was told to")


def test_an_option_that_is_not_written_is_the_default_of_a_plugin_listed_there(sip, write, watched):
    server = probed(sip, write, "default")
    kept = watched(server)
    server.request("OPTIONS", "bob")
    decided = kept.seen()[0]["decided"]
    line = next(i for i, text in enumerate(server.text.split("\n"), 1) if "probe" in text and "plugins" in text)
    assert decided["what"] == "probe.word (default)"
    assert decided["place"].endswith(f":{line}")


def test_a_drop_before_parsing_says_who_and_why(sip, write, watched):
    server = sip(write("wall", TRANSPORT), transport=["wall", "udp"])
    kept = watched(server)
    server.send(server.message("REGISTER", "alice"))
    server.replies()
    (record,) = kept.seen()
    assert (record["method"], record["decided"]["plugin"], record["decided"]["verdict"]) == ("REGISTER", "wall", "Drop")
    assert record["decided"]["because"] == "the source is denied"
    assert "pipeline.toml:" in record["decided"]["place"]


def test_what_is_no_sip_is_shown_with_the_reason(sip, watched):
    server = sip()
    kept = watched(server)
    server.send(b"GET / HTTP/1.1\r\n\r\n")
    server.replies()
    (record,) = kept.seen()
    assert record["start"].startswith("GET /") or record.get("method") == "GET"
    assert record["decided"]["plugin"] == "stack"
    assert record["decided"]["because"]


def test_a_plugin_that_fails_is_named(sip, write, watched):
    server = probed(sip, write, "raise")
    kept = watched(server)
    assert server.request("OPTIONS", "bob").status == 500
    came, went = kept.seen()
    assert came["steps"][-1]["verdict"] == "failed: RuntimeError"
    assert came["steps"][-1]["error"] == "broken"
    assert went["decided"]["plugin"] == "probe"


def test_a_retransmission_is_shown_with_the_bytes_that_went_again(sip, watched):
    server = sip()
    kept = watched(server)
    message = server.message("OPTIONS", "bob")
    for _ in range(2):
        server.send(message)
        server.replies()
    records = kept.seen()
    assert sorted(record["kind"] for record in records) == ["received", "received", "sent", "sent again"]
    again = next(record for record in records if record["kind"] == "received" and record["decided"]["verdict"] == "Drop")
    assert "retransmission" in again["decided"]["because"]


def test_an_answer_after_a_wait_shows_what_then_decided(sip, write, watched, plugin_of):
    from pipeline import Reply

    server = probed(sip, write, "wait")
    kept = watched(server)
    server.send(server.message("OPTIONS", "bob"))
    server.replies()
    assert kept.seen()[0]["decided"]["verdict"] == "Wait"
    plugin_of(server, "probe").waits[0].resolve(Reply(499, because="does: after a while"))
    went = kept.seen()[-1]
    assert (went["kind"], went["status"]) == ("sent", 499)
    assert (went["decided"]["plugin"], went["decided"]["because"]) == ("probe", "after a while")


def test_the_steps_behind_a_wait_are_shown_with_the_answer(sip, write, watched, plugin_of):
    server = probed(sip, write, "wait")
    kept = watched(server)
    server.send(server.message("OPTIONS", "bob"))
    server.replies()
    kept.seen()
    plugin_of(server, "probe").waits[0].resolve(None)
    went = next(record for record in kept.seen() if record.get("status", 0) >= 200)
    assert [step["stage"] for step in went["steps"]][-1] == "application"


def test_a_drop_after_a_wait_is_told_later(sip, write, watched, plugin_of):
    from pipeline import Drop

    server = probed(sip, write, "wait")
    kept = watched(server)
    server.send(server.message("OPTIONS", "bob"))
    server.replies()
    kept.seen()
    plugin_of(server, "probe").waits[0].resolve(Drop("does: never mind"))
    ended = kept.seen()[-1]
    assert (ended["kind"], ended["decided"]["verdict"], ended["decided"]["because"]) == ("ended", "Drop", "never mind")


def test_nothing_of_tracing_is_left_when_the_last_viewer_has_gone(sip, watched):
    server = sip()
    engine = server.engine
    plain = engine.generation
    one, two = watched(server), watched(server)
    assert engine.generation is not plain and isinstance(engine.tap, Tap)
    one.stop()
    assert engine.tap is not None
    two.stop()
    assert engine.tap is None and engine.generation is plain and two.closed
    assert isinstance(plain.protocol, Chain)


def test_what_the_ring_loses_is_counted_and_told(sip, watched):
    server = sip()
    kept = watched(server)
    tap = server.engine.tap
    flow = type("F", (), {"transport": "UDP", "reliable": False, "local": ("10.0.0.1", 5060), "peer": ("10.0.0.9", 5060)})()
    for _ in range(RING + 12):
        tap.again(b"OPTIONS", flow)
    kept.seen()
    assert kept.gaps == [12]
    assert len(kept.records) == RING
    assert tap.missed == 12


def test_a_turn_ends_when_its_budget_is_spent(sip, watched, monkeypatch):
    server = sip()
    kept = watched(server)
    for _ in range(3):
        server.request("OPTIONS", "bob")
    server.engine.tap.pump()
    kept.records.clear()
    clock = iter(range(1000))
    tap = server.engine.tap
    flow = type("F", (), {"transport": "UDP", "reliable": False, "local": ("10.0.0.1", 5060), "peer": ("10.0.0.9", 5060)})()
    for _ in range(5):
        tap.again(b"OPTIONS", flow)
    monkeypatch.setattr(tap, "_now", lambda: next(clock))
    tap.pump(1.5)
    assert len(kept.records) == 2


def test_the_pump_runs_by_itself(sip, watched):
    server = sip()
    kept = watched(server)
    server.request("OPTIONS", "bob")
    server.advance(0.2)
    assert len(kept.records) == 2


def test_an_edit_shows_plugin_and_field(sip, write, watched):
    source = """
        @plugin
        class Probe:
            @hookimpl
            def intercept_out(self, message, passage):
                message.set("server", "probe", by="probe")
        """
    server = sip(write("probe", source), intercept=["probe"])
    kept = watched(server)
    server.request("OPTIONS", "bob")
    went = kept.seen()[-1]
    assert went["edits"] == [["probe", "set", "server"]]
    assert [step["plugin"] for step in went["steps"]] == ["probe"]


@pytest.mark.parametrize("depth", ["lines", "stages", "full"])
def test_a_viewer_gets_what_its_depth_asks_for(sip, watched, depth):
    server = sip()
    kept = watched(server, depth)
    server.request("OPTIONS", "bob")
    record = kept.seen()[0]
    assert ("steps" in record, "message" in record) == (depth != "lines", depth == "full")


def test_beginning_twice_is_beginning_once(sip):
    server = sip()
    assert begin(server.engine) is begin(server.engine)
    end(server.engine)
    end(server.engine)
    assert server.engine.tap is None


def test_a_filter_is_a_viewers_own(sip, watched):
    server = sip()
    everything, some = watched(server), watched(server, method=["MESSAGE"])
    server.request("OPTIONS", "bob")
    everything.seen()
    assert len(everything.records) == 2 and some.records == []
    assert isinstance(server.engine.tap.viewers[0], Viewer)


REFUSES = """
    @plugin
    class Probe:
        fails: bool = option(False, help="raise instead")

        @hookimpl
        def intercept_out(self, message, passage):
            if message.get("call-id").startswith("call"):
                if self.fails:
                    raise RuntimeError("broken")
                return Drop("fails: nothing leaves on Sundays")
    """


def test_an_answer_that_an_interceptor_refused_is_shown_as_not_sent_with_plugin_and_reason(sip, write, watched):
    server = sip(write("probe", REFUSES), intercept=["probe"])
    kept = watched(server)
    server.send(server.message("OPTIONS", "bob"))
    assert server.replies() == []
    came, held = kept.seen()
    assert (came["kind"], held["kind"], held["status"]) == ("received", "not sent", 200)
    decided = held["decided"]
    assert (decided["stage"], decided["plugin"], decided["verdict"]) == ("intercept", "probe", "Drop")
    assert decided["because"] == "nothing leaves on Sundays" and decided["what"] == "probe.fails (default)"
    assert "pipeline.toml:" in decided["place"]


@pytest.mark.parametrize("fails", [False, True])
def test_a_request_that_an_interceptor_refused_is_shown_as_not_sent(sip, write, watched, fails):
    server = sip(write("probe", REFUSES, f"fails = {str(fails).lower()}"), intercept=["probe"])
    kept = watched(server)
    outcomes = []
    request = Request.new("MESSAGE", "sip:bob@10.0.0.9", [("From", "<sip:a@b>;tag=1"), ("To", "<sip:bob@c>"), ("Call-ID", "call-1"), ("CSeq", "1 MESSAGE")])  # fmt: skip
    server.engine.request(request, Target("10.0.0.9", 5060, "UDP"), outcomes.append)
    server.advance(0.1)
    (held,) = kept.seen()
    assert (held["kind"], held["method"], held["decided"]["plugin"]) == ("not sent", "MESSAGE", "probe")
    assert held["decided"]["verdict"] == ("failed: RuntimeError" if fails else "Drop")
    assert len(outcomes) == 1


HOSTILE = """
@plugin
class Probe:
    @hookimpl
    def intercept(self, message, passage):
        if message.method == "MESSAGE":
            raise RuntimeError(f"what is {message.uri_text}?")
        return Reply(403, because=f"{message.uri_text}: {message.get('subject')}")
"""


@pytest.mark.parametrize("method", ["REGISTER", "MESSAGE"])
@pytest.mark.parametrize("depth", ["lines", "stages", "full", "ladder"])
def test_every_text_of_a_record_can_be_written_and_tells_no_password(sip, write, watched, tmp_path, depth, method):
    """Also a plugin's sentence and an exception: one octet that is no UTF-8 must not end an operator's trace."""
    server = sip(write("probe", HOSTILE), intercept=["probe"])
    kept = watched(server, depth=depth)
    server.send(
        f"{method} sip:alice:5ec4e7@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n".encode()
        + b"From: \xff <sip:a\xfe:5ec4e7@example.com>;tag=\xff\r\nTo: <sip:alice:5ec4e7@example.com>\r\nCall-ID: \xff\r\n"
        + f"CSeq: 1 {method}\r\n".encode()
        + b"Subject: \xff\x1b[2J\r\nContent-Length: 0\r\n\r\n"
    )
    server.replies()
    records = kept.seen()
    lines = JsonLines(tmp_path / "trace.jsonl")
    screen = Screen(Console(file=io.TextIOWrapper(out := io.BytesIO(), "utf-8", write_through=True), width=400), depth)
    for record in records:
        json.dumps(record, ensure_ascii=False).encode()
        lines.show(record)
        screen.show(record)
    lines.close()
    assert len(records) == 2 or depth == "ladder"
    assert "5ec4e7" not in json.dumps(records)
    assert b"\x1b[2J" not in out.getvalue()
    assert [json.loads(line)["kind"] for line in (tmp_path / "trace.jsonl").read_text("utf-8").splitlines()] == [r["kind"] for r in records]


def test_what_is_no_message_is_shown_without_its_secrets(sip, watched):
    server = sip()
    kept = watched(server, depth="lines")
    server.send(b'Authorization: Digest response="5ec4e7"\r\n\r\n')
    server.replies()
    assert "5ec4e7" not in json.dumps(kept.seen())

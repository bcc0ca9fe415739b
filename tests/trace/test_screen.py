"""What stands on the terminal."""

import io

import pytest
from rich.console import Console

from pipeline.plain import plain
from pipeline.trace.screen import Screen, duration

CAME = {
    "time": 1700000000.123, "kind": "received", "transport": "UDP", "local": "10.0.0.1:5060", "peer": "192.0.2.7:5060",
    "method": "REGISTER", "uri": "sip:example.com", "from": "alice@example.com", "to": "alice@example.com",
    "call_id": "a", "cseq": "1 REGISTER", "size": 512, "us": 43.2,
    "decided": {"stage": "intercept", "plugin": "auth", "verdict": "Reply 401", "what": "auth.algorithms", "place": "pipeline.toml:31",
                "because": "no credentials came", "status": 401},
    "steps": [
        {"stage": "protocol", "plugin": "stack", "verdict": "", "us": 8.0},
        {"stage": "intercept", "plugin": "identify", "verdict": "", "us": 2.0},
        {"stage": "intercept", "plugin": "auth", "verdict": "Reply 401", "us": 12.0, "decided": True},
    ],
}  # fmt: skip
WENT = {
    **{key: CAME[key] for key in ("time", "transport", "local", "peer", "from", "to", "call_id", "cseq")},
    "kind": "sent", "status": 401, "reason": "Unauthorized", "size": 300, "us": 40.0, "steps": [], "decided": {**CAME["decided"], "told": True},
}  # fmt: skip


def drawn(*records, depth="lines", gap=0):
    out = io.StringIO()
    screen = Screen(Console(file=out, width=400, color_system=None), depth)
    for record in records:
        screen.show(record)
    if gap:
        screen.gap(gap)
    return out.getvalue()


def test_a_line_says_when_who_what_how_large_and_how_long():
    text = drawn(CAME)
    for part in ("udp 192.0.2.7:5060", "→ REGISTER sip:example.com", "alice@example.com ", "512 B", "43 µs"):
        assert part in text
    assert text.count("\n") == 1


def test_an_answer_points_the_other_way_and_names_who_decided():
    assert "← 401 Unauthorized (REGISTER)" in drawn(WENT)
    assert drawn(WENT).rstrip().endswith("auth")


def test_the_walk_is_a_tree_with_the_line_that_decided():
    lines = drawn(CAME, depth="stages").splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["├─", "├─", "└─"]
    assert "identify" in lines[2] and "·" in lines[2]
    last = lines[3]
    assert "auth" in last and "Reply 401" in last and "pipeline.toml:31" in last
    assert last.endswith("auth.algorithms: no credentials came")
    assert "intercept" not in last, "the stage is named once"


def test_an_answer_does_not_repeat_what_its_request_said():
    assert drawn(WENT, depth="stages").count("\n") == 1
    late = {**WENT, "decided": CAME["decided"]}
    assert "pipeline.toml:31" in drawn(late, depth="stages")


def test_a_drop_is_explained_in_the_line_itself():
    record = {**CAME, "decided": {**CAME["decided"], "verdict": "Drop", "what": "", "plugin": "shield", "because": "denied"}}
    assert drawn(record).rstrip().endswith("✗ shield Drop: denied")


def test_the_message_itself_stands_below():
    record = {**CAME, "message": "REGISTER sip:example.com SIP/2.0\nVia: x\n\nv=0"}
    lines = drawn(record, depth="full").splitlines()
    assert [line.strip() for line in lines[-4:]] == ["│ REGISTER sip:example.com SIP/2.0", "│ Via: x", "│", "│ v=0"]


def test_what_was_missed_is_counted_on_screen():
    assert "⋯ 12 messages not shown" in drawn(gap=12)
    assert "⋯ 1 message not shown" in drawn(gap=1)


@pytest.mark.parametrize("field", ["uri", "from", "peer"])
def test_no_message_can_control_the_terminal(field):
    text = drawn({**CAME, field: "\x1b[2J\x9b\x07 \u202e"}, depth="full")
    assert not any(mark in text for mark in "\x1b\x9b\x07\u202e")
    assert "\\x1b[2J" in text


def test_control_characters_are_shown_as_text_in_a_message_too():
    assert "\x1b" not in drawn({**CAME, "message": "REGISTER\nSubject: \x1b]0;x\x07\n\n\x1b[31m"}, depth="full")
    assert plain("a\tb") == "a\tb"
    assert plain("é\u2028\u200f\ufeff\udcff") == "é\\u2028\\u200f\\ufeff\\xff"


@pytest.mark.parametrize(("us", "text"), [(0.4, "0.4 µs"), (43.2, "43 µs"), (1234, "1.2 ms"), (2_100_000, "2.1 s")])
def test_durations_are_short(us, text):
    assert duration(us) == text

"""What callers choose themselves (numbers, names, header fields) against the dialplan: nobody chooses more than he was given."""

import json
import math

import pytest
from pipeline.plugins.dialplan.ambiguity import runs_away
from pipeline.plugins.dialplan.stored import Context

from pipeline.config import Problems
from pipeline.core import Cause, Dialed, Party
from pipeline.core.call import AT_ONCE, DEPTH
from pipeline.testing.server import CALLS

SECRET = """
[context.secret.extensions]
100 = [{ playback = "secret" }]
"""


@pytest.mark.parametrize(
    "goto", ['[{ goto = "${extension:1}" }]', '[{ set = { x = "${extension:1}" } }, { goto = "${x}" }]', '[{ goto = "${1}" }]']
)
def test_who_dials_an_at_sign_does_not_choose_the_context(context, goto):
    name = '"/^9(.+)$/"' if "${1}" in goto else '"_9."'
    wire = context(f"{name} = {goto}", SECRET)
    alice = wire.call("alice", "9100@secret")
    wire.advance(3)
    assert wire.played == []
    assert alice.ended is not None
    assert "there is no extension '100@secret' in context 'default'" in wire.told("step.failed")[0]["error"]


def test_an_extension_with_an_at_sign_can_be_gone_to_in_the_context_that_was_written(context):
    wire = context('"_9." = [{ goto = "${extension:1}@other" }]', '[context.other.extensions]\n"a@b%" = [{ playback = "there" }]')
    wire.call("alice", "9a@b%")
    wire.advance(3)
    assert wire.played == ["there"]


@pytest.mark.parametrize(
    "sets",
    [
        ['{ n = "${extension:1}" }'],
        ['{ call.n = "x${extension:1}" }', '{ n = "${call.n:1}" }'],
        ['{ caller = { name = "${1}" } }', '{ n = "${caller.name}" }'],
    ],
)
def test_a_variable_that_was_set_from_what_was_dialled_is_no_better_than_that(context, sets):
    steps = ", ".join(f"{{ set = {each} }}" for each in sets)
    wire = context(f'"/^9(.*)$/" = [{steps}, {{ dial = "${{n}}" }}]')
    wire.call("alice", "9x@evil.example;a")
    wire.settle()
    assert [target for target, _ in wire.asked] == ["x%40evil.example%3Ba"]


def test_a_variable_that_is_set_anew_from_the_file_is_an_address_again(context):
    wire = context('"_9." = [{ set = { n = "${extension}" } }, { set = { n = "sip:x@trunk.example" } }, { dial = "${n}" }]')
    wire.call("alice", "91")
    wire.settle()
    assert [target for target, _ in wire.asked] == ["sip:x@trunk.example"]


def test_numbers_that_are_none_are_refused(context):
    for text in ("nan", "inf", "-inf", "1e999"):
        assert not math.isfinite(float(text))
        wire = context('"_9." = [{ dial = "bob", timeout = "${extension:1}" }]')
        bob = wire.phone("bob", auto=False)
        alice = wire.call("alice", f"9{text}")
        wire.settle()
        assert alice.ended is not None and getattr(bob, "leg", None) is None
        assert "timeout must be" in wire.told("step.failed")[0]["error"]


def test_a_long_text_fits_no_expression_of_a_condition(context):
    wire = context('"_9." = [{ if = "${extension} =~ ^9a+!$", then = [{ playback = "fits" }], else = [{ playback = "no" }] }]')
    wire.call("alice", "9" + "a" * 300 + "!")
    wire.advance(3)
    assert wire.played == ["no"]


def test_an_expression_of_a_database_that_can_take_for_ever_is_never_run(plan):
    wire = plan('[dal]\ncontext = ["memory"]\n')
    again, tries = "${extension} =~ ^9(a+)+$", [{"playback": "slow"}]
    steps = [{"playback": "fine"}, {"if": again, "then": tries}]
    wire.engine.dal.create(Context(id="default", extensions={"/^9(a+)+$/": tries, "/^9a/": steps}))
    alice = wire.call("alice", "9" + "a" * 100 + "!")  # 2 ** 100 ways to try
    wire.advance(3)
    assert wire.played == ["fine"]
    assert "can take for ever" in wire.told("step.failed")[0]["error"] and alice.ended.cause is Cause.TEMPORARY_FAILURE
    (mistake,) = wire.told("dialplan.mistake")
    assert (mistake["id"], mistake["stored_in"]) == ("default", "memory") and "can take for ever" in mistake["error"]


@pytest.mark.parametrize("written", ["'/^9(a+)+$/' = 'answer'", "1 = [{ if = '${extension} =~ ^9(a+)+$', then = 'answer' }]"])
def test_a_file_with_an_expression_that_can_take_for_ever_is_refused(context, written):
    with pytest.raises(Problems, match="can take for ever on what a caller chooses"):
        context(written)


@pytest.mark.parametrize(
    "expression",
    [
        r"(\d+)+$",
        r"^(\d+-?)*$",
        r"(a|b+)+",
        r"((\d+))+x",
        r"(\d{1,3})*",
        r"(.*)*",
        r"(a+?b?)+",
        r"x(a+a+)+",
        r"(\d|\d\d)+$",
        r"(ab|a|b)*c",
        r"(a+ba*)+$",
        r"(\d{3}|\d{5})+x",
        r"([a-z]+\w)*-",
        r"(.|\s)+x",
        r"(a+){2,}b",
        r"(b|b)*c",
    ],
)
def test_expressions_that_can_take_for_ever_are_found(expression):
    assert runs_away(expression)


@pytest.mark.parametrize(
    "expression",
    [
        r"^\d+$",
        r"^00(\d+)$",
        r"(\d+-)*\d+",
        r"(?:a+b)+",
        r"(\d{3})+",
        r"(\d?)+",
        r"()*",
        r"^(\+|00)?\d{2,15}(;.*)?$",
        r"([a-z]+[0-9]+)+",
        r"(\*+\d+)*#",
        r"^(0|[1-9])+$",
        r"(\d+\.)+\d+$",
        r"^(?:911|112)$",
        r"(?:a|bc)*d",
        r".*(\d+).*",
        r"(?>a+)+b",
    ],
)
def test_others_are_not(expression):
    assert not runs_away(expression)


@pytest.fixture
def house(sip):
    server = sip(
        """
        [context.default.extensions]
        700 = [{ mailbox = "bob" }]
        "_5." = [{ playback = "${extension:1}" }, { wait = 1 }]
        [user.alice]
        password = "alice's"
        """,
        **CALLS,
    )
    server.alice = server.phone("alice").online()
    yield server
    server.advance(110)
    assert not [event.fields for event in server.told("step.failed")]
    assert server.leftovers() == {}


def test_a_message_of_somebody_whose_name_is_no_utf8_is_kept(house):
    call = house.alice.call("700", display="A\udcff").until("up")
    house.advance(4)
    call.hangup()
    house.advance(1)
    (event,) = house.told("mailbox.message")
    assert event.fields["caller"] == Party("A\udcff", "alice", "")
    (about,) = house.folder.rglob("mailboxes/bob/new/*.json")
    assert json.loads(about.read_text())["caller_name"] == "A\udcff"
    assert about.with_suffix(".wav").exists()
    assert not list(house.folder.rglob("mailboxes/bob/tmp/*"))


@pytest.mark.parametrize(
    "name", ["~nosuchuser", "..%2f..%2fetc%2fpasswd", "%00", "tone:1" + ",1*600000" * 9, "tone:" + "1," * 600, "tone:" + "9" * 5000]
)
def test_a_sound_that_a_caller_has_named_cannot_be_played_and_the_call_goes_on(house, name):
    call = house.alice.call(uri=f"sip:5{name}@example.com").until("up")
    house.advance(3)
    assert call.state == "ended" and call.why == "released"
    assert len(house.told("channel.sound")) == 1


@pytest.mark.parametrize("text", ["no ${extension:1}", "${header.x-evil}"])
def test_the_words_with_which_a_call_is_ended_begin_no_header_field(sip, text):
    server = sip(
        f'[context.default.extensions]\n"_9." = ["answer", {{ hangup = "busy", text = "{text}" }}]\n[user.alice]\npassword = "alice\'s"\n',
        **CALLS,
    )
    alice = server.phone("alice").online()
    evil = "a%0d%0aX-Evil%3a%201%22%5c%3bx%1b"
    call = alice.call(uri=f"sip:9{evil}@example.com", headers=[("X-Evil", 'b"\\;x')]).until("ended")
    (bye,) = call.requests("BYE")
    assert bye.get("x-evil") is None
    assert "cause=17" in (bye.get("reason") or "")
    assert b"\x1b" not in bye.encode() and b"\r\nX-Evil" not in bye.encode()


def test_a_variable_of_the_call_keeps_its_mark_for_its_other_channels(context):
    wire = context('"_9." = [{ set = { call = { n = "${extension:1}" } } }, "answer", { wait = 9 }]\n"1" = [{ dial = "${call.n}" }]')
    alice = wire.call("alice", "9x@evil.example;a")
    wire.settle()
    other = type(alice)(wire, "carol")
    leg = other.leg = type(alice.leg)(wire, other)
    leg.channel = wire.core.channel("wire", "in", leg, endpoint="carol", dialed="1", call=alice.channel.call)
    wire.core.incoming(leg.channel, Dialed("default", "1", endpoint="carol", technology="wire"))
    wire.settle()
    assert [target for target, _ in wire.asked] == ["x%40evil.example%3Ba"]


def test_a_variable_of_the_call_that_is_set_anew_from_the_file_is_an_address_again(context):
    sets = '{ set = { call.n = "${extension}" } }, { set = { call.n = "sip:x@trunk.example" } }'
    wire = context(f'"_9." = [{sets}, {{ dial = "${{call.n}}" }}]')
    wire.call("alice", "91")
    wire.settle()
    assert [target for target, _ in wire.asked] == ["sip:x@trunk.example"]


def test_a_script_that_dials_somebody_busy_in_a_circle_comes_to_its_end(context):
    wire = context('"1" = [{ dial = "bob", timeout = 0.05 }, { goto = "1" }]')
    wire.phone("bob", auto=False)
    alice = wire.call("alice", "1")
    wire.advance(5)
    assert len(wire.asked) == AT_ONCE and alice.ended.cause is Cause.TEMPORARY_FAILURE
    assert "it goes round in circles" in wire.told("step.failed")[0]["error"]


def test_a_queue_that_tries_again_after_a_while_goes_on_but_not_for_ever(context):
    wire = context('"1" = [{ dial = "bob", timeout = 15 }, { goto = "1" }]')
    wire.phone("bob", auto=False)
    alice = wire.call("alice", "1")
    wire.advance(3600)
    assert alice.ended is None and 200 < len(wire.asked) < 260
    wire.advance(4 * 3600)
    assert len(wire.asked) == DEPTH and alice.ended is not None

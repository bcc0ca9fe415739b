from pipeline.core import Cause

MENU = """
[menu.main]
prompt  = ["welcome", "menu"]
retries = 1
[menu.main.choices]
1      = [{ dial = "bob" }]
2      = "hangup"
21     = [{ playback = "twenty-one" }]
"_3XX" = [{ goto = "${digits}" }]
"""


def test_goto_goes_on_elsewhere_and_its_variables_follow(context):
    wire = context(
        """
        "1"   = [{ goto = "27@other" }]
        """,
        """
        [context.other.extensions]
        "_2X" = [{ playback = "${extension} in ${context}, dialled ${dialed}" }, { goto = "3" }]
        "3"   = [{ playback = "${context}" }]
        """,
    )
    alice = wire.call("alice", "1")
    wire.advance(3)
    assert wire.played == ["27 in other, dialled 1", "other"]
    assert alice.channel.context == "other"
    wire.clean()


def test_a_circle_ends(context):
    wire = context('"1" = [{ goto = "2" }]\n"2" = [{ goto = "1" }]')
    alice = wire.call("alice", "1")
    wire.settle()
    assert alice.ended.cause is Cause.TEMPORARY_FAILURE
    assert "it goes round in circles" in wire.told("step.failed")[0]["error"]


def test_a_menu_that_callers_go_round_in_for_long_is_no_circle(context):
    wire = context('"1" = [{ wait = 0.1 }, { goto = "1" }]')
    alice = wire.call("alice", "1")
    wire.advance(60)
    assert alice.ended is None
    alice.hang_up()
    wire.settle()
    wire.clean()


def test_variables_are_set_and_compared(context):
    wire = context(
        """
        "1" = [
            { set = { x = "${extension}7", n = 3, on = true, caller.name = "Shop: ${caller.name}", call.color = "red" } },
            { if = "${x} == 17", then = [{ playback = "${x} ${n} ${on} ${caller.name} ${call.color}" }], else = [{ playback = "no" }] },
            { if = "${n} > 10", then = [{ playback = "many" }] },
            { playback = "behind" },
        ]
        """
    )
    alice = wire.call("alice", "1")
    wire.advance(3)
    assert wire.played == ["17 3 true Shop: Alice red", "behind"]
    assert (alice.channel.caller.name, alice.channel.call.variables) == ("Shop: Alice", {"color": "red"})
    wire.clean()


def test_time_decides(context):
    wire = context(
        """
        "1" = [{ if = { hours = "07:00-09:00", zone = "UTC" }, then = [{ playback = "morning" }], else = [{ playback = "later" }] }]
        "2" = [{ if = { schedule = "never" }, then = [{ playback = "open" }], else = [{ playback = "closed" }] }]
        """,
        '[schedule.never]\ndates = ["1999-01-01"]',
    )
    wire.call("alice", "1")
    wire.call("alice", "2")
    wire.settle()
    assert wire.played == ["morning", "closed"]


def test_a_choice_is_made_while_the_prompt_is_played(context):
    wire = context('"1" = [{ ivr = "main" }]', MENU)
    bob = wire.phone("bob")
    alice = wire.call("alice", "1")
    wire.advance(0.5)
    assert alice.heard == ["up"] and wire.played == ["welcome"]
    alice.channel.told_digit("1")
    wire.settle()
    assert bob.heard == ["call"] and "menu" not in wire.played
    assert alice.channel.variables["digits"] == "1"
    alice.hang_up()
    wire.settle()
    wire.clean()


def test_a_digit_that_may_be_the_first_of_several_is_waited_behind(context):
    wire = context('"1" = [{ ivr = "main" }]', MENU)
    alice = wire.call("alice", "1")
    wire.advance(0.1)
    alice.channel.told_digit("2")
    wire.advance(1.9)
    assert alice.ended is None
    alice.channel.told_digit("1")
    wire.settle()
    assert wire.played == ["welcome", "twenty-one"]
    wire.advance(2)
    wire.clean()


def test_two_seconds_behind_a_digit_the_choice_is_made(context):
    wire = context('"1" = [{ ivr = "main" }]', MENU)
    alice = wire.call("alice", "1")
    wire.advance(0.1)
    alice.channel.told_digit("2")
    wire.advance(2.1)
    assert alice.ended.cause is Cause.NORMAL
    wire.clean()


def test_who_knows_the_menu_types_ahead(context):
    wire = context('"1" = [{ playback = "hello" }, { ivr = "main" }]\n"_3XX" = [{ playback = "got ${extension}" }]', MENU)
    alice = wire.call("alice", "1")
    wire.advance(0.5)
    for digit in "345":
        alice.channel.told_digit(digit)
    wire.advance(0.6)
    assert wire.played == ["hello", "got 345"]
    wire.advance(2)
    wire.clean()


def test_a_wrong_choice_is_told_and_asked_again_then_the_steps_behind_follow(context):
    wire = context('"1" = [{ ivr = "main" }, { playback = "goodbye" }]', MENU)
    alice = wire.call("alice", "1")
    wire.advance(0.5)
    alice.channel.told_digit("9")
    wire.advance(30)
    assert wire.played == ["welcome", "invalid", "welcome", "menu", "goodbye"]
    assert alice.ended.cause is Cause.NORMAL
    wire.clean()


def test_a_caller_who_hangs_up_in_a_menu_leaves_nothing(context):
    wire = context('"1" = [{ ivr = "main" }]', MENU)
    for moment in (0.1, 1.5, 3.0):
        alice = wire.call("alice", "1")
        wire.advance(moment)
        alice.hang_up()
        wire.settle()
    wire.clean()

def test_three_meet_and_one_leaves_with_a_digit(context):
    wire = context('"602" = ["answer", { conference = "room", leave = "*" }, { playback = "left" }]\n"603" = ["conference"]')
    room = [wire.call(name, "602") for name in ("alice", "bob", "carol")]
    wire.settle()
    (bridge,) = wire.core.bridges.values()
    assert (bridge.name, len(bridge.channels)) == ("room", 3)
    room[0].channel.told_digit("5")
    room[0].channel.told_digit("*")
    wire.settle()
    assert len(bridge.channels) == 2 and wire.played == ["left"]
    for phone in room:
        phone.hang_up()
    wire.settle()
    wire.clean()


def test_a_conference_without_a_name_is_called_as_the_extension(context):
    wire = context('"603" = ["conference"]')
    alice = wire.call("alice", "603")
    wire.settle()
    assert [bridge.name for bridge in wire.core.bridges.values()] == ["603"]
    alice.hang_up()
    wire.settle()
    wire.clean()

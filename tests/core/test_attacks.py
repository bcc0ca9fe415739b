"""Everything at once and in any order: whatever scripts, providers, legs and listeners do, nothing is left, and nobody waits for ever."""

import asyncio
import random

import pytest

from pipeline.core import Cause, Dialed, Ended, Hangup, Refused, Unavailable, Wanted


def clean(wire):
    """`wire.clean`, but what was made to fail may have been told."""
    wire.settle()
    core = wire.core
    assert (core.channels, core.bridges, core.calls, core.conferences, core.tasks) == ({}, {}, {}, {}, set())
    assert [one for one in wire.open if type(one).__name__ != "Side"] == []  # a relay that is closed has let go of its sides
    assert all(leg.channel._heard == () and leg.channel._task is None and leg.channel.media is None for leg in wire.legs)


def test_who_hangs_up_in_the_turn_in_which_he_answers_ends_the_call_that_was_placed(wire):
    bob, carol = wire.phone("bob", auto=False), wire.phone("carol", auto=False)
    placed = wire.core.originate("bob", target2="carol")
    bob.answer()
    bob.hang_up(Hangup(Cause.NORMAL, "changed his mind"))  # before the script's task has begun
    wire.settle()
    assert placed.done
    with pytest.raises(Ended, match="changed his mind"):
        placed.value()
    assert carol.leg is None
    wire.clean()


@pytest.mark.parametrize("state", ["DIALING", "RINGING", "EARLY"])
def test_who_ends_a_channel_when_it_hears_of_its_state_has_ended_it(wire, state):
    bob = wire.phone("bob", auto=False)

    def heard(event):
        if event.fields["new"].name == state:
            event.fields["channel"].end()

    wire.engine.bus.listen("channel.state", heard)

    async def script(channel):
        channel.ring()
        channel.progress()
        await wire.core.dial(channel, wire.core.request("bob", Wanted(caller=channel)), 5)

    wire.scripts["1"] = script
    alice = wire.call("alice", "1")
    wire.advance(1)
    wire.core.hangup("all")
    assert "call" not in bob.heard
    assert alice.heard[-1] == "ended" and {"RINGING": "ringing", "EARLY": "early"}.get(state) not in alice.heard
    wire.clean()


def test_a_channel_that_ended_takes_no_media(wire):
    wire.scripts["1"] = stay
    channel = wire.call("alice", "1").channel
    channel.end()
    channel.adopt(wire.media("sound", (channel,)))
    assert channel.media is None
    wire.clean()


def test_who_ends_a_channel_that_leaves_a_room_when_it_hears_that_its_media_are_gone(wire):
    async def script(channel):
        await channel.answer()
        room = wire.core.conference("x")
        await room.add(channel)
        channel.on(lambda what, channel, value: channel.end() if what == "media" and value is None else None)
        room.leave(channel)

    wire.scripts["1"] = script
    wire.call("alice", "1")
    wire.advance(1)
    wire.clean()


async def stay(channel):
    await channel.over()


class Chaos:
    """Draws what happens next."""

    def __init__(self, wire, seed):
        self.wire, self.dice = wire, random.Random(seed)
        self.pending = []
        wire.scripts |= {
            str(number): script for number, script in enumerate((self.dials, self.plays, self.meets, self.raises, self.bridges, self.puts))
        }
        for name in ("bob", "carol", "dave", "eve"):
            wire.phone(name, auto=self.dice.random() < 0.3)
        phones = [wire.phone("f1", auto=False, priority=0.5), wire.phone("f2"), wire.phone("f3", auto=False)]
        wire.phones["frank"] = phones
        wire.phones["gone"] = None
        media = wire.media

        def failing(need, channels):
            if self.dice.random() < 0.05:
                raise self.error()
            found = media(need, channels)
            return self.spoil(found, "terminal", "play", "join", "answer", "offer") if self.dice.random() < 0.2 else found

        wire.media = failing

    def error(self):
        return self.dice.choice(
            (RuntimeError("made to fail"), Unavailable("made to fail"), Refused(Hangup(Cause.CONGESTION)), OSError(5, "made to fail"))
        )

    def spoil(self, thing, *names):
        """Let one of its methods fail once."""
        name = self.dice.choice([name for name in names if hasattr(thing, name)])
        method = getattr(thing, name)

        def fails(*args, **more):
            setattr(thing, name, method)
            raise self.error()

        setattr(thing, name, fails)
        return thing

    # scripts

    async def nap(self):
        await asyncio.sleep(self.dice.choice((0, 0.1, 1)))

    async def dials(self, channel):
        targets = self.dice.sample(["bob", "carol", "dave", "eve", "frank"], self.dice.choice((1, 1, 2, 3)))
        if self.dice.random() < 0.3:
            await channel.answer()
        attempts = []
        for target in targets:
            attempts += self.wire.core.request(target, Wanted(caller=channel))
        outcome = await self.wire.core.dial(
            channel, attempts, self.dice.choice((0.5, 2, 0)), order=self.dice.choice(("parallel", "priority"))
        )
        if outcome.bridge is not None:
            await self.nap()
            outcome.bridge.keep = self.dice.random() < 0.3
            others = [each for each in self.wire.core.channels.values() if each.bridge is None and each is not channel and each.answered]
            if others and self.dice.random() < 0.5 and not outcome.bridge.ended:
                outcome.bridge.swap(self.dice.choice((channel, outcome.answered)), self.dice.choice(others)).then(self.note)
            await outcome.bridge.over()
        await self.nap()

    async def plays(self, channel):
        await channel.answer()
        sound = channel.sound()
        sound.play("x")
        try:
            await channel.digit(1)
            await self.nap()
        finally:
            if self.dice.random() < 0.2:
                raise self.error()

    async def meets(self, channel):
        await channel.answer()
        room = self.wire.core.conference(self.dice.choice("xy"))
        await room.add(channel)
        await self.nap()
        if self.dice.random() < 0.5:
            room.leave(channel)
        await self.nap()

    async def raises(self, channel):
        await self.nap()
        raise self.error()

    async def bridges(self, channel):
        await channel.answer()
        others = [each for each in self.wire.core.channels.values() if each.bridge is None and each is not channel and each.answered]
        if others:
            await self.wire.core.bridge(channel, self.dice.choice(others)).over()
        await self.nap()

    async def puts(self, channel):
        await channel.answer()
        for _ in range(3):
            channel.put(self.wire.media("sound", (channel,))).then(self.note)
        await self.nap()

    def note(self, pending):
        try:
            pending.value()
        except Exception:
            return

    # what happens

    def happens(self):
        dice, wire = self.dice, self.wire
        channels = [leg.channel for leg in wire.legs if leg.channel is not None and leg.channel.hangup is None]
        what = dice.randrange(14)
        if what < 3:
            phone = wire.call("alice", str(dice.randrange(6)), offer=dice.choice((b"offer of caller", None)))
            if dice.random() < 0.2 and phone.channel.hangup is None:
                phone.channel.on(self.listens_badly)
        elif what == 3:
            target = dice.choice(("bob", "frank", "gone", "nobody"))
            more = dice.choice(
                (
                    {"script": self.plays},
                    {"script": stay},
                    {"target2": dice.choice(("carol", "gone", "frank"))},
                    {"dialed": Dialed("default", dice.choice("0129"))},
                )
            )
            try:
                self.pending.append(wire.core.originate(target, seconds=dice.choice((1, 5)), **more))
            except Exception as error:
                assert "made to fail" in str(error) or isinstance(error, Refused)
        elif not channels:
            return
        else:
            channel = dice.choice(channels)
            phone = channel.leg.phone
            if what == 4:
                channel.end(Hangup(dice.choice((Cause.NORMAL, Cause.BUSY))))
            elif what == 5:
                channel.told_ended(Hangup(dice.choice(list(Cause))))
            elif what == 6 and channel.direction == "out" and channel.state.name in ("DIALING", "RINGING", "EARLY"):
                self.tolerant(phone.answer, channel.leg)
            elif what == 7 and channel.direction == "out":
                channel.told_ringing()
            elif what == 8 and channel.direction == "out" and channel.media is not None and phone.media is not None:
                self.tolerant(channel.media.early, b"early")
                channel.told_early()
            elif what == 9:
                channel.told_digit(dice.choice("0123"), 100)
            elif what == 10:
                channel.on(self.listens_badly)
            elif what == 11:
                self.spoil(channel.leg, "change_media", "hangup", "answer", "call", "update_connected", "ring")
            elif what == 12:
                channel.told_media_failed()
            elif channel._task is not None:
                channel._task.cancel()

    def tolerant(self, fn, *args):
        try:
            fn(*args)
        except (RuntimeError, Unavailable, Refused, OSError):
            return

    def listens_badly(self, what, channel, value):
        roll = self.dice.random()
        if roll < 0.1:
            raise RuntimeError("made to fail")
        if roll < 0.2:
            channel.end()


@pytest.mark.parametrize("seed", range(150))
def test_nothing_is_left_whatever_happens_and_in_whatever_order(wire, seed):
    chaos = Chaos(wire, seed)
    for _ in range(60):
        chaos.happens()
        if chaos.dice.random() < 0.4:
            wire.advance(chaos.dice.choice((0, 0, 0.1, 1)))
    wire.advance(10)
    wire.core.hangup("all")
    wire.advance(10)
    clean(wire)
    assert all(pending.done for pending in chaos.pending)


@pytest.mark.parametrize("seed", range(40))
def test_the_server_can_stop_at_any_moment(wire, seed):
    chaos = Chaos(wire, seed)
    for _ in range(30):
        chaos.happens()
        if chaos.dice.random() < 0.3:
            wire.advance(chaos.dice.choice((0, 0.1)))
    wire.run(wire.core.stop())
    clean(wire)
    assert all(pending.done for pending in chaos.pending)

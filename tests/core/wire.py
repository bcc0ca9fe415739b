"""A technology of memory alone: what one side says the other hears, after one turn of the loop. A real Leg, and media that keep account.

`Wire(engine)` stands for the driver and for the provider of media: the plugin `wires` in conftest asks it. `wire.phones` are the far
sides: what a test does as bob it does with `wire.phones["bob"]`.
"""

from pipeline.core import Cause, Dialed, Hangup, Party, Refused, Unavailable, Unroutable
from pipeline.pending import Pending

NORMAL = Hangup()


class Wire:
    """The driver of all wires of one engine, and the media between them."""

    def __init__(self, engine):
        self.engine, self.core = engine, engine.core
        self.phones = {}
        self.legs = []
        self.open = set()
        """Terminals, relays and mixers that are not closed: a leak is what is left here."""
        self.kinds = {"sound", "relay", "mix"}
        self.scripts = {}
        self.asked = []

    # the hooks

    def channel_request(self, target, wanted):
        self.asked.append((target, wanted))
        if target not in self.phones:
            return None
        if self.phones[target] is None:
            raise Unroutable(Hangup(Cause.ABSENT, f"{target} is not there"))
        if wanted.only_asked:
            return []
        channels = []
        phones = self.phones[target]
        for phone in phones if isinstance(phones, list) else [phones]:
            leg = Leg(self, phone)
            channel = self.core.channel(
                "wire", "out", leg, endpoint=target, dialed=target, caller=wanted.party, party=phone.party, call=wanted.call
            )
            channel.priority = phone.priority
            channel.variables.update(wanted.variables)
            leg.channel = channel
            phone.leg = leg
            channels.append(channel)
        return channels

    def route_call(self, dialed):
        found = self.scripts.get(dialed.extension)
        if isinstance(found, Exception):
            raise found
        return found

    def media(self, need, channels):
        if need not in self.kinds:
            return None
        return {"sound": Sound, "relay": Relay, "recording": Taped, "mix": Mixer}[need](self, *channels)

    # what phones do

    def phone(self, name, **more):
        phone = self.phones[name] = Phone(self, name, **more)
        return phone

    def call(self, name, extension, offer=b"offer of caller"):
        """Call `extension` as `name`; gives the phone."""
        phone = Phone(self, name)
        leg = phone.leg = Leg(self, phone)
        leg.offered = offer
        leg.channel = self.core.channel(
            "wire", "in", leg, endpoint=name, context="default", dialed=extension, caller=Party(name.title(), name)
        )
        self.core.incoming(leg.channel, Dialed("default", extension, caller=leg.channel.caller, endpoint=name, technology="wire"))
        return phone


class Phone:
    """A far side: what it is told and what it does."""

    def __init__(self, wire, name, *, auto=True, priority=1.0, party=None):
        self.wire, self.name, self.priority = wire, name, priority
        self.party = party or Party(name.title(), name)
        self.auto = auto
        """Whether it rings and answers by itself."""
        self.heard = []
        self.shown = None
        self.media = None
        """The last description from the house."""
        self.refuses = False
        self.leg = None
        self.ended = None

    @property
    def channel(self):
        return self.leg.channel

    def tell(self, what, value=None):
        self.heard.append(what)
        if what == "call" and self.auto:
            leg = value
            self.wire.engine.loop.call_soon(leg.channel.told_ringing)
            self.wire.engine.loop.call_soon(self.answer, leg)
        if what == "ended":
            self.ended = value

    def ring(self):
        self.channel.told_ringing()

    def early(self):
        if self.channel.media.early(b"early of " + self.name.encode()):
            self.channel.told_early()

    def answer(self, leg=None):
        leg = leg or self.leg
        if leg.channel.hangup is not None:
            return
        if self.media is None:  # nothing was offered: it offers
            self.media = leg.channel.media.answer(b"offer of " + self.name.encode())
        else:
            leg.channel.media.accept(b"answer of " + self.name.encode())
        leg.channel.told_up()

    def hang_up(self, hangup=NORMAL):
        self.channel.told_ended(hangup)

    refuse = hang_up


class Leg:
    """The driver's side of one channel."""

    technology = "wire"

    def __init__(self, wire, phone):
        self.wire, self.phone = wire, phone
        self.offered = None
        self.channel = None
        wire.legs.append(self)

    def call(self):
        self.phone.media = self.channel.media.offer()
        self.phone.shown = self.channel.caller
        self.phone.tell("call", self)

    def ring(self):
        self.phone.tell("ringing")

    def progress(self):
        if self.offered is not None:  # a preview: the offer stands until the answer
            self.phone.media = self.channel.media.answer(self.offered)
        self.phone.tell("early")

    def answer(self):
        self._agree()
        self.phone.shown = self.channel.connected
        self.phone.tell("up")
        self.channel.told_up()

    def _agree(self):
        if self.offered is not None and self.channel.media is not None:
            self.phone.media, self.offered = self.channel.media.answer(self.offered), None

    @property
    def said(self):
        return self.phone.media or b""

    def hangup(self, hangup):
        self.phone.tell("ended", hangup)
        self.channel.told_ended(hangup)

    def change_media(self, offer):
        pending = Pending()

        def later():
            if self.channel.hangup is not None:
                pending.fail(Refused(self.channel.hangup))
            elif self.phone.refuses:
                pending.fail(Refused(Hangup(Cause.INCOMPATIBLE)))
            elif offer is None:
                pending.resolve(b"offer of " + self.phone.name.encode())
            else:
                self.phone.media = offer
                pending.resolve(b"answer of " + self.phone.name.encode())

        self.wire.engine.loop.call_soon(later)
        return pending

    def complete(self, answer):
        self.phone.media = answer

    def send_digit(self, digit, milliseconds):
        return False

    def update_connected(self, party):
        self.phone.shown = party

    def redirect(self, targets):
        self.phone.tell("redirected", targets)
        self.channel.told_ended(Hangup(Cause.NUMBER_CHANGED, targets=targets))
        return True

    def detail(self, name):
        return None

    def show(self):
        return {"phone": self.phone.name}


class Terminal:
    provider = "wires"

    def __init__(self, wire, label):
        self.wire, self.label = wire, label
        self.log = []
        wire.open.add(self)

    def __repr__(self):
        return f"<{self.label}>"

    def offer(self):
        return b"offer of " + self.label.encode()

    def answer(self, offer):
        self.log.append(offer)
        return b"answer of " + self.label.encode()

    def accept(self, answer):
        self.log.append(answer)

    def reject(self, hangup):
        self.log.append(hangup)

    def early(self, answer):
        self.log.append(answer)
        return True

    def close(self):
        self.wire.open.remove(self)  # twice is an error

    def show(self):
        return {"label": self.label}


class Sound(Terminal):
    def __init__(self, wire, channel, label="sound"):
        super().__init__(wire, f"{label} of {channel.name}")
        self.channel = channel
        self.playing = None

    def play(self, source, *, repeat=False):
        self.playing = Pending()
        self.source = source
        return self.playing

    def quiet(self):
        if self.playing is not None and not self.playing.done:
            self.playing.resolve()
        self.source = None

    def echo(self, on):
        self.log.append(on)

    def send_digit(self, digit, milliseconds):
        self.log.append(digit)


class Side(Terminal):
    def play(self, source, *, repeat=False):
        return Pending.of(None)

    def send_digit(self, digit, milliseconds):
        self.log.append(digit)


class Relay:
    provider = "wires"

    def __init__(self, wire, a, b):
        self.wire, self.channels = wire, (a, b)
        self.sides = {}
        wire.open.add(self)

    def terminal(self, channel):
        assert channel in self.channels and channel not in self.sides, "asked once for each of the two"
        side = self.sides[channel] = Side(self.wire, f"relay at {channel.name}")
        return side

    def join(self):
        first, second = self.sides.items()

        def one(pending):
            try:
                first[1].accept(pending.value())
                second[0].leg.change_media(second[1].offer()).then(two)
            except Exception as error:
                joined.fail(error)

        def two(pending):
            try:
                second[1].accept(pending.value())
            except Exception as error:
                joined.fail(error)
            else:
                joined.resolve()

        joined = Pending()
        first[0].leg.change_media(first[1].offer()).then(one)
        return joined

    def close(self):
        self.wire.open.remove(self)


class Tape:
    """A recording: open while it is written."""

    def __init__(self, wire, path):
        self.wire, self.path, self.done = wire, path, Pending()
        wire.open.add(self)

    def end(self):
        if not self.done.done:
            self.wire.open.remove(self)
            self.done.resolve(1.0)


class Taped(Relay):
    """A relay whose media can be recorded."""

    def record(self, path):
        self.tape = Tape(self.wire, path)
        return self.tape


class Mixer:
    provider = "wires"

    def __init__(self, wire, *channels):
        self.wire = wire
        self.seats = set()
        wire.open.add(self)

    def terminal(self, channel):
        if len(self.seats) == 3:
            raise Unavailable("three seats")
        self.seats.add(channel)
        return Sound(self.wire, channel, "seat")

    def leave(self, channel):
        self.seats.remove(channel)

    def play(self, source, *, repeat=False):
        return Pending.of(None)

    def close(self):
        self.wire.open.remove(self)

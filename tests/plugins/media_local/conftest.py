"""A server with `media_local` on the virtual network, channels of the real core with a leg that only has media, and phones that speak RTP."""

import math
import struct
from array import array

import pytest
from pipeline.plugins.media_local.codecs import CODECS, audioop

from pipeline.pending import Pending

HEAD = struct.Struct("!BBHII")
STAGES = {"integration": ["memory", "toml", "media_local"]}


def wave(hertz, seconds, rate=8000, height=10000):
    """Samples of one tone, or of several."""
    tones = (hertz,) if isinstance(hertz, (int, float)) else hertz
    turns = [2 * math.pi * tone / rate for tone in tones]
    return array(
        "h", [int(height / len(tones) * sum(math.sin(turn * n) for turn in turns)) for n in range(round(rate * seconds))]
    ).tobytes()


def level(samples, hertz, rate=8000):
    """The height of a tone in samples, by Goertzel's filter: 10000 is what `wave` makes."""
    line = array("h", samples)
    if not line:
        return 0.0
    turn = 2 * math.cos(2 * math.pi * hertz / rate)
    one = two = 0.0
    for sample in line:
        one, two = sample + turn * one - two, one
    return 2 * math.sqrt(max(0.0, one * one + two * two - turn * one * two)) / len(line)


class Phone:
    """A peer: one RTP socket, one RTCP socket, a voice."""

    def __init__(self, desk, address="10.0.0.9", port=4000, codec="ulaw", kind=0, events=True, attributes=()):
        self.desk, self.address, self.port, self.kind, self.events = desk, address, port, kind, events
        self.codec = CODECS[codec]
        self.attributes = attributes
        self.host = desk.server.network.host(address)
        self.rtp = self.host.datagram(address, port, self._came)
        self.rtcp = self.host.datagram(address, port + 1, self._report)
        self.packets, self.reports, self.sources = [], [], []
        """(kind, marker, sequence, timestamp, ssrc, payload, time); compound packets; where they came from."""
        self.to = None
        self.sequence, self.timestamp, self.ssrc = 1000, 50000, 0xABCD
        self.direction = "sendrecv"
        self._stop = None

    def description(self, direction=None, kinds=None):
        direction = direction or self.direction
        six = "6" if ":" in self.address else "4"
        codec = self.codec
        kinds = kinds or [(self.kind, f"{codec.encoding}/{codec.rate}" + (f"/{codec.channels}" if codec.channels > 1 else ""))]
        kinds = [*kinds, (101, f"telephone-event/{codec.rate}")] if self.events else kinds
        lines = ["v=0", f"o=- 1 1 IN IP{six} {self.address}", "s=-", f"c=IN IP{six} {self.address}", "t=0 0"]
        lines.append(f"m=audio {self.port} RTP/AVP {' '.join(str(kind) for kind, _ in kinds)}")
        lines += [f"a=rtpmap:{kind} {name}" for kind, name in kinds] + [f"a={text}" for text in (*self.attributes, direction)]
        return "".join(line + "\r\n" for line in lines).encode()

    def hears_where(self, description):
        """Learn from a description of the server's where to send."""
        lines = description.decode().split("\r\n")
        address = next(line for line in lines if line.startswith("c=")).split()[-1]
        self.to = (address, int(next(line for line in lines if line.startswith("m=audio")).split()[1]))
        return description

    def send(self, payload, kind=None, marker=False, samples=None, sequence=None, timestamp=None, ssrc=None, rtp=None):
        if sequence is None:
            sequence = self.sequence
            self.sequence = (self.sequence + 1) & 0xFFFF
        if timestamp is None:
            timestamp = self.timestamp
            self.timestamp += len(payload) // self.codec.width if samples is None else samples
        kind = self.kind if kind is None else kind
        packet = HEAD.pack(0x80, kind | (0x80 if marker else 0), sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc or self.ssrc) + payload
        (rtp or self.rtp).send(packet, self.to)

    def say(self, samples):
        """Speak these samples (at the codec's rate), 20 ms at a time; they are said while the test lets time pass."""
        size = 2 * self.codec.frame
        frames = [samples[place : place + size] for place in range(0, len(samples), size)]
        loop = self.desk.server.loop
        start = loop.time()
        for number, frame in enumerate(frames):
            loop.call_at(start + number * 0.02, self.send, self.codec.encode(frame))
        return len(frames) * 0.02

    def press(self, digit, milliseconds=100, drop=()):
        """Send a digit as events, leaving out those whose number (0...) is in `drop`."""
        number, frame = "0123456789*#ABCD".index(digit), self.codec.frame
        total = milliseconds // 20
        stamp = self.timestamp
        steps = [(n * frame, False) for n in range(1, total)] + [(total * frame, True)] * 3
        for place, (duration, end) in enumerate(steps):
            if place not in drop:
                self.send(struct.pack("!BBH", number, 0x8A if end else 0x0A, duration), kind=101, marker=not place, timestamp=stamp)
            else:
                self.sequence += 1
        self.timestamp += (total + 5) * frame

    def _came(self, data, source, local):
        if 192 <= data[1] <= 223:
            self.reports.append(data)
            return
        first, second, sequence, timestamp, ssrc = HEAD.unpack_from(data)
        assert first == 0x80
        self.sources.append(source)
        self.packets.append((second & 0x7F, second >> 7, sequence, timestamp, ssrc, data[12:], self.desk.server.loop.time()))

    def _report(self, data, source, local):
        self.reports.append(data)

    def heard(self, last=None):
        """What came as sound, samples in a row; `last` seconds of it."""
        samples = b"".join(self.codec.decode(packet[5]) for packet in self.packets if packet[0] == self.kind)
        return samples if last is None else samples[-int(2 * self.codec.rate * last) :]

    def hears(self, hertz, last=None):
        return level(self.heard(last), hertz, self.codec.rate)

    def digits(self):
        """Events that came: (digit, milliseconds, packets, markers)."""
        found = {}
        for kind, marker, _, timestamp, _, payload, _ in self.packets:
            if kind == 101:
                event, flags, duration = struct.unpack("!BBH", payload)
                found.setdefault((timestamp, event), []).append((duration, flags >> 7, marker))
        rate = self.codec.rate
        return [("0123456789*#ABCD"[event], max(p[0] for p in packets) * 1000 // rate, sum(p[1] for p in packets), sum(p[2] for p in packets))
                for (_, event), packets in found.items()]  # fmt: skip


class Leg:
    """The technology of these tests: a leg that has nothing but media."""

    technology = "test"

    def __init__(self):
        self.offered = None
        self.phone = None
        self.ended = None
        self.refuses = None

    def hangup(self, hangup):
        self.ended = hangup

    def answer(self):
        self.channel.told_up()

    def call(self):
        pass

    def ring(self):
        pass

    def progress(self):
        pass

    def change_media(self, offer):
        if self.refuses is not None:
            return Pending.failed(self.refuses)
        self.phone.hears_where(offer)
        return Pending.of(self.phone.description())

    def complete(self, answer):
        pass

    def send_digit(self, digit, milliseconds):
        return False

    def update_connected(self, party):
        pass

    def redirect(self, targets):
        return False

    def detail(self, name):
        return None

    def show(self):
        return {}


class Desk:
    """What a test has at hand."""

    def __init__(self, server):
        self.server = server
        self.room = next(one.plugin for one in server.engine.generation.listings() if one.name == "media_local")._room
        self.channels = []

    def channel(self, phone=None, up=True, **variables):
        leg = Leg()
        leg.phone = phone
        channel = self.server.engine.core.channel("test", "in", leg)
        leg.channel = channel
        channel.variables.update(variables)
        self.channels.append(channel)
        if up:
            channel.told_up()
        return channel

    def phone(self, number=9, **more):
        return Phone(self, more.pop("address", f"10.0.0.{number}"), **more)

    def media(self, need, *channels):
        return self.server.engine.core.media(need, channels)

    def sound(self, phone, **variables):
        """A Sound that a phone has agreed on by its offer."""
        channel = self.channel(phone, **variables)
        sound = channel.media = self.media("sound", channel)
        phone.hears_where(sound.answer(phone.description()))
        return sound

    def digits(self, channel):
        return [event.fields["digit"] for event in self.server.told("channel.digit") if event.fields.get("channel") is channel]

    def advance(self, seconds):
        self.server.advance(seconds)


@pytest.fixture
def desk(sip):
    def start(options="", **stages):
        return Desk(sip(f"[plugin.media_local]\n{options}\n", **{**STAGES, **stages}))

    return start


@pytest.fixture
def tone():
    return wave


@pytest.fixture
def strength():
    return level


@pytest.fixture
def rms():
    return lambda samples: audioop.rms(samples, 2)

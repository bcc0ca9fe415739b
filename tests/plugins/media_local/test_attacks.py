"""Hostile peers and strangers: where media are sent, who is listened to, what it costs."""

import struct

import pytest
from pipeline.plugins.media_local.ports import Ports
from pipeline.plugins.media_local.recorder import Recording
from pipeline.plugins.media_local.stream import FLOOD
from pipeline.plugins.media_local.wav import LARGEST, NotSound, read

from pipeline.core.media import Unacceptable, Unavailable


def described(phone, host, port=4000):
    six = "6" if ":" in host else "4"
    text = phone.description().decode()
    return text.replace(f"c=IN IP4 {phone.address}", f"c=IN IP{six} {host}").replace("m=audio 4000", f"m=audio {port}").encode()


@pytest.mark.parametrize(
    "host", ["224.1.1.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "ff02::1", "::ffff:224.1.1.1", "0::0", "::ffff:0.0.0.0"]
)
def test_nothing_is_sent_to_many_at_once_or_to_nobody_in_particular(desk, host):
    at = desk()
    phone = at.phone()
    channel = at.channel(phone)
    sound = channel.media = at.media("sound", channel)
    with pytest.raises(Unacceptable, match="nothing is sent to"):
        sound.answer(described(phone, host))
    channel.end()
    assert at.room.ports.used == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(("signalling", "taken"), [("10.0.0.9", False), ("127.0.0.1", True), ("", True)])
def test_who_signals_from_elsewhere_does_not_have_this_machine_send_to_itself(desk, host, signalling, taken):
    at = desk()
    phone = at.phone()
    channel = at.channel(phone)
    channel.leg.peer_host = signalling
    sound = channel.media = at.media("sound", channel)
    if ":" not in host:
        sound.answer(described(phone, host))
        sound.stream.latch.wary = False  # the option `strict` is another matter
        assert (sound.stream.latch.destination is not None) is taken
    assert at.room.may_send(channel, host, 4000)


def test_nothing_is_sent_to_where_we_listen_for_signalling(desk):
    at = desk()
    phone = at.phone()
    (host, port) = next(local for _, _, local in at.server.engine.listeners if "." in local[0])
    channel = at.channel(phone)
    assert not at.room.may_send(channel, host, port)
    assert at.room.may_send(channel, host, port + 2)  # media of another call of ours
    assert at.room.may_send(channel, "10.0.0.9", port)


def test_a_port_where_we_wait_for_connections_may_be_a_phone_s_port_for_media(desk):
    """A phone on this machine may have been given the number that our TCP listener has: the two have nothing to do with each other."""
    at = desk()
    phone = at.phone()
    at.server.engine.listeners.append(("tcp", "TCP", ("127.0.0.1", 40001)))
    assert at.room.may_send(at.channel(phone), "127.0.0.1", 40001)


def test_a_change_that_names_such_a_place_is_refused_and_what_was_agreed_stands(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    with pytest.raises(Unacceptable):
        sound.answer(described(phone, "224.1.1.1"))
    sound.play("tone:440*1000/0")
    at.advance(2)
    assert len(phone.packets) == 50


def test_reports_are_sent_to_nobody_but_the_peer(desk):
    at = desk()
    phone = at.phone(attributes=["rtcp:5060 IN IP4 10.9.9.9"])
    at.server.network.host("10.9.9.9").datagram("10.9.9.9", 5060, lambda *_: pytest.fail("reports for somebody else"))
    sound = at.sound(phone)
    sound.play("tone:440*20000/0")
    at.advance(20)
    assert phone.reports


def test_a_flood_costs_no_more_than_a_second_may(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    sound.echo(True)
    at.advance(1)
    for _ in range(FLOOD * 5):
        phone.send(bytes(160))
    at.advance(0.1)
    assert len(phone.packets) == FLOOD
    assert sound.show()["flood"] == FLOOD * 4
    at.advance(2)
    phone.send(bytes(160))
    at.advance(0.1)
    assert len(phone.packets) == FLOOD + 1


def test_packets_longer_than_any_sound_are_not_kept(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    sound.echo(True)
    phone.send(bytes(60000))
    phone.send(bytes(10584))
    at.advance(0.1)
    assert len(phone.packets) == 1 and sound.show()["bad"] == 1


def test_strangers_use_up_nothing_of_what_the_peer_may_send(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    sound.echo(True)
    phone.send(bytes(160))
    at.advance(1)
    outside = at.server.network.host("203.0.113.66").datagram("203.0.113.66", 9, lambda *_: pytest.fail("a stranger got media"))
    for number in range(FLOOD * 3):
        phone.send(bytes(160), rtp=outside, sequence=number, timestamp=0, ssrc=77)
    phone.send(bytes(160))
    at.advance(0.1)
    assert len(phone.packets) == 2


def test_two_echoes_that_were_told_to_send_to_each_other_do_not_run_away(desk):
    at = desk()
    phones = [at.phone(9), at.phone(8)]
    sounds = [at.sound(phone) for phone in phones]
    ports = [sound.stream.port for sound in sounds]
    for sound, phone, port in zip(sounds, phones, reversed(ports), strict=True):
        sound.answer(described(phone, phone.to[0], port))
        sound.echo(True)
    sounds[0].stream.sender.forward(None, 1, 0, bytes(160), 0, 0)  # what was under way when its playing ended
    at.advance(3)
    assert sounds[0].stream.sender.packets <= 4 * FLOOD + 1


def test_whoever_tried_our_ports_before_the_phone_spoke_loses_to_the_host_of_the_signalling(desk):
    at = desk()
    phone = at.phone()
    channel = at.channel(phone)
    channel.leg.peer_host = "203.0.113.5"  # the phone's NAT
    sound = channel.media = at.media("sound", channel)
    phone.hears_where(sound.answer(described(phone, "192.168.1.7")))
    sound.echo(True)
    stolen, got = [], []
    thief = at.server.network.host("203.0.113.66").datagram("203.0.113.66", 9, lambda data, *_: stolen.append(data))
    nat = at.server.network.host("203.0.113.5").datagram("203.0.113.5", 7777, lambda data, *_: got.append(data))
    for number in range(5):
        phone.send(bytes(160), rtp=thief, sequence=number, ssrc=66)
    at.advance(0.1)
    assert len(stolen) == 3
    for number in range(10, 20):
        phone.send(bytes(160), rtp=nat, sequence=number, ssrc=5)
        phone.send(bytes(160), rtp=thief, sequence=number, ssrc=66)
        at.advance(0.02)
    assert len(got) == 8
    assert len(stolen) == 5  # the two that came before the phone's third


def test_ports_that_are_all_in_use_are_not_tried_again_one_by_one(desk):
    at = desk()
    tried = []

    class Counting:
        def datagram(self, host, port, *rest, **more):
            tried.append(port)
            return at.room.network.datagram(host, port, *rest, **more)

    ports = Ports(20000, 20007)
    pairs = [ports.open(Counting(), "10.0.0.1", None, None) for _ in range(4)]
    tried.clear()
    with pytest.raises(Unavailable):
        ports.open(Counting(), "10.0.0.1", None, None)
    assert tried == []
    other = ports.open(Counting(), "fd00::1", None, None)  # another address has its own
    for pair in (*pairs, other):
        pair.close()
    ports.open(Counting(), "10.0.0.1", None, None).close()
    assert ports.used == 0


def test_a_change_of_family_for_which_there_are_no_ports_gives_them_back_once(desk):
    at = desk('ports = "20000-20003"')
    phone = at.phone()
    sound = at.sound(phone)
    others = [at.room.ports.open(at.room.network, "fd00::1", None, None) for _ in range(2)]
    for _ in range(2):
        with pytest.raises(Unavailable):
            sound.answer(described(phone, "fd00::9"))
    sound.channel.end()
    assert at.room.ports.used == 2
    for pair in others:
        pair.close()


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0])
def test_a_wav_file_whose_format_is_said_to_be_gigabytes_long_is_none(tmp_path, size):
    path = tmp_path / "bomb.wav"
    path.write_bytes(b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<I", size) + bytes(100))
    with pytest.raises(NotSound):
        read(path, 8000)


def test_a_recording_ends_before_its_header_cannot_say_how_long_it_is(tmp_path):
    recording = Recording(tmp_path / "long.wav", 8000, seconds=0, silence=0)
    recording._writer.size = LARGEST - 320  # what 74 hours would have written
    recording.hear(bytes(320), 8000)
    assert recording.over and recording.done.value() > 74 * 3600
    assert struct.unpack("<I", (tmp_path / "long.wav").read_bytes()[4:8])[0] == LARGEST + 36


@pytest.fixture
def elsewhere(desk):
    """A phone at 198.51.100.9 whose signalling comes from `near`, while a tone is played to it."""

    def elsewhere(near, options="", endpoint="", direction="in", host="198.51.100.9"):
        at = desk(options)
        phone = at.phone(address=host)
        channel = at.channel(phone, up=False)
        channel.endpoint, channel.direction, channel.leg.peer_host = endpoint, direction, near
        channel.told_up()
        sound = channel.media = at.media("sound", channel)
        phone.hears_where(sound.answer(phone.description()))
        sound.play("tone:440*60000/0")
        at.advance(8)
        return at, phone, sound

    return elsewhere


STRICT = 'strict = "yes"'


@pytest.mark.parametrize(
    ("near", "host", "more", "sent"),
    [
        ("10.0.0.9", "198.51.100.9", {}, False),
        ("10.0.0.9", "198.51.100.9", {"options": 'strict = "no"'}, True),
        ("10.0.0.9", "198.51.100.9", {"endpoint": "trunk"}, True),  # of whom it is known who he is
        ("10.0.0.9", "198.51.100.9", {"endpoint": "trunk", "options": STRICT}, False),
        ("10.0.0.9", "198.51.100.9", {"direction": "out"}, True),  # whom we call
        ("10.0.0.9", "198.51.100.9", {"direction": "out", "options": STRICT}, False),
        ("198.51.100.9", "198.51.100.9", {}, True),
        ("198.51.100.77", "198.51.100.9", {}, True),
        ("198.51.101.9", "198.51.100.9", {}, False),
        ("::ffff:198.51.100.77", "198.51.100.9", {}, True),
        ("fd00::9", "198.51.100.9", {}, False),
        ("fd00::9", "fd00::abcd", {}, True),
        ("fd00:0:0:1::9", "fd00::abcd", {}, False),
        ("", "198.51.100.9", {"options": STRICT}, True),  # of a technology that does not know
    ],
)
def test_a_stranger_does_not_have_media_sent_to_somebody_else(elsewhere, near, host, more, sent):
    _, phone, _ = elsewhere(near, host=host, **more)
    assert (len(phone.packets) > 300, bool(phone.reports)) == (sent, sent)


def test_who_speaks_from_where_he_said_is_sent_to(elsewhere):
    at, phone, _ = elsewhere("10.0.0.9")
    assert phone.packets == []
    phone.send(bytes(160))
    at.advance(8)
    assert len(phone.packets) > 300 and phone.reports


def test_a_phone_that_is_mute_is_sent_to_when_its_first_report_has_come(elsewhere):
    at, phone, sound = elsewhere("10.0.0.9")
    phone.rtcp.send(struct.pack("!BBHI", 0x80, 201, 1, 77), (phone.to[0], phone.to[1] + 1))
    at.advance(8)
    assert len(phone.packets) > 300 and phone.reports
    sound.answer(described(phone, "198.51.100.200"))  # elsewhere again: nothing has come from there
    count = len(phone.packets)
    at.advance(2)
    assert len(phone.packets) == count and sound.stream.sender.destination is None


def test_behind_a_nat_he_is_sent_to_when_he_has_spoken(elsewhere):
    at, phone, _ = elsewhere("203.0.113.5", host="192.168.1.7")
    assert phone.packets == []
    got = []
    nat = at.server.network.host("203.0.113.5").datagram("203.0.113.5", 7777, lambda data, *_: got.append(data))
    for number in range(5):
        phone.send(bytes(160), rtp=nat, sequence=number, ssrc=5)
    at.advance(1)
    assert len(got) >= 50 and phone.packets == []


def test_the_anonymous_endpoint_is_a_stranger(sip):
    text = '[plugin.identify]\nanonymous = "guest"\n[endpoint.guest]\nauth = []\n'
    server = sip(text, intercept=["identify"], integration=["memory", "toml", "media_local"])
    room = next(one.plugin for one in server.engine.generation.listings() if one.name == "media_local")._room
    assert room.strangers == {"", "guest"}

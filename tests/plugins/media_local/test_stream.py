"""Streams: who the peer is (RFC 4961), reports (RFC 3550 6), one port for both (RFC 5761), ports."""

import struct

import pytest

from pipeline.core.media import Unavailable


def said(phone, count, **more):
    for _ in range(count):
        phone.send(bytes(160), **more)


def test_media_go_to_where_they_come_from(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    sound.echo(True)
    nat = at.server.network.host("203.0.113.5")
    got = []
    outside = nat.datagram("203.0.113.5", 7777, lambda data, source, local: got.append(data))
    said(phone, 6, rtp=outside)
    at.advance(0.1)
    assert len(got) == 4  # from the third packet in sequence on
    assert not phone.packets
    assert sound.show()["peer"] == "203.0.113.5:7777"


def test_who_was_found_stays_and_others_are_strangers(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    sound.echo(True)
    said(phone, 2)
    at.advance(0.1)
    stranger = at.server.network.host("203.0.113.66").datagram("203.0.113.66", 9, lambda *_: pytest.fail("a stranger got media"))
    for number in range(50):
        phone.send(bytes(160), rtp=stranger, sequence=number, timestamp=0, ssrc=77)
        phone.send(bytes(160), rtp=stranger, timestamp=0)  # also with the right SSRC, while the peer speaks
        at.advance(0.02)
        said(phone, 1)
    at.advance(0.1)
    assert len(phone.packets) == 52
    assert sound.show()["strangers"] == 100


def test_who_moves_keeps_its_ssrc_and_has_fallen_silent(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    sound.echo(True)
    said(phone, 5)
    at.advance(3)
    got = []
    moved = at.server.network.host("203.0.113.5").datagram("203.0.113.5", 7777, lambda data, source, local: got.append(data))
    said(phone, 5, rtp=moved)
    at.advance(0.1)
    assert len(got) == 3
    other = at.server.network.host("203.0.113.6").datagram("203.0.113.6", 7777, lambda *_: pytest.fail("taken over"))
    at.advance(3)
    said(phone, 20, rtp=other, ssrc=5)
    at.advance(0.1)
    assert sound.show()["peer"] == "203.0.113.5:7777"


def test_a_new_description_is_learned_anew(desk):
    at = desk()
    phone, second = at.phone(), at.phone(port=5000)
    sound = at.sound(phone)
    sound.echo(True)
    said(phone, 2)
    at.advance(0.1)
    second.hears_where(sound.answer(second.description()))
    said(second, 3)
    at.advance(0.1)
    assert len(second.packets) == 3


def test_without_symmetry_only_the_description_counts(desk):
    at = desk("symmetric = false")
    phone = at.phone()
    sound = at.sound(phone)
    sound.echo(True)
    other_port = phone.host.datagram(phone.address, 7000, lambda *_: pytest.fail("sent to the source"))
    said(phone, 3, rtp=other_port)
    at.advance(0.1)
    assert len(phone.packets) == 3


def test_reports_come_every_five_seconds_or_so_and_say_what_was_lost(desk):
    at = desk("rtp_timeout = 0")
    phone = at.phone()
    at.sound(phone).echo(True)
    for number in range(100):
        if number % 10 != 5:
            phone.send(bytes(160), sequence=number, timestamp=160 * number)
        at.advance(0.02)
    at.advance(58)
    assert 8 <= len(phone.reports) <= 24
    first = phone.reports[0]
    assert first[1] == 200  # we sent: a sender report
    ntp, _, _, packets, octets = struct.unpack_from("!IIIII", first, 8)
    assert (packets, octets) == (90, 14400)
    assert 0 < ntp - 2208988800 - 1_800_000_000 < 9
    source, loss, highest, _, _, _ = struct.unpack_from("!IIIIII", first, 28)
    assert (source, loss & 0xFFFFFF, highest) == (phone.ssrc, 10, 99)
    assert loss >> 24 == 25
    assert b"@sipline" in first
    assert phone.reports[-1][1] == 201  # nothing was sent since: a receiver report
    assert phone.sequence == 1000


def test_what_the_peer_reports_is_shown(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    said(phone, 1)
    at.advance(8)
    ours, last = sound.stream.sender.ssrc, phone.reports[-1]
    middle = struct.unpack_from("!I", last, 10)[0] if last[1] == 200 else 0
    assert last[1] == 201
    block = struct.pack("!IIIIII", ours, 64 << 24 | 7, 5, 80, middle, 0)
    phone.rtcp.send(struct.pack("!BBHI", 0x81, 201, 7, phone.ssrc) + block, (phone.to[0], phone.to[1] + 1))
    at.advance(0.1)
    shown = sound.show()
    assert (shown["peer_lost"], shown["peer_loss"], shown["peer_jitter_ms"]) == (7, 0.25, 10.0)


def test_the_round_trip_is_measured(desk):
    at = desk()
    at.server.network.delay = (0.05, 0.05)
    phone = at.phone()
    sound = at.sound(phone)
    sound.echo(True)
    said(phone, 5)

    def answer(data, source, local):
        if data[1] == 200:
            seconds, fraction = struct.unpack_from("!II", data, 8)
            last = (seconds & 0xFFFF) << 16 | fraction >> 16
            block = struct.pack("!IIIIII", sound.stream.sender.ssrc, 0, 5, 0, last, 0)
            phone.rtcp.send(struct.pack("!BBHI", 0x81, 201, 7, phone.ssrc) + block, source)

    phone.rtcp.on_datagram = answer
    at.advance(10)
    assert sound.show()["round_trip_ms"] == pytest.approx(100, abs=1)


def test_a_goodbye_is_said(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    said(phone, 3)
    at.advance(0.1)
    sound.close()
    at.advance(0.1)
    assert phone.reports[-1][-8:-4] == struct.pack("!BBH", 0x81, 203, 1)


def test_one_port_is_enough_for_both_when_both_say_so(desk):
    at = desk()
    phone = at.phone(attributes=("rtcp-mux",))
    sound = at.sound(phone)
    assert b"a=rtcp-mux" in sound.local.encode()
    assert sound.stream.pair.rtcp is None
    said(phone, 3)
    at.advance(8)
    assert phone.reports
    assert sound.stream.bad == 0
    plain = at.sound(at.phone(8))
    assert b"rtcp-mux" not in plain.local.encode()
    assert plain.stream.pair.rtcp is not None


def test_ports_are_even_and_come_back(desk):
    at = desk('ports = "20001-20006"')
    phones = [at.phone(2 + n) for n in range(3)]
    sounds = [at.sound(phone) for phone in phones[:2]]
    assert {sound.stream.port for sound in sounds} == {20002, 20004}
    with pytest.raises(Unavailable, match="all 2 pairs"):
        at.sound(phones[2])
    sounds[0].close()
    at.sound(phones[2])


def test_ports_that_others_hold_are_passed_over(desk):
    at = desk('ports = "20000-20003"')
    at.server.host.datagram("10.0.0.1", 20001, lambda *_: None)
    assert at.sound(at.phone()).stream.port == 20002


def test_ipv6_is_spoken_with_who_speaks_it(desk):
    at = desk()
    phone = at.phone(address="fd00::9")
    sound = at.sound(phone)
    sound.echo(True)
    assert b"c=IN IP6 fd00::1" in sound.local.encode()
    said(phone, 3)
    at.advance(0.1)
    assert len(phone.packets) == 3


def test_what_is_no_rtp_is_counted_and_harmless(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    sound.echo(True)
    for data in (
        b"",
        b"x",
        b"\x80" * 11,
        bytes(200),
        b"\xff" * 200,
        b"\x9f" + bytes(30),
        b"\xa0\x00" + bytes(30),
        b"\x80\x63" + bytes(170),
    ):
        phone.rtp.send(data, phone.to)
        phone.rtcp.send(data, (phone.to[0], phone.to[1] + 1))
    at.advance(0.1)
    assert not phone.packets
    assert sound.show()["bad"] >= 8
    assert sound.show()["unknown"] == 1


def test_comfort_noise_is_passed_over(desk):
    at = desk()
    phone = at.phone()
    sound = at.sound(phone)
    sound.echo(True)
    phone.send(b"\x40", kind=13)
    at.advance(0.1)
    assert not phone.packets
    assert "unknown" not in sound.show()


def test_padding_extension_and_sources_are_taken_off(desk):
    at = desk()
    phone = at.phone()
    at.sound(phone).echo(True)
    head = struct.pack("!BBHII", 0x80 | 0x20 | 0x10 | 0x01, 0, 1, 160, 5)
    phone.rtp.send(head + b"SRC1" + struct.pack("!HH", 0xBEDE, 1) + b"ABCD" + b"s" * 160 + b"\0\0\0\4", phone.to)
    at.advance(0.1)
    assert phone.packets[0][5] == b"s" * 160

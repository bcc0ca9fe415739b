"""Mirror of pipeline/sip/sdp.py."""

from __future__ import annotations

import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.conformance.marks import rfc
from pipeline.sip import sdp
from pipeline.sip.grammar import Malformed

SHARED = pathlib.Path(__file__).parents[3] / "shared"
BODY = (
    "v=0\r\no=a 1 2 IN IP6 2001:db8::20\r\ns=\r\nc=IN IP6 2001:db8::20\r\nt=0 0\r\na=recvonly\r\n"
    "m=audio 49217 RTP/AVP 0 12\r\na=rtpmap:0 PCMU/8000\r\n"
    "m=video 3227/2 RTP/AVP 31\r\nc=IN IP4 224.2.1.1/127\r\na=sendonly\r\nm=application 0 TCP/BFCP *\r\n"
)
PHONE = (
    "v=0\r\no=- 1 2 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\na=setup:actpass\r\na=ice-ufrag:u\r\n"
    "m=audio 4000 RTP/SAVP 8 96 101 111\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-16\r\na=ptime:30\r\na=rtcp:4005 IN IP4 10.0.0.3\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc|2^20 KDR=1\r\n"
    "a=crypto:x AES inline:abc\r\na=crypto:2 AES\r\na=crypto:3 AES inline:\r\na=fingerprint:sha-256 4A:AD\r\na=ice-pwd:p\r\n"
    "a=candidate:1 1 UDP 2130706431 10.0.0.2 4000 typ host\r\na=candidate:broken\r\na=candidate:1 x UDP 1 h 1 typ host\r\n"
)


@rfc("4566", "5")
def test_a_description_is_split_into_session_and_media():
    found = sdp.parse(BODY.encode())
    assert str(found.origin) == "a 1 2 IN IP6 2001:db8::20"
    assert (found.origin.session, found.origin.version) == ("1", "2")
    assert (found.connection, found.address) == ("IN IP6 2001:db8::20", "2001:db8::20")
    assert [(media.kind, media.port, media.ports, media.protocol, media.formats, media.address) for media in found.media] == [
        ("audio", 49217, 1, "RTP/AVP", ("0", "12"), "2001:db8::20"),
        ("video", 3227, 2, "RTP/AVP", ("31",), "224.2.1.1"),
        ("application", 0, 1, "TCP/BFCP", ("*",), "2001:db8::20"),
    ]
    assert [media.direction for media in found.media] == ["recvonly", "sendonly", "recvonly"]
    assert ("a", "rtpmap:0 PCMU/8000") in found.media[0].lines
    assert found.lines[0] == ("v", "0")
    assert found.encode() == BODY.encode()


def test_bare_line_feeds_blank_lines_around_and_a_session_without_media_are_let_by():
    found = sdp.parse(b"\nv=0\no=a 1 2 IN IP4 h\nt=0 0\n\n")
    assert found.media == ()
    assert found.encode() == b"v=0\r\no=a 1 2 IN IP4 h\r\nt=0 0\r\n"


def test_a_user_name_with_blanks_is_the_users_affair():
    found = sdp.parse(b"v=0\no=Some Phone 1.0 7 8 IN IP4 h\ns=-\n")
    assert (found.origin.username, found.origin.session, found.origin.version) == ("Some Phone 1.0", "7", "8")


@pytest.mark.parametrize(
    ("connection", "address"),
    [
        ("IN IP6 ::ffff:192.0.2.2", "::ffff:192.0.2.2"),
        ("IN IP6 ff15::101/3", "ff15::101"),
        ("IN IP6 host.example.com", "host.example.com"),
        ("IN IP4 host.example.com", "host.example.com"),
        ("IN IP4 192.168.001.010", "192.168.001.010"),
    ],
)
def test_an_address_may_be_a_name_or_of_the_family_that_is_said(connection, address):
    assert sdp.parse(f"v=0\no=a 1 2 IN IP4 h\nc={connection}\nt=a b\nm=audio 9 RTP/AVP 0\n".encode()).media[0].address == address


def test_session_and_version_may_be_numbers_of_any_length():
    origin = sdp.parse(b"v=0\no=- 97173171137879808100000000001 0 IN IP6 ::1\n").origin
    assert (origin.session, origin.version) == ("97173171137879808100000000001", "0")


def test_what_a_phone_says_of_its_audio_is_understood():
    (audio,) = sdp.parse(PHONE.encode()).media
    assert [(e.payload, *e.key, e.parameters) for e in audio.encodings] == [
        (8, "PCMA", 8000, 1, ""),
        (96, "OPUS", 48000, 2, "useinbandfec=1"),
        (101, "TELEPHONE-EVENT", 8000, 1, "0-16"),
    ]
    assert audio.encodings[1].rtpmap == "96 opus/48000/2"
    assert (audio.ptime, audio.rtcp) == (30, ("10.0.0.3", 4005))
    assert [str(key) for key in audio.cryptos] == ["1 AES_CM_128_HMAC_SHA1_80 inline:abc|2^20 KDR=1"]
    assert (audio.fingerprint, audio.ice, audio.attribute("setup")) == ("sha-256 4A:AD", ("u", "p"), "actpass")
    assert [(c.component, c.address, c.port, c.type) for c in audio.candidates] == [(1, "10.0.0.2", 4000, "host")]
    assert audio.attribute("sendrecv") is None
    assert not audio.held


@rfc("3605", "2.1")
@pytest.mark.parametrize(
    ("line", "rtcp"),
    [
        ("a=rtcp:5000\r\n", ("10.0.0.2", 5000)),
        ("a=rtcp-mux\r\n", ("10.0.0.2", 4000)),
        ("", ("10.0.0.2", 4001)),
        ("a=rtcp:x\r\n", ("10.0.0.2", 4001)),
    ],
)
def test_rtcp_goes_where_it_is_said_to(line, rtcp):
    assert sdp.parse(f"v=0\r\no=- 1 2 IN IP4 h\r\nc=IN IP4 10.0.0.2\r\nm=audio 4000 RTP/AVP 0\r\n{line}".encode()).media[0].rtcp == rtcp


@pytest.mark.parametrize(
    ("change", "held"),
    [(("", ""), False), (("a=ptime:30", "a=sendonly"), True), (("a=ptime:30", "a=inactive"), True), (("a=ptime:30", "a=recvonly"), False)],
)
def test_hold_is_seen_by_direction_or_by_no_address(change, held):
    assert sdp.parse(PHONE.replace(*change).encode()).media[0].held is held


@rfc("3264", "8.4")
def test_no_address_is_hold_in_the_old_way():
    assert sdp.parse(PHONE.replace("c=IN IP4 10.0.0.2", "c=IN IP4 0.0.0.0").encode()).media[0].held


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "a line must be a letter, '=' and a value"),
        ("hello", "a line must be a letter, '=' and a value"),
        ("o=x", "it must begin with v=0"),
        ("v=1", "it must begin with v=0"),
        ("v=0\r\n\r\ns=-", "a line must be a letter, '=' and a value"),
        ("v=0\r\ns=-", "o= is missing"),
        ("v=0\r\no=a b\r\ns=-", "o= must have six parts"),
        ("v=0\r\no=u S1 1 IN IP4 h\r\ns=-", "session and version in o= must be numbers"),
        ("v=0\r\no=u 1 -1 IN IP4 h\r\ns=-", "session and version in o= must be numbers"),
        ("v=0\r\no=u 1 \u0661 IN IP4 h\r\ns=-", "session and version in o= must be numbers"),
        ("v=0\r\no=u 1 1 AF IP4 h\r\ns=-", "o= must be of IN IP4 or IP6"),
        ("v=0\r\no=u 1 1 IN IP5 h\r\ns=-", "o= must be of IN IP4 or IP6"),
        (BODY.replace("c=IN IP6 2001:db8::20", "c=IN IP6 127.0.0.1"), "the address in c= is none of IP6"),
        (BODY.replace("c=IN IP6 2001:db8::20", "c=IN IP4 2001:db8::20"), "the address in c= is none of IP4"),
        (BODY.replace("c=IN IP4 224.2.1.1/127", "c=IN IP6 224.2.1.1/127"), "the address in c= is none of IP6"),
        ("v=0\r\no=a 1 2 IN IP4 h\r\ns=a\rb", "a line must not hold CR or NUL"),
        ("v=0\r\no=a 1 2 IN IP4 h\r\ns=a\0b", "a line must not hold CR or NUL"),
        ("v=0\r\ns=" + "x" * 65536, "more than 65535 bytes"),
        (BODY + "a=x\r\n" * sdp.MOST_LINES, "more than 2400 lines"),
        (BODY + "m=audio 9 RTP/AVP 0\r\n" * (sdp.MOST_MEDIA - 2), "more than 64 m= lines"),
        (BODY.replace("t=0 0", "a=x\r\n" * sdp.MOST_SESSION_LINES + "t=0 0"), "more than 128 lines before the first m="),
        (BODY.replace("t=0 0", "y=1"), "y= does not belong here"),
        (BODY.replace("a=rtpmap", "t=rtpmap"), "t= does not belong here"),
        (BODY.replace("c=IN IP6 2001:db8::20", "c=IN IP9 x"), "c= must be IN IP4 or IP6 and an address"),
        (BODY.replace("c=IN IP4 224.2.1.1/127", "c=AF IP4 224.2.1.1"), "c= must be IN IP4 or IP6 and an address"),
        (BODY.replace("c=IN IP6 2001:db8::20\r\n", ""), "no c= for a medium"),
        (BODY.replace("49217", "x"), "m= must be media, port, protocol and formats"),
        (BODY.replace("49217", "65536"), "m= must be media, port, protocol and formats"),
        (BODY.replace("3227/2", "3227/x"), "m= must be media, port, protocol and formats"),
        (BODY.replace("m=audio 49217 RTP/AVP 0 12", "m=audio"), "m= must be media, port, protocol and formats"),
    ],
)
def test_what_is_no_description_says_why(body, why):
    with pytest.raises(Malformed) as caught:
        sdp.parse(body.encode())
    assert (caught.value.reason, caught.value.status) == (f"Bad session description: {why}", 400)


def test_as_many_lines_and_media_as_may_be_are_read():
    session = BODY[: BODY.index("m=")] + "a=x\r\n" * (sdp.MOST_SESSION_LINES - 6)
    media = "m=audio 9 RTP/AVP 0\r\n" * sdp.MOST_MEDIA
    body = session + media + "a=x\r\n" * (sdp.MOST_LINES - sdp.MOST_SESSION_LINES - sdp.MOST_MEDIA)
    found = sdp.parse(body.encode())
    assert (len(found.lines), len(found.media), found.encode().count(b"\n")) == (128, 64, 2400)


def test_an_attribute_is_found_by_its_whole_name():
    (audio,) = sdp.parse(b"v=0\no=a 1 2 IN IP4 h\nc=IN IP4 h\nm=audio 9 RTP/AVP 0\na=rtcp-mux\na=rtcp:9\na=rtcp\nb=rtcp:1\n").media
    assert audio.attributes("rtcp") == ["9", ""]


def test_edits_give_new_descriptions_and_leave_the_old():
    old = sdp.parse(BODY.encode())
    new = old.with_origin(sdp.Origin("-", "9", "1", "10.0.0.1")).with_connection("10.0.0.1").with_attribute("x", "y")
    assert new.lines[1:] == (
        ("o", "- 9 1 IN IP4 10.0.0.1"), ("s", ""), ("c", "IN IP4 10.0.0.1"), ("t", "0 0"), ("a", "recvonly"), ("a", "x:y"),
    )  # fmt: skip
    assert [media.address for media in new.media] == ["10.0.0.1"] * 3
    assert new.attribute("x") == "y"
    assert new.without("x").attribute("x") is None
    assert old.encode() == BODY.encode()
    first, second, third = new.media
    assert first.with_port(7).line == "audio 7 RTP/AVP 0 12"
    assert second.with_direction("inactive").direction == "inactive"
    assert second.with_connection("10.0.0.9").lines[0] == ("c", "IN IP4 10.0.0.9")
    assert third.with_attribute("flag").attribute("flag") == ""
    assert first.without("rtpmap").lines == ()
    assert second.refused().line == "video 0 RTP/AVP 31"
    assert new.same(old.with_connection("10.0.0.1").with_attribute("x", "y"))
    assert not new.same(old)
    assert not new.same(None)


def test_a_session_without_c_gets_one_where_it_belongs():
    body = b"v=0\r\no=a 1 2 IN IP4 h\r\ns=-\r\nb=AS:1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\nc=IN IP4 10.0.0.5\r\n"
    assert [kind for kind, _ in sdp.parse(body).with_connection("10.0.0.1").lines] == list("voscbt")


@pytest.mark.parametrize(
    "path",
    sorted(SHARED.glob("fuzz/sofia-sip/sdp/*.sdp")) + sorted(SHARED.glob("fuzz/pjsip-seeds/fuzz-sdp/*.sdp")),
    ids=lambda path: path.name,
)
def test_shared_descriptions_round_trip_or_say_what_is_wrong(path):
    """message-1 has another version, message-6 no o= (whose description would it be?), input.6 a broken m=."""
    body = path.read_bytes()
    if path.name in ("message-1.sdp", "message-6.sdp", "input.6.sdp"):
        with pytest.raises(Malformed):
            sdp.parse(body)
    else:
        found = sdp.parse(body)
        assert found.encode() == body
        assert [media.encodings for media in found.media]


@given(
    st.binary(max_size=400)
    | st.lists(st.sampled_from(BODY.splitlines() + PHONE.splitlines()), max_size=20).map(lambda lines: "\r\n".join(lines).encode())
)
def test_whatever_comes_is_a_description_or_malformed(body):
    try:
        found = sdp.parse(body)
    except Malformed:
        return
    again = sdp.parse(found.encode())
    assert again == found
    for media in found.media:
        assert media.direction in sdp.DIRECTIONS
        assert media.port < 65536
        _ = media.encodings, media.rtcp, media.ptime, media.cryptos, media.candidates, media.ice, media.held

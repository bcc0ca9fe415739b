"""Mirror of pipeline/sip/sdp.py."""

from __future__ import annotations

import pytest

from pipeline.sip import sdp
from pipeline.sip.grammar import Malformed

BODY = (
    "v=0\r\no=a 1 2 IN IP6 2001:db8::20\r\ns=\r\nc=IN IP6 2001:db8::20\r\nt=0 0\r\n"
    "m=audio 49217 RTP/AVP 0 12\r\na=rtpmap:0 PCMU/8000\r\n"
    "m=video 3227/2 RTP/AVP 31\r\nc=IN IP4 224.2.1.1/127\r\nm=application 0 TCP/BFCP *\r\n"
)


def test_a_description_is_split_into_session_and_media():
    found = sdp.parse(BODY.encode())
    assert found.origin == "a 1 2 IN IP6 2001:db8::20"
    assert found.connection == "IN IP6 2001:db8::20"
    assert [(media.kind, media.port, media.protocol, media.formats, media.address) for media in found.media] == [
        ("audio", 49217, "RTP/AVP", ("0", "12"), "2001:db8::20"),
        ("video", 3227, "RTP/AVP", ("31",), "224.2.1.1"),
        ("application", 0, "TCP/BFCP", ("*",), "2001:db8::20"),
    ]
    assert ("a", "rtpmap:0 PCMU/8000") in found.media[0].lines
    assert found.lines[0] == ("v", "0")


def test_bare_line_feeds_and_a_session_without_media_are_let_by():
    assert sdp.parse(b"v=0\no=a 1 2 IN IP4 h\ns=-\nt=0 0\n").media == ()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "a line must be a letter, '=' and a value"),
        ("hello", "a line must be a letter, '=' and a value"),
        ("o=x", "it must begin with v=0"),
        ("v=1", "it must begin with v=0"),
        ("v=0\r\ns=-", "o= or s= is missing"),
        ("v=0\r\no=a b\r\ns=-", "o= must have six parts"),
        (BODY.replace("t=0 0", "y=1"), "y= does not belong here"),
        (BODY.replace("a=rtpmap", "t=rtpmap"), "t= does not belong here"),
        (BODY.replace("c=IN IP6 2001:db8::20", "c=IN IP9 x"), "c= must be IN IP4 or IP6 and an address"),
        (BODY.replace("c=IN IP6 2001:db8::20\r\n", ""), "no c= for a medium"),
        (BODY.replace("49217", "x"), "m= must be media, port, protocol and formats"),
        (BODY.replace("49217", "65536"), "m= must be media, port, protocol and formats"),
        (BODY.replace("m=audio 49217 RTP/AVP 0 12", "m=audio"), "m= must be media, port, protocol and formats"),
    ],
)
def test_what_is_no_description_says_why(body, why):
    with pytest.raises(Malformed) as caught:
        sdp.parse(body.encode())
    assert caught.value.reason == f"Bad session description: {why}"

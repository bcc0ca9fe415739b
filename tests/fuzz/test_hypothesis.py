"""Each target with what hypothesis makes up: octets, pieces of SIP in any order, and honest messages with something changed in them."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import FIELDS, HEAD, LONGEST, TARGETS

PIECES = st.sampled_from(
    [
        *(name + b": " for name in FIELDS), b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\t", b";", b",", b"<", b">", b'"', b"\\", b"=", b":", b"@",
        b"%", b"%00", b"%ff", b"\0", b"\xff", b"[::1]", b"[", b"]", b"sip:", b"sips:", b"tel:", b"SIP/2.0", b"SIP/2.0/UDP ", b";branch=z9hG4bK",
        b";tag=", b";lr", b";expires=", b"*", b"0", b"4294967296", b"-1", b"99999999999999999999", b"REGISTER ", b"INVITE ", b"ACK ", b"200 OK",
        b"Digest ", b'nonce="', b"qop=auth", b"v=0\r\n", b"m=audio 0 RTP/AVP 0\r\n", b"a=rtpmap:", b"c=IN IP4 ", b"\xc3\xa9", b"\xed\xa0\x80",
    ]
)  # fmt: skip
SOUP = st.lists(PIECES | st.binary(max_size=20), max_size=60).map(b"".join)


@st.composite
def changed(draw):
    """An honest request in which some octets are others, gone, or said twice."""
    data = bytearray(
        b"REGISTER sip:b SIP/2.0\r\n" + HEAD % b"REGISTER" + b"Contact: <sip:a@10.0.0.9;transport=udp>;q=0.5;expires=60\r\n\r\n"
    )
    for _ in range(draw(st.integers(1, 6))):
        at, size, new = draw(st.integers(0, len(data))), draw(st.integers(0, 30)), draw(PIECES | st.binary(max_size=8))
        data[at : at + size] = new * draw(st.sampled_from([1, 1, 1, 2, 500]))
    return bytes(data)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_malformed_is_raised_and_nothing_takes_long(name):
    @settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(SOUP | changed() | st.binary(max_size=300))
    def run(data):
        begin = time.perf_counter()
        TARGETS[name](data)
        assert time.perf_counter() - begin < LONGEST

    run()

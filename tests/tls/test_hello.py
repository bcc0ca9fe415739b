"""The first record of a TLS connection: who sends it an octet at a time meets no OpenSSL. RFC 8446 5.1."""

import pytest

from pipeline.tls.hello import LARGEST, Hello, whole

RECORD = b"\x16\x03\x01\x00\x04abcd"


class Wire:
    on_data = None


def test_a_hello_in_single_octets_is_handed_on_once_and_whole():
    wire, heard = Wire(), []
    Hello(wire, heard.append)
    for octet in RECORD[:-1]:
        wire.on_data(bytes([octet]))
    assert heard == []
    wire.on_data(RECORD[-1:] + b"more")
    assert heard == [RECORD + b"more"]


@pytest.mark.parametrize("data", [b"OPTIONS sip:x SIP/2.0\r\n", b"\x15\x03\x01", b"\x16\x03\x01" + (LARGEST + 1).to_bytes(2, "big")])
def test_what_will_never_be_one_is_handed_on_at_once_for_openssl_to_say_so(data):
    assert whole(data)


@pytest.mark.parametrize("size", range(len(RECORD)))
def test_a_piece_of_a_hello_is_kept(size):
    assert not whole(RECORD[:size])

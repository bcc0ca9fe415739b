"""The kernel's filter on a real socket: what is let through, and what never reaches us."""

import contextlib
import random
import socket
import sys

import pytest

from pipeline.sieve import attach
from pipeline.sip.stun import COOKIE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="SO_ATTACH_FILTER is Linux's")


@pytest.fixture(params=["127.0.0.1", "::1"])
def through(request):
    """Give what comes through of some datagrams."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as server, socket.socket(family, socket.SOCK_DGRAM) as client:
        server.bind((request.param, 0))
        server.setblocking(False)
        assert attach(server)

        def through(*datagrams):
            found = []
            for data in datagrams:
                client.sendto(data, server.getsockname()[:2])
                with contextlib.suppress(BlockingIOError):
                    found.append(server.recv(65535))
            return found

        yield through


@pytest.mark.parametrize(
    "data",
    [
        b"REGISTER sip:example.com SIP/2.0\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"\r\n\r\n",
        b"\r\n\r\nOPTIONS sip:example.com SIP/2.0\r\n\r\n",
        b"\nOPTIONS sip:example.com SIP/2.0\r\n\r\n",
        b"ACK sip:b SIP/2.0\r\n\r\n",
        b"!interesting-Method0123456789_*+`.%indeed'~ sip:b SIP/2.0\r\n\r\n",
        b"\0\1\0\0" + COOKIE + bytes(12),
        b"\0\1\4\xbc" + COOKIE + bytes(1224),
        b"INVITE sip:b SIP/2.0\r\nSubject: " + b"x" * 60000 + b"\r\n\r\n",
    ],
)
def test_messages_keepalives_and_stun_come_through_whole(through, data):
    assert through(data) == [data]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\0\0\0\0",
        b"\xff" * 100,
        b"\x16\x03\x01\x02\x00" + bytes(500),
        b"INVITE\0 sip:b SIP/2.0\r\n\r\n",
        b"\0\1\0\0" + bytes(16),
        b"\0\1\4\xc0" + COOKIE + bytes(1228),
    ],
)
def test_what_can_be_none_of_these_does_not(through, data):
    assert through(data) == []


def test_of_random_octets_almost_nothing_comes_through(through):
    made = random.Random(1)
    garbage = [made.randbytes(made.randint(8, 400)) for _ in range(5000)]
    assert len(through(*garbage)) < 100  # one in 25 begins as an empty line does, one in 3,000 as a message

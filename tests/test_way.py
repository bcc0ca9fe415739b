"""pipeline/way.py: who is gone when his connection is closed. By which way requests go is in tests/flows/test_calls_ways.py."""

import pytest

from pipeline.dal import Endpoint
from pipeline.way import is_registered

PHONE = Endpoint(id="alice", auth=("alice",), aors=("alice@example.com",))
TRUNK = Endpoint(id="trunk", auth=(), aors=("trunk@example.com",))


@pytest.mark.parametrize(
    ("endpoint", "target", "registers"),
    [
        (PHONE, "sip:alice@192.0.2.1", True),
        (TRUNK, "sip:pbx@192.0.2.9:5061;transport=tls", False),
        (None, "sip:pbx@192.0.2.9:5061;transport=tls", False),
        (None, "sip:x@a1b2.invalid;transport=ws", True),
        (TRUNK, "sip:x@192.0.2.9;transport=ws", True),
        (TRUNK, "sip:x@192.0.2.9;ob", True),
        (None, "no address", False),
    ],
)
def test_who_registers_to_be_reached_is_gone_with_his_connection_and_a_trunk_is_not(endpoint, target, registers):
    assert is_registered(endpoint, target) is registers

"""What fuzzing has found, each as a test."""

import pytest

from pipeline.sip.framing import Framer, Limits
from tests.fuzz.targets import framing


@pytest.mark.parametrize("over", range(-3, 5))
def test_a_head_at_its_limit_is_judged_alike_in_one_piece_and_in_many(over):
    """Of the empty line that ends it a part came beyond the limit: in pieces it was refused, in one it was not."""
    data = b"OPTIONS sip:b SIP/2.0\r\nContent-Length: 0\r\nX: "
    data += b"x" * (2048 + over - len(data)) + b"\r\n\r\n"
    framing(data)
    framer = Framer(Limits(head=2048, body=2048))
    if over <= 0:
        assert framer.feed(data) == [data]

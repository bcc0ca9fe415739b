"""What fuzzing has found, each as a test."""

import pytest

from pipeline.sip.framing import Framer, Limits
from tests.fuzz.malformed import multiparts
from tests.fuzz.targets import framing
from tests.fuzz.whole import Whole


@pytest.mark.parametrize("over", range(-3, 5))
def test_a_head_at_its_limit_is_judged_alike_in_one_piece_and_in_many(over):
    """Of the empty line that ends it a part came beyond the limit: in pieces it was refused, in one it was not."""
    data = b"OPTIONS sip:b SIP/2.0\r\nContent-Length: 0\r\nX: "
    data += b"x" * (2048 + over - len(data)) + b"\r\n\r\n"
    framing(data)
    framer = Framer(Limits(head=2048, body=2048))
    if over <= 0:
        assert framer.feed(data) == [data]


def test_no_description_in_a_broken_multipart_is_overlooked():
    """Such an INVITE is refused, or its offer (0 and 101) is answered; it was answered with an offer of the server's own (0, 8, 96 and 101)."""
    fed, wrong, count = Whole(), [], 0
    for name, kind, body in multiparts():
        if b"\r\n\r\n" in kind or len(body) > 60000 or len(kind) > 16000:
            continue
        count += 1
        fed.forget()
        fed.phone.send(fed.message("INVITE", "sip:600@b", body=body, kind="%K").replace(b"%K", kind), ("10.0.0.1", 5060))
        fed.server.advance(0.1)
        call = b"\r\nCall-ID: f%d\r\n" % fed.serial
        said = [data for data in fed.came if data.startswith(b"SIP/2.0 2") and call in data]
        wrong += [(name, line) for data in said if b" 8" in (line := data.partition(b"\r\nm=audio ")[2].split(b"\r\n")[0])]
        if not count % 50:
            fed.over()
    fed.over()
    fed.server.close()
    assert count > 1000
    assert not wrong

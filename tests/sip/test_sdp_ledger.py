"""Mirror of pipeline/sip/sdp_ledger.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sip import sdp
from pipeline.sip.grammar import Malformed
from pipeline.sip.sdp_ledger import Ledger


def body(*media, origin="- 99 5 IN IP4 10.0.0.9"):
    return f"v=0\r\no={origin}\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n{''.join(f'm={line}{chr(13)}{chr(10)}' for line in media)}".encode()


def kinds(description):
    return [(media.kind, media.port) for media in sdp.parse(description).media]


AUDIO, VIDEO = "audio 4000 RTP/AVP 0", "video 5000 RTP/AVP 31"


def test_the_far_side_sees_one_describer_whose_version_rises_with_each_difference():
    ledger = Ledger(7, "10.0.0.1")
    assert ledger.sent == b""
    assert ledger.offer(body(AUDIO)) == body(AUDIO, origin="- 7 1 IN IP4 10.0.0.1")
    ledger.answered(body(AUDIO))
    ledger.offered(body(AUDIO))
    assert ledger.answer(body(AUDIO, origin="somebody 3 4 IN IP4 h")) == ledger.sent == body(AUDIO, origin="- 7 1 IN IP4 10.0.0.1")
    assert ledger.offer(body(VIDEO.replace("video", "audio"))) == body(VIDEO.replace("video", "audio"), origin="- 7 2 IN IP4 10.0.0.1")
    assert ledger.version == 2


def test_an_ipv6_address_is_written_as_one():
    assert b"o=- 7 1 IN IP6 fd00::1\r\n" in Ledger(7, "fd00::1").offer(body(AUDIO).replace(b"\r\n", b"\n"))


def test_other_media_get_the_places_that_the_session_has_and_their_answer_is_put_back():
    ledger = Ledger(7, "10.0.0.1")
    ledger.offered(body(AUDIO, VIDEO))
    ledger.answer(body(AUDIO, VIDEO))
    assert kinds(ledger.offer(body("video 1 RTP/AVP 31", "audio 2 RTP/AVP 8", "image 3 udptl t38"))) == [
        ("audio", 2),
        ("video", 1),
        ("image", 3),
    ]
    answer = body("audio 12 RTP/AVP 8", "video 11 RTP/AVP 31", "image 13 udptl t38")
    assert kinds(ledger.early(answer)) == kinds(ledger.answered(answer)) == [("video", 11), ("audio", 12), ("image", 13)]
    assert kinds(ledger.offer(body(AUDIO))) == [("audio", 4000), ("video", 0), ("image", 0)]
    assert kinds(ledger.answered(body(AUDIO, "video 0 RTP/AVP 31", "image 0 udptl t38"))) == [("audio", 4000)]


def test_a_refused_offer_takes_no_places():
    ledger = Ledger(7, "10.0.0.1")
    ledger.offer(body(AUDIO))
    ledger.answered(body(AUDIO))
    ledger.offer(body(AUDIO, VIDEO))
    ledger.refused()
    assert kinds(ledger.offer(body(AUDIO))) == [("audio", 4000)]
    assert ledger.version == 3


def test_an_answer_with_too_few_lines_refuses_the_rest():
    ledger = Ledger(7, "10.0.0.1")
    ledger.offered(body(AUDIO, VIDEO))
    assert kinds(ledger.answer(body(AUDIO))) == [("audio", 4000), ("video", 0)]


def test_what_has_no_origin_is_malformed():
    with pytest.raises(Malformed, match="o= is missing"):
        Ledger(7, "h").offer(b"v=0\r\n")


def test_what_was_refused_is_not_what_we_have_said():
    ledger = Ledger(7, "10.0.0.1")
    first = ledger.offer(body("audio 4000 RTP/AVP 0"))
    ledger.answered(first)
    plain = ledger.plain
    ledger.offer(body("audio 5000 RTP/AVP 0"))
    ledger.refused()
    assert ledger.plain == plain
    again = sdp.parse(ledger.offer(ledger.sent))  # a refresh of the session
    assert again.media[0].port == 4000
    assert again.origin.version == "3"


@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.lists(st.sampled_from([AUDIO, VIDEO, "image 1 udptl t38", "audio 0 RTP/AVP 0"]), min_size=1, max_size=4),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_no_line_is_ever_moved_or_lost_and_versions_rise_by_one(exchanges):
    ledger, session, last, version = Ledger(7, "10.0.0.1"), [], None, 0
    for ours, media, agreed in exchanges:
        if ours:
            sent = ledger.offer(body(*media))
            places = [kind for kind, _ in kinds(sent)]
            assert places[: len(session)] == session
            if agreed:
                back = ledger.answered(sent)
                assert kinds(back) == kinds(body(*media))
                session = places
            else:
                ledger.refused()
        else:
            offer = body(*(f"{kind} 9 X y" for kind in session), *media)
            ledger.offered(offer)
            sent = ledger.answer(offer)
            session = [kind for kind, _ in kinds(sent)]
        found = sdp.parse(sent)
        version += not found.same(last)
        last = found
        assert (found.origin.session, found.origin.version) == ("7", str(version))

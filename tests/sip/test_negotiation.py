"""Mirror of pipeline/sip/negotiation.py; with the offers of shared/offers that ask for nothing but plain audio."""

import json
import pathlib
import re

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pipeline.conformance.marks import rfc
from pipeline.sip import negotiation, sdp
from pipeline.sip.grammar import Malformed
from pipeline.sip.negotiation import Stream, agreed, answer, answering, held, known, offer, restrict
from pipeline.sip.sdp import Origin

OFFERS = pathlib.Path(__file__).parents[3] / "shared/offers/pjsua-sendto.json"
ORIGIN = Origin("-", "7", "1", "10.0.0.1")
US = Stream(6000, known("ulaw, alaw, telephone-event"), attributes=("ptime:20",))


def described(*media, address="10.0.0.2", session=""):
    return sdp.parse(
        f"v=0\r\no=- 1 2 IN IP4 h\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n{session}{''.join(line + chr(10) for line in media)}".encode()
    )


AUDIO = ("m=audio 4000 RTP/AVP 96 8 0 97 13", "a=rtpmap:96 opus/48000/2", "a=rtpmap:97 telephone-event/8000", "a=fmtp:97 0-15")


def answered(*media, streams=(US,), **more):
    return answer(described(*media, **more), streams, ORIGIN, "10.0.0.1")


@rfc("3264", "6.1")
def test_an_answer_takes_what_both_can_in_the_order_and_with_the_numbers_of_the_offer():
    assert answered(*AUDIO).encode().decode() == (
        "v=0\r\no=- 7 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 8 0 97\r\n"
        "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
    )


@pytest.mark.parametrize(
    "media",
    [
        ("m=audio 4000 RTP/AVP 9",),
        ("m=audio 4000 RTP/SAVP 0",),
        ("m=video 4000 RTP/AVP 0",),
        ("m=audio 4000 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"),
        ("m=image 4000 udptl t38",),
    ],
)
def test_nothing_in_common_is_no_answer(media):
    assert answered(*media) is None


@rfc("3264", "8.2")
def test_what_is_over_already_is_answered_as_over():
    assert [media.line for media in answered("m=audio 0 RTP/AVP 0").media] == ["audio 0 RTP/AVP 0"]


@rfc("3264", "6")
def test_every_line_keeps_its_place_and_what_is_unknown_is_refused():
    found = answered("m=video 5000 RTP/AVP 31", *AUDIO, "m=audio 4002 RTP/AVP 0", "m=image 4004 udptl t38", "m=x 1 A/B c d")
    assert [media.line for media in found.media] == [
        "video 0 RTP/AVP 31",
        "audio 6000 RTP/AVP 8 0 97",
        "audio 0 RTP/AVP 0",
        "image 0 udptl t38",
        "x 0 A/B c d",
    ]


@rfc("3264", "6.1")
@pytest.mark.parametrize(
    ("offered", "wanted", "given"),
    [
        ("sendrecv", "sendrecv", "sendrecv"),
        ("sendrecv", "sendonly", "sendonly"),
        ("sendonly", "sendrecv", "recvonly"),
        ("sendonly", "sendonly", "inactive"),
        ("recvonly", "sendrecv", "sendonly"),
        ("inactive", "sendrecv", "inactive"),
        ("sendrecv", "inactive", "inactive"),
    ],
)
def test_a_direction_is_answered_by_what_it_allows(offered, wanted, given):
    assert answering(offered, wanted) == given
    assert answered("m=audio 4000 RTP/AVP 0", f"a={offered}", streams=[evolve(US, direction=wanted)]).media[0].direction == given


def test_an_attribute_is_echoed_when_it_is_offered():
    ours = evolve(US, echoed=frozenset({"rtcp-mux"}))
    assert answered("m=audio 4000 RTP/AVP 0", "a=rtcp-mux", streams=[ours]).media[0].attribute("rtcp-mux") == ""
    assert answered("m=audio 4000 RTP/AVP 0", streams=[ours]).media[0].attribute("rtcp-mux") is None
    assert offer([ours], ORIGIN, "h").media[0].attribute("rtcp-mux") == ""


def test_a_codec_of_which_we_say_nothing_is_confirmed_as_it_was_offered():
    ours = Stream(6000, (sdp.Encoding(100, "G7221", 16000),))
    found = answered("m=audio 4000 RTP/AVP 99", "a=rtpmap:99 G7221/16000", "a=fmtp:99 bitrate=24000", streams=[ours])
    assert found.media[0].attributes("fmtp") == ["99 bitrate=24000"]


@rfc("3264", "8")
def test_an_offer_keeps_the_places_of_the_session():
    before = described("m=video 5000 RTP/AVP 31", "m=audio 4000 RTP/AVP 0", "m=image 0 udptl t38")
    assert [media.line for media in offer([US], ORIGIN, "10.0.0.1", before).media] == [
        "video 0 RTP/AVP 31",
        "audio 6000 RTP/AVP 0 8 101",
        "image 0 udptl t38",
    ]
    assert [media.kind for media in offer([US, Stream(6002, known("opus"), "text")], ORIGIN, "10.0.0.1", before).media] == [
        "video",
        "audio",
        "image",
        "text",
    ]


def test_what_is_agreed_says_where_to_send_what_with_which_number():
    ours = offer([US], ORIGIN, "10.0.0.1")
    theirs = described("m=audio 4000 RTP/AVP 100 8", "a=rtpmap:100 PCMU/8000", "a=ptime:30", "a=rtcp:4009")
    (found,) = agreed(ours, theirs)
    assert [(encoding.payload, encoding.name, back) for encoding, back in found.encodings] == [(100, "PCMU", 0), (8, "PCMA", 8)]
    assert (found.event, found.address, found.rtcp, found.ptime) == (None, ("10.0.0.2", 4000), ("10.0.0.2", 4009), 30)
    assert (found.sends, found.receives, found.held) == (True, True, False)


def test_telephone_event_is_agreed_beside_the_codecs():
    theirs = described(*AUDIO)
    (found,) = agreed(answered(*AUDIO), theirs)
    assert (found.event[0].payload, found.event[1]) == (97, 97)
    assert [encoding.name for encoding, _ in found.encodings] == ["PCMA", "PCMU"]


@rfc("3264", "8.4")
@pytest.mark.parametrize(
    ("direction", "address", "sends", "receives", "on_hold"),
    [
        ("sendrecv", "10.0.0.2", True, True, False),
        ("sendonly", "10.0.0.2", False, True, True),
        ("inactive", "10.0.0.2", False, False, True),
        ("recvonly", "10.0.0.2", True, False, False),
        ("sendrecv", "0.0.0.0", False, True, True),
    ],
)
def test_hold_in_every_way(direction, address, sends, receives, on_hold):
    theirs = described("m=audio 4000 RTP/AVP 0", f"a={direction}", address=address)
    (found,) = agreed(answer(theirs, [US], ORIGIN, "10.0.0.1"), theirs)
    assert (found.sends, found.receives, found.held) == (sends, receives, on_hold)
    assert held(theirs) is on_hold


def test_audio_decides_about_hold_and_what_is_over_does_not():
    assert held(described("m=audio 4000 RTP/AVP 0", "a=sendonly", "m=video 4002 RTP/AVP 31"))
    assert not held(described("m=audio 0 RTP/AVP 0", "a=sendonly", "m=video 4002 RTP/AVP 31"))
    assert not held(described("m=audio 0 RTP/AVP 0"))


def test_we_hold_by_direction():
    ours = negotiation.hold(offer([US], ORIGIN, "10.0.0.1"))
    assert ours.media[0].direction == "sendonly"
    assert negotiation.hold(ours, "sendrecv").media[0].direction == "sendrecv"
    assert (negotiation.anywhere("10.0.0.1"), negotiation.anywhere("fd00::1")) == ("0.0.0.0", "::")


def test_what_was_refused_or_is_no_rtp_or_shares_nothing_is_not_agreed():
    ours = described("m=audio 4000 RTP/AVP 0", "m=audio 4000 RTP/AVP 0", "m=image 4000 udptl t38", "m=audio 4000 RTP/AVP 8")
    theirs = described("m=audio 0 RTP/AVP 0", "m=video 4000 RTP/AVP 0", "m=image 4000 udptl t38", "m=audio 4000 RTP/AVP 0")
    assert agreed(ours, theirs) == (None, None, None, None)


def test_a_description_is_restricted_to_the_codecs_of_an_option():
    found = restrict(described(*AUDIO, "a=rtcp-fb:96 nack", "a=sendrecv", "m=video 5000 RTP/AVP 31"), ["PCMA", "ulaw"])
    assert [media.line for media in found.media] == ["audio 4000 RTP/AVP 8 0 97 13", "video 5000 RTP/AVP 31"]
    assert [text for _, text in found.media[0].lines] == ["rtpmap:97 telephone-event/8000", "fmtp:97 0-15", "sendrecv"]
    assert restrict(described(*AUDIO), ["g722"]) is None


def test_an_unknown_codec_is_named():
    with pytest.raises(ValueError, match="'ulaaw' is no codec known here; known are alaw"):
        known("ulaaw")


def cases():
    """Those whose verdict is about plain audio: SRTP, ICE, AMR and G.722.1 have pjsua's own options, and messages given whole are the driver's."""
    for case in json.loads(OFFERS.read_text())["cases"] if OFFERS.exists() else ():
        arguments = case["pjsua_args"].replace("--use-srtp 0", "")
        plain = (
            not re.search("srtp [12]|use-ice|add-codec|timer", arguments)
            and case["expected_code"] in (200, 400, 488)
            and not case.get("complete_msg")
        )
        if plain and "extra_headers" not in case:
            yield pytest.param(case, id=case["id"])


@pytest.mark.parametrize("case", list(cases()))
def test_the_offers_of_pjsip_get_the_answers_that_its_authors_want(case):
    body = case["sdp"].encode()
    if case["expected_code"] == 400:
        with pytest.raises(Malformed):
            answer(sdp.parse(body), [US], ORIGIN, "10.0.0.1")
        return
    found = answer(sdp.parse(body), [US], ORIGIN, "10.0.0.1")
    assert (found is not None) == (case["expected_code"] == 200)
    if found is not None:
        text = found.encode().decode()
        assert all(re.search(wanted, text) for wanted in case.get("resp_inc", ()) if not wanted.startswith("Content-Type"))
        assert not any(re.search(unwanted, text) for unwanted in case.get("resp_exc", ()))


LINES = st.sampled_from(
    [
        *AUDIO,
        "m=audio 4000 RTP/AVP 0",
        "m=audio 0 RTP/AVP 0",
        "m=video 5000 RTP/AVP 31",
        "m=x 9 Y z",
        "a=sendonly",
        "a=inactive",
        "a=rtcp-mux",
    ]
)


@given(st.lists(LINES, min_size=1, max_size=12), st.sampled_from(sdp.DIRECTIONS))
def test_an_answer_mirrors_its_offer_and_is_agreed_alike_by_both(lines, direction):
    theirs = described("m=audio 4000 RTP/AVP 8", *lines)
    ours = answer(theirs, [evolve(US, direction=direction)], ORIGIN, "10.0.0.1")
    assert [media.kind for media in ours.media] == [media.kind for media in theirs.media]
    assert not [1 for mine, his in zip(ours.media, theirs.media, strict=True) if mine.port and not his.port]
    assert sdp.parse(ours.encode()) == ours
    for here, there in zip(agreed(ours, theirs), agreed(theirs, ours), strict=True):
        assert (here is None) == (there is None)
        if here is not None:
            assert (here.sends, here.receives) == (there.receives, there.sends)


@pytest.mark.parametrize("where", ["offer", "answer"])
def test_a_stream_of_dynamic_payload_types_that_nothing_explains_says_nothing(where):
    them = described("m=audio 4000 RTP/AVP 0", "m=video 5000 RTP/AVP 100", "a=inactive")
    with pytest.raises(Malformed, match="no rtpmap explains"):
        answer(them, [US], ORIGIN, "10.0.0.1") if where == "offer" else agreed(them, them)

"""Fax: parameters read, written, negotiated; the states of a session. RFC 3362, ITU-T T.38 Annex D."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sip import sdp
from pipeline.sip.t38 import CORRECTIONS, Fax, Parameters, State, declined, negotiated, read, written

HEAD = "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n"
AUDIO = "m=audio 4000 RTP/AVP 8\r\n"
OFFER = (
    "m=image 4004 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxFillBitRemoval\r\na=T38FaxTranscodingMMR:0\r\n"
    "a=T38FaxTranscodingJBIG:1\r\na=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxBuffer:262\r\na=T38FaxMaxDatagram:176\r\n"
    "a=T38VendorInfo:0 0 37\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"
)
SAID = Parameters(0, 14400, True, False, True, "transferredTCF", 262, 176, "redundancy")


def body(*media):
    return (HEAD + "".join(media)).encode()


def test_what_a_gateway_says_is_read():
    assert read(body(AUDIO, OFFER)) == SAID


@pytest.mark.parametrize(
    "media",
    [AUDIO, "m=image 0 udptl t38\r\n", "m=image 5 udptl x\r\n", "m=image 5 tcp t38\r\n", "m=image 5 udptl t38\r\nnonsense\r\n"],
)
def test_a_description_without_a_living_fax_has_none(media):
    assert read(body(media)) is None


def test_other_spellings_and_what_means_nothing():
    found = read(
        body("m=image 5 UDPTL T38\r\na=t38faxversion: 3\r\na=T38FaxMaxBitRate:9600\r\na=T38FaxUdpEC:t38UDPfec\r\na=T38FaxMaxBuffer:x\r\n")
    )
    assert found == Parameters(version=3, bit_rate=9600, error_correction="fec")


def test_what_says_the_same_stays_as_it_is():
    description = body(AUDIO, OFFER)
    assert written(description, SAID) is description


def test_what_is_written_is_read_and_nothing_else_changes():
    less = SAID.limited("none", 72)
    description = written(body(AUDIO, OFFER), less)
    assert read(description) == less
    assert b"a=T38VendorInfo:0 0 37\r\n" in description
    assert description.startswith(body(AUDIO))
    assert written(description, SAID).count(b"a=T38") == 9  # what is false is not written


parameters = st.builds(
    Parameters,
    version=st.none() | st.integers(0, 3),
    bit_rate=st.none() | st.sampled_from([2400, 9600, 14400, 33600]),
    fill_bit_removal=st.booleans(),
    transcoding_mmr=st.booleans(),
    transcoding_jbig=st.booleans(),
    rate_management=st.sampled_from([None, "localTCF", "transferredTCF"]),
    max_buffer=st.none() | st.integers(0, 9999),
    max_datagram=st.none() | st.integers(0, 9999),
    error_correction=st.sampled_from([None, *CORRECTIONS]),
)


@given(parameters)
def test_everything_that_can_be_said_can_be_read(said):
    assert read(written(body(AUDIO, "m=image 4004 udptl t38\r\n"), said)) == said


@given(parameters, parameters)
def test_an_answer_has_no_more_than_the_offer_and_negotiating_twice_changes_nothing(offer, answer):
    found = negotiated(offer, answer)
    assert (found.version or 0) <= (offer.version or 0)
    assert offer.bit_rate is None or (found.bit_rate or 0) <= offer.bit_rate
    for flag in ("fill_bit_removal", "transcoding_mmr", "transcoding_jbig"):
        assert not getattr(found, flag) or (getattr(offer, flag) and getattr(answer, flag))
    assert found.rate_management in (None, offer.rate_management or "transferredTCF")
    assert CORRECTIONS.index(found.error_correction or "none") <= CORRECTIONS.index(offer.error_correction or "none")
    assert (found.max_buffer, found.max_datagram) == (answer.max_buffer, answer.max_datagram)
    assert negotiated(offer, found) == found


def test_fax_is_declined_in_its_place_unless_there_is_nothing_else():
    assert [media.port for media in sdp.parse(declined(body(OFFER, AUDIO))).media] == [0, 4000]
    assert declined(body(OFFER)) is None
    assert declined(body(OFFER, "m=audio 0 RTP/AVP 8\r\n")) is None


def states(fax, *steps):
    found = []
    for name, *given_, by_peer in steps:
        getattr(fax, name)(*given_, **({} if name == "refused" else {"by_peer": by_peer}))
        found.append(fax.state)
    return found


@pytest.mark.parametrize(("by_peer", "asked"), [(True, State.PEER_REINVITE), (False, State.LOCAL_REINVITE)])
def test_the_states_from_sound_to_fax_and_back(by_peer, asked):
    fax = Fax()
    assert states(fax, ("offered", SAID, by_peer), ("answered", SAID.limited("none"), not by_peer)) == [asked, State.ENABLED]
    assert {fax.local.error_correction, fax.remote.error_correction} == {"redundancy", "none"}
    assert states(fax, ("offered", None, by_peer), ("answered", None, not by_peer)) == [State.ENABLED, State.DISABLED]
    assert (fax.local, fax.remote) == (None, None)


def test_refused_fax_leaves_sound_and_a_refused_return_leaves_fax():
    fax = Fax()
    assert states(fax, ("offered", SAID, True), ("refused", None)) == [State.PEER_REINVITE, State.REJECTED]
    assert states(fax, ("offered", SAID, False), ("answered", None, True)) == [State.LOCAL_REINVITE, State.REJECTED]
    assert states(fax, ("offered", SAID, True), ("answered", SAID, False))[-1] is State.ENABLED
    assert states(fax, ("offered", None, True), ("refused", None)) == [State.ENABLED, State.ENABLED]
    assert states(fax, ("offered", SAID, True), ("refused", None)) == [State.PEER_REINVITE, State.ENABLED]

"""Mirror of pipeline/sip/sdp_attributes.py."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.sip.sdp_attributes import Candidate, Crypto, Encoding, encodings


def test_an_rtpmap_goes_before_what_rfc_3551_says():
    assert encodings(("0", "8"), ["0 opus/48000/2"], []) == (Encoding(0, "opus", 48000, 2), Encoding(8, "PCMA", 8000))


def test_what_nothing_explains_is_left_out():
    assert encodings(("t38", "96", "97", "98", "99", "200", "1000"), ["97 x", "98 x/y", "99 /8000", "200 PCMU/8000"], ["97"]) == ()


def test_of_two_alike_the_first_counts():
    assert encodings(("96",), ["96 a/1", "96 b/2"], ["96 one", "96 two"]) == (Encoding(96, "a", 1, 1, "one"),)


@given(st.text(max_size=60))
def test_nonsense_is_no_attribute_and_no_error(text):
    Crypto.read(text)
    Candidate.read(text)
    encodings(tuple(text.split()), [text], [text])


@given(st.integers(0, 127), st.sampled_from(["PCMU", "x-y"]), st.integers(1, 99999), st.integers(1, 9))
def test_an_rtpmap_is_read_as_it_is_written(payload, name, rate, channels):
    encoding = Encoding(payload, name, rate, channels)
    assert encodings((str(payload),), [encoding.rtpmap], []) == (encoding,)

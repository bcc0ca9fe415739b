"""Mirror of plugins/media_rtpengine/bencode.py."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipeline.plugins.media_rtpengine.bencode import decode, encode

VALUES = st.recursive(
    st.binary(max_size=20) | st.integers(-(10**18), 10**18),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def test_what_the_ng_protocol_shows():
    assert encode({"command": "ping", "n": 1, "flags": ["a", b"b"]}) == b"d7:command4:ping5:flagsl1:a1:be1:ni1ee"
    assert decode(b"d6:result4:ponge") == {"result": b"pong"}


@given(VALUES)
def test_what_is_written_is_read(value):
    assert decode(encode(value)) == value


@given(st.binary(max_size=60))
def test_whatever_comes_is_a_value_or_a_value_error(data):
    with contextlib.suppress(ValueError):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [b"", b"i1", b"ie", b"i-e", b"i1e1:x", b"9:x", b"-1:x", b"l", b"d1:ae", b"di1e1:ae", b"x", b"l" * 100, b"i" + b"9" * 5000 + b"e"],
)
def test_what_is_none_is_an_error(data):
    with pytest.raises(ValueError):
        decode(data)


def test_what_cannot_be_written_is_an_error():
    with pytest.raises(TypeError, match="float"):
        encode(1.5)

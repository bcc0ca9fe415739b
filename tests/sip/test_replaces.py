"""Mirror of pipeline/sip/replaces.py: the examples of RFC 3891 6.1."""

from __future__ import annotations

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip import Malformed, Request
from pipeline.sip.replaces import Replaces, replaces_of


def replaces(value):
    return replaces_of(Request.new("INVITE", "sip:b@h", [("replaces", value)] if value else []))


@rfc("3891", "6.1")
def test_the_examples_are_read():
    assert replaces("98732@sip.example.com ;from-tag=r33th4x0r ;to-tag=ff87ff") == Replaces("98732@sip.example.com", "ff87ff", "r33th4x0r")
    early = replaces("12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only")
    assert early == ("12adf2f34456gs5", "12345", "54321", True)
    assert early.dialog == ("12adf2f34456gs5", "12345", "54321")
    assert replaces("") is None
    assert replaces(str(early)) == early


@rfc("3891", "6.1")
@pytest.mark.parametrize(
    "value", ["x", "x;to-tag=1", "x;from-tag=1", ";to-tag=1;from-tag=2", "x;to-tag=1;from-tag=2;to-tag=3", "x;to-tag;from-tag=2"]
)
def test_each_tag_stands_exactly_once(value):
    with pytest.raises(Malformed, match="Replaces"):
        replaces(value)

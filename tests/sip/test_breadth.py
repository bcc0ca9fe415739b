"""pipeline.sip.breadth: RFC 5393 5.3.3 and 5.8."""

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip.breadth import breadth_of
from pipeline.sip.grammar import Malformed
from pipeline.sip.message import Request


def saying(*values):
    return Request.new("INVITE", "sip:bob@example.com", [("Max-Breadth", value) for value in values])


@rfc("5393", "5.3.3", "5.8")
@pytest.mark.parametrize(
    ("said", "counts"), [("0", 0), ("1", 1), ("60", 60), ("061", 60), ("256", 60), ("9" * 5000, 60), ("0" * 20 + "7", 7)]
)
def test_no_number_is_too_large_to_be_read_and_none_counts_for_more_than_sixty(said, counts):
    assert breadth_of(saying(said)) == counts


def test_none_is_none_and_what_is_no_number_is_malformed():
    assert breadth_of(saying()) is None
    for text in ("wide", "-1", "1, 2", "\u0661", ""):
        with pytest.raises(Malformed, match="Max-Breadth"):
            breadth_of(saying(text))

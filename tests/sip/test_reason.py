"""Mirror of pipeline/sip/reason.py."""

from __future__ import annotations

import pytest

from pipeline.sip import Request
from pipeline.sip.reason import Reason, reasons_of


def reasons(*values):
    return reasons_of(Request.new("BYE", "sip:b@h", [("reason", value) for value in values]))


def test_none_is_none():
    assert reasons() == []


def test_several_in_one_field_and_in_several():
    assert reasons('SIP ;cause=200 ;text="Call completed, elsewhere"', 'q.850;cause=26, preemption ;cause=1 ;text="a\\"b"') == [
        Reason("SIP", 200, "Call completed, elsewhere"),
        Reason("Q.850", 26),
        Reason("preemption", 1, 'a"b'),
    ]


@pytest.mark.parametrize("value", ["SIP;cause=x", "SIP;cause=1000", 'SIP;text="open', "SIP;;"])
def test_what_cannot_be_read_is_left_out(value):
    assert reasons(value, "Q.850;cause=16") == [Reason("Q.850", 16)]


@pytest.mark.parametrize(
    "reason", [Reason("SIP", 200, "Call completed elsewhere"), Reason("Q.850", 16), Reason("SIP"), Reason("x", 0, 'a"\\b')]
)
def test_what_is_written_can_be_read(reason):
    assert reasons(str(reason)) == [reason]

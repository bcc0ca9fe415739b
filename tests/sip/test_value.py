"""Mirror of pipeline/sip/value.py."""

from __future__ import annotations

import pytest

from pipeline.sip import Address, Uri, Via


def test_values_have_slots_and_nothing_can_be_hung_on_them():
    for value in (Uri.parse("sip:a@b"), Address.parse("<sip:a@b>"), Via.parse("SIP/2.0/UDP b")):
        assert not hasattr(value, "__dict__")
        with pytest.raises(AttributeError):
            value.note = "mine"

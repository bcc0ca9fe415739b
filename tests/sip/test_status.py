"""Mirror of pipeline/sip/status.py."""

from __future__ import annotations

from pipeline.sip.status import REASONS, reason_of


def test_every_code_has_a_phrase_that_of_its_class_if_need_be():
    assert reason_of(486) == "Busy Here"
    assert reason_of(499) == "Bad Request"
    assert reason_of(799) == ""
    assert all(100 <= code < 700 and phrase.isprintable() for code, phrase in REASONS.items())

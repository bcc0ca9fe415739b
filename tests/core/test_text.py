"""core.text: what became of a message, and which of several refusals counts."""

import pytest

from pipeline.core.text import ABSENT, DELIVERED, KEPT, UNKNOWN, Fate, Receipt, Unanswered


@pytest.mark.parametrize(("receipt", "taken"), [(DELIVERED, True), (KEPT, True), (ABSENT, False), (UNKNOWN, False)])
def test_a_sender_need_do_nothing_more_when_it_is_taken(receipt, taken):
    assert receipt.taken is taken


def test_a_receipt_says_what_and_why():
    assert str(Receipt(Fate.REFUSED, "no thanks")) == "refused: no thanks"
    assert str(DELIVERED) == "delivered"


def test_what_may_yet_be_delivered_counts_more_than_a_size_and_that_more_than_a_no():
    no, large, gone = Receipt(Fate.REFUSED), Receipt(Fate.TOO_LARGE), Receipt(Fate.ABSENT)
    for order in ([no, large, gone], [gone, no, large], [large, gone, no]):
        heard = Unanswered()
        for each in order:
            heard.hear(each)
        assert heard.best is gone
    heard = Unanswered()
    for each in (no, large):
        heard.hear(each)
    assert heard.best is large

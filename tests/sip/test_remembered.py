"""Answers that are remembered: bounded, and forgotten at once."""

from pipeline.sip.remembered import forget, remembered
from pipeline.sip.uri import Uri


def test_an_answer_is_remembered_until_all_is_forgotten():
    asked = []

    @remembered(2)
    def answer(question):
        asked.append(question)
        return question * 2

    assert [answer(1), answer(1), answer(2), answer(1)] == [2, 2, 4, 2]
    assert asked == [1, 2]
    answer(3)
    answer(2)
    assert asked == [1, 2, 3, 2]
    forget()
    answer(2)
    assert asked == [1, 2, 3, 2, 2]


def test_what_is_forgotten_is_read_again_alike():
    before = Uri.parse("sip:alice@example.com")
    forget()
    after = Uri.parse("sip:alice@example.com")
    assert before == after and before is not after

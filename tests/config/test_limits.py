import pytest
from attrs import validators as v

from pipeline.config.limits import choices, limits


@pytest.mark.parametrize(
    ("validator", "said"),
    [
        (None, ""),
        (v.ge(1), "at least 1"),
        (v.gt(0), "more than 0"),
        (v.le(9), "at most 9"),
        (v.lt(9), "less than 9"),
        (v.and_(v.ge(1), v.le(9)), "between 1 and 9"),
        (v.optional(v.ge(1)), "at least 1"),
        (v.in_(range(24)), "between 0 and 23"),
        (v.in_(["a", "b"]), "one of 'a' or 'b'"),
        (v.min_len(2), "at least 2 long"),
        (v.and_(v.min_len(2), v.max_len(4)), "at least 2 long and at most 4 long"),
        (v.matches_re("[a-z]+"), "like [a-z]+"),
        (lambda i, a, x: None, ""),
    ],
)
def test_a_validator_says_in_words_what_it_allows(validator, said):
    assert limits(validator) == said


def test_the_texts_that_a_validator_allows_are_known():
    assert choices(v.in_(["a", "b"])) == ("a", "b")
    assert choices(v.ge(1)) == ()

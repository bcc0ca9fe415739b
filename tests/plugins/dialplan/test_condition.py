import pytest
from pipeline.plugins.dialplan.condition import read_comparison
from pipeline.plugins.dialplan.patterns import Mistake

VALUES = {"dialstatus": "BUSY", "n": "9", "empty": "", "no": "no", "evil": "x == x"}


def holds(text):
    return read_comparison(text).holds(lambda side: side if isinstance(side, str) else side.fill(VALUES.get))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("${dialstatus} == BUSY", True),
        ('"${dialstatus}" == "BUSY"', True),
        ("${dialstatus}==BUSY", True),
        ("${dialstatus} != BUSY", False),
        ("${n} < 10", True),
        ("${n} >= 9.0", True),
        ("${dialstatus} in (BUSY, CONGESTION)", True),
        ("${dialstatus} in NOANSWER, CANCEL", False),
        ("${dialstatus} =~ ^BU", True),
        ("${n}", True),
        ("${empty}", False),
        ("${no}", False),
        ("${evil} == y", False),
        ("${dialstatus} == ${dialstatus}", True),
    ],
)
def test_a_comparison_holds_or_does_not(text, expected):
    assert holds(text) is expected


@pytest.mark.parametrize(
    "text, message, hint",
    [
        ("busy", "'busy' compares nothing", 'such as "${dialstatus} == BUSY"'),
        ("${x} = 1", "'=' compares nothing", "write ${x} == 1"),
        ("${x} =~ (", "the regular expression '(' is wrong: missing ), unterminated subpattern", ""),
    ],
)
def test_a_wrong_comparison_says_what_instead(text, message, hint):
    with pytest.raises(Mistake) as caught:
        read_comparison(text)
    assert (caught.value.message, caught.value.suggestion) == (message, hint)

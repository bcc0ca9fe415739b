from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from pipeline.plugins.dialplan.patterns import Mistake
from pipeline.plugins.dialplan.schedule import When


def holds(when, text, zone=UTC):
    return When.read(when).holds(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp(), UTC)


CASES = [
    ({}, "2026-11-23T12:00", True),
    ({"days": ["mon-fri"], "hours": ["09:00-17:00"]}, "2026-11-23T09:00", True),  # a Monday
    ({"days": ["mon-fri"], "hours": ["09:00-17:00"]}, "2026-11-23T17:00", False),
    ({"days": "mon-fri", "hours": "09:00-17:00"}, "2026-11-22T12:00", False),
    ({"days": ["sat-mon"]}, "2026-11-22T12:00", True),
    ({"days": ["sat-mon"]}, "2026-11-24T12:00", False),
    ({"days": "monday, wed"}, "2026-11-25T12:00", True),
    ({"hours": ["09:00-12:00", "13:00-17:00"]}, "2026-11-23T12:30", False),
    ({"hours": ["09:00-12:00", "13-17"]}, "2026-11-23T16:59", True),
    ({"hours": "00:00-24:00"}, "2026-11-23T23:59", True),
    ({"days": ["fri"], "hours": ["22:00-06:00"]}, "2026-11-28T05:59", True),  # Saturday morning belongs to Friday
    ({"days": ["fri"], "hours": ["22:00-06:00"]}, "2026-11-27T05:59", False),
    ({"dates": ["12-24..01-02"]}, "2027-01-01T00:00", True),
    ({"dates": ["12-24..01-02"]}, "2026-12-23T00:00", False),
    ({"dates": ["2026-04-03"]}, "2027-04-03T00:00", False),
    ({"dates": ["2026-04-03..2026-04-06"]}, "2026-04-06T23:59", True),
    ({"days": "mon-sun", "closed": ["12-25"]}, "2026-12-25T12:00", False),
]


@pytest.mark.parametrize("when, at, expected", CASES)
def test_a_time_condition_holds_when_all_that_it_says_does(when, at, expected):
    assert holds(when, at) is expected


def test_the_clock_is_that_of_the_zone_also_when_it_is_changed():
    office = {"hours": "09:00-17:00", "zone": "Europe/Zurich"}
    assert holds(office, "2026-07-01T07:00") and not holds(office, "2026-07-01T06:59")
    assert holds(office, "2026-12-01T08:00") and not holds(office, "2026-12-01T07:59")
    assert When.read({"hours": "09:00-10:00"}).holds(datetime(2026, 12, 1, 8, 30, tzinfo=UTC).timestamp(), ZoneInfo("Europe/Zurich"))


WRONG = {
    "days: 'mno' is no day of the week": ({"days": ["mno"]}, "did you mean 'mon'?"),
    "days: 'frogs' is no day of the week": ({"days": ["frogs"]}, None),
    "hours: '09:00' has no end": ({"hours": ["09:00"]}, 'such as "09:00-17:00"'),
    "hours: '25:00' in '09:00-25:00' is no time of day": ({"hours": "09:00-25:00"}, 'such as "09:00-17:00"'),
    "hours: '09:00-09:00' is no time at all": ({"hours": "09:00-09:00"}, 'the whole day is "00:00-24:00"'),
    "dates: '13-01' in '13-01' is no date": ({"dates": ["13-01"]}, None),
    "dates: '2026-04-06..2026-04-03' ends before it begins": (
        {"dates": ["2026-04-06..2026-04-03"]}, 'write "2026-04-03..2026-04-06"',
    ),
    "dates: '12-24..2026-01-02' names a year on one side only": ({"dates": ["12-24..2026-01-02"]}, "name it on both, or on neither"),
    "zone: there is no time zone 'Europe/Zürich'": ({"zone": "Europe/Zürich"}, "did you mean 'Europe/Zurich'?"),
}  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_time_condition_says_what_instead(message):
    when, hint = WRONG[message]
    with pytest.raises(Mistake) as caught:
        When.read(when)
    assert caught.value.message == message
    if hint is not None:
        assert caught.value.suggestion == hint

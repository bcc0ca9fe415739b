"""T1, T2, T4 and what follows from them; the actions that machines hand out."""

import pytest

from pipeline.sip.timers import End, Make, Send, Start, Stop, Tell, Timers


def test_the_durations_follow_from_t1_t2_and_t4():
    timers = Timers()
    assert timers.lifetime == 32
    assert timers.durations(False) == {
        "A": 0.5, "B": 32, "D": 32, "E": 0.5, "F": 32, "G": 0.5, "H": 32, "I": 5, "J": 32, "K": 5, "L": 32, "M": 32,
        "trying": 0.2, "E at T2": 3.5, "limit": 32, "guard": 32,
    }  # fmt: skip
    assert {n: s for n, s in timers.durations(True).items() if not s} == {"A": None, "D": 0, "E": None, "G": None, "I": 0, "J": 0, "K": 0}


def test_timer_d_is_at_least_32_seconds_whatever_our_t1_is():
    assert Timers(t1=0.1).durations(False)["D"] == 32
    assert Timers(t1=1).durations(False)["D"] == 64


def test_the_100_of_a_non_invite_request_comes_when_timer_e_has_reached_t2():
    assert Timers().trying == 0.5 + 1 + 2
    assert Timers(t1=1, t2=4).trying == 1 + 2
    assert Timers(t1=0.5, t2=3).trying == 0.5 + 1 + 2
    assert Timers(t1=1, t2=1).trying == 1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"t1": 0}, "t1 must be a positive number of seconds, not 0.0"),
        ({"t4": -1}, "t4 must be a positive number of seconds, not -1.0"),
        ({"t2": float("inf")}, "t2 must be a positive number of seconds, not inf"),
        ({"t1": 5}, r"t2 must not be less than t1 \(5.0\), not 4.0"),
    ],
)
def test_impossible_durations_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        Timers(**options)


def test_actions_are_values():
    assert Send(b"a") == Send(b"a")
    assert Start("A", 0.5) != Start("B", 0.5)
    assert Tell("ACK") != Make("ACK")
    assert Stop("A") != End()
    assert len({Send(b"a"), Send(b"a"), Tell("a"), Make("a"), Stop("a"), Start("a", 1), End(), End()}) == 6


def test_shared_actions_cannot_be_changed():
    for action, name in ((Start("A", 1), "seconds"), (Tell("a"), "event"), (Make("a"), "what"), (Stop("a"), "name")):
        with pytest.raises(AttributeError):
            setattr(action, name, "other")

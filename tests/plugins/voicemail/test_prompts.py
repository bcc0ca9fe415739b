import datetime as dt
import wave

import pytest
from pipeline.plugins.voicemail.prompts import OURS, Prompts, digits, moment, number

NOW = dt.datetime(2026, 11, 28, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (7, "7"),
        (19, "19"),
        (20, "20"),
        (42, "40 2"),
        (100, "1 hundred"),
        (121, "1 hundred 20 1"),
        (5000, "9 hundred 90 9"),
        (-1, "0"),
    ],
)
def test_numbers(value, words):
    assert " ".join(number(value)) == words


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (dt.timedelta(hours=-1), "today at 11 hundred"),
        (dt.timedelta(hours=-11, minutes=-55), "today at 0 oh 5"),
        (dt.timedelta(hours=-13), "yesterday at 20 3 hundred"),
        (dt.timedelta(days=-3, minutes=30), "day-2 at 12 30"),
        (dt.timedelta(days=-40), "month-10 19 at 12 hundred"),
        (dt.timedelta(days=3), "month-12 1 at 12 hundred"),
    ],
)
def test_moments(when, words):
    assert " ".join(moment((NOW + when).timestamp(), NOW.timestamp(), dt.UTC)) == words


def test_a_time_that_is_none_is_not_said():
    assert moment(1e30, NOW.timestamp(), dt.UTC) == [] and moment(float("nan"), NOW.timestamp(), dt.UTC) == []


def test_a_number_is_said_digit_by_digit_and_a_name_not_at_all():
    assert digits("+4144") == ["4", "1", "4", "4"]
    assert digits("alice") == digits("") == digits("²³") == digits("1" * 21) == []


def test_every_word_that_can_be_said_is_there():
    said = {word for value in range(1000) for word in number(value)} | {"oh", "today", "yesterday", "at"}
    said |= {f"day-{day}" for day in range(7)} | {f"month-{month}" for month in range(1, 13)}
    for path in Prompts().files(said):
        with path.open("rb") as file:
            assert file.read(4) == b"RIFF"


def test_every_word_that_the_code_says_is_there():
    import re

    for source in OURS.parent.glob("*.py"):
        for words in re.findall(r"(?:say|ask|number|files)\(\[([^\]]*)\]", source.read_text()):
            for word in re.findall(r'"([a-z-]+)"', words):
                assert (OURS / f"{word}.wav").exists(), (source.name, word)


def test_words_of_ones_own_go_before_ours(tmp_path):
    with wave.open(str(tmp_path / "busy.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(100))
    assert Prompts(tmp_path).files(["busy", "leave"]) == [tmp_path / "busy.wav", OURS / "leave.wav"]

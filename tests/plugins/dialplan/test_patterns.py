import itertools

import pytest
from pipeline.plugins.dialplan.patterns import Mistake, Table, read_expression, read_pattern


def table(*names):
    made = Table()
    for name in names:
        made.add(name, name)
    return made


def found(made, dialed):
    if dialed in made.exact:
        return made.exact[dialed]
    return (made.find(dialed) or (None,))[0]


FITS = {
    "_9XXX": (["9123", "9000"], ["912", "91234", "8123", "912a"]),
    "_NXX": (["200", "999"], ["100", "199", "20"]),
    "_Z.": (["12", "1abc"], ["1", "01"]),
    "_00!": (["00", "0041"], ["0"]),
    "_[13-5]0": (["10", "30", "40", "50"], ["20", "60"]),
    "_1-800-NXX": (["1800200"], ["1-800-200"]),
    "_*8X": (["*81"], ["81"]),
    "_.": (["x", "alice"], [""]),
    "_[a-]x": (["ax", "-x"], ["bx"]),
}


@pytest.mark.parametrize("pattern", FITS)
def test_a_pattern_fits_what_asterisks_would(pattern):
    fits, others = FITS[pattern]
    made = table(pattern)
    assert [dialed for dialed in fits if found(made, dialed) != pattern] == []
    assert [dialed for dialed in others if found(made, dialed) is not None] == []


WRONG = {
    "_": ("the pattern is empty", "'_.' fits everything"),
    "_9.1": ("'.' must be the last of a pattern", "write '_9.', or [.] for the character itself"),
    "_9[1": ("'[' is not closed", "such as [13-5]"),
    "_9]": ("']' closes no '['", "remove it"),
    "_[]": ("'[]' allows no character", "write the characters that it allows, such as [13-5]"),
    "_[5-1]": ("the range 5-1 is empty", "write 1-5"),
}


@pytest.mark.parametrize("pattern", WRONG)
def test_a_wrong_pattern_says_what_instead(pattern):
    with pytest.raises(Mistake) as caught:
        read_pattern(pattern)
    assert (caught.value.message, caught.value.suggestion) == WRONG[pattern]


def test_the_most_specific_pattern_is_taken_in_whatever_order_they_are_written():
    names = ["_.", "_9!", "_9X.", "_9XX", "_9NX", "_91X", "_[89]1X", "912"]
    for order in itertools.permutations(names[:6]):
        made = table(*order, *names[6:])
        assert [found(made, dialed) for dialed in ("912", "913", "925", "905", "9050", "9", "811", "7")] == [
            "912", "_91X", "_9NX", "_9XX", "_9X.", "_9!", "_[89]1X", "_.",
        ]  # fmt: skip


def test_regular_expressions_come_after_patterns_in_the_order_of_the_file_and_catch():
    made = table("/^00(\\d+)$/", "/^0(.*)$/", "_004X.", "/^Bob$/i")
    assert made.find("00412") == ("_004X.", ())
    assert made.find("0033") == ("/^00(\\d+)$/", ("33",))
    assert made.find("0x") == ("/^0(.*)$/", ("x",))
    assert made.find("BOB") == ("/^Bob$/i", ())


def test_a_regular_expression_is_not_tried_on_what_nobody_dials():
    assert table("/^a+b$/").find("a" * 5000 + "b") is None


def test_a_wrong_regular_expression_says_where():
    with pytest.raises(Mistake, match=r"the regular expression is wrong at its character 2: missing \)"):
        read_expression("/^(\\d+$/")


def test_a_table_knows_whether_more_digits_could_follow():
    made = table("1", "12", "_3XX", "_4!")
    assert [typed for typed in ("1", "12", "2", "3", "31", "312", "4", "49") if made.wants_more(typed)] == ["1", "3", "31", "4", "49"]

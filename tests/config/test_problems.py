import pytest

from pipeline.config import Document, Place, Problem, Problems
from pipeline.config.problems import Report, listed, nearest


def test_a_problem_shows_place_line_caret_and_suggestion():
    place = Place("pipeline.toml", 24, 27, 11, '    plugins = ["options", "regsitrar"]')
    assert str(Problem(place, "stage 'application' lists an unknown plugin 'regsitrar'", "did you mean 'registrar'?")) == (
        "pipeline.toml:24:27: stage 'application' lists an unknown plugin 'regsitrar'\n"
        '    plugins = ["options", "regsitrar"]\n'
        "                          ^^^^^^^^^^^".replace("                          ", "    " + " " * 22)
        + "\n  did you mean 'registrar'?"
    )


def test_tabs_do_not_move_the_caret():
    assert str(Problem(Place("p", 1, 2, 1, "\tx\ty"), "m")) == "p:1:2: m\n    x y\n    ^"


def test_a_long_line_is_cut_around_the_caret():
    shown = str(Problem(Place("p", 1, 301, 4, "a" * 300 + "HERE" + "b" * 300), "m")).split("\n")
    assert max(map(len, shown)) < 160
    assert shown[1][shown[2].index("^") :].startswith("HERE")
    assert shown[1].startswith("    …")
    assert shown[1].endswith("…")


def test_what_would_move_a_cursor_is_shown_as_an_escape_and_the_caret_moves_along():
    document = Document("p", '"\\u001b[31mfoo\\nbar" = 1\n"a\u202eb" = "\u200fc"\n')
    report = Report(document)
    for key, value in document.data.items():
        report.error((key,), f"[pipeline] has no key '{key}'", f"did you mean '{key}'?", key=True)
        report.error((key,), f"{value} is wrong")
    with pytest.raises(Problems) as caught:
        report.stop()
    assert str(caught.value).split("\n") == [
        "p:1:1: [pipeline] has no key '\\x1b[31mfoo\\nbar'",
        '    "\\u001b[31mfoo\\nbar" = 1',
        "    ^^^^^^^^^^^^^^^^^^^^",
        "  did you mean '\\x1b[31mfoo",
        "  bar'?",
        "p:1:24: 1 is wrong",
        '    "\\u001b[31mfoo\\nbar" = 1',
        "                           ^",
        "p:2:1: [pipeline] has no key 'a\\u202eb'",
        '    "a\\u202eb" = "\\u200fc"',
        "    ^^^^^^^^^^",
        "  did you mean 'a\\u202eb'?",
        "p:2:9: \\u200fc is wrong",
        '    "a\\u202eb" = "\\u200fc"',
        "                 ^^^^^^^^^",
        "4 problems found",
    ]


def test_problems_are_sorted_by_place_and_counted():
    one, two = Problem(Place("p", 9, 1, 1, "b"), "later"), Problem(Place("p", 2, 1, 1, "a"), "sooner")
    assert str(Problems([one, two])) == "p:2:1: sooner\n    a\n    ^\np:9:1: later\n    b\n    ^\n2 problems found"


def test_a_report_tells_the_same_thing_once_and_stops_only_for_errors():
    report = Report(Document("p", "[a]\nx = 1\n"))
    report.warning(("a",), "odd")
    report.stop()
    report.error(("a", "x"), "wrong")
    report.error(("a", "x"), "wrong")
    assert report.failed
    assert [str(w.place) for w in report.warnings()] == ["p:1"]
    with pytest.raises(Problems) as caught:
        report.stop()
    assert len(caught.value.problems) == 1


def test_words_are_joined_and_meant():
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a", "b"], "or") == "a or b"
    assert listed([]) == "nothing"
    assert nearest("Regsitrar", ["registrar", "redirect"]) == "did you mean 'registrar'?"
    assert nearest("zebra", ["registrar"]) == ""

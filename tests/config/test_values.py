import enum
from pathlib import Path
from typing import Any, Literal

import pytest

from pipeline.config.values import Fault, convert, from_home, shown, words


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@pytest.mark.parametrize(
    ("value", "kind", "result"),
    [
        (1, int, 1),
        (1, float, 1.0),
        ("x", str, "x"),
        (True, bool, True),
        (["a"], tuple[str, ...], ("a",)),
        (["a"], list[str], ["a"]),
        (["a", "a"], frozenset[str], frozenset("a")),
        ({"a": 1}, dict[str, int], {"a": 1}),
        (1, int | None, 1),
        ("a", str | list[str], "a"),
        ("red", Colour, Colour.RED),
        ("a", Literal["a", "b"], "a"),
        ("/x", Path, Path("/x")),
        ({"x": [1]}, Any, {"x": [1]}),
    ],
)
def test_a_value_becomes_what_the_option_is_annotated_with(value, kind, result):
    assert convert(value, kind) == result
    assert type(convert(value, kind)) is type(result)


@pytest.mark.parametrize(
    ("value", "kind", "must", "write"),
    [
        ("5", int, "a whole number", "5"),
        (5.5, int, "a whole number", ""),
        (True, int, "a whole number", ""),
        ("5.5", float, "a number", "5.5"),
        (5, str, "text", '"5"'),
        ("yes", bool, "true or false", "true"),
        (0, bool, "true or false", "false"),
        ("a", tuple[str, ...], "a list", '["a"]'),
        (5, list[str], "a list", '["5"]'),
        (["a"], dict[str, str], "a table", ""),
        ("green", Literal["red", "blue"], "one of 'red' or 'blue'", ""),
        ("green", Colour, "one of 'red' or 'blue'", ""),
        ([], str | int, "text or a whole number", ""),
    ],
)
def test_a_value_of_another_type_is_told_with_what_to_write(value, kind, must, write):
    fault = convert(value, kind)
    assert isinstance(fault, Fault)
    assert (fault.must, fault.write, fault.keys) == (must, write, ())


def test_the_item_that_is_wrong_is_pointed_at():
    assert convert([["a"], ["b", 3]], list[list[str]]).keys == (1, 1)
    assert convert({"a": {"b": 3}}, dict[str, dict[str, str]]).keys == ("a", "b")


def test_all_items_that_are_wrong_are_pointed_at():
    fault = convert([["a", 1], "b", ["c"], [2, 3]], list[list[str]])
    assert [each.keys for each in (fault, *fault.more)] == [(0, 1), (1,), (3, 0), (3, 1)]
    fault = convert({"a": {"b": 3}, "c": 1, "d": {}}, dict[str, dict[str, str]])
    assert [each.keys for each in (fault, *fault.more)] == [("a", "b"), ("c",)]


def test_a_choice_that_is_misspelt_is_suggested():
    assert convert("infos", Literal["info", "debug"]).hint == "did you mean 'info'?"


def test_paths_from_home_are_written_out_in_lists_and_tables_too(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert from_home("~/x.log") == "/home/me/x.log"
    assert from_home(["~", "a~", "a/~"]) == ["/home/me", "a~", "a/~"]
    assert from_home([{"cert": "~/a.pem", "names": ["sip.example.com"]}]) == [{"cert": "/home/me/a.pem", "names": ["sip.example.com"]}]
    assert from_home("~/plugins.d/x.py:X") == "/home/me/plugins.d/x.py:X"
    with pytest.raises(ValueError, match="there is no home for '~nobody-of-that-name'"):
        from_home(["~nobody-of-that-name/x"])


def test_values_are_shown_as_toml_has_them():
    assert shown(["a", True, 1]) == '["a", true, 1]'
    assert shown("x" * 99) == '"' + "x" * 57 + '…"'
    assert words(dict[str, str]) == "a table"

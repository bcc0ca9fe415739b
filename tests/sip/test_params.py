"""Mirror of pipeline/sip/params.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.conformance.marks import rfc
from pipeline.sip import params
from pipeline.sip.grammar import Malformed


@rfc("3261", "7.3.1")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        (";tag=1a", {"tag": "1a"}),
        (";Tag=1A;LR", {"tag": "1A", "lr": None}),
        (' ; a = 1 ;\tb="x;y, \\"z"', {"a": "1", "b": '"x;y, \\"z"'}),
        (";received=2001:db8::9:255", {"received": "2001:db8::9:255"}),
        (";received=[2001:db8::9:255];branch=z9hG4bK1", {"received": "[2001:db8::9:255]", "branch": "z9hG4bK1"}),
        (";fromParam''~+*_!.-%=\"две;части\"", {"fromparam''~+*_!.-%": '"две;части"'}),
    ],
)
def test_names_come_in_lower_case_and_values_verbatim(text, expected):
    assert params.parse(text) == expected
    assert list(params.parse(text)) == list(expected)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (";", "empty parameter"),
        (";;a", "empty parameter"),
        (";a;", "empty parameter"),
        (";a=", "parameter without a value after '='"),
        (";a=1;A=2", "the same parameter twice"),
        (';a="b', "parameter without a value after '='"),
        ("a=1", "parameters must begin with ';'"),
        (";a b", "parameters must begin with ';'"),
        (";@=1", "not a parameter after ';'"),
        (",;,,", "parameters must begin with ';'"),
        (";a\x00", "parameters must begin with ';'"),
    ],
)
def test_a_bad_parameter_says_what_is_wrong(text, why):
    with pytest.raises(Malformed) as caught:
        params.parse(text, "Via")
    assert caught.value.reason == f"Bad Via: {why}"


TOKEN = st.text("abzABZ019-.!%*_+`'~", min_size=1, max_size=8)


@given(st.dictionaries(TOKEN.map(str.lower), st.none() | TOKEN, max_size=6))
def test_what_is_written_parses_to_the_same(given_params):
    assert params.parse(params.text_of(given_params)) == given_params


@given(st.text("ab;=1-", max_size=20).map(lambda text: f";{text}"))
def test_the_fast_way_and_the_careful_way_agree(text):
    def outcome(parse):
        try:
            return parse(text, "x")
        except Malformed as error:
            return error.reason

    assert outcome(params.parse) == outcome(params._careful)

"""Mirror of pipeline/sip/grammar.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sip.grammar import CSEQ, Malformed, bad, is_token, missing, number, quote, split_commas, unquote


def test_a_malformed_reason_is_fit_for_the_status_line():
    error = bad("From", "unterminated quoted string")
    assert str(error) == "Bad From: unterminated quoted string"
    assert (error.reason, error.why, error.header, error.status, error.message) == (
        str(error),
        "unterminated quoted string",
        "From",
        400,
        None,
    )
    assert str(missing("Call-ID")) == "Missing Call-ID"


@given(st.text().filter(lambda text: "\r" not in text and "\n" not in text))
def test_what_was_quoted_unquotes_to_itself(text):
    assert unquote(quote(text)) == text


def test_unquote_opens_quoted_pairs_once_and_leaves_other_text():
    assert unquote(r'"J \\\" R"') == r"J \" R"
    assert unquote("token") == "token"
    assert unquote('"') == '"'


def test_tokens_hold_no_blanks_separators_or_letters_beyond_ascii():
    assert is_token("!interesting-Method_*+`.%indeed'~")
    assert not any(is_token(text) for text in ("", "a b", "a@b", "a/b", "é", "a\n"))


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a, b ,c", ["a", "b", "c"]),
        ("a,,b", ["a", "", "b"]),
        ('"x, y" <sip:a@b>, <sip:c,d@e>;p="1,2"', ['"x, y" <sip:a@b>', '<sip:c,d@e>;p="1,2"']),
        (r'"a\",b",c', [r'"a\",b"', "c"]),
        ("<sip:a@b>,", ["<sip:a@b>", ""]),
    ],
)
def test_commas_split_lists_but_not_inside_quotes_or_brackets(text, items):
    assert split_commas(text) == items


@pytest.mark.parametrize(
    ("text", "reason"),
    [('a, "b', "Bad Contact: unterminated quoted string"), ("<sip:a, b", "Bad Contact: '<' without '>'")],
)
def test_a_list_that_does_not_close_is_malformed(text, reason):
    with pytest.raises(Malformed) as caught:
        split_commas(text, "Contact")
    assert caught.value.reason == reason


def test_numbers_have_leading_zeros_and_limits():
    assert number("0068", 255, "Max-Forwards") == 68
    assert number("0" * 5000 + "9", CSEQ, "CSeq") == 9
    assert number("000", 255, "x") == 0
    assert number("2147483647", CSEQ, "CSeq") == CSEQ


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "1 ", "five", "٣", "²"])
def test_what_is_not_decimal_is_no_number(text):
    with pytest.raises(Malformed, match="Bad Content-Length: not a number"):
        number(text, 10, "Content-Length")


@pytest.mark.parametrize("text", ["2147483648", "36893488147419103232", "9" * 10_000])
def test_a_number_beyond_its_limit_is_malformed_whatever_its_length(text):
    with pytest.raises(Malformed, match="Bad CSeq: larger than 2147483647"):
        number(text, CSEQ, "CSeq")

"""Mirror of pipeline/sip/address.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.conformance.marks import rfc
from pipeline.sip import address as room
from pipeline.sip.address import Address
from pipeline.sip.grammar import Malformed


@rfc("3261", "20.10")
@pytest.mark.parametrize(
    ("text", "display", "uri", "params"),
    [
        ("<sip:a@b.example>", "", "sip:a@b.example", {}),
        ('"Alice, A." <sip:a@b.example>;tag=1', "Alice, A.", "sip:a@b.example", {"tag": "1"}),
        (r'"J Rosenberg \\\""       <sip:j@b.example> ; tag = 98', 'J Rosenberg \\"', "sip:j@b.example", {"tag": "98"}),
        ("caller<sip:c@b.example>;tag=3", "caller", "sip:c@b.example", {"tag": "3"}),
        ("token1~` token2'+_ token3*%!.- <sip:m@b.example>", "token1~` token2'+_ token3*%!.-", "sip:m@b.example", {}),
        ("Jörg <sip:j@b.example>", "Jörg", "sip:j@b.example", {}),
        ('"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:a@b.example>', "BEL:\x07 NUL:\x00 DEL:\x7f", "sip:a@b.example", {}),
        ("sip:a@b.example;tag=1", "", "sip:a@b.example", {"tag": "1"}),
        ("sip:a@b.example ;   tag    = 19", "", "sip:a@b.example", {"tag": "19"}),
        ("<sip:a@b.example;lr>;x", "", "sip:a@b.example;lr", {"x": None}),
        ("<http://www.example.com>;tag=3", "", "http://www.example.com", {"tag": "3"}),
        ('""<sip:a@b.example>', "", "sip:a@b.example", {}),
    ],
)
def test_the_forms_of_an_address(text, display, uri, params):
    address = Address.parse(text, "From")
    assert (address.display, address.uri.text, address.params, address.text) == (display, uri, params, text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ('"Mr. J. User <sip:a@b.example>', "unterminated quoted string"),
        ('"Mr" sip:a@b.example', "'<' must follow the display name"),
        ("<sip:a@b.example", "'<' without '>'"),
        ('"A" < sip:a@b.example >', "blanks inside <>"),
        ("Bell, Alexander <sip:a@b.example>", "a display name with such characters must be quoted"),
        ("sip:a@b.example?Route=%3Csip:x%3E", "a URI with '?' or ',' must stand in <>"),
        ("<sip:a@b.example>;;;;", "empty parameter"),
        ("<sip:a@b.example>, <sip:c@b.example>", "parameters must begin with ';'"),
        ("<sip:>", "no host"),
        ("alice", "it must begin with a scheme such as 'sip:'"),
    ],
)
def test_a_bad_address_names_its_header_and_says_what_is_wrong(text, why):
    with pytest.raises(Malformed) as caught:
        Address.parse(text, "From")
    assert (caught.value.reason, caught.value.header) == (f"Bad From: {why}", "From")


@rfc("3261", "7.3.1")
def test_many_addresses_split_at_commas_outside_quotes_and_brackets():
    found = Address.parse_many('"A, B" <sip:a@b>, <sip:c,d@b>;q=0.5, sip:e@b')
    assert [str(address) for address in found] == ['"A, B" <sip:a@b>', "<sip:c,d@b>;q=0.5", "sip:e@b"]
    with pytest.raises(Malformed, match="it is empty"):
        Address.parse_many("<sip:a@b>,")


def test_contact_parameters_are_typed_when_read():
    contact = Address.parse('<sip:a@b>;expires=3600;q=0.7;+sip.instance="<urn:uuid:1>"')
    assert (contact.expires, contact.q, contact.tag) == (3600, 0.7, "")
    assert contact.tail == ';expires=3600;q=0.7;+sip.instance="<urn:uuid:1>"'
    bare = Address.parse("<sip:a@b>")
    assert (bare.expires, bare.q, bare.tail) == (None, None, "")


@rfc("3261", "10.2.1.1", "20.10")
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *((text, 3600) for text in ("-1", "soon", '""', '"Thu, 01 Dec 1994 16:00:00 GMT"', "0x10", "6e1", "\u0665")),
        *((text, 2**32 - 1) for text in ("280297596632815", "4294967296", "9" * 5000)),
        ("0" * 5000 + "60", 60),
        ("000", 0),
    ],
)
def test_an_expires_that_is_no_number_is_an_hour_and_one_that_is_too_large_the_largest(text, seconds):
    assert Address.parse(f"<sip:a@b>;expires={text}").expires == seconds


@rfc("3261", "20.10")
@pytest.mark.parametrize("text", ["2", "0.1234", "-1", "1.001", "x", ".5"])
def test_a_q_outside_zero_to_one_is_malformed(text):
    with pytest.raises(Malformed, match="Bad Contact q"):
        _ = Address.parse(f"<sip:a@b>;q={text}").q


def test_what_is_written_parses_to_the_same():
    text = Address.write("sip:a@b", 'Alice "A"', {"tag": "1"})
    assert text == '"Alice \\"A\\"" <sip:a@b>;tag=1'
    assert Address.parse(text).display == 'Alice "A"'
    assert Address.write("sip:a@b") == repr(Address.parse("<sip:a@b>"))[9:-1]


PIECES = st.sampled_from(['"', "\\", "<", ">", " ", "\t", "a", "é", ";", "=", ",", "?", "sip:a@b", "sip:c", "tag", "\x00", ":", '"x"'])


@given(st.lists(PIECES, min_size=1, max_size=10).map(lambda pieces: "".join(pieces).strip(" \t")).filter(bool))
def test_the_fast_way_and_the_careful_way_agree(text):
    def outcome(parse):
        try:
            address = parse(text, "To")
        except Malformed:
            return None
        return address.display, address.uri.text, dict(address.params), address.text

    assert outcome(Address.parse) == outcome(room._careful)


def test_a_uri_beyond_the_limit_in_a_header_is_400_and_not_414():
    with pytest.raises(Malformed) as caught:
        Address.parse(f"<sip:{'a' * 9000}@b>", "From")
    assert (caught.value.status, caught.value.reason) == (400, "Bad From: the URI is longer than 8000")

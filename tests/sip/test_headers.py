"""Mirror of pipeline/sip/headers.py."""

from __future__ import annotations

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip.grammar import Malformed
from pipeline.sip.headers import COMPACT, KEYS, LISTS, SINGLE, SPELLED, canonical, spelled


@rfc("3261", "7.3.1", "7.3.3")
@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("v", "via"),
        ("Via", "via"),
        ("VIA", "via"),
        ("MaX-fOrWaRdS", "max-forwards"),
        ("L", "content-length"),
        ("X-Odd  ", "x-odd"),
        ("i\t", "call-id"),
    ],
)
def test_every_spelling_has_one_key(name, key):
    assert canonical(name) == key


@pytest.mark.parametrize("name", ["", " Via", "Via:", "a b", "é", "a\0"])
def test_what_is_no_token_is_no_name(name):
    with pytest.raises(Malformed, match="its name is not a token"):
        canonical(name)


def test_names_are_spelled_as_their_rfc_does():
    assert [spelled(key) for key in ("call-id", "cseq", "www-authenticate", "x-odd")] == ["Call-ID", "CSeq", "WWW-Authenticate", "X-Odd"]


def test_no_field_is_both_a_list_and_single_and_all_are_known():
    assert not LISTS & SINGLE
    assert set(SPELLED) >= LISTS | SINGLE
    assert all(KEYS[letter] == name.lower() == KEYS[name] for letter, name in COMPACT.items())

"""pipeline.gruu: addresses of one phone, made and read. RFC 5627 3.1, 5.1, 5.4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.conformance.marks import rfc
from pipeline.dal import Contact
from pipeline.gruu import Gruus, instance_of
from pipeline.sip.grammar import Malformed
from pipeline.sip.uri import Uri

KEY = bytes(range(64))
ALICE = Uri.parse("sip:alice@example.com")
ONE = "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"


def bound(instance=ONE, gruu=7):
    return Contact(id="1", aor="alice@example.com", uri="sip:alice@10.0.0.9", instance=instance, gruu=gruu)


def temporary(uri=ALICE, instance=ONE, generation=7, nonce=b"0123456789"):
    return Gruus(KEY).temporary(uri, "example.com", instance, generation, nonce)


@rfc("5627", "3.1.1", "5.4")
def test_a_public_one_is_the_address_of_record_with_the_instance():
    gruu = Gruus(KEY).public(ALICE, "example.com", ONE)
    assert gruu == "sip:alice@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    assert Uri.same(Uri.parse(gruu), ALICE)  # 5.4: equivalent to its address of record
    assert Gruus(KEY).read(Uri.parse(gruu), "example.com").fits(bound())


@pytest.mark.parametrize("instance", ["<urn:x:a;b=c>", '<urn:x:"%41">', "<urn:x:a b>", "<URN:UUID:F81D4FAE>"])
def test_an_instance_of_any_letters_is_written_and_read(instance):
    gruu = Uri.parse(Gruus(KEY).public(ALICE, "example.com", instance))
    read = Gruus(KEY).read(gruu, "example.com")
    assert read.fits(bound(instance))
    assert not read.fits(bound())


@pytest.mark.parametrize("text", ["", "<>", "urn:uuid:1", "<urn:\n>", f"<{'x' * 300}>", "<urn:ü>"])
def test_what_is_no_instance_gets_none(text):
    assert instance_of(text) == ""
    assert Gruus(KEY).public(ALICE, "example.com", text) == ""
    assert temporary(instance=text) == ""


def test_a_temporary_one_is_read_by_who_has_the_key():
    uri = Uri.parse(temporary())
    read = Gruus(KEY).read(uri, "example.com")
    assert (read.user, read.generation) == ("alice", 7)
    assert read.fits(bound())
    assert not read.fits(bound(gruu=8))
    assert not read.fits(bound(instance="<urn:uuid:other>"))
    assert Gruus(KEY[::-1]).read(uri, "example.com") is None
    assert Gruus(KEY).read(uri, "example.org") is None


def test_any_changed_letter_makes_it_none():
    text = temporary()
    begin, end = text.index("."), text.index("@") - 1  # of the last letter, two bits mean nothing
    for place in range(begin + 1, end):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert Gruus(KEY).read(Uri.parse(changed), "example.com") is None


@rfc("5627", "3.1.2", "5.1")
def test_two_of_one_phone_have_nothing_in_common_and_the_length_of_any():
    one, other = temporary(), temporary(nonce=b"9876543210")
    longer = temporary(Uri.parse("sip:a-much-longer-user.name@example.com"), "<urn:x>")
    assert len({len(one), len(other), len(longer)}) == 1
    pairs = zip(one.partition("@")[0][10:], other.partition("@")[0][10:], strict=True)
    assert sum(a == b for a, b in pairs) < 20  # of 87: chance


@pytest.mark.parametrize(
    "text", ["sip:alice@example.com;gr", "sip:tgruu.@example.com;gr", "sip:example.com;gr", "sip:tgruu." + "~" * 91 + "@example.com;gr"]
)
def test_what_was_never_given_is_none(text):
    assert Gruus(KEY).read(Uri.parse(text), "example.com") is None


def test_a_user_too_long_to_hide_gets_none():
    assert temporary(Uri.parse(f"sip:{'u' * 34}@example.com")) == ""
    assert Gruus(KEY).read(Uri.parse(temporary(Uri.parse(f"sip:{'u' * 33}@example.com"))), "example.com").user == "u" * 33


def test_without_a_key_nothing_temporary_is_read():
    assert Gruus().read(Uri.parse(temporary()), "example.com") is None


@given(st.text(max_size=120), st.text(max_size=60))
def test_whatever_is_called_nothing_raises(user, value):
    for text in (f"sip:{user}@example.com;gr", f"sip:tgruu.{user}@example.com;gr", f"sip:alice@example.com;gr={value}"):
        try:
            uri = Uri.parse(text)
        except Malformed:
            continue
        found = Gruus(KEY).read(uri, "example.com")
        assert found is None or not found.fits(bound()) or found.user == "alice"


@given(st.binary(min_size=91, max_size=91))
def test_no_guessed_user_part_is_one(octets):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    text = "".join(alphabet[octet % 64] for octet in octets)
    assert Gruus(KEY).read(Uri.parse(f"sip:tgruu.{text}@example.com;gr"), "example.com") is None

"""Mirror of pipeline/sip/fields.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sip import Malformed, parse
from pipeline.sip.fields import fields_of, index

HEAD = (
    "OPTIONS sip:b@example.com SIP/2.0\r\n"
    "v:SIP/2.0/UDP one.example;branch=z9hG4bK1\r\n"
    "VIA : SIP/2.0/UDP two.example;branch=z9hG4bK2,\r\n"
    "  SIP/2.0/UDP three.example;branch=z9hG4bK3\r\n"
    "From: <sip:a@example.com>;tag=1\r\n"
    "To:   \t<sip:b@example.com>  \r\n"
    "Call-ID: 1@one.example\r\n"
    "CSeq: 1 OPTIONS\r\n"
    "X-Odd:\r\n"
    "Subject: a: b"
)


def message():
    return parse(HEAD.encode() + b"\r\n\r\nbody")


def test_values_come_unfolded_and_stripped_by_their_long_name():
    found = message()
    assert found.get("to") == "<sip:b@example.com>"
    assert found.get("subject") == "a: b"
    assert found.get("x-odd") == ""
    assert found.get("date") is None
    assert found.all("via") == [
        "SIP/2.0/UDP one.example;branch=z9hG4bK1",
        "SIP/2.0/UDP two.example;branch=z9hG4bK2, SIP/2.0/UDP three.example;branch=z9hG4bK3",
    ]
    assert [value[-8:] for value in found.values("via")] == ["z9hG4bK1", "z9hG4bK2", "z9hG4bK3"]
    assert found.values("subject") == ["a: b"]
    assert found.all("date") == found.values("date") == []
    assert "x-odd" in found
    assert "date" not in found
    assert list(found.repeated()) == ["via"]


def test_items_keep_order_and_names_as_received():
    assert [name for name, _ in message().items()] == ["v", "VIA", "From", "To", "Call-ID", "CSeq", "X-Odd", "Subject"]


def test_a_message_that_nobody_edits_gives_back_its_very_bytes():
    found = message()
    found.items()
    assert found.encode() == found.raw == HEAD.encode() + b"\r\n\r\nbody"


def test_an_edit_writes_only_its_field_anew_and_records_who_did_it():
    found = message()
    found.set("subject", "new", by="nat")
    assert found.encode() == HEAD.replace("Subject: a: b", "Subject: new").encode() + b"\r\n\r\nbody"
    assert found.edits == [("nat", "set", "subject")]
    assert found.get("subject") == "new"


def test_set_replaces_all_of_that_name_where_the_first_was():
    found = message()
    _ = found.via
    found.set("Via", "SIP/2.0/UDP new.example")
    assert found.items()[0] == ("Via", "SIP/2.0/UDP new.example")
    assert found.all("via") == ["SIP/2.0/UDP new.example"]
    assert found.via.host == "new.example"
    found.set("date", "today")
    assert found.items()[-1] == ("Date", "today")


def test_add_prepend_and_remove():
    found = message()
    found.add("via", "last", by="a")
    found.prepend("via", "first", by="b")
    found.prepend("route", "<sip:r;lr>", by="c")
    found.add("x-new", "1", by="d")
    found.remove("x-odd", by="e")
    assert found.all("via")[0] == "first"
    assert found.all("via")[-1] == "last"
    names = [name for name, _ in found.items()]
    assert names == ["Route", "Via", "v", "VIA", "Via", "From", "To", "Call-ID", "CSeq", "Subject", "X-New"]
    assert found.edits == [
        ("a", "add", "via"),
        ("b", "prepend", "via"),
        ("c", "prepend", "route"),
        ("d", "add", "x-new"),
        ("e", "remove", "x-odd"),
    ]
    assert parse(found.encode()).all("via") == found.all("via")


def test_another_body_brings_its_length_and_type():
    found = message()
    found.set_body(b"v=0\r\n", "application/sdp", by="media")
    again = parse(found.encode())
    assert (again.body, again.content_length, again.content_type) == (b"v=0\r\n", 5, "application/sdp")


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\rb"])
def test_a_value_with_a_line_break_is_refused(value):
    with pytest.raises(ValueError, match="may not hold line breaks"):
        message().add("subject", value)
    with pytest.raises(Malformed):
        message().add("sub\r\nject", "x")


def test_octets_that_are_not_utf8_survive_an_edit_elsewhere():
    data = HEAD.replace("a: b", "PLACE").encode().replace(b"PLACE", b"\xff\xfe \xc3\x28") + b"\r\n\r\n"
    found = parse(data)
    found.add("x-new", "1")
    assert b"Subject: \xff\xfe \xc3\x28\r\n" in found.encode()


LINE = st.sampled_from(["Via: a", "v:b", "To:c", "X: ", "Y:", " more", "\tand", " ", "Via : d", "x-o: e: f", "S:  g  "])


@given(st.lists(LINE, max_size=8))
def test_the_index_and_the_ordered_list_agree(lines):
    lines = ["To: first", *lines]
    first, more = index(lines)
    expected: dict[str, list[str]] = {}
    for key, _, value, _ in fields_of("\r\n".join(["start", *lines])):
        expected.setdefault(key, []).append(value)
    assert {key: more.get(key, [value]) for key, value in first.items()} == expected


def test_a_head_that_begins_with_a_fold_is_malformed():
    with pytest.raises(Malformed, match="begins with a blank"):
        index([" a", "b: c"])

"""Mirror of pipeline/sip/multipart.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sip import multipart
from pipeline.sip.grammar import Malformed

MIXED = "multipart/mixed;boundary=b"
PART = b"Content-Type: application/sdp\r\n\r\nv=0\r\n"


def contents(body, kind=MIXED):
    return [part.content for part in multipart.parts_of(kind, body)]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"--b\r\n\r\nx\r\n--b--", [b"x"]),
        (b"before\r\n--b\r\n\r\nx\r\n--b--\r\nbehind\r\n--b\r\n\r\ny", [b"x"]),
        (b"--b \t\r\n\r\nx\r\n--b-- \r\n", [b"x"]),
        (b"--b\n\nx\n--b\n\ny\r\n\n--b--\n", [b"x", b"y\r\n"]),
        (b"--b\r\n\r\nx\r\n--b", [b"x", b""]),
        (b"--b\r\n\r\nx\r\n", [b"x\r\n"]),
        (b"--b\r\n\r\nx\r\n--bb\r\n--b--x\r\n --b\r\n--b--", [b"x\r\n--bb\r\n--b--x\r\n --b"]),
        (b"--b\r\nContent-ID: <1>\r\n--b\r\n\r\n\r\n\r\n--b--", [b"", b"\r\n"]),
    ],
)
def test_parts_stand_between_delimiters_that_are_whole_lines(body, found):
    assert contents(body) == found


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/mixed;boundary=b",
        'multipart/mixed ; Boundary = "b" ; charset=x;',
        'multipart/related;type="a;boundary=c;d";boundary=b',
        'multipart/mixed;boundary="\\b"',
        "multipart/related;boundary=b;start=<a@b>",
        "multipart/related;start=<a@b>;boundary=b",
    ],
)
def test_the_boundary_is_a_parameter_of_the_type(kind):
    assert contents(b"--b\r\n\r\nx\r\n--c\r\n--b--", kind) == [b"x\r\n--c"]


def test_a_boundary_may_hold_what_a_pattern_would_mean_otherwise():
    assert contents(b"--=_(a+.*?)\r\n\r\nx\r\n--=_(a+.*?)--", 'multipart/mixed;boundary="=_(a+.*?)"') == [b"x"]
    assert contents(b"--123:45\r\n\r\nx\r\n--123:45--", "multipart/mixed;boundary=123:45") == [b"x"]


def test_the_fields_of_a_part_may_be_folded_and_compact_and_have_any_case():
    body = b'--b\r\nc:\r\n\tApplication / SDP;\r\n  x=y\r\nCONTENT-DISPOSITION : Session ; Handling = "Required"\r\nX:\r\n\r\nv=0\r\n--b--'
    (part,) = multipart.parts_of(MIXED, body)
    assert (part.type, part.disposition, part.handling, part.content) == ("application/sdp", "session", "required", b"v=0")
    assert part.fields == {
        "content-type": "Application / SDP;  x=y".replace("  ", " "),
        "content-disposition": 'Session ; Handling = "Required"',
        "x": "",
    }
    assert not part.is_encoded


def test_a_part_that_says_nothing_is_text_of_no_disposition():
    (part,) = multipart.parts_of(MIXED, b"--b\r\n\r\n--b--")
    assert (part.type, part.disposition, part.handling, part.fields) == ("text/plain", "", "", {})


@pytest.mark.parametrize(
    ("kind", "body", "reason", "status"),
    [
        ("multipart/mixed", b"--b\r\n\r\n--b--", "Bad Content-Type: a multipart without a boundary", 400),
        ("multipart/mixed;boundary", b"--b\r\n\r\n--b--", "Bad Content-Type: a multipart without a boundary", 400),
        ('multipart/mixed;boundary=""', b"--\r\n\r\n----", "Bad Content-Type: a multipart without a boundary", 400),
        (f"multipart/mixed;boundary={'b' * 71}", b"", "Bad Content-Type: a boundary of more than 70 characters", 400),
        ("multipart/mixed;boundary=a;boundary=b", b"", "Bad Content-Type: the same parameter twice", 400),
        (MIXED, b"", "Bad body: no part between its boundaries", 400),
        (MIXED, b"--b--\r\n" + PART, "Bad body: no part between its boundaries", 400),
        (MIXED, b"--bb\r\n" + PART + b"\r\n--bb--", "Bad body: no part between its boundaries", 400),
        (MIXED, b"--b\r\nv=0\r\n--b--", "Bad body: a header line of a part that is no field", 400),
        (MIXED, b"--b\r\na b: c\r\n\r\n--b--", "Bad body: a header line of a part that is no field", 400),
        (MIXED, b"--b\r\nC: a/b\r\nContent-Type: c/d\r\n\r\n--b--", "Bad body: a part with two Content-Type", 400),
        (MIXED, b"--b\r\n" + b"X: y\r\n" * 33 + b"\r\n--b--", "Bad body: a part with more than 32 header lines", 400),
        (MIXED, b"--b\r\n\r\n\r\n" * 21, "Bad body: more than 20 parts", 415),
    ],
)
def test_what_cannot_be_read_says_why(kind, body, reason, status):
    with pytest.raises(Malformed) as caught:
        multipart.parts_of(kind, body)
    assert (caught.value.reason, caught.value.status) == (reason, status)


@pytest.mark.parametrize(
    ("text", "kind"), [("Application/SDP;x=y", "application/sdp"), (" a / b ", "a/b"), ("a pplication/sdp", "a pplication/sdp"), ("", "")]
)
def test_blanks_stand_around_the_slash_of_a_type_only(text, kind):
    assert multipart.media_type(text) == kind


@given(st.lists(st.sampled_from([b"--b", b"--b--", b"\r\n", b"\n", b" ", b"c: a/b", b"x", b"\xff", b":"]), max_size=20).map(b"".join))
def test_whatever_comes_is_parts_or_malformed(body):
    try:
        parts = multipart.parts_of(MIXED, body)
    except Malformed:
        return
    assert parts
    for part in parts:
        assert b"\n--b\n" not in part.content
        _ = part.type, part.disposition, part.handling, part.is_encoded

"""Torture: our own messages (torture.toml), and those of RFC 4475 and RFC 5118 where the archives lie beside the checkout.

The strict column of expected.json is the aim for every message, as far as it can be seen without an application.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from pipeline.sip import STAR, Malformed, Request, Response, Uri, check, parse, sdp

OURS = tomllib.loads((Path(__file__).parent / "torture.toml").read_text(encoding="utf-8"))
SIGNS = str.maketrans({"␠": " ", "␉": "\t", "␀": "\0", "␇": "\a", "␡": "\x7f"})

THEIRS = Path(__file__).resolve().parents[3] / "shared/torture"
CASES = json.loads((THEIRS / "expected.json").read_text())["cases"] if THEIRS.is_dir() else {}
absent = pytest.mark.skipif(not CASES, reason=f"{THEIRS} is not here; torture.toml tries the same points")

# Malformed by the RFC's word, but nothing in it that every receiver must see: what the strict column wants is an application's answer.
ACCEPTED = {"baddate"}


def ours(name):
    head, _, body = OURS[name]["text"].translate(SIGNS).replace("\n", "\r\n").partition("\r\n\r\n")
    return f"{head.replace('{length}', str(len(body.encode())))}\r\n\r\n{body}".encode()


def theirs(name):
    return (THEIRS / CASES[name].get("wire_file", CASES[name]["file"])).read_bytes()


def verdict(data, *, everything=False, read=""):
    """What an engine with a registrar makes of these octets: (status or None for accepted, what was read, the error)."""
    message = None
    try:
        message = parse(data)
        check(message)
        if everything:
            _ = message.expires
            for contact in message.contacts if message.contacts is not STAR else ():
                _ = contact.expires, contact.q
        if read:
            getattr(message, read)
    except Malformed as error:
        return error.status, error.message or (message if isinstance(message, Request) else None), error
    return None, message, None


def answer(request, error):
    return parse(Response.to(request, error.status, error.reason, to_tag="t").encode())


@pytest.mark.parametrize("name", OURS)
def test_a_message_of_our_own_meets_its_verdict(name):
    case = OURS[name]
    status, message, error = verdict(ours(name), read=case.get("read", ""))
    if case["expect"] == "ok":
        assert error is None
        assert message.encode() in ours(name)
    elif case["expect"] == "drop":
        assert message is None
    else:
        assert (status, error.reason) == (case["expect"], case["reason"])
        assert answer(message, error).all("via") == message.all("via")
        assert message.return_path is not None


def test_folds_and_blanks_disappear_from_values_and_not_from_the_bytes():
    message = parse(ours("folded-and-spaced"))
    assert (message.to.tag, message.from_.tag, message.from_.display) == ("77aa", "88bb", 'Q \\"')
    assert (message.cseq, message.max_forwards) == ((42, "INVITE"), 21)
    assert [(via.transport, via.host, via.branch) for via in message.vias] == [
        ("UDP", "203.0.113.2", "oldstyle"),
        ("TCP", "two.example.net", "z9hG4bKtwo"),
        ("UDP", "203.0.113.9", "z9hG4bKthree"),
    ]
    assert (message.contacts[0].q, message.get("strange"), message.get("stranger")) == (0.25, "one two", ";;,,;;,;")
    assert message.encode() == ours("folded-and-spaced")
    assert len(parse(Response.to(message, 200).encode()).vias) == 3


def test_odd_characters_are_echoed_octet_by_octet():
    data = ours("odd-characters")
    message = parse(data)
    assert message.to.display == "bell \a nul \0 del \x7f"
    reply = Response.to(message, 501).encode()
    for name in (b"To", b"From", b"Call-ID", b"CSeq", b"Via"):
        line = next(line for line in data.split(b"\r\n") if line.startswith(name + b": "))
        assert line in reply.split(b"\r\n")


def test_escapes_of_our_own_are_undone_once():
    message = parse(ours("escapes"))
    assert Uri.same(message.to.uri, Uri.parse("sip:bob@example.net"))
    assert message.uri.user_unescaped == "sips:bob@example.net"
    assert message.contacts[0].uri.param("name") == "val%41"


def test_escaped_nuls_of_our_own_make_two_contacts():
    one, two = parse(ours("escaped-nuls")).contacts
    assert not Uri.same(one.uri, two.uri)


def test_what_stands_behind_a_body_of_our_own_is_gone():
    message = parse(ours("octets-behind"))
    assert message.body == b""
    assert b"INVITE" not in message.encode()


def test_ipv6_of_our_own_is_read_in_all_forms():
    message = parse(ours("ipv6"))
    assert (message.uri.address, message.uri.port) == ("2001:db8::77:5070", None)
    assert (message.to.uri.address, message.to.uri.port) == ("2001:db8::77", 5070)
    assert [(via.port, via.received) for via in message.vias] == [(19823, ""), (None, "2001:db8::9:255"), (None, "2001:db8::9:255")]
    assert Uri.same(parse(ours("three-colons")).uri, parse(ours("three-colons")).to.uri)


@absent
@pytest.mark.parametrize("name", CASES or ["none"])
def test_a_message_of_the_rfcs_meets_the_strict_column(name):
    case = CASES[name]
    data = theirs(name)
    status, message, error = verdict(data, everything=True)
    if case["valid"] or name in ACCEPTED:
        assert error is None, error
        assert message.is_request is (case["kind"] == "request")
        assert message.encode() == data[: len(message.encode())]
    elif case["kind"] == "response":
        assert message is None  # dropped
    else:
        assert status in (400, 505)
        assert any(status == wanted or str(wanted) == f"{status // 100}xx" for wanted in case["expect"]["strict"])
        assert answer(message, error).status == status
        assert message.return_path is not None


@absent
def test_wsinv_three_vias_and_a_number_with_leading_zeros():
    message = parse(theirs("wsinv"))
    assert [via.branch for via in message.vias] == ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]
    assert (message.cseq, message.from_.tag, message.to.tag, message.max_forwards) == ((9, "INVITE"), "98asjd8", "1918181833n", 68)
    assert message.get("newfangledheader") == "newfangled value continued newfangled value"
    assert [via.text for via in Response.to(message, 200).vias] == [via.text for via in message.vias]


@absent
def test_intmeth_is_echoed_octet_by_octet():
    data = theirs("intmeth")
    reply = Response.to(parse(data), 501).encode().split(b"\r\n")
    assert [
        line for line in data.split(b"\r\n") if line.split(b":")[0] in (b"Via", b"To", b"From", b"Call-ID", b"CSeq") and line not in reply
    ] == []


@absent
def test_esc01_is_unescaped_once():
    message = parse(theirs("esc01"))
    assert message.to.uri.user_unescaped == "user"
    assert Uri.same(message.to.uri, Uri.parse("sip:user@example.com"))
    assert message.contacts[0].uri.param("name") == "value%41"


@absent
def test_escnull_keeps_two_uris_and_the_whole_address_of_record():
    message = parse(theirs("escnull"))
    assert [contact.uri.user_unescaped for contact in message.contacts] == ["\0", "\0\0"]
    assert not Uri.same(*(contact.uri for contact in message.contacts))
    assert message.to.uri.user_unescaped == "null-\0-null"


@absent
def test_esc02_is_no_register():
    assert parse(theirs("esc02")).cseq.method == "RE%47IST%45R"


@absent
def test_longreq_is_echoed_whole():
    message = parse(theirs("longreq"))
    reply = Response.to(message, 200)
    assert [via.text for via in reply.vias] == [via.text for via in message.vias]
    assert len(message.vias) == 34
    assert (reply.from_.text, reply.call_id, reply.to.text) == (message.from_.text, message.call_id, message.to.text)


@absent
def test_dblreq_ends_where_its_length_says():
    message = parse(theirs("dblreq"))
    assert message.body == b""
    assert b"INVITE" not in message.encode()


@absent
def test_semiuri_has_its_parameters_in_the_user_part():
    uri = parse(theirs("semiuri")).uri
    assert (uri.user_unescaped, uri.host) == ("user;par=u@example.net", "example.com")


@absent
def test_transports_are_echoed_in_order():
    assert [via.transport for via in Response.to(parse(theirs("transports")), 200).vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


@absent
def test_mpart01_has_a_body_of_553_octets_with_nuls():
    body = parse(theirs("mpart01")).body
    assert len(body) == 553
    assert b"\0" in body


@absent
def test_responses_of_the_rfcs():
    assert (parse(theirs("noreason")).status, parse(theirs("noreason")).reason) == (100, "")
    assert parse(theirs("unreason")).status == 200
    assert len(parse(theirs("bcast")).vias) == 2


@absent
def test_insuf_is_answered_with_what_it_has():
    _, message, error = verdict(theirs("insuf"))
    reply = answer(message, error)
    assert [name for name, _ in reply.items()] == ["Via", "CSeq", "Content-Length"]


@absent
def test_bext01_and_inv2543():
    message = parse(theirs("bext01"))
    assert message.require == ["nothingSupportsThis", "nothingSupportsThisEither"]
    assert message.proxy_require == ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"]
    old = parse(theirs("inv2543"))
    assert (old.from_.tag, old.via.branch, old.max_forwards, old.content_length, len(old.body)) == ("", "", None, None, 105)


@absent
def test_contacts_of_cparam01_cparam02_and_regescrt():
    inside, outside, headers = (parse(theirs(name)).contacts[0] for name in ("cparam02", "cparam01", "regescrt"))
    assert (outside.uri.params, outside.params) == ({}, {"unknownparam": None})
    assert (inside.uri.params, inside.params) == ({"unknownparam": None}, {})
    assert outside.uri.text == "sip:+19725552222@gw1.example.net"
    assert headers.uri.text == "sip:user@example.com?Route=%3Csip:sip.example.com%3E"


@absent
def test_addresses_of_rfc_5118():
    good, ambiguous, plain = (parse(theirs(name)) for name in ("ipv6-good", "port-ambiguous", "port-unambiguous"))
    assert (good.uri.address, good.via.host, good.contacts[0].uri.address) == ("2001:db8::10", "[2001:db8::9:1]", "2001:db8::1")
    assert (ambiguous.uri.address, ambiguous.uri.port) == ("2001:db8::10:5070", None)
    assert (plain.uri.address, plain.uri.port) == ("2001:db8::10", 5070)
    for name in ("via-received-param-with-delim", "via-received-param-no-delim"):
        assert parse(theirs(name)).via.received == "2001:db8::9:255"
    assert parse(theirs("mult-ip-in-header")).vias[0].host == "[2001:db8::9:1]"
    mapped = parse(theirs("ipv4-mapped-ipv6")).via
    assert (mapped.host, mapped.port) == ("[::ffff:192.0.2.10]", 19823)
    three, two = parse(theirs("ipv6-bug-abnf-3-colons")).uri, parse(theirs("ipv6-correct-abnf-2-colons")).uri
    assert Uri.same(three, two)


@absent
def test_session_descriptions_of_rfc_5118():
    assert sdp.parse(parse(theirs("ipv6-in-sdp")).body).connection == "IN IP6 2001:db8::20"
    mixed = sdp.parse(parse(theirs("mult-ip-in-sdp")).body)
    assert [(media.kind, media.connection) for media in mixed.media] == [("audio", "IN IP4 192.0.2.1"), ("video", "IN IP6 2001:db8::1")]
    assert sdp.parse(parse(theirs("ipv4-mapped-ipv6")).body).media


@absent
def test_the_stray_message_of_the_archive_is_malformed_and_harms_nobody():
    with pytest.raises(Malformed):
        parse((THEIRS / "unreferenced" / "test.dat").read_bytes())

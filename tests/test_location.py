"""pipeline.location: whom a Request-URI means, and which of his contacts a request to it may go to. RFC 3261 26.2.2; RFC 5627 6.1."""

import pytest

from pipeline.conformance.marks import rfc
from pipeline.location import Called, Nowhere, called, is_secured, reached
from pipeline.sip.uri import Uri


def bind(server, *contacts, who="bob"):
    reply = server.request("REGISTER", who, from_=who, headers=[("Contact", ", ".join(contacts))])
    assert reply.status == 200


def of(server, uri):
    who = called(server.engine, Uri.parse(uri))
    return [contact.uri for contact in reached(server.engine, who, server.engine.dal.owned("contact", who.aor))]


def test_an_address_of_record_means_all_that_live(sip):
    server = sip()
    bind(server, "<sip:bob@10.0.0.5>;expires=60", "<sip:bob@10.0.0.6>")
    assert of(server, "sip:bob@example.com") == ["sip:bob@10.0.0.5", "sip:bob@10.0.0.6"]
    server.advance(61)
    assert of(server, "sip:bob@EXAMPLE.com:5080") == ["sip:bob@10.0.0.6"]


@pytest.mark.parametrize("uri", ["sip:bob@example.org", "sip:example.com", "sip:bob@example.com;gr", "sip:x@example.org;gr=urn:x"])
def test_others_and_what_is_no_gruu_are_nobody(sip, uri):
    assert called(sip().engine, Uri.parse(uri)) is None


@rfc("3261", "26.2.2")
@rfc("5630", "5.3")
def test_a_sips_uri_means_those_behind_tls_only(sip):
    server = sip()
    bind(
        server,
        "<sip:bob@10.0.0.5>",
        "<sips:bob@phone.example.net>",
        "<sip:bob@tls.example.net;transport=tls>",
        "<sip:b@x.net;transport=tcp>",
    )
    assert of(server, "sips:bob@example.com") == ["sips:bob@phone.example.net", "sip:bob@tls.example.net;transport=tls"]


@rfc("5630", "7")
def test_who_is_reached_without_only_is_480_with_the_reason(sip):
    server = sip()
    bind(server, "<sip:bob@10.0.0.5>")
    with pytest.raises(Nowhere) as nowhere:
        of(server, "sips:bob@example.com")
    reply = nowhere.value.reply
    assert reply.status == 480
    assert dict(reply.headers) == {"Warning": '380 example.com "SIPS Not Allowed"'}


def test_who_is_nowhere_at_all_is_simply_not_there(sip):
    server = sip()
    assert reached(server.engine, Called("bob@example.com", None, True), ()) == []


@pytest.mark.parametrize(
    ("uri", "path", "secured"),
    [
        ("sips:b@x.net", (), True),
        ("sips:b@x.net", ("<sip:p;lr>",), True),
        ("sip:b@x.net;transport=tls", (), True),
        ("sip:b@x.net;transport=wss", (), True),
        ("sip:b@x.net;transport=tls", ("<sip:p;lr>",), False),
        ("sip:b@x.net", (), False),
        ("sip:", (), False),
    ],
)
def test_which_uris_are_reached_over_tls(uri, path, secured):
    assert is_secured(uri, path) is secured

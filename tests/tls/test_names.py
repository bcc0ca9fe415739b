"""Whom a certificate is for (RFC 5922 7.1, 7.2), from what `ssl` gives of a verified one."""

import pytest

from pipeline.tls.names import covers, names_of


def cert(*alternatives, common=""):
    made = {"subject": ((("commonName", common),),) if common else ()}
    if alternatives:
        made["subjectAltName"] = tuple(tuple(each.rsplit(" ", 1)) for each in alternatives)
    return made


@pytest.mark.parametrize(
    ("certificate", "names"),
    [
        (None, ()),
        ({}, ()),
        (cert("DNS Example.COM."), ("example.com",)),
        (cert("DNS a.example", "DNS b.example"), ("a.example", "b.example")),
        (cert("URI sip:example.com", "DNS a.example"), ("example.com",)),
        (cert("URI SIP:Example.com:5061;transport=tls", "DNS a.example"), ("example.com",)),
        (cert("URI sip:alice@Example.com", "DNS a.example"), ("a.example", "sip:alice@example.com")),
        (cert("URI sips:example.com", "DNS a.example"), ("a.example",)),
        (cert("URI http://example.com"), ()),
        (cert(common="Example.com"), ("example.com",)),
        (cert("IP Address 10.0.0.1", common="example.com"), ()),
        (cert("DNS xn--bcher-kva.example"), ("xn--bcher-kva.example",)),
    ],
)
def test_the_names_in_a_certificate(certificate, names):
    assert names_of(certificate) == names


@pytest.mark.parametrize(
    ("certificate", "name", "good"),
    [
        (cert("DNS example.com"), "EXAMPLE.com.", True),
        (cert("DNS example.com"), "a.example.com", False),
        (cert("DNS *.example.com"), "a.example.com", False),
        (cert("DNS *.example.com"), "*.example.com", True),
        (cert("DNS .example.com"), "a.example.com", False),
        (cert("DNS xn--bcher-kva.example"), "bücher.example", True),
        (cert("URI sip:alice@example.com"), "example.com", False),
        ({}, "example.com", False),
    ],
)
def test_names_are_compared_whole(certificate, name, good):
    assert covers(certificate, name, "192.0.2.1") is good


@pytest.mark.parametrize(
    ("certificate", "address", "good"),
    [
        (cert("IP Address 10.0.0.1"), "10.0.0.1", True),
        (cert("IP Address 2001:DB8:0:0:0:0:0:1"), "2001:db8::1", True),
        (cert("IP Address 2001:DB8:0:0:0:0:0:1"), "2001:db8::2", False),
        (cert("DNS 10.0.0.1"), "10.0.0.1", False),
        (cert(common="10.0.0.1"), "10.0.0.1", False),
    ],
)
def test_an_address_is_proved_by_an_address_alone(certificate, address, good):
    assert covers(certificate, "", address) is good

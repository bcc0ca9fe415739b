"""What our own certificate files say, against the library that made them."""

import datetime as dt

import pytest
from cryptography import x509

from pipeline.tls.x509 import read


@pytest.mark.parametrize(
    ("alternatives", "names"),
    [
        (("dns:Sip.Example.com", "dns:*.example.com", "ip:10.0.0.1"), ("sip.example.com", "*.example.com")),
        (("uri:sip:example.org", "uri:sip:alice@example.org", "uri:http://example.org"), ("example.org",)),
        ((), ("the.common.name",)),
        (("ip:10.0.0.1",), ()),
    ],
)
def test_names_and_times_of_a_certificate(authority, alternatives, names):
    cert, _ = authority.issue("The.Common.Name", *alternatives, file="facts")
    facts = read(cert.read_text())
    made = x509.load_pem_x509_certificate(cert.read_bytes())
    assert facts.names == names
    assert (facts.begins, facts.ends) == (made.not_valid_before_utc.timestamp(), made.not_valid_after_utc.timestamp())


def test_a_time_beyond_2049_is_read(authority):
    cert, _ = authority.issue("far", days=365 * 40)
    assert dt.datetime.fromtimestamp(read(cert.read_text()).ends, dt.UTC).year > 2049


def test_the_first_certificate_of_a_chain_counts(authority):
    cert, _ = authority.issue("leaf", "dns:leaf.example")
    assert read("some words\n" + cert.read_text() + authority.file.read_text()).names == ("leaf.example",)


def test_what_is_no_certificate_is_told(authority):
    cert, _ = authority.issue("cut")
    lines = cert.read_text().splitlines()
    for text in ("", "-----BEGIN CERTIFICATE-----\n", "\n".join([lines[0], *lines[1:3], lines[-1]])):
        with pytest.raises(ValueError, match="certificate"):
            read(text)

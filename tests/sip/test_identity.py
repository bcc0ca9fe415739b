"""Mirror of pipeline/sip/identity.py."""

from __future__ import annotations

import pytest

from pipeline.sip import Malformed, Request
from pipeline.sip.identity import asserted_of, diversions_of, preferred_of, privacy_of, remote_parties_of


def message(*fields):
    return Request.new("INVITE", "sip:b@h", fields)


def test_an_asserted_identity_is_a_sip_and_a_tel_uri():
    found = asserted_of(message(("P-Asserted-Identity", '"Fluffy, J." <sip:fluffy@cisco.com>, tel:+14085264000')))
    assert [(address.display, str(address.uri)) for address in found] == [("Fluffy, J.", "sip:fluffy@cisco.com"), ("", "tel:+14085264000")]
    assert asserted_of(message()) == []
    assert asserted_of(message(("P-Asserted-Identity", "<mailto:a@b>"))) == []


def test_a_preferred_identity_is_read_alike():
    assert str(preferred_of(message(("P-Preferred-Identity", "<sip:a@b>")))[0].uri) == "sip:a@b"
    with pytest.raises(Malformed, match="P-Preferred-Identity"):
        preferred_of(message(("P-Preferred-Identity", "<sip:a@b")))


def test_a_remote_party_says_whose_it_is_and_whether_it_is_private():
    value = '"Bob" <sip:bob@h>;party=Calling;screen=yes;privacy="full";id-type=subscriber, <sip:x@h>'
    one, two = remote_parties_of(message(("Remote-Party-ID", value)))
    assert (one.address.display, one.party, one.privacy, one.screened) == ("Bob", "calling", "full", True)
    assert (two.party, two.privacy, two.screened) == ("", "", False)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([], set()),
        (["id"], {"id"}),
        (["Header; ID ;critical"], {"header", "id", "critical"}),
        (["id", "user, none"], {"id", "user", "none"}),
        ([";"], set()),
    ],
)
def test_privacy_is_a_set_of_names(values, names):
    assert privacy_of(message(*(("Privacy", value) for value in values))) == names


def test_diversions_come_latest_first():
    found = diversions_of(
        message(
            ("Diversion", '"Bob" <sip:bob@h>;reason=user-busy;counter=2;privacy=full, <sip:carol@h>;reason="No-Answer"'),
            ("Diversion", "<tel:+1>"),
        )
    )
    assert [(str(each.address.uri), each.reason, each.counter, each.private) for each in found] == [
        ("sip:bob@h", "user-busy", 2, True),
        ("sip:carol@h", "no-answer", 1, False),
        ("tel:+1", "unknown", 1, False),
    ]
    with pytest.raises(Malformed, match="Diversion counter"):
        diversions_of(message(("Diversion", "<sip:a@h>;counter=x")))

"""pipeline.destinations.identity: who calls, and who is told what. RFC 3323, RFC 3325."""

import pytest

from pipeline import Request
from pipeline.core import Party, Presentation
from pipeline.dal import Endpoint
from pipeline.destinations.identity import (
    caller_of,
    connected,
    connected_of,
    diversion,
    diversions_from,
    outgoing,
    party_of,
    user_text,
)
from pipeline.domains import Domains

HIDDEN = Presentation.RESTRICTED


class House:
    """What is asked of an engine: whose a domain is."""

    def __init__(self):
        from pipeline.dal import Domain

        self.domains = Domains([Domain(id="example.com")])

    def domain_of(self, host, flow=None):
        return self.domains.of(host)

    def aor_of(self, uri, flow=None):
        return f"{uri.user}@{uri.host}" if uri.host == "example.com" else None


def endpoint(**options):
    return Endpoint(id="alice", aors=("alice@example.com", "sales@example.com"), **options)


def invite(from_='"Alice" <sip:alice@example.com>;tag=1', **fields):
    return Request.new(
        "INVITE", "sip:bob@example.com", [("From", from_), *((name.replace("_", "-"), value) for name, value in fields.items())]
    )


def caller(request, **options):
    return caller_of(request, endpoint(**options), House())


PAI = {"P_Asserted_Identity": '"Boss" <sip:boss@example.com>, <tel:+1555>'}
RPID = {"Remote_Party_ID": '<sip:x@h>;party=called, "Chief" <sip:chief@other.org>;party=calling;privacy=full;screen=yes'}


# -- incoming


def test_the_from_says_who_calls():
    assert caller(invite()) == Party("Alice", "alice")
    assert caller(invite("<sip:a%20b@other.org>;tag=1")) == Party("", "a b", "other.org")
    assert caller(invite("<tel:+1-555>;tag=1")) == Party("", "+1-555")


def test_what_a_stranger_asserts_is_not_believed():
    assert caller(invite(**PAI, **RPID)) == Party("Alice", "alice")


def test_what_a_trusted_peer_asserts_is():
    assert caller(invite(**PAI), trust_id_inbound=True) == Party("Boss", "boss")
    assert caller(invite(P_Asserted_Identity="tel:+1555"), trust_id_inbound=True) == Party("", "+1555")
    assert caller(invite(**RPID), trust_id_inbound=True) == Party("Chief", "chief", "other.org", HIDDEN)
    assert caller(invite(**PAI, **RPID), trust_id_inbound=True).name == "Boss"
    assert caller(invite(), trust_id_inbound=True) == Party("Alice", "alice")


def test_what_cannot_be_read_says_nothing():
    assert caller(invite(P_Asserted_Identity="<sip:"), trust_id_inbound=True) == Party("Alice", "alice")
    assert caller(invite(P_Preferred_Identity="<sip:")) == Party("Alice", "alice")


def test_a_configured_caller_id_stands_for_the_from_but_not_for_what_is_asserted():
    assert caller(invite(), caller_id='"Front Desk" <100>') == Party("Front Desk", "100")
    assert caller(invite(**PAI), caller_id="100", trust_id_inbound=True).number == "boss"


def test_a_preferred_identity_counts_when_it_is_one_of_the_callers_own():
    assert caller(invite(P_Preferred_Identity='"Sales" <sip:sales@example.com>')) == Party("Sales", "sales")
    assert caller(invite(P_Preferred_Identity="<sip:boss@example.com>")) == Party("Alice", "alice")


@pytest.mark.parametrize("privacy", ["id", "user", "header;critical"])
def test_who_asks_for_privacy_is_restricted(privacy):
    assert caller(invite(Privacy=privacy)) == Party("Alice", "alice", "", HIDDEN)
    assert caller(invite(Privacy=privacy, **PAI), trust_id_inbound=True) == Party("Boss", "boss", "", HIDDEN)


@pytest.mark.parametrize("privacy", ["none", "session", "critical"])
def test_other_privacy_hides_nobody(privacy):
    assert caller(invite(Privacy=privacy)).presentation is Presentation.ALLOWED


def test_an_anonymous_from_is_still_somebody_whom_we_know():
    anonymous = '"Anonymous" <sip:anonymous@Anonymous.Invalid>;tag=1'
    assert caller(invite(anonymous)) == Party("", "alice", "", HIDDEN)
    assert caller(invite(anonymous, **PAI), trust_id_inbound=True) == Party("Boss", "boss", "", HIDDEN)
    assert caller(invite(anonymous), caller_id="Alice <100>") == Party("Alice", "100", "", HIDDEN)
    assert caller_of(invite(anonymous), Endpoint(id=""), House()) == Party("", "", "", HIDDEN)


def test_an_endpoint_may_be_anonymous_always():
    assert caller(invite(), privacy=True).presentation is HIDDEN


@pytest.mark.parametrize(
    ("text", "party"),
    [
        ('"Alice" <100>', Party("Alice", "100")),
        ("Alice A. <sip:alice@other.org;x=1>", Party("Alice A.", "alice", "other.org")),
        ("100", Party("", "100")),
        ("<tel:+1555>", Party("", "+1555")),
        ("", Party()),
    ],
)
def test_a_party_is_read_as_options_have_it(text, party):
    assert party_of(text) == party


# -- outgoing


def test_the_called_party_sees_the_caller():
    text, fields = outgoing(endpoint(), Party('Al "x" ice', "alice"), "example.com")
    assert text == '"Al \\"x\\" ice" <sip:alice@example.com>'
    assert fields == [("P-Asserted-Identity", text)]


def test_a_caller_from_elsewhere_keeps_his_domain():
    assert outgoing(endpoint(send_pai=False), Party("", "carol", "other.org"), "example.com") == ("<sip:carol@other.org>", [])
    assert outgoing(endpoint(send_pai=False), Party("", "carol", "no host\r\n"), "example.com")[0] == "<sip:carol@example.com>"


def test_a_trunk_wants_its_own_from():
    text, fields = outgoing(endpoint(from_user="4711", from_domain="trunk.example"), Party("Alice", "alice"), "example.com")
    assert text == '"Alice" <sip:4711@trunk.example>'
    assert fields == [("P-Asserted-Identity", '"Alice" <sip:alice@example.com>')]


def test_an_anonymous_caller_is_named_to_nobody_who_is_not_trusted():
    party = Party("Alice", "alice", "", HIDDEN)
    text, fields = outgoing(endpoint(send_rpid=True, from_user="4711"), party, "example.com")
    assert text == '"Anonymous" <sip:anonymous@anonymous.invalid>'
    assert fields == []


def test_a_trusted_one_is_told_and_must_keep_it():
    text, fields = outgoing(endpoint(trust_id_outbound=True, send_rpid=True), Party("Alice", "alice", "", HIDDEN), "example.com")
    assert text == '"Anonymous" <sip:anonymous@anonymous.invalid>'
    assert fields == [
        ("P-Asserted-Identity", '"Alice" <sip:alice@example.com>'),
        ("Privacy", "id"),
        ("Remote-Party-ID", '"Alice" <sip:alice@example.com>;party=calling;privacy=full;screen=no'),
    ]


def test_a_call_of_nobody_is_from_nobody():
    assert outgoing(endpoint(), Party(), "example.com") == ("<sip:unknown@example.com>", [])


def test_the_connected_line_is_told_as_the_endpoint_wants_it():
    bob = Party("Bob", "bob")
    assert connected(endpoint(), bob, "example.com") == [("P-Asserted-Identity", '"Bob" <sip:bob@example.com>')]
    assert connected(endpoint(send_pai=False, send_rpid=True), bob, "example.com") == [
        ("Remote-Party-ID", '"Bob" <sip:bob@example.com>;party=called;privacy=off;screen=no')
    ]
    assert connected(endpoint(send_pai=False), bob, "example.com") == []
    assert connected(endpoint(), Party(), "example.com") == []


def test_a_name_from_a_script_stays_on_one_line():
    assert "\n" not in outgoing(endpoint(), Party("a\r\nX: y", "100\r\n"), "example.com")[0]


@pytest.mark.parametrize(
    ("text", "user"), [("100", "100"), ("a b", "a%20b"), ("#21*", "%2321*"), ("a@b", "a%40b"), ("+1-5", "+1-5"), ("ü", "%C3%BC")]
)
def test_a_user_part_is_escaped(text, user):
    assert user_text(text) == user


# -- several domains


class Two(House):
    """Two domains are ours."""

    def __init__(self):
        from pipeline.dal import Domain

        self.domains = Domains([Domain(id="example.com"), Domain(id="other.org", aliases=("sip.other.org",))])
        self.domains.bound("10.0.0.1")


@pytest.mark.parametrize(
    ("host", "aors", "domain"),
    [
        ("example.com", ("alice@example.com",), ""),
        ("other.org", ("alice@other.org",), "other.org"),
        ("sip.other.org", ("alice@other.org",), "other.org"),
        ("10.0.0.1", ("alice@other.org",), "other.org"),  # it knows our address alone
        ("10.0.0.1", ("alice@other.org", "alice@example.com"), ""),
        ("10.0.0.1", (), ""),
        ("elsewhere.net", ("alice@other.org",), "elsewhere.net"),
    ],
)
def test_a_caller_is_of_the_domain_of_ours_that_he_belongs_to(host, aors, domain):
    party = caller_of(invite(f"<sip:alice@{host}>;tag=1"), Endpoint(id="a", aors=aors), Two())
    assert party == Party("", "alice", domain)
    assert outgoing(endpoint(), party, "example.com")[0] == f"<sip:alice@{domain or 'example.com'}>"


def test_what_an_endpoint_is_called_means_something_in_its_domain():
    other = {"id": "a", "aors": ("alice@other.org",)}
    assert caller_of(invite(), Endpoint(**other, caller_id="Alice <100>"), Two()) == Party("Alice", "100", "other.org")
    assert caller_of(invite(), Endpoint(**other, caller_id="Alice <sip:100@x.net>"), Two()) == Party("Alice", "100", "x.net")
    hidden = invite("<sip:anonymous@anonymous.invalid>;tag=1")
    assert caller_of(hidden, Endpoint(**other), Two()) == Party("", "alice", "other.org", HIDDEN)


# -- the connected party, and who forwarded


def test_only_a_trusted_peer_says_who_is_at_its_side():
    update = invite(P_Asserted_Identity='"Carol" <sip:carol@example.com>')
    assert connected_of(update, endpoint(), House()) is None
    assert connected_of(update, endpoint(trust_id_inbound=True), House()) == Party("Carol", "carol")
    assert connected_of(invite(), endpoint(trust_id_inbound=True), House()) is None
    private = invite(P_Asserted_Identity="<sip:c@h>", Privacy="id")
    assert connected_of(private, endpoint(trust_id_inbound=True), House()).presentation is HIDDEN


def test_a_forwarded_call_says_who_forwarded_it():
    came = invite(Diversion="<sip:bob@h>;reason=user-busy;counter=2, <sip:carol@h>")
    assert diversions_from(came, endpoint()) == ()
    values = diversions_from(came, endpoint(trust_id_inbound=True))
    assert values == ("<sip:bob@h>;reason=user-busy;counter=2", "<sip:carol@h>")
    assert outgoing(endpoint(send_pai=False), Party("", "a"), "h", values)[1] == [("Diversion", value) for value in values]
    assert outgoing(endpoint(send_pai=False, send_diversion=False), Party("", "a"), "h", values)[1] == []
    assert diversions_from(invite(Diversion="<sip:"), endpoint(trust_id_inbound=True)) == ()


def test_who_forwards_is_named_unless_he_hides():
    assert diversion(Party("Bob", "bob"), "user-busy", "example.com") == '"Bob" <sip:bob@example.com>;reason=user-busy'
    assert (
        diversion(Party("Bob", "bob", "", HIDDEN), "deflection", "example.com")
        == "<sip:anonymous@anonymous.invalid>;reason=deflection;privacy=full"
    )

"""pipeline.destinations.targets: whom a name means, and every place where he can be reached."""

import attrs
import pytest
from pipeline.plugins.channel.causes import status_of
from pipeline.plugins.memory.tables import Tables

from pipeline import Pending, Target
from pipeline.core import Cause, Hangup, Unroutable
from pipeline.dal import Contact, Mapping, Unavailable
from pipeline.destinations.credentials import Credentials
from pipeline.destinations.targets import NOBODY, Targets
from pipeline.location import Called, called
from pipeline.sip.uri import Uri

TRUNK = """
[user.bob]
password = "bob's"
[user.alice]
password = "alice's"
caller_id = "Alice <100>"
[user."carol@other.org"]
password = "x"
contact = ["sip:carol@10.0.0.7", "<sip:carol@10.0.0.8;transport=tcp>;q=0.5"]
[domain."other.org"]
[endpoint.trunk]
auth = []
aors = ["trunk"]
outbound_auth = ["trunk", "second@realm.example"]
outbound_proxy = "sip:proxy.example.net;lr"
[aor.trunk]
contact = ["sip:gw@203.0.113.5:5080;transport=tcp?Subject=x"]
[endpoint.bare]
auth = []
[auth.trunk]
username = "us"
password = "secret"
[auth."second@realm.example"]
password_digest = ["MD5:0123456789abcdef0123456789abcdef"]
"""


@pytest.fixture
def server(sip):
    return sip(TRUNK)


@pytest.fixture
def find(server):
    targets = Targets(server.engine, Credentials(server.engine))
    return targets.find


def bind(server, contacts, who="bob", **more):
    assert server.request("REGISTER", who, from_=who, headers=[("Contact", contacts), *more.pop("headers", ())], **more).status == 200


def places(found):
    return [(each.uri, str(each.target), each.route, each.q) for each in found]


def refusal(find, name):
    with pytest.raises(Unroutable) as refused:
        find(name)
    return refused.value.hangup


# -- names


def test_a_name_is_an_endpoint_at_all_its_contacts_best_first(server, find):
    bind(server, "<sip:bob@10.0.0.5:5070>;q=0.3, <sip:bob@10.0.0.6;transport=tcp>;q=0.9")
    found = find("bob")
    assert places(found) == [
        ("sip:bob@10.0.0.6;transport=tcp", "sip:bob@10.0.0.6;transport=tcp", (), 0.9),
        ("sip:bob@10.0.0.5:5070", "sip:bob@10.0.0.5:5070", (), 0.3),
    ]
    assert [each.endpoint.id for each in found] == ["bob", "bob"]
    assert not any(each.pinned for each in found)


@pytest.mark.parametrize(
    "name", ["bob@example.com", "sip:bob@example.com", "sip:bob@EXAMPLE.COM:5060;user=phone", "sip:bob@10.0.0.1", " bob "]
)
def test_an_address_of_record_is_its_contacts_each_with_who_registered_it(server, find, name):
    bind(server, "<sip:bob@10.0.0.5>")
    [found] = find(name)
    assert (found.uri, found.endpoint.id) == ("sip:bob@10.0.0.5", "bob")


def test_a_uri_elsewhere_is_called_as_it_is(find):
    [found] = find("sip:dave@example.net:5090;transport=tcp")
    assert (found.uri, str(found.target), found.endpoint) == (
        "sip:dave@example.net:5090;transport=tcp",
        "sip:dave@example.net:5090;transport=tcp",
        NOBODY,
    )
    assert find("dave@example.net")[0].uri == "sip:dave@example.net"


def test_a_name_that_nobody_has_is_not_ours(find):
    assert find("nobody") is None
    assert find("trunky/123") is None


@pytest.mark.parametrize("name", ["nobody@example.com", "sip:nobody@example.com", "sip:example.com"])
def test_nobody_of_our_own_domain_is_unallocated(find, name):
    assert refusal(find, name) == Hangup(Cause.UNALLOCATED, "", "sip", 404)


def test_a_name_that_is_no_uri_is_incomplete(find):
    assert refusal(find, "sip:").cause is Cause.INVALID_NUMBER
    assert refusal(find, "bob@no host").cause is Cause.INVALID_NUMBER


@pytest.mark.parametrize("name", ["bob", "bob@example.com", "bare"])
def test_who_is_nowhere_is_absent(find, name):
    assert refusal(find, name) == Hangup(Cause.ABSENT, "", "sip", 480)


def test_an_expired_contact_is_none(server, find):
    bind(server, "<sip:bob@10.0.0.5>;expires=60")
    server.advance(60.2)
    assert refusal(find, "bob").cause is Cause.ABSENT


# -- static contacts


def test_static_contacts_need_no_registrar(sip):
    server = sip(TRUNK, application=["options"])
    found = Targets(server.engine, Credentials(server.engine)).find("sip:carol@other.org")
    assert places(found) == [
        ("sip:carol@10.0.0.7", "sip:carol@10.0.0.7", (), 1.0),
        ("sip:carol@10.0.0.8;transport=tcp", "sip:carol@10.0.0.8;transport=tcp", (), 0.5),
    ]
    assert {each.endpoint.id for each in found} == {"carol@other.org"}


def test_static_and_registered_contacts_stand_together(server, find):
    aor = "carol@other.org"
    contact = Contact(id="c", aor=aor, uri="sip:carol@10.0.0.9", q=0.7, expires_at=server.engine.clock.time() + 60, endpoint=aor)
    server.engine.dal.change("contact", aor, (contact,))
    assert [each.uri for each in find("carol@other.org")] == [
        "sip:carol@10.0.0.7",
        "sip:carol@10.0.0.9",
        "sip:carol@10.0.0.8;transport=tcp",
    ]


# -- trunks


def test_a_number_by_a_trunk_takes_the_place_of_the_contacts_user(find):
    [found] = find("trunk/+1 555#1")
    assert found.uri == "sip:+1%20555%231@203.0.113.5:5080;transport=tcp"
    assert (found.route, str(found.target)) == (("<sip:proxy.example.net;lr>",), "sip:proxy.example.net;lr")
    assert found.endpoint.id == "trunk"


def test_a_number_cannot_leave_its_trunk(find):
    assert find("trunk/evil@attacker.example")[0].uri == "sip:evil%40attacker.example@203.0.113.5:5080;transport=tcp"


def test_a_uri_by_a_trunk_has_the_trunks_ways(find):
    [found] = find("trunk/sip:dave@example.net")
    assert (found.uri, found.route, found.endpoint.id) == ("sip:dave@example.net", ("<sip:proxy.example.net;lr>",), "trunk")


def test_what_a_request_uri_may_not_hold_is_left_out(find):
    assert find("trunk")[0].uri == "sip:gw@203.0.113.5:5080;transport=tcp"
    assert find("sip:a@example.net;method=INVITE;x=1?Subject=y")[0].uri == "sip:a@example.net;x=1"


# -- where requests really go


def test_a_path_is_the_route(server, find):
    headers = [("Path", "<sip:edge1.example.net;lr>, <sip:edge2.example.net;lr>"), ("Supported", "path")]
    bind(server, "<sip:bob@192.168.1.5>", headers=headers)
    [found] = find("bob")
    assert (found.uri, found.route) == ("sip:bob@192.168.1.5", ("<sip:edge1.example.net;lr>", "<sip:edge2.example.net;lr>"))
    assert str(found.target) == "sip:edge1.example.net;lr"


def test_a_phone_behind_an_address_translator_is_called_where_it_came_from(server, find):
    stored = bind_behind_nat(server)
    [found] = find("bob")
    assert found.uri == stored.uri
    assert found.pinned
    assert found.target == Target("203.0.113.77", 40000, "UDP", only=True)


def bind_behind_nat(server):
    bind(server, "<sip:bob@192.168.1.5:5062>")
    [contact] = server.engine.dal.owned("contact", "bob@example.com")
    moved = attrs.evolve(contact, reach="udp:203.0.113.77:40000")
    server.engine.dal.change("contact", "bob@example.com", (moved,))
    return moved


def test_a_contact_whose_connection_is_gone_cannot_be_reached(server, find):
    bind(server, "<sip:bob@192.168.1.5;transport=tcp>, <sip:bob@10.0.0.9>")
    one, other = server.engine.dal.owned("contact", "bob@example.com")
    server.engine.dal.change("contact", "bob@example.com", (attrs.evolve(one, reach="flow:gone", node="elsewhere"),))
    assert [each.uri for each in find("bob")] == ["sip:bob@10.0.0.9"]
    server.engine.dal.change("contact", "bob@example.com", (), (other,))
    assert refusal(find, "bob").cause is Cause.ABSENT


def test_a_contact_is_called_by_the_listener_that_it_registered_at(sip):
    server = sip(TRUNK + '\n[plugin.udp_lab]\nuse = "udp"\nbind = ["10.0.0.1:5099"]\n', transport=["udp", "udp_lab"])
    bind(server, "<sip:bob@192.168.1.5:5062>")
    [contact] = server.engine.dal.owned("contact", "bob@example.com")
    server.engine.dal.change("contact", "bob@example.com", (attrs.evolve(contact, reach="udp:203.0.113.77:40000", listener="udp_lab"),))
    [found] = Targets(server.engine, Credentials(server.engine)).find("bob")
    assert (found.target.listener, found.target.local[1], found.target.peer) == ("udp_lab", 5099, ("203.0.113.77", 40000))


# -- redirections


def test_a_redirection_goes_by_the_endpoints_ways_but_without_its_credentials(server):
    targets = Targets(server.engine, Credentials(server.engine))
    trunk = server.engine.dal.get("endpoint", "trunk")
    found = targets.redirected(Hangup(targets=("sip:a@h1", "tel:+1", "sip:b@h2?x=y")), trunk)
    assert [each.uri for each in found] == ["sip:a@h1", "sip:b@h2"]
    assert {each.endpoint.id for each in found} == {"trunk"}
    assert Credentials(server.engine).answer("any", found[0].endpoint) is None


def test_a_redirection_to_one_of_ours_goes_where_he_is(server):
    bind(server, "<sip:bob@10.0.0.5>;q=0.5, <sip:bob@10.0.0.6>")
    found = Targets(server.engine, Credentials(server.engine)).redirected(
        Hangup(targets=("sip:nobody@example.com", "sip:bob@example.com", "sip:")), server.engine.dal.get("endpoint", "alice")
    )
    assert [(each.uri, each.endpoint.id) for each in found] == [("sip:bob@10.0.0.6", "bob"), ("sip:bob@10.0.0.5", "bob")]


# -- stores that must be waited for, or fail


class Slow(Tables):
    """A store whose answers come later, or not at all."""

    name = "slow"

    def __init__(self):
        super().__init__()
        self.asked = []

    def owned(self, kind, owner, /):
        self.asked.append(Pending())
        return self.asked[-1]


def test_a_slow_store_is_waited_for_and_its_failure_is_no_absence(server, find):
    store, dal = Slow(), server.engine.dal
    bind(server, "<sip:bob@10.0.0.5>")
    contacts = dal.owned("contact", "bob@example.com")
    dal.use({**dal.mapping, "contact": Mapping(("slow",))}, {**dal.backends, "slow": store})
    one, other, third = find("bob"), find("bob@example.com"), find("bob")
    store.asked[0].resolve(contacts)
    store.asked[1].fail(Unavailable("gone"))
    store.asked[2].resolve(())
    assert [each.uri for each in one.value()] == ["sip:bob@10.0.0.5"]
    with pytest.raises(Unavailable):
        other.value()
    with pytest.raises(Unroutable):
        third.value()


# -- flows (RFC 5626 5.3)


def test_of_two_flows_of_one_phone_the_newest_is_called_and_the_other_in_its_place(server, find):
    phone = '+sip.instance="<urn:uuid:1>"'
    outbound = [("Supported", "path, outbound")]
    bind(server, f"<sip:bob@192.168.1.5>;reg-id=1;{phone};expires=60", headers=outbound, source=("203.0.113.77", 40001))
    bind(server, f"<sip:bob@192.168.1.5>;reg-id=2;{phone};expires=90", headers=outbound, source=("203.0.113.77", 40002))
    bind(server, '<sip:bob@192.168.1.6>;reg-id=1;+sip.instance="<urn:uuid:2>"', headers=outbound, source=("203.0.113.78", 40003))
    one, other = find("bob")
    assert [target.port for target in one.target] == [40002, 40001]
    assert other.target.port == 40003


# -- whom the caller called narrows it (pipeline.location)


SECURE = Called("x@example.com", None, True)


@pytest.mark.parametrize(("name", "only"), [("sips:bob@example.com", None), ("bob", SECURE), ("bob@example.com", SECURE)])
def test_who_called_a_sips_uri_is_connected_over_tls(server, find, name, only):
    bind(server, "<sip:bob@10.0.0.5>, <sips:bob@phone.example.net>")
    assert [each.uri for each in find(name, only)] == ["sips:bob@phone.example.net"]


@pytest.mark.parametrize(
    ("name", "only"),
    [
        ("sips:bob@example.com", None),
        ("bob", SECURE),
        ("sip:dave@example.net", SECURE),
        ("trunk/100", SECURE),
        ("trunk/sip:dave@example.net", SECURE),
    ],
)
def test_or_not_at_all_and_is_told_why(server, find, name, only):
    bind(server, "<sip:bob@10.0.0.5>")
    with pytest.raises(Unroutable) as refused:
        find(name, only)
    hangup = refused.value.hangup
    assert hangup.code == 480
    assert status_of(hangup)[2][0] == ("Warning", '380 example.com "SIPS Not Allowed"')


def test_static_contacts_without_tls_do_not_count_then(find):
    assert refusal(find, "sips:carol@other.org").code == 480
    assert len(find("sip:carol@other.org")) == 2


def test_of_the_user_whose_gruu_was_called_one_phone_is_a_place(server, find):
    bind(server, '<sip:bob@10.0.0.5>;+sip.instance="<urn:x:1>", <sip:bob@10.0.0.6>;+sip.instance="<urn:x:2>"')
    only = called(server.engine, Uri.parse("sip:bob@example.com;gr=urn:x:2"))
    for name in ("bob", "bob@example.com", "sip:bob@example.com", "sip:bob@example.com;gr=urn:x:2"):
        assert [each.uri for each in find(name, only)] == ["sip:bob@10.0.0.6"]
    assert [each.uri for each in find("sip:bob@example.com;gr=urn:x:1", only)] == ["sip:bob@10.0.0.5"]
    assert len(find("sip:carol@other.org", only)) == 2


def test_a_3xx_to_a_call_of_a_sips_uri_leads_over_tls_only(server):
    targets = Targets(server.engine, Credentials(server.engine))
    hangup = Hangup(Cause.NUMBER_CHANGED, "", "sip", 302, ("sip:a@example.net", "sips:b@example.net", "sip:bob@example.com"))
    bind(server, "<sip:bob@10.0.0.5>")
    assert [each.uri for each in targets.redirected(hangup, NOBODY, secure=True)] == ["sips:b@example.net"]
    assert len(targets.redirected(hangup, NOBODY)) == 3

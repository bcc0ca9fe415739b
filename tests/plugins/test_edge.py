"""plugins.edge: two servers, an edge in front of a registrar, and phones that know the edge alone. RFC 5626 5; RFC 3261 16."""

import random
from pathlib import Path

import pytest
from pipeline.plugins.edge.trusted import HOSTS, LATELY, Trusted

from pipeline.config import Document, Problems, build
from pipeline.conformance.marks import rfc
from pipeline.engine import Pipeline
from pipeline.flow import Target
from pipeline.sip.message import Response
from pipeline.sip.parser import parse
from pipeline.testing.server import CALLS
from pipeline.testing.user_agent import UserAgent

EDGE = "10.0.0.100"
PLAN = """
[pipeline]
name = "edge"
domains = ["edge.example.net"]
[[stage]]
name = "transport"
plugins = ["udp", "tcp"]
[[stage]]
name = "protocol"
plugins = ["stack"]
[[stage]]
name = "intercept"
plugins = ["edge"]
[[stage]]
name = "application"
plugins = ["options"]
[[stage]]
name = "integration"
plugins = ["memory", "toml"]
[plugin.udp]
bind = ["10.0.0.100:5060"]
[plugin.tcp]
bind = ["10.0.0.100:5060"]
[plugin.edge]
upstream = "sip:10.0.0.1:5060"
"""
REGISTRAR = """
[context.default]
users = true
[plugin.registrar]
path_needs_support = false
"""
INSTANCE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"'


class World:
    """A registrar at 10.0.0.1 and an edge at 10.0.0.100."""

    def __init__(self, sip, folder, more="", registrar="", **stages):
        self.server = sip(REGISTRAR + registrar, **{**CALLS, "intercept": ["identify", "auth"], **stages})
        self.folder, self.more = folder, more
        self.advance = self.server.advance
        self.host = self.server.network.host(EDGE)
        self.phones = {}
        self.start()

    def start(self):
        plan = build(Document(self.folder / "edge.toml", PLAN + self.more))
        plan.state = self.folder / "edge"
        self.edge = Pipeline(plan, self.server.loop, clock=self.server.clock, random=random.Random(7), network=self.host)
        self.told = []
        self.edge.bus.listen("shield.banned", self.told.append)
        self.server.run(self.edge.start())

    def restart(self):
        self.server.run(self.edge.stop(0))
        self.host.close()
        self.start()

    def phone(self, name, transport="UDP", online=True, **more):
        number = len(self.phones) + 10
        phone = UserAgent(
            self.server.loop,
            self.server.network.host(f"10.0.0.{number}"),
            self.folder,
            name=name,
            domain="example.com",
            server=(EDGE, 5060),
            password=f"{name}'s",
            transport=transport,
            **more,
        )
        self.server._phones.append(phone)
        self.phones[name] = phone
        return phone.online() if online else phone

    def stop(self):
        self.server.run(self.edge.stop(0))


@pytest.fixture
def world(sip, tmp_path):
    made = []

    def make(more="", **stages):
        made.append(World(sip, tmp_path, more, **stages))
        return made[0]

    yield make
    for each in made:
        each.stop()


def path(world, user="alice"):
    [contact] = world.server.contacts(user)
    return contact.path


# -- REGISTER


@rfc("3327", "5.2")
@rfc("5626", "5.1")
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@rfc("5626", "5.1")
@rfc("3327", "5.2")
def test_a_phone_registers_through_it_with_digest_and_a_path(world, transport):
    w = world()
    w.phone("alice", transport)
    [value] = path(w)
    assert value.startswith("<sip:")
    assert value.endswith(f"@{EDGE}:5060;lr;ob>")
    [contact] = w.server.contacts("alice")
    assert contact.uri.startswith("sip:alice@10.0.0.10:5060")
    assert contact.reach == ""


def test_a_flow_is_registered_as_one(world):
    w = world()
    phone = w.phone("alice", online=False)
    contact = f"<{phone.contact};ob>;reg-id=1;{INSTANCE}"
    reply = w.server.wait(phone.register(contacts=[contact], headers=[("Supported", "path, outbound")])).response
    assert (reply.status, reply.get("require")) == (200, "outbound")
    assert reply.get("flow-timer") is None
    [stored] = w.server.contacts("alice")
    assert stored.reg_id == 1


@rfc("5626", "5.4")
@rfc("5626", "5.4")
def test_phones_are_told_how_often_to_send_keepalives(world):
    w = world("flow_timer = 120")
    phone = w.phone("alice", online=False)
    contact = f"<{phone.contact};ob>;reg-id=1;{INSTANCE}"
    reply = w.server.wait(phone.register(contacts=[contact], headers=[("Supported", "path, outbound")])).response
    assert reply.get("flow-timer") == "120"
    assert w.server.wait(phone.register()).response.get("flow-timer") is None


@rfc("5626", "5.1")
def test_only_the_first_hop_says_it_keeps_the_flow(world):
    w = world(intercept=[])
    vias = ("Via", "SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKb, SIP/2.0/UDP 192.168.1.7;branch=z9hG4bKphone")
    raw = _Raw(w, "10.0.0.9")
    raw.send(w.server.message("REGISTER", headers=[vias, ("Supported", "path")]))
    assert raw.answer().status == 200
    assert len(raw.answer().vias) == 2
    assert path(w)[0].endswith(f"@{EDGE}:5060;lr>")


class _Raw:
    """Sends bytes from an address to the edge, and keeps what comes."""

    def __init__(self, w, address, port=5060):
        self.got, self.w, self.address = [], w, address
        self.endpoint = w.server.network.host(address).datagram(address, port, lambda data, *_: self.got.append(parse(data)))

    def send(self, data):
        assert self.endpoint.send(data, (EDGE, 5060)) is None
        self.w.advance(0.5)

    def answer(self):
        return [each for each in self.got if not each.is_request][-1]


# -- calls


@pytest.mark.parametrize(("one", "other"), [("UDP", "UDP"), ("TCP", "TCP"), ("UDP", "TCP")])
@rfc("5626", "5.3")
@rfc("3261", "16.6", "16.7")
def test_phones_call_each_other_through_it(world, one, other):
    w = world()
    alice, bob = w.phone("alice", one), w.phone("bob", other)
    bob.answers(after=1.0)
    call = alice.call("bob").until("up")
    w.advance(1)
    theirs = bob.calls[0]
    assert theirs.state == "up"
    assert call.mirrors(theirs)
    assert 180 in call.statuses
    assert theirs.invite.record_routes
    call.hangup()
    theirs.until("ended")
    w.advance(40)
    assert len(w.edge.transactions.servers) == len(w.edge.clients) == 0


def test_the_called_phone_hangs_up(world):
    w = world()
    alice, bob = w.phone("alice"), w.phone("bob", "TCP")
    bob.answers(hang_up_after=2.0)
    call = alice.call("bob").until("up")
    call.until("ended")
    bob.calls[0].until("ended")


@rfc("3261", "16.10")
def test_a_cancel_follows_its_invite(world):
    w = world()
    alice, bob = w.phone("alice"), w.phone("bob", "TCP")
    bob.answers(after=30)
    call = alice.call("bob", cancel_after=2.0)
    call.until("ended")
    assert call.status == 487
    w.advance(1)
    assert bob.calls[0].state == "ended"


def test_a_refusal_goes_back_whole(world):
    w = world()
    alice, bob = w.phone("alice"), w.phone("bob")
    bob.answers(status=486)
    assert alice.call("bob").until("ended").status == 486
    assert alice.call("nobody").until("ended").status == 404


def test_hold_and_info_within_a_call_find_the_phone(world):
    w = world()
    alice, bob = w.phone("alice", "TCP"), w.phone("bob", "TCP")
    call = alice.call("bob").until("up")
    w.advance(0.5)
    call.hold()
    w.advance(2)
    other = bob.calls[0]
    other.hold()
    w.advance(2)
    assert call.agreed
    assert other.agreed
    call.hangup()
    other.until("ended")


# -- tokens


def plugin(w):
    return next(each.plugin for each in w.edge.generation.listings() if each.name == "edge")


def token(w, address="10.0.0.50", port=5060, kind="p", call_id=""):
    return plugin(w)._tokens.make(w.edge.connect(Target(address, port, "UDP", only=True)), kind, call_id)


def route(token, more=";ob"):
    return ("Route", f"<sip:{token}@{EDGE}:5060;lr{more}>")


@rfc("5626", "5.3")
@rfc("5626", "5.3.1")
def test_a_request_with_a_token_goes_to_its_flow_whatever_its_uri_says(world):
    w = world()
    phone, raw = _Raw(w, "203.0.113.9", 40000), _Raw(w, "10.0.0.200")
    raw.send(
        w.server.message("INVITE", uri="sip:bob@192.168.1.5", headers=[route(token(w, "203.0.113.9", 40000))], source=("10.0.0.200", 5060))
    )
    invite = phone.got[0]
    assert invite.uri_text == "sip:bob@192.168.1.5"
    assert invite.get("route") is None
    assert invite.max_forwards == 69
    [record] = invite.record_routes
    assert "ob" not in record.uri.params  # 5.3.1
    found = plugin(w)._tokens.read(record.uri.user, invite.call_id)
    assert (found.kind, found.flow) == ("d", "udp:203.0.113.9:40000")
    assert [via.host for via in invite.vias] == [EDGE, "10.0.0.200"]


@rfc("5626", "5.3")
@pytest.mark.parametrize(
    "damage",
    [
        lambda text: ("B" if text[0] == "A" else "A") + text[1:],
        lambda text: text[:20] + ("B" if text[20] == "A" else "A") + text[21:],
        lambda text: text + "AAAA",
        lambda text: text[:-4],
        lambda text: "x",
        lambda text: "alice",
        lambda text: "A" * 500,
    ],
)
@rfc("5626", "5.3.1")
def test_a_token_that_was_changed_is_403(world, damage):
    w = world()
    phone, raw = _Raw(w, "10.0.0.50"), _Raw(w, "10.0.0.200")
    raw.send(w.server.message("INVITE", uri="sip:bob@192.168.1.5", headers=[route(damage(token(w)))], source=("10.0.0.200", 5060)))
    assert raw.answer().status == 403
    assert phone.got == []


def test_a_token_of_another_installation_is_403(world):
    w = world()
    raw = _Raw(w, "10.0.0.200")
    forged = type(plugin(w)._tokens)(b"another").make(w.edge.connect(Target("10.0.0.50", 5060, "UDP", only=True)), "p")
    raw.send(w.server.message("MESSAGE", uri="sip:bob@192.168.1.5", headers=[route(forged)], source=("10.0.0.200", 5060)))
    assert raw.answer().status == 403


def test_the_token_of_a_dialog_is_good_for_that_dialog_alone(world):
    w = world()
    phone, raw = _Raw(w, "10.0.0.50"), _Raw(w, "10.0.0.200")
    headers = [route(token(w, kind="d", call_id="this"), ""), ("To", "<sip:bob@example.com>;tag=1")]
    for method, more in (("BYE", ("Call-ID", "other")), ("INVITE", ("Call-ID", "other"))):
        raw.send(w.server.message(method, uri="sip:bob@192.168.1.5", headers=[*headers, more], source=("10.0.0.200", 5060)))
        assert raw.answer().status == 403
    new = [headers[0], ("Call-ID", "this")]
    raw.send(w.server.message("INVITE", uri="sip:bob@192.168.1.5", headers=new, source=("10.0.0.200", 5060)))
    assert raw.answer().status == 403
    assert phone.got == []
    raw.send(w.server.message("BYE", uri="sip:bob@192.168.1.5", headers=[*headers, ("Call-ID", "this")], source=("10.0.0.200", 5060)))
    assert [each.method for each in phone.got[:1]] == ["BYE"]


@rfc("5626", "5.3")
@rfc("5626", "5.3.1")
def test_a_connection_that_closed_is_430_and_the_next_one_another(world):
    w = world()
    bob = w.phone("bob", "TCP")
    before = path(w, "bob")[0]
    raw = _Raw(w, "10.0.0.200")
    options = {"uri": bob.contact, "source": ("10.0.0.200", 5060)}
    raw.send(w.server.message("OPTIONS", headers=[("Route", before)], **options))
    assert raw.answer().status == 200
    for flow in list(bob.engine.flows.values()):
        flow.close("gone")
    w.advance(0.5)
    raw.send(w.server.message("OPTIONS", headers=[("Route", before)], **options))
    assert (raw.answer().status, raw.answer().reason) == (430, "Flow Failed")
    bob.online()
    raw.send(w.server.message("OPTIONS", headers=[("Route", before)], **options))
    assert raw.answer().status == 430
    raw.send(w.server.message("OPTIONS", headers=[("Route", path(w, "bob")[0])], **options))
    assert raw.answer().status == 200


def test_flows_of_datagrams_outlive_a_restart_and_connections_do_not(world):
    w = world()
    alice, bob = w.phone("alice"), w.phone("bob", "TCP")
    one, two = path(w)[0], path(w, "bob")[0]
    w.restart()
    raw = _Raw(w, "10.0.0.200")
    for value, phone, status in ((one, alice, 200), (two, bob, 430)):
        raw.send(w.server.message("OPTIONS", uri=phone.contact, headers=[("Route", value)], source=("10.0.0.200", 5060)))
        assert raw.answer().status == status


@rfc("5626", "7")
def test_a_call_goes_by_the_other_flow_of_a_phone_when_one_is_gone(world):
    w = world()
    alice = w.phone("alice")
    bob = w.phone("bob", "TCP", online=False)
    for number, transport in ((1, "UDP"), (2, "TCP")):  # the newest is called first (RFC 5626 7)
        bob.target = Target(EDGE, 5060, transport)
        contact = f"<{bob.contact};ob>;reg-id={number};{INSTANCE}"
        assert w.server.wait(bob.register(contacts=[contact], headers=[("Supported", "path, outbound")])).status == 200
        w.advance(1)
    for flow in list(bob.engine.flows.values()):
        flow.close("gone")
    w.advance(0.1)
    call = alice.call("bob").until("up")
    assert len(bob.calls) == 1
    call.hangup()


def test_a_registered_connection_is_held_until_the_registration_ends(world):
    w = world()
    bob = w.phone("bob", "TCP", online=False)
    bob.online(expires=60)
    [flow] = [flow for flow in w.edge.flows.values() if flow.peer[0] == bob.address[0]]
    assert flow.held
    w.advance(40)
    bob.online(expires=60)
    w.advance(50)
    assert flow.held
    w.server.wait(bob.unregister())
    w.advance(1)
    assert not flow.held
    bob.online(expires=30)
    w.advance(20)
    assert flow.held
    w.advance(20)
    assert not flow.held
    assert not flow.closed
    bob.online()
    flow.close("gone")
    w.advance(0.1)
    assert len(plugin(w)._held) == 0


def test_the_connection_of_a_phone_is_held_for_its_call_when_no_registration_holds_it(world):
    w = world()
    alice, bob = w.phone("alice", "TCP"), w.phone("bob")
    call = alice.call("bob").until("up")
    [flow] = [flow for flow in w.edge.flows.values() if flow.peer[0] == alice.address[0]]
    w.server.wait(alice.unregister())
    w.advance(60)
    assert flow.held, "the call is not over"
    call.hangup()
    bob.calls[0].until("ended")
    flow.close("gone")
    w.advance(0.1)
    assert len(plugin(w)._held) == 0


def test_of_two_dialogs_by_one_connection_the_one_that_lasts_longer_counts(world):
    w = world()
    alice = w.phone("alice", "TCP")
    [flow] = [flow for flow in w.edge.flows.values() if flow.peer[0] == alice.address[0]]
    w.server.wait(alice.unregister())
    w.advance(40)
    held = plugin(w)._held
    held.at_least(flow, 30)
    held.at_least(flow, 10)
    w.advance(20)
    assert flow.held
    w.advance(11)
    assert not flow.held
    held.at_least(flow, 5)
    assert flow.held


SHIELDED = PLAN.replace('["udp", "tcp"]', '["shield", "udp", "tcp"]')


def scan(w, host):
    """Send a scanner's request by a connection of its own; gives how many connections its address has then."""

    async def connect():
        return await w.server.network.host(host).connect(EDGE, 5060)

    stream = w.server.run(connect())
    stream.write(w.server.message("OPTIONS", uri=f"sip:{EDGE}", headers=[("User-Agent", "friendly-scanner")]))
    w.advance(0.1)
    return len([flow for flow in w.edge.flows.values() if flow.peer[0] == host])


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_scanner_behind_the_address_of_registered_phones_has_only_its_own_connection_closed(world, monkeypatch, transport):
    monkeypatch.setattr(f"{__name__}.PLAN", SHIELDED)
    w = world()
    phone = w.phone("alice", transport, online=False)
    phone.online(expires=60)
    host = phone.address[0]
    assert scan(w, host) == (1 if transport == "TCP" else 0)
    assert w.told == []
    phone.online(expires=90)
    w.advance(80)
    scan(w, host)
    assert w.told == []
    assert w.server.wait(phone.unregister()).status == 200
    w.advance(0 if transport == "TCP" else 11)  # by UDP others of that address may be registered for as long
    assert scan(w, host) == 0
    assert [event.fields["source"] for event in w.told] == [host]


def test_of_many_ports_that_one_user_registers_from_the_edge_keeps_one_source(world, monkeypatch):
    monkeypatch.setattr("pipeline.plugins.edge.held.MOST", 2)
    held = plugin(world())._held
    for host in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        for port in range(5000, 5100):
            held._by_datagrams((host, port), 60)
    assert list(held._sources) == ["192.0.2.1", "192.0.2.2"]


def test_a_registration_that_is_shortened_lets_its_flow_go_sooner_and_one_that_is_refreshed_later(world):
    w = world()
    bob = w.phone("bob", "TCP", online=False)
    bob.online(expires=100)
    [flow] = [flow for flow in w.edge.flows.values() if flow.peer[0] == bob.address[0]]
    held = plugin(w)._held
    held.until(flow, 60)
    w.advance(50)
    held.until(flow, 60)
    w.advance(59)
    assert flow.held
    w.advance(2)
    assert not flow.held
    held.until(flow, 100)
    held.until(flow, 10)
    w.advance(11)
    assert not flow.held and len(held) == 0


# -- what a proxy looks at (RFC 3261 16.3)


@pytest.mark.parametrize(
    ("header", "status"),
    [(("Max-Forwards", "0"), 483), (("Max-Breadth", "0"), 440), (("Proxy-Require", "sec-agree, path"), 420), (("Max-Breadth", "x"), 400)],
)
@rfc("3261", "16.3")
@rfc("5393", "5.3.3")
def test_what_may_not_go_on_is_refused(world, header, status):
    w = world()
    raw = _Raw(w, "10.0.0.9")
    raw.send(w.server.message("MESSAGE", "bob", headers=[header]))
    assert raw.answer().status == status
    if status == 420:
        assert raw.answer().get("unsupported") == "sec-agree"


@rfc("5393", "5.3.3")
@pytest.mark.parametrize(("came", "goes"), [([], "60"), ([("Max-Breadth", "3")], "3"), ([("Max-Breadth", "999")], "60")])
def test_what_is_passed_on_says_how_broad_it_may_become(world, came, goes):
    w = world()
    upstream = _Raw(w, "10.0.0.77")
    plugin(w).upstream = "sip:10.0.0.77"
    _Raw(w, "10.0.0.9").send(w.server.message("MESSAGE", uri="sip:bob@example.com", headers=came))
    assert next(each for each in upstream.got if each.is_request).all("max-breadth") == [goes]


@rfc("3261", "16.3")
@rfc("5393", "4.2")
def test_a_request_that_comes_back_in_the_same_way_is_482(world):
    w = world()
    mirror = _Raw(w, "10.0.0.77")
    plugin(w).upstream = "sip:10.0.0.77"
    raw = _Raw(w, "10.0.0.9")
    raw.send(w.server.message("MESSAGE", uri="sip:bob@example.com"))
    [came] = [each for each in mirror.got if each.is_request][:1]
    back = came.encode().replace(b"Via:", b"Via: SIP/2.0/UDP 10.0.0.77:5060;branch=z9hG4bKmirror\r\nVia:", 1)
    mirror.send(back)
    assert mirror.answer().status == 482
    spiral = back.replace(b"MESSAGE sip:bob@example.com", b"MESSAGE sip:carol@example.com").replace(b"Kmirror", b"Kother")
    count = len(mirror.got)
    mirror.send(spiral)
    assert [each.uri_text for each in mirror.got[count:] if each.is_request][:1] == ["sip:carol@example.com"]


def test_copies_that_were_forked_upstream_are_no_merged_requests(world):
    w = world()
    raw = _Raw(w, "10.0.0.200")
    phones = [_Raw(w, "10.0.0.51"), _Raw(w, "10.0.0.52")]
    for number, address in enumerate(("10.0.0.51", "10.0.0.52")):
        headers = [
            route(token(w, address)),
            ("Via", f"SIP/2.0/UDP 10.0.0.200;branch=z9hG4bKfork{number}"),
            ("Call-ID", "one"),
            ("From", "<sip:a@example.com>;tag=f"),
        ]
        raw.send(w.server.message("INVITE", uri="sip:bob@192.168.1.5", headers=headers, source=("10.0.0.200", 5060)))
    assert [phone.got[0].method for phone in phones] == ["INVITE", "INVITE"]


def test_what_is_for_the_edge_itself_is_answered_by_it(world):
    w = world()
    raw = _Raw(w, "10.0.0.9")
    raw.send(w.server.message("OPTIONS", uri=f"sip:{EDGE}"))
    assert raw.answer().status == 200
    raw.send(w.server.message("MESSAGE", uri="sip:x@edge.example.net"))
    assert raw.answer().status == 404
    raw.send(w.server.message("OPTIONS", uri="sip:edge.example.net", headers=[("Route", f"<sip:{EDGE};lr>")]))
    assert raw.answer().status == 200


def test_a_preloaded_route_is_taken_off_and_strangers_are_relayed_to_upstream_alone(world):
    w = world()
    upstream, raw = _Raw(w, "10.0.0.77"), _Raw(w, "10.0.0.9")
    elsewhere = _Raw(w, "10.0.0.88")
    plugin(w).upstream = "sip:10.0.0.77"
    routes = ("Route", f"<sip:{EDGE};lr>, <sip:10.0.0.88;lr>")
    raw.send(w.server.message("MESSAGE", uri="sip:victim@10.0.0.88", headers=[routes]))
    assert upstream.got[0].all("route") == ["<sip:10.0.0.88;lr>"]
    raw.send(w.server.message("BYE", uri="sip:victim@10.0.0.88", headers=[("To", "<sip:victim@10.0.0.88>;tag=1")]))
    assert upstream.got[-1].method == "BYE"
    raw.send(w.server.message("ACK", uri="sip:victim@10.0.0.88", headers=[("To", "<sip:victim@10.0.0.88>;tag=1")]))
    assert elsewhere.got == []


@rfc("3261", "16.4")
def test_a_strict_router_before_us_is_understood(world):
    w = world()
    phone, raw = _Raw(w, "10.0.0.50"), _Raw(w, "10.0.0.200")
    uri = f"sip:{token(w)}@{EDGE}:5060;lr"
    raw.send(w.server.message("OPTIONS", uri=uri, headers=[("Route", "<sip:bob@192.168.1.5>")], source=("10.0.0.200", 5060)))
    assert (phone.got[0].uri_text, phone.got[0].get("route")) == ("sip:bob@192.168.1.5", None)


def test_a_dead_registrar_is_503_and_a_dead_phone_408(world):
    w = world("[plugin.stack]\nt1 = 0.05\n")
    raw = _Raw(w, "10.0.0.9")
    plugin(w).upstream = "sip:10.0.0.77;transport=tcp"
    raw.send(w.server.message("INVITE", uri="sip:bob@example.com"))
    w.advance(10)
    assert raw.answer().status == 503
    raw.send(w.server.message("INVITE", uri="sip:bob@192.168.1.5", headers=[route(token(w, "10.0.0.51"))]))
    w.advance(10)
    assert raw.answer().status == 408
    count = len(raw.got)
    raw.send(w.server.message("MESSAGE", uri="sip:bob@192.168.1.5", headers=[route(token(w, "10.0.0.51"))]))
    w.advance(10)
    assert [each.status for each in raw.got[count:] if each.status >= 200] == []  # RFC 4320 4.2: nobody listens any more


@rfc("3261", "16.7")
def test_overload_of_a_phone_is_no_overload_of_ours(world):
    w = world()
    bob = w.phone("bob")
    bob.phone.script["MESSAGE"] = [503]
    raw = _Raw(w, "10.0.0.200")
    raw.send(w.server.message("MESSAGE", uri=bob.contact, headers=[("Route", path(w, "bob")[0])], source=("10.0.0.200", 5060)))
    assert raw.answer().status == 500
    upstream = _Raw(w, "10.0.0.77")
    plugin(w).upstream = "sip:10.0.0.77"
    raw.send(w.server.message("MESSAGE", uri="sip:bob@example.com", source=("10.0.0.200", 5060)))
    upstream.send(Response.to(upstream.got[0], 503, headers=[("Retry-After", "7")], to_tag="t").encode())
    assert (raw.answer().status, raw.answer().get("retry-after")) == (503, "7")


@rfc("3261", "16.7")
@rfc("6026", "7.1")
def test_each_2xx_of_a_fork_and_each_repetition_goes_back(world):
    w = world()
    upstream, raw = _Raw(w, "10.0.0.77"), _Raw(w, "10.0.0.9")
    plugin(w).upstream = "sip:10.0.0.77"
    raw.send(w.server.message("INVITE", uri="sip:bob@example.com"))
    invite = upstream.got[0]
    for tag in ("one", "two", "one"):
        upstream.send(Response.to(invite, 200, headers=[("Contact", "<sip:x@10.0.0.77>")], to_tag=tag).encode())
    assert [each.to.tag for each in raw.got if each.status == 200] == ["one", "two", "one"]
    assert all(len(each.vias) == 1 and each.record_routes for each in raw.got if each.status == 200)


@rfc("3261", "16.7")
def test_an_answer_with_no_other_via_goes_nowhere(world):
    w = world()
    upstream, raw = _Raw(w, "10.0.0.77"), _Raw(w, "10.0.0.9")
    plugin(w).upstream = "sip:10.0.0.77"
    raw.send(w.server.message("MESSAGE", uri="sip:bob@example.com"))
    message = upstream.got[0]
    answer = Response.to(message, 200, to_tag="t")
    answer.set("via", message.values("via")[0])
    upstream.send(answer.encode())
    assert [each for each in raw.got if each.status == 200] == []


@pytest.mark.parametrize(
    ("value", "text"), [('"x"', "is no URI"), ('"tel:+1"', "names nobody"), ('"sip:"', "is no URI")], ids=["text", "tel", "empty"]
)
def test_upstream_must_be_somebody(tmp_path, value, text):
    with pytest.raises(Problems, match=text):
        build(Document(tmp_path / "edge.toml", PLAN.replace('"sip:10.0.0.1:5060"', value)))


# -- limits


def test_new_requests_above_the_limit_are_refused_and_what_has_begun_goes_on(world):
    w = world("limit = 2\n[plugin.stack]\nt1 = 0.05\n")
    phone, raw = _Raw(w, "10.0.0.50"), _Raw(w, "10.0.0.200")
    value = route(token(w))
    for number in range(3):
        raw.send(w.server.message("INVITE", uri="sip:bob@192.168.1.5", headers=[value], source=("10.0.0.200", 5060)))
        assert plugin(w)._held.under_way == min(number + 1, 2)
    assert raw.answer().status == 503
    inside = [("Route", value[1]), ("To", "<sip:bob@example.com>;tag=1")]
    raw.send(w.server.message("BYE", uri="sip:bob@192.168.1.5", headers=inside, source=("10.0.0.200", 5060)))
    assert phone.got[-1].method == "BYE"
    w.advance(20)
    assert plugin(w)._held.under_way == 0
    w.edge.overloaded = True
    raw.send(w.server.message("INVITE", uri="sip:bob@192.168.1.5", headers=[value], source=("10.0.0.200", 5060)))
    assert (raw.answer().status, raw.answer().get("retry-after") is not None) == (503, True)


@rfc("3261", "16.6")
def test_within_a_dialog_a_strict_router_upstream_is_understood(world):
    w = world()
    strict, phone = _Raw(w, "10.0.0.77"), _Raw(w, "10.0.0.50")
    own = route(token(w, kind="d", call_id="this"), "")
    headers = [("Route", f"{own[1]}, <sip:10.0.0.77>, <sip:10.0.0.78;lr>"), ("To", "<sip:bob@example.com>;tag=1"), ("Call-ID", "this")]
    phone.send(w.server.message("BYE", uri="sip:bob@10.0.0.79", headers=headers, source=("10.0.0.50", 5060)))
    assert strict.got[0].uri_text == "sip:10.0.0.77"
    assert strict.got[0].all("route") == ["<sip:10.0.0.78;lr>", "<sip:bob@10.0.0.79>"]


def test_a_reload_keeps_what_is_under_way_and_held(world):
    w = world()
    bob = w.phone("bob", "TCP")
    alice = w.phone("alice")
    bob.answers(after=5)
    call = alice.call("bob")
    w.advance(1)
    plan = build(Document(w.folder / "edge.toml", PLAN + "flow_timer = 60"))
    plan.state = w.folder / "edge"
    w.server.run(w.edge.reload(plan))
    assert plugin(w).flow_timer == 60
    assert len(plugin(w)._held) == 1
    call.until("up")
    call.hangup()
    bob.calls[0].until("ended")
    w.advance(1)
    assert plugin(w)._held.under_way == 0


@pytest.mark.parametrize("name", ["edge", "registrar"])
def test_the_example_is_a_file_that_starts(name, tmp_path):
    text = (Path(__file__).parents[2] / f"examples/edge/{name}.toml").read_text()
    plan = build(Document(tmp_path / "pipeline.toml", text))
    assert plan.name == f"{name}-1"


def test_behind_a_translator_of_its_own_it_is_met_at_the_outside_address(sip, tmp_path):
    more = '[plugin.nat]\nexternal_signaling_address = "203.0.113.7:5070"\n'
    w = World(sip, tmp_path, more, intercept=[])
    plan = (w.folder / "edge.toml", (PLAN + more).replace('plugins = ["edge"]', 'plugins = ["nat", "edge"]'))
    running = build(Document(*plan))
    running.state = w.folder / "edge"
    w.server.run(w.edge.reload(running))
    plugin(w).upstream = "sip:198.51.100.77"
    upstream, phone = _Raw(w, "198.51.100.77"), _Raw(w, "10.0.0.9")
    phone.send(w.server.message("REGISTER", headers=[("Supported", "path")]))
    value = upstream.got[0].get("path")
    assert value.endswith("@203.0.113.7:5070;lr;ob>")
    assert upstream.got[0].via.host == "203.0.113.7"
    upstream.send(w.server.message("INVITE", uri="sip:alice@10.0.0.9", headers=[("Route", value)], source=("198.51.100.77", 5060)))
    invite = next(message for message in phone.got if message.is_request)
    assert [record.uri.address for record in invite.record_routes] == [EDGE]
    w.stop()


# -- who somebody is said to be

CEO = [("P-Asserted-Identity", "<sip:ceo@example.com>"), ("Remote-Party-ID", "<sip:ceo@example.com>;party=calling")]


@rfc("3325", "5")
def test_what_a_phone_asserts_of_itself_does_not_reach_who_trusts_us(world):
    w = world()
    upstream, raw = _Raw(w, "10.0.0.77"), _Raw(w, "10.0.0.9")
    plugin(w).upstream = "sip:10.0.0.77"
    raw.send(w.server.message("INVITE", uri="sip:bob@example.com", headers=[*CEO, ("P-Preferred-Identity", "<sip:alice@example.com>")]))
    invite = upstream.got[0]
    assert (invite.get("p-asserted-identity"), invite.get("remote-party-id")) == (None, None)
    assert invite.get("p-preferred-identity") == "<sip:alice@example.com>"  # a wish, which upstream may judge
    phone = _Raw(w, "10.0.0.50")
    upstream.send(w.server.message("INVITE", uri="sip:bob@192.168.1.5", headers=[route(token(w)), *CEO], source=("10.0.0.77", 5060)))
    assert phone.got[0].get("p-asserted-identity") == CEO[0][1]
    phone.send(Response.to(phone.got[0], 180, headers=CEO, to_tag="t").encode())
    assert [each.get("p-asserted-identity") for each in upstream.got if not each.is_request and each.status == 180] == [None]


@rfc("3325", "7")
def test_a_phone_is_not_told_who_wants_to_be_private(world):
    w = world()
    upstream, raw, phone = _Raw(w, "10.0.0.77"), _Raw(w, "10.0.0.9"), _Raw(w, "10.0.0.50")
    plugin(w).upstream = "sip:10.0.0.77"
    private = ("Privacy", "id;critical")
    upstream.send(w.server.message("INVITE", uri="sip:b@192.168.1.5", headers=[route(token(w)), *CEO, private], source=("10.0.0.77", 5060)))
    assert (phone.got[0].get("p-asserted-identity"), phone.got[0].get("privacy")) == (None, "id;critical")
    raw.send(w.server.message("INVITE", uri="sip:bob@example.com"))
    upstream.send(Response.to(upstream.got[-1], 180, headers=[*CEO, private], to_tag="t").encode())
    upstream.send(Response.to(upstream.got[-1], 183, headers=CEO, to_tag="t").encode())
    assert [each.get("p-asserted-identity") for each in raw.got if each.status in (180, 183)] == [None, CEO[0][1]]


WITHIN = [("To", "<sip:bob@example.com>;tag=1"), ("Call-ID", "this")]


def said_within(w, phone, sender):
    """What the phone hears of the CEO when a sender says within a dialog that it is he."""
    headers = [route(token(w, kind="d", call_id="this"), ""), *WITHIN, *CEO]
    sender.send(w.server.message("UPDATE", uri="sip:bob@192.168.1.5", headers=headers, source=(sender.address, 5060)))
    message = phone.got[-1]
    assert message.method == "UPDATE"
    return message.get("p-asserted-identity"), message.get("remote-party-id")


BELIEVED = tuple(value for _, value in CEO)


@rfc("3325", "5")
def test_the_far_end_of_a_dialog_is_not_believed_when_it_says_who_it_is(world):
    w = world('trusted = ["10.0.7.0/24"]')
    phone = _Raw(w, "10.0.0.50")
    assert said_within(w, phone, _Raw(w, "10.0.0.200")) == (None, None)
    assert said_within(w, phone, _Raw(w, "10.0.7.1")) == BELIEVED
    assert said_within(w, phone, _Raw(w, "10.0.0.77")) == (None, None)
    registrar = _Raw(w, "10.0.0.1", 5099)  # another port: it may send by a connection of its own
    assert said_within(w, phone, registrar) == BELIEVED


@rfc("3325", "5")
def test_an_upstream_that_is_a_name_is_known_by_where_its_requests_went(world):
    w = world()
    upstream, phone, raw = _Raw(w, "10.0.0.77"), _Raw(w, "10.0.0.50"), _Raw(w, "10.0.0.9")
    plugin(w).upstream = "sip:10.0.0.77"
    assert said_within(w, phone, upstream) == (None, None)
    raw.send(w.server.message("OPTIONS", uri="sip:bob@example.com"))
    assert said_within(w, phone, upstream) == BELIEVED
    w.advance(LATELY + 10)
    assert said_within(w, phone, upstream) == (None, None)


@rfc("3325", "5")
def test_who_answers_a_phone_within_a_dialog_past_upstream_is_not_believed(world):
    w = world()
    upstream, phone = _Raw(w, "10.0.0.1", 5099), _Raw(w, "10.0.0.50")
    far = _Raw(w, "10.0.0.79")
    for peer, hop in ((far, "sip:bob@10.0.0.79"), (upstream, "sip:bob@10.0.0.1:5099")):
        headers = [route(token(w, kind="d", call_id="this"), ""), *WITHIN]
        phone.send(w.server.message("UPDATE", uri=hop, headers=headers, source=("10.0.0.50", 5060)))
        peer.send(Response.to(peer.got[-1], 200, headers=CEO).encode())
    assert [each.get("p-asserted-identity") for each in phone.got if each.status == 200] == [None, BELIEVED[0]]


def test_who_is_believed_is_bounded_and_forgotten_with_another_upstream():
    at = [0.0]
    clock = type("Clock", (), {"now": lambda _: at[0]})()
    trusted = Trusted(clock)
    trusted.configure("sip:registrar.example.com", [])
    flows = [type("Flow", (), {"peer": (f"10.0.0.{number}", 5060)}) for number in range(HOSTS + 1)]
    for flow in flows:
        trusted.reached(flow)
    assert [trusted.holds(flow) for flow in flows] == [False, *[True] * HOSTS]
    trusted.configure("sip:registrar.example.com", ["10.0.0.0/32"])
    assert all(trusted.holds(flow) for flow in flows)
    trusted.configure("sip:[2001:db8::1]:5070", [])
    assert not any(trusted.holds(flow) for flow in flows)
    assert trusted.holds(type("Flow", (), {"peer": ("2001:db8::1", 40000)}))


def test_what_an_endpoint_may_not_ask_is_not_passed_on(sip):
    toml = '[plugin.edge]\nupstream = "sip:10.0.0.77"\n[endpoint.door]\nauth = []\ntrust_from = true\ndeny_methods = ["OPTIONS"]\n'
    server = sip(toml, intercept=["identify", "security", "auth", "edge"])
    got = []
    server.network.host("10.0.0.77").datagram("10.0.0.77", 5060, lambda data, *_: got.append(data))
    assert server.request("OPTIONS", "bob@elsewhere.example", from_="door").status == 403
    assert not got

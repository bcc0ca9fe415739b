"""Admission: lists, signatures, budgets, bans, and who is never in their way."""

from __future__ import annotations

import attrs
import pytest

from pipeline.config import Document, Problems, build
from pipeline.conformance.marks import rfc
from pipeline.dal import Ban, Identify
from pipeline.flow import Flow
from pipeline.sip import digest
from pipeline.testing.server import CALLS

STRANGER, OTHER = ("198.51.100.9", 5062), ("198.51.100.10", 5060)
TRANSPORT = ["shield", "udp", "tcp"]
STUN = b"\x00\x01\x00\x00\x21\x12\xa4\x42"


@pytest.fixture
def shielded(sip):
    def shielded(toml="", **more):
        return sip(f"[plugin.shield]\n{toml}", transport=TRANSPORT, intercept=["identify", "auth"], **more)

    return shielded


def shield_of(server):
    return next(listing.plugin for listing in server.engine.generation.listings() if listing.name == "shield")


def register(server, source, user="alice", headers=()):
    """Send one REGISTER without credentials; give the statuses that came back for it."""
    before = len(server.replies(source))
    server.send(server.message("REGISTER", from_=user, source=source, headers=headers), source)
    return [reply.status for reply in server.replies(source)[before:]]


def keepalives(server, number, source=STRANGER, first=0):
    """Ask by STUN so many times at once; give how many answers came back."""
    got = []
    endpoint = server.network.host(source[0]).datagram(*source, lambda data, *_: got.append(data))
    for count in range(first, first + number):
        endpoint.send(STUN + count.to_bytes(12, "big"), ("10.0.0.1", 5060))
    server.advance(0.001)
    endpoint.close()
    return len(got)


def guess(server, source, user="alice", password="wrong"):
    """Log in; give the final status, or None when nobody answered."""
    try:
        return server.request("REGISTER", from_=user, password=password, source=source).status
    except AssertionError:
        return None


def test_a_phone_registers_and_is_known_from_then_on(shielded):
    server = shielded()
    assert server.request("REGISTER", from_="alice", password="alice's", source=STRANGER).status == 200
    assert set(shield_of(server).state.known.peers) == {STRANGER}
    assert shield_of(server).stats()["known_peers"] == 1


def test_a_denied_network_is_dropped_before_it_is_parsed(shielded):
    server = shielded('deny = ["198.51.100.0/24"]')
    assert register(server, STRANGER) == []
    assert server.engine.counts["unparsed"] == 0
    assert [event.fields["limit"] for event in server.told("shield.limited")] == ["deny"]


def test_the_longest_network_of_both_lists_decides(shielded):
    server = shielded('deny = ["198.51.100.0/24"]\nallow = ["198.51.100.9"]')
    assert register(server, STRANGER) == [401]
    assert register(server, OTHER) == []


@pytest.mark.parametrize(
    "header",
    [("User-Agent", "friendly-scanner"), ("User-Agent", "FRIENDLY-Scanner 1"), ("Subject", "sipvicious"), ("User-Agent", "sundayddr")],
)
def test_a_scanner_s_signature_is_dropped_in_silence(shielded, header):
    server = shielded()
    assert register(server, STRANGER, headers=[header]) == []
    assert register(server, STRANGER) == [401]  # the packet, not the source: by UDP it may be forged
    assert not server.told("shield.banned")


def test_signatures_are_the_administrator_s_list(shielded):
    server = shielded('scanners = ["nosy-phone"]')
    assert register(server, STRANGER, headers=[("User-Agent", "friendly-scanner")]) == [401]
    assert register(server, STRANGER, headers=[("User-Agent", "Nosy-Phone/2")]) == []


def test_a_signature_must_be_long_enough_to_mean_something(shielded):
    with pytest.raises(Problems) as problems:
        shielded('scanners = ["sip"]')
    assert "at least 4 characters" in str(problems.value)


@rfc("3261", "26.3.2.4")
def test_who_asks_again_and_again_without_credentials_is_answered_once_a_second(shielded):
    server = shielded()
    answered = [bool(register(server, STRANGER, user=f"u{number}")) for number in range(30)]
    assert answered[:10] == [True] * 10
    assert sum(answered) <= 12  # the time in between earned one or two
    begin = len(server.replies(STRANGER))
    for number in range(100):  # ten a second for ten seconds
        server.advance(0.1)
        register(server, STRANGER, user=f"v{number}")
    assert 8 <= len(server.replies(STRANGER)) - begin <= 13
    assert not server.told("shield.banned")  # nothing proved that it is not forged


def test_a_neighbour_behind_the_same_address_who_has_logged_in_notices_nothing(shielded):
    server = shielded()
    phone = (STRANGER[0], 6000)
    assert guess(server, phone, password="alice's") == 200
    for number in range(40):
        register(server, STRANGER, user=f"u{number}")
    assert register(server, STRANGER) == []
    for _ in range(20):
        assert guess(server, phone, password="alice's") == 200


def test_what_a_known_phone_does_earns_a_scanner_behind_the_same_address_no_answers(shielded):
    server = shielded()
    phone = (STRANGER[0], 6000)
    assert guess(server, phone, password="alice's") == 200
    assert guess(server, OTHER) == 401  # somebody fails somewhere: scores are looked at
    for number in range(40):
        register(server, STRANGER, user=f"u{number}")
    begin = len(server.replies(STRANGER)), server.clock.now()
    for number in range(60):
        if number % 10 == 0:
            assert guess(server, phone, password="alice's") == 200
        register(server, STRANGER, user=f"v{number}")
    assert len(server.replies(STRANGER)) - begin[0] <= 1 + server.clock.now() - begin[1]


def test_a_phone_that_answers_its_challenge_does_not_wait_behind_a_scanner(shielded):
    server = shielded()
    phone = (STRANGER[0], 6000)
    sent = []
    send = server.send
    server.send = lambda data, *more: (sent.append(data), send(data, *more))
    server.request("REGISTER", from_="alice", source=phone)
    for number in range(40):
        register(server, STRANGER, user=f"u{number}")
    assert register(server, phone) == []  # without credentials the address has nothing left
    challenge = digest.choose(server.replies(phone)[0].all("www-authenticate"), "alice's")
    value = digest.answer(challenge, "REGISTER", "sip:example.com", username="alice", password="alice's", cnonce="c")
    server.send(server.message("REGISTER", from_="alice", source=phone, headers=[("Authorization", value)], cseq=2), phone)
    assert server.replies(phone)[-1].status == 200


@pytest.mark.parametrize(
    "more",
    [
        ("Subject", "a;tag=b;tag=c"),
        ("To", '<sip:alice@example.com>;x=">;tag=b"'),
        ("Authorization-Info", "none"),
        ("Subject", "a\r\n\r\nAuthorization: b"),
    ],
    ids=["subject", "quoted", "another field", "body"],
)
def test_what_only_looks_like_a_dialog_or_credentials_spares_no_stranger_the_budget(shielded, more):
    server = shielded()
    assert sum(bool(register(server, STRANGER, user=f"u{number}", headers=[more])) for number in range(30)) <= 12


def test_what_is_within_a_dialog_meets_no_budget_of_challenges(shielded):
    server = shielded()
    while register(server, STRANGER):
        pass
    assert register(server, STRANGER, headers=[("To", "<sip:alice@example.com>;tag=b")]) == [481]


@pytest.mark.parametrize("more", [("Subject", "a;tag=b;tag=c"), ("Subject", "x" * 5000)], ids=["tags", "far behind"])
def test_nobody_guesses_faster_however_he_writes_it(shielded, more):
    server = shielded("ban_score = 0")
    server.request("REGISTER", from_="alice", source=STRANGER)
    challenge = digest.choose(server.replies(STRANGER)[0].all("www-authenticate"), "wrong")
    answered = 0
    for number in range(40):
        value = digest.answer(
            challenge, "REGISTER", "sip:example.com", username="alice", password=f"wrong{number}", cnonce="c", nc=number + 1
        )
        answered += bool(register(server, STRANGER, headers=[more, ("Authorization", value)]))
    assert answered <= 12


def test_guessing_passwords_ends_in_a_ban_that_the_store_holds(shielded):
    server = shielded()
    outcomes = [guess(server, STRANGER, password=f"p{number}") for number in range(20)]
    assert 401 in outcomes and outcomes[-1] is None
    (event,) = server.told("shield.banned")
    assert event.fields["source"] == STRANGER[0] and "alice" in event.fields["reason"]
    (ban,) = server.engine.dal.find("ban")
    assert (ban.id, ban.by) == (STRANGER[0], "shield")
    server.advance(3700)
    assert register(server, STRANGER) == [401]
    assert server.engine.dal.find("ban") == ()


def test_a_success_resets_the_score(shielded):
    server = shielded()
    for _ in range(6):
        for number in range(4):
            assert guess(server, STRANGER, password=f"p{number}") == 401
            server.advance(2)
        assert guess(server, STRANGER, password="alice's") == 200
    assert not server.told("shield.banned")


def test_an_address_with_a_binding_is_never_banned(shielded):
    server = shielded("ban_score = 3")
    assert guess(server, (STRANGER[0], 6000), password="alice's") == 200
    for number in range(10):
        guess(server, STRANGER, user="bob", password=f"p{number}")
        server.advance(2)
    assert not server.told("shield.banned")
    assert [event.fields["limit"] for event in server.told("shield.limited")].count("spared") == 1
    assert register(server, (STRANGER[0], 6000)) == [401]


@rfc("7616", "5.4")
def test_credentials_that_do_not_echo_our_nonce_never_lead_to_a_ban(shielded):
    server = shielded("ban_score = 2")
    forged = 'Digest username="alice", realm="example.com", nonce="00", uri="sip:example.com", response="00", qop=auth, nc=1, cnonce="x"'
    for _ in range(40):
        register(server, STRANGER, headers=[("Authorization", forged)])
        server.advance(1)
    assert not server.told("shield.banned")
    assert {event.fields["proved"] for event in server.told("auth.failed")} == {False}


def test_a_nonce_of_another_source_proves_nothing(shielded):
    server = shielded("ban_score = 2")
    server.request("REGISTER", from_="alice", source=OTHER)
    nonce = server.replies(OTHER)[0].get("www-authenticate").split('nonce="')[1].split('"')[0]
    forged = (
        f'Digest username="alice", realm="example.com", nonce="{nonce}", uri="sip:example.com", response="00", qop=auth, nc=1, cnonce="x"'
    )
    for _ in range(5):
        register(server, STRANGER, headers=[("Authorization", forged)])
    assert not server.told("shield.banned")


def test_failed_logins_are_held_to_one_a_second(shielded):
    server = shielded("ban_score = 0")
    for number in range(40):
        guess(server, STRANGER, user="nobody", password=f"p{number}")
    begin, count = server.clock.now(), len(server.told("auth.failed"))
    for number in range(40):
        guess(server, STRANGER, user="nobody", password=f"p{number}")
    assert len(server.told("auth.failed")) - count <= server.clock.now() - begin + 2


def test_a_known_peer_that_fails_too_often_is_a_stranger_again(shielded):
    server = shielded()
    assert guess(server, STRANGER, password="alice's") == 200
    for number in range(30):
        guess(server, STRANGER, user="bob", password=f"p{number}")
    assert STRANGER not in shield_of(server).state.known.peers


def test_what_is_forged_in_the_name_of_a_known_phone_does_not_lock_it_out(shielded):
    server = shielded()
    assert guess(server, STRANGER, password="alice's") == 200
    forged = 'Digest username="alice", realm="example.com", nonce="00", uri="sip:example.com", response="00", qop=auth, nc=1, cnonce="x"'
    for _ in range(40):
        assert register(server, STRANGER, headers=[("Authorization", forged)]) == [401]
    assert STRANGER in shield_of(server).state.known.peers
    assert guess(server, STRANGER, password="alice's") == 200
    assert guess(server, (STRANGER[0], 6000), password="alice's") == 200  # nor has its address lost anything


def test_a_ban_is_lifted_and_made_through_the_store(shielded):
    server = shielded()
    now = server.engine.clock.time()
    server.engine.dal.create(Ban(id=STRANGER[0], created_at=now, expires_at=now + 60, by="admin"))
    assert register(server, STRANGER) == []
    server.engine.dal.delete(server.engine.dal.get("ban", STRANGER[0]))
    assert register(server, STRANGER) == [401]
    server.engine.dal.create(Ban(id="198.51.100.0/24", by="admin"))
    assert register(server, STRANGER) == register(server, OTHER) == []


def test_an_administrator_bans_whom_he_likes_known_or_not(shielded):
    server = shielded()
    assert guess(server, STRANGER, password="alice's") == 200
    server.engine.dal.create(Ban(id="198.51.100.8/29", by="admin"))
    assert register(server, STRANGER) == []


def test_a_ban_closes_the_connections_of_its_source(shielded):
    server = shielded()
    phone = server.phone("alice", transport="TCP", address=STRANGER)
    assert server.wait(phone.register()).status == 200
    (flow,) = server.engine.flows.values()
    server.engine.dal.create(Ban(id=STRANGER[0], by="admin"))
    assert flow.closed


@rfc("6177", "2")
def test_an_ipv6_source_is_its_64(shielded):
    server = shielded('[plugin.udp]\nbind = ["10.0.0.1:5060", "[fd00::1]:5060"]\n')
    server.engine.dal.create(Ban(id="2001:db8:1:2::/64", by="admin"))
    assert register(server, ("2001:db8:1:2::9", 5060)) == []
    assert register(server, ("2001:db8:1:2:ffff::9", 5060)) == []
    assert register(server, ("2001:db8:1:3::9", 5060)) == [401]


def test_trunks_that_identify_names_have_no_budget(shielded):
    toml = (
        '[plugin.shield]\n[endpoint.trunk]\nauth = []\ntrust_from = true\n[identify.trunk]\nendpoint = "trunk"\nmatch = ["198.51.100.9"]\n'
    )
    server = shielded("\n" + toml.replace("[plugin.shield]\n", ""))
    for _ in range(50):
        server.send(server.message("OPTIONS", "nobody@example.com", source=STRANGER), STRANGER)
    assert len(server.replies(STRANGER)) == 50


@rfc("3261", "26.3.2.4")
def test_ten_thousand_strangers_cost_constant_memory_and_a_bounded_number_of_challenges(shielded):
    server = shielded("global_request_rate = 100")
    state = shield_of(server).state
    for number in range(3000):
        source = (f"172.16.{number >> 8}.{number & 255}", 5060)
        server.engine.receive(server.message("REGISTER", source=source), Null(source))
    assert len(server.told("auth.challenged")) <= 110
    assert not state.known.peers and not state.jail.bans and not state.jail.scores
    assert len(state._told) <= 1024


def test_who_repeats_himself_gets_what_is_left_when_all_strangers_are_too_many(shielded):
    server = shielded("global_request_rate = 2")
    for number in range(200):
        source = (f"172.16.0.{number}", 5060)
        server.engine.receive(server.message("REGISTER", source=source), Null(source))
    request = server.message("REGISTER", source=STRANGER)
    server.send(request, STRANGER)
    assert server.replies(STRANGER) == []
    server.send(request, STRANGER)
    assert [reply.status for reply in server.replies(STRANGER)] == [401]


def test_bindings_of_before_a_restart_are_known(sip, tmp_path):
    dal = '[dal]\nendpoint = ["toml"]\nauth = ["toml"]\naor = ["toml"]\ncontact = ["sqlite"]\nban = ["sqlite"]\n'
    server = sip(dal, transport=TRANSPORT, intercept=["identify", "auth"], integration=["toml", "sqlite"])
    assert guess(server, STRANGER, password="alice's") == 200
    server.engine.dal.create(Ban(id="198.51.100.77", by="admin"))
    server.advance(1)
    server.stop()
    server.start()
    assert register(server, ("198.51.100.77", 5060)) == []  # from its first moment on
    state = shield_of(server).state
    assert STRANGER in state.known.peers and state.bound.holds(STRANGER[0]) and set(state.jail.bans) == {"198.51.100.77"}


class Null(Flow):
    """A flow whose answers go nowhere."""

    transport, reliable, listener, id, local, advertised = "UDP", False, "udp", "udp:x", ("10.0.0.1", 5060), ("10.0.0.1", 5060)

    def __init__(self, peer):
        self.peer = peer

    def send(self, data):
        pass


def test_a_flood_of_datagrams_in_a_phone_s_name_takes_nothing_from_its_streams(shielded):
    server = shielded()
    for _ in range(100):
        register(server, STRANGER)
    assert register(server, STRANGER) == []

    async def connect():
        return await server.network.host(STRANGER[0]).connect("10.0.0.1", 5060)

    stream, came = server.run(connect()), []
    stream.on_data = came.append
    via = ("Via", f"SIP/2.0/TCP {STRANGER[0]}:40000;branch=z9hG4bKstream")
    stream.write(server.message("REGISTER", from_="alice", source=STRANGER, headers=[via]))
    server.advance(0.1)
    assert b"".join(came).startswith(b"SIP/2.0 401 ")


def test_datagrams_of_ten_thousand_strangers_leave_the_budgets_of_streams_alone(shielded):
    server = shielded("global_request_rate = 5")
    for number in range(30):
        register(server, (f"198.51.100.{number}", 5060))
    state = shield_of(server).state
    now = server.engine.clock.now()
    assert not state.all_requests[False].has(now) and state.all_requests[True].has(now)


def test_an_address_with_a_call_is_never_banned_and_afterwards_it_may_be(sip):
    toml = (
        '[plugin.shield]\n[context.default.extensions]\n600 = ["answer", { wait = 60 }]\n'
        '[user.alice]\npassword = "alice\'s"\n[user.open]\nauth = []\n'
    )
    server = sip(toml, **{**CALLS, "transport": TRANSPORT, "intercept": ["identify", "auth"]})
    phone = server.phone("open", address=STRANGER)
    call = phone.call("600").until("up")
    for port in range(20):
        guess(server, (STRANGER[0], 6000 + port))
        server.advance(2)
    assert not server.told("shield.banned")
    assert shield_of(server).stats()["spared"] > 0
    call.hangup()
    server.advance(40)
    for port in range(20):
        guess(server, (STRANGER[0], 7000 + port))
        server.advance(2)
    assert [event.fields["source"] for event in server.told("shield.banned")] == [STRANGER[0]]


def test_a_ban_of_an_ipv6_address_is_of_its_64(shielded):
    server = shielded('[plugin.udp]\nbind = ["10.0.0.1:5060", "[fd00::1]:5060"]\n')
    for port in range(20):
        guess(server, ("2001:db8::9", 6000 + port))
        server.advance(1)
    assert [event.fields["source"] for event in server.told("shield.banned")] == ["2001:db8::/64"]
    assert register(server, ("2001:db8::ffff", 5060)) == []
    assert register(server, ("2001:db8:0:1::9", 5060)) == [401]


class Walked(dict):
    """A table that counts how often somebody looks at everything in it."""

    walks = 0

    def __iter__(self):
        self.walks += 1
        return dict.__iter__(self)

    def values(self):
        self.walks += 1
        return dict.values(self)


def scan(server, host):
    """Send a scanner's request by a connection."""

    async def connect():
        return await server.network.host(host).connect("10.0.0.1", 5060)

    stream = server.run(connect())
    stream.write(server.message("OPTIONS", headers=[("User-Agent", "friendly-scanner")]))
    server.advance(0.1)


def test_a_ban_costs_no_look_at_all_peers_and_connections_and_dialogs_are_looked_at_once_a_second(shielded, monkeypatch):
    server = shielded()
    assert server.wait(server.phone("alice", transport="TCP", address=(OTHER[0], 5060)).register()).status == 200
    state = shield_of(server).state
    looks = []
    monkeypatch.setattr(server.engine.dialogs, "hosts", lambda: looks.append(server.clock.now()) or set())
    peers = state.known.peers = Walked(state.known.peers)
    flows = server.engine.flows = Walked(server.engine.flows)
    for number in range(20):
        scan(server, f"198.51.101.{number}")
    server.advance(1)
    assert len(server.told("shield.banned")) == len(server.engine.dal.find("ban")) == 20
    assert (peers.walks, flows.walks, len(flows)) == (0, 0, 1)
    assert len(looks) <= 4


def test_who_begins_a_call_before_a_ban_is_carried_out_is_spared(shielded):
    server = shielded()
    scan(server, OTHER[0])  # from now on the next are judged together, in a second
    scan(server, STRANGER[0])
    server.engine.dialogs.add("call", "ours", "theirs", type("Usage", (), {"source": ("UDP", STRANGER[0])})())
    server.advance(1)
    assert [event.fields["source"] for event in server.told("shield.banned")] == [OTHER[0]]
    assert shield_of(server).stats()["spared"] == 1


def test_a_full_jail_is_not_walked_at_each_further_ban(shielded, monkeypatch):
    monkeypatch.setattr("pipeline.plugins.shield.jail.JAILED", 1)
    server = shielded()
    scan(server, OTHER[0])
    jail = shield_of(server).state.jail
    monkeypatch.setattr(jail, "sweep", lambda: pytest.fail("it walks"))
    assert not jail.ban(STRANGER[0], 60, "")
    assert len(jail) == 1


def test_one_source_cannot_have_all_other_known_peers_forgotten(shielded, monkeypatch):
    monkeypatch.setattr("pipeline.plugins.shield.known.MOST_OF_ONE", 3)
    server = shielded()
    known = shield_of(server).state.known
    known.add(OTHER)
    for port in range(10):
        known.add((STRANGER[0], 6000 + port))
    assert set(known.peers) == {OTHER, *((STRANGER[0], port) for port in (6007, 6008, 6009))}
    assert list(known.sources[STRANGER[0]]) == [(STRANGER[0], port) for port in (6007, 6008, 6009)]
    known.drop_source(STRANGER[0])
    assert set(known.peers) == set(known.fresh) == {OTHER} and list(known.sources) == [OTHER[0]]


def test_a_network_that_is_denied_by_a_reload_is_known_no_more(shielded):
    server = shielded()
    assert guess(server, STRANGER, password="alice's") == guess(server, OTHER, password="alice's") == 200
    text = server.text.replace("[plugin.shield]", '[plugin.shield]\ndeny = ["198.51.100.9"]')
    server.run(server.engine.reload(build(Document(server.folder / "pipeline.toml", text))))
    assert set(shield_of(server).state.known.peers) == {OTHER}
    assert register(server, STRANGER) == []


def test_bans_are_made_and_end_a_hundred_in_a_turn_of_the_loop(shielded, monkeypatch):
    monkeypatch.setattr("pipeline.plugins.shield.watch.JUDGED", 3)
    monkeypatch.setattr("pipeline.plugins.shield.jail.LIFTED", 2)
    server = shielded("ban_seconds = 30")
    state = shield_of(server).state
    for number in range(8):
        state._score(f"198.51.101.{number}", 100, "test")
    made = []
    for _ in range(5):
        made.append(len(server.engine.dal.find("ban")))
        server.advance(1)
    assert made == [1, 4, 7, 8, 8]
    server.advance(54)
    assert len(server.engine.dal.find("ban")) == 8
    left = []
    for _ in range(5):
        server.advance(1)
        left.append(len(server.engine.dal.find("ban")))
    assert left[-5:] in ([6, 4, 2, 0, 0], [8, 6, 4, 2, 0])


def test_a_trunk_is_banned_by_an_administrator_and_by_nobody_else(shielded):
    toml = '[endpoint.trunk]\nauth = []\ntrust_from = true\n[identify.trunk]\nendpoint = "trunk"\nmatch = ["198.51.100.9"]\n'
    server = shielded(toml)
    shield_of(server).state._score(STRANGER[0], 100, "test")
    assert not server.told("shield.banned")
    ban = Ban(id=STRANGER[0], by="shield")  # of before it was a trunk
    for made, answers in ((ban, 1), (attrs.evolve(ban, id="198.51.100.0/24", by="admin"), 0)):
        server.engine.dal.create(made)
        before = len(server.replies(STRANGER))
        server.send(server.message("OPTIONS", source=STRANGER), STRANGER)
        assert len(server.replies(STRANGER)) - before == answers
        server.engine.dal.delete(server.engine.dal.get("ban", made.id))


STORE = """
from pipeline import Unavailable
from pipeline.dal import TYPES, Backend, Ban, Table

class Tables(Backend):
    trunks = ""

    def __init__(self, engine, fails):
        self.engine, self.fails, self.sockets, self.tables = engine, fails, [], {}

    def serve(self, kind, durability):
        self.tables[kind] = table = Table(TYPES[kind], self.name)
        for stored in [*self.engine.plan.objects, Ban(id="198.51.100.9", by="admin")]:
            if stored.kind == kind:
                table.load(stored)

    def get(self, kind, ident, /):
        return self.tables[kind].objects.get(ident)

    def find(self, kind, /, **fields):
        if (kind == "ban" and self.fails == "at once") or (kind == "identify" and self.trunks):
            raise Unavailable("asleep")
        pending = Pending()
        self.engine.clock.call_later(0.5, self.answer, pending, kind, fields)
        return pending

    def answer(self, pending, kind, fields):
        self.sockets.append(len(self.engine.listeners))
        if kind == "ban" and self.fails:
            pending.fail(Unavailable("asleep"))
        else:
            pending.resolve(self.tables[kind].find(fields))

    def watch(self, fn):
        self.changed = fn

@plugin
class Slow:
    stage: ClassVar[str] = "integration"
    stores: ClassVar[tuple] = ("ban", "identify")
    fails: str = option("", help="how")

    @hookimpl
    def store(self, engine):
        return Tables(engine, self.fails)
"""
TRUNK = '[endpoint.trunk]\nauth = []\n[identify.trunk]\nendpoint = "trunk"\nmatch = ["198.51.100.10"]\n'


@pytest.fixture
def slow(sip, write):
    """A server whose bans and trunks are in a slow store, and that store."""

    def slow(options=""):
        toml = write("slow", STORE, options) + '[dal]\nban = ["slow"]\nidentify = ["slow"]\n' + TRUNK
        stages = {"transport": TRANSPORT, "intercept": ["identify", "auth"], "integration": ["memory", "toml", "slow"]}
        server = sip(toml, **stages)
        return server, server.engine.dal.backends["slow"]

    return slow


def test_nothing_is_open_before_bans_and_trunks_are_read(slow):
    server, store = slow()
    assert store.sockets == [0, 0]
    assert register(server, STRANGER) == []
    assert server.told("shield.limited")[0].fields["limit"] == "banned"


@pytest.mark.parametrize("fails", ["at once", "later"])
def test_what_cannot_be_read_at_the_start_is_told_and_read_a_minute_later(slow, fails):
    server, store = slow(f'fails = "{fails}"')
    assert [event.fields["error"] for event in server.told("shield.unread")] == ["asleep"]
    assert guess(server, STRANGER) == 401
    store.fails = ""
    server.advance(61)
    assert len(server.told("shield.unread")) == 1
    assert guess(server, STRANGER) is None


@pytest.mark.parametrize("fails", ["at once", "later"])
def test_bans_that_cannot_be_read_when_they_have_changed_are_read_a_minute_later(slow, fails):
    server, store = slow()
    store.tables["ban"].load(Ban(id=OTHER[0], by="admin"))
    store.fails = fails
    store.changed("ban", "changed", None)
    server.advance(1)
    store.fails = ""
    assert [event.fields["error"] for event in server.told("shield.unread")] == ["asleep"]
    server.advance(61)
    assert guess(server, OTHER) is None


def test_a_trunk_or_a_ban_that_is_written_wrongly_in_a_database_hides_no_other(slow):
    server, store = slow()
    store.tables["identify"].load(Identify(id="a", endpoint="trunk", match=["nonsense", "192.0.2.9/24", "203.0.113.0/24"]))
    store.tables["ban"].load(Ban(id="nonsense/24", by="admin"))
    for kind in ("identify", "ban"):
        store.changed(kind, "changed", None)
    server.advance(1)
    assert shield_of(server).state.identified.find("203.0.113.1")
    assert not shield_of(server).state.identified.find("192.0.2.1")  # bits behind the prefix: no trunk of `identify` either
    assert [event.fields["error"].partition(":")[0] for event in server.told("shield.unread")] == [
        '"nonsense/24" is no address and no network'
    ]
    assert guess(server, STRANGER) is None


def test_a_ban_that_says_nobody_is_told_and_banned_is_nobody(shielded):
    server = shielded()
    server.engine.dal.create(Ban(id="nonsense", by="admin"))
    assert len(server.told("shield.unread")) == 1
    assert register(server, STRANGER) == [401]


def test_trunks_that_cannot_be_read_are_told_and_spoil_no_write_of_others(slow):
    server, store = slow()
    store.trunks = "at once"
    store.changed("identify", "changed", None)
    assert [event.fields["error"] for event in server.told("shield.unread")] == ["asleep"]


def test_who_guesses_is_banned_whatever_else_an_authenticator_tells(shielded):
    server = shielded()
    register(server, STRANGER)
    passage = server.told("auth.challenged")[0].fields["passage"]
    for _ in range(10):
        server.engine.tell("auth.failed", passage=passage, proved=True)
    assert len(server.told("shield.banned")) == 1


# -- STUN


def test_who_is_denied_or_banned_gets_no_answer_to_stun_either(shielded):
    server = shielded('deny = ["198.51.100.10"]')
    assert keepalives(server, 1) == 1
    assert keepalives(server, 1, OTHER) == 0
    server.engine.dal.create(Ban(id=STRANGER[0], by="admin"))
    assert keepalives(server, 1) == 0
    assert server.engine.counts["stun.dropped"] == 2


@rfc("5626", "4.4.2")
def test_stun_of_one_address_has_a_budget_of_its_own_in_which_two_thousand_phones_have_room(shielded):
    server = shielded()
    answered = 0
    for second in range(24):  # 2,000 phones in 24 s
        answered += keepalives(server, 84, first=84 * second)
        server.advance(1)
    assert answered == 24 * 84
    assert 199 <= keepalives(server, 1000) <= 201
    assert "keepalive_rate" in {event.fields["limit"] for event in server.told("shield.limited")}
    assert keepalives(server, 1, OTHER) == 1
    assert register(server, STRANGER) == [401]  # no budget of SIP was touched


def test_a_known_phone_has_its_stun_answered_beside_a_flood_of_stun_in_the_name_of_its_address(shielded):
    server = shielded()
    phone = (STRANGER[0], 6000)
    assert guess(server, phone, password="alice's") == 200
    server._endpoints.pop(phone).close()
    assert 199 <= keepalives(server, 1000) <= 201
    assert keepalives(server, 1, phone) == 1


def test_stun_of_all_strangers_together_has_a_budget_and_who_asks_again_is_answered(shielded):
    server = shielded("global_keepalive_rate = 20")
    assert sum(keepalives(server, 1, (f"198.51.100.{number}", 40000)) for number in range(100)) <= 25
    assert keepalives(server, 1) == 0
    assert keepalives(server, 1) == 1  # the same transaction once more
    assert "global_keepalive_rate" in shield_of(server).stats()

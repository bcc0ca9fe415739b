"""plugins.qualify: contacts are asked, what they say is shown, and who is silent is not called."""

import pytest

from pipeline.conformance.marks import rfc
from pipeline.control.shows import contacts as shown
from pipeline.core import Unroutable
from pipeline.destinations.credentials import Credentials
from pipeline.destinations.targets import Targets
from pipeline.pending import Pending
from pipeline.testing.server import CALLS

STAGES = {**CALLS, "integration": [*CALLS["integration"], "qualify"]}
TOML = """
[endpoint.alice]
auth = []
aors = ["alice"]
[aor.alice]
qualify_frequency = 60
[endpoint.bob]
auth = []
aors = ["bob"]
[aor.bob]
"""


@pytest.fixture
def server(sip):
    return sip(TOML, **STAGES)


def register(server, phone):
    attempt = server.wait(phone.register())
    assert attempt.status == 200
    [contact] = server.contacts(phone.name)
    return contact


def rows(server):
    return {row["aor"]: (row["state"], row["rtt_ms"]) for row in server.run(shown(server.engine))}


def asked(phone):
    return [message for message in phone.received if message.method == "OPTIONS"]


def test_a_contact_is_asked_soon_after_it_registered_and_then_at_its_frequency(server):
    alice = server.phone("alice")
    contact = register(server, alice)
    assert server.engine.reachability.of(contact.id).state == "Created"
    server.advance(2)
    assert len(asked(alice)) == 1
    assert server.engine.reachability.of(contact.id).state == "Avail"
    server.advance(600)
    assert 9 <= len(asked(alice)) - 1 <= 11
    intervals = {round(event.time) for event in server.told("contact.reachable")}
    assert len(intervals) == 1  # what does not change is no news


def test_one_that_does_not_want_it_is_never_asked(server):
    bob = server.phone("bob")
    contact = register(server, bob)
    server.advance(300)
    assert asked(bob) == []
    assert server.engine.reachability.of(contact.id).state == "NonQual"


def test_the_round_trip_is_shown(server):
    server.network.delay = (0.02, 0.02)
    register(server, server.phone("alice"))
    register(server, server.phone("bob"))
    server.advance(2)
    found = rows(server)
    assert found["bob@example.com"] == ("NonQual", "")
    assert found["alice@example.com"][0] == "Avail"
    assert 39 <= found["alice@example.com"][1] <= 45


def find(server, target):
    found = Targets(server.engine, Credentials(server.engine)).find(target)
    if isinstance(found, Pending):
        server.loop.run_until(lambda: found.done, 5)
        found = found.value()
    return found


def test_who_is_silent_is_not_called_until_he_answers_again(server):
    alice = server.phone("alice")
    contact = register(server, alice)
    server.advance(2)
    server.network.filter = lambda data, source, destination: destination[0] != alice.address[0]
    server.advance(70)
    assert server.engine.reachability.of(contact.id).state == "Unavail"
    (event,) = server.told("contact.unreachable")
    assert event.fields["reason"] == "no answer in 3 s"
    with pytest.raises(Unroutable):
        find(server, "alice")
    server.network.filter = None
    server.advance(70)
    assert server.engine.reachability.of(contact.id).state == "Avail"
    assert len(find(server, "alice")) == 1
    assert len(server.told("contact.reachable")) == 2


def test_any_answer_counts_unless_a_2xx_is_wanted(sip):
    server = sip(
        TOML + "[aor.carol]\nqualify_frequency = 60\nqualify_2xx_only = true\n[endpoint.carol]\nauth = []\naors = ['carol']\n", **STAGES
    )
    alice, carol = server.phone("alice"), server.phone("carol")
    states = []
    for phone in (alice, carol):
        contact = register(server, phone)
        phone.phone.script["OPTIONS"] = [404] * 5
        server.advance(2)
        states.append(server.engine.reachability.of(contact.id).state)
    assert states == ["Avail", "Unavail"]


def test_static_contacts_are_asked_too(sip):
    server = sip(
        "[endpoint.trunk]\nauth = []\naors = ['trunk']\n[aor.trunk]\ncontact = ['sip:gw@10.0.0.50']\nqualify_frequency = 30\n", **STAGES
    )
    server.advance(40)
    assert rows(server)["trunk@example.com"][0] == "Unavail"
    with pytest.raises(Unroutable):
        find(server, "trunk")
    server.phone("gw", address=("10.0.0.50", 5060))
    server.advance(40)
    assert rows(server)["trunk@example.com"][0] == "Avail"


def test_what_is_gone_is_forgotten(server):
    alice = server.phone("alice")
    contact = register(server, alice)
    server.advance(2)
    server.wait(alice.unregister())
    server.advance(200)
    assert len(asked(alice)) == 1
    assert server.engine.reachability.of(contact.id).state == "NonQual"
    assert len(server.engine.reachability) == 0


def test_a_contact_of_another_node_is_its_owners_to_ask(server):
    import attrs

    alice = server.phone("alice")
    contact = register(server, alice)
    there = attrs.evolve(contact, id="other", node="elsewhere", uri="sip:alice@10.0.0.60")
    changed = server.engine.dal.change("contact", contact.aor, (there,), (), None)
    assert not isinstance(changed, Pending) or changed.done
    server.advance(100)
    assert server.engine.reachability.of("other").state == "NonQual"


def test_ten_thousand_contacts_have_one_timer_and_are_asked_at_a_bounded_rate(sip):
    from pipeline.dal import Contact

    server = sip(
        "[aor.alice]\nmax_contacts = 20000\nqualify_frequency = 60\n[endpoint.alice]\nauth = []\naors = ['alice']\n[plugin.qualify]\nper_second = 300\n",
        **STAGES,
    )
    times = []
    gateway = server.network.host("10.0.0.70").datagram("10.0.0.70", 5060, lambda data, source, local: answer(data, source))

    def answer(data, source):
        from pipeline.sip.message import Response
        from pipeline.sip.parser import parse

        times.append(server.clock.now())
        gateway.send(Response.to(parse(data), 200, to_tag="t").encode(), source)

    before = server.timers()
    expires = server.clock.time() + 3600
    puts = tuple(
        Contact(id=f"c{n}", aor="alice@example.com", uri=f"sip:a{n}@10.0.0.70", expires_at=expires, node="test") for n in range(10000)
    )
    server.engine.dal.change("contact", "alice@example.com", puts, (), None)
    more = server.timers() - before
    assert sum(count for name, count in more.items() if "qualify" in name) <= 1
    server.advance(40)
    assert len(times) == 10000
    for second in range(0, 33, 8):
        begin = times[0] + second
        assert sum(begin <= time < begin + 1 for time in times) <= 315  # a turn more than 20
    assert rows_count(server, "Avail") == 10000


def rows_count(server, state):
    return sum(row["state"] == state for row in server.run(shown(server.engine)))


def test_a_reload_keeps_what_is_known(server):
    from pipeline.config import Document, build

    alice = server.phone("alice")
    contact = register(server, alice)
    server.advance(2)
    server.run(
        server.engine.reload(
            build(Document(server.folder / "pipeline.toml", server.text.replace("qualify_frequency = 60", "qualify_frequency = 20")))
        )
    )
    assert server.engine.reachability.of(contact.id).state == "Avail"
    server.advance(100)
    assert len(asked(alice)) >= 4


# -- by CRLF ------------------------------------------------------------------------------------------------------------

BY_CRLF = TOML.replace("qualify_frequency = 60", 'qualify_frequency = 60\nqualify_by = "crlf"')


def by_connection(server):
    """Alice, registered by a connection that she keeps (RFC 5626), and her binding."""
    server.network.log = []
    alice = server.phone("alice", transport="TCP")
    assert server.wait(alice.register(contacts=[f"<{alice.contact};ob>"])).status == 200
    [contact] = server.contacts("alice")
    return alice, contact


def pings(server):
    """Return how many pings the server has sent."""
    return sum(record.what == "wrote" and record.data == b"\r\n\r\n" for record in server.network.log)


@rfc("5626", "4.4.1")
def test_a_phone_is_asked_by_crlf_on_its_connection_and_its_pong_is_the_round_trip(sip):
    server = sip(BY_CRLF, **STAGES)
    server.network.delay = (0.02, 0.02)
    alice, _ = by_connection(server)
    server.advance(2)
    assert pings(server) == 1
    server.advance(600)
    assert 9 <= pings(server) - 1 <= 11
    assert asked(alice) == []
    state, rtt = rows(server)["alice@example.com"]
    assert state == "Avail"
    assert 39 <= rtt <= 45
    assert len(server.told("contact.reachable")) == 1


@rfc("5626", "4.4.1")
def test_a_connection_without_a_pong_in_ten_seconds_has_failed(sip):
    server = sip(BY_CRLF, **STAGES)
    alice, contact = by_connection(server)
    server.advance(2)
    flow = server.engine.flows[contact.reach]
    [its] = alice.engine.flows.values()
    its.stream.on_data = None  # it reads no more
    server.loop.run_until(lambda: flow.closed, 90)
    (event,) = server.told("contact.unreachable")
    assert event.fields["reason"] == "no pong in 10 s"
    assert [each.fields["reason"] for each in server.told("flow.closed")] == ["no pong came (RFC 5626 4.4.1)"]
    with pytest.raises(Unroutable):
        find(server, "alice")


def test_where_crlf_has_no_answer_it_is_options_all_the_same(sip):
    server = sip(BY_CRLF, **STAGES)
    alice = server.phone("alice")
    register(server, alice)
    server.advance(2)
    assert len(asked(alice)) == 1
    assert rows(server)["alice@example.com"][0] == "Avail"


def test_a_pong_that_comes_when_its_contact_is_gone_says_nothing(sip):
    server = sip(BY_CRLF, **STAGES)
    alice, _ = by_connection(server)
    server.network.delay = (0.5, 0.5)
    server.loop.run_until(lambda: pings(server), 5)
    server.wait(alice.unregister())
    server.advance(20)
    assert len(server.engine.reachability) == 0
    assert server.told("flow.closed") == []


@rfc("5626", "4.4.1")
@pytest.mark.parametrize("also", [b"", b"\r\n"], ids=["nothing else", "another CRLF"])
def test_contacts_of_one_connection_share_a_ping_and_whatever_its_pong_comes_with(sip, also):
    server = sip(BY_CRLF.replace("[aor.bob]", '[aor.bob]\nqualify_frequency = 60\nqualify_by = "crlf"'), **STAGES)
    stream, came = server.run(connected(server)), bytearray()
    stream.on_data = came.extend
    for user in ("alice", "bob"):
        headers = [("Via", "SIP/2.0/TCP 10.0.0.9:1;branch=z9hG4bK" + user), ("Contact", f"<sip:{user}@10.0.0.9:1;transport=tcp;ob>")]
        stream.write(server.message("REGISTER", from_=user, headers=headers))
    server.advance(1.5)
    assert came.count(b"200 OK") == 2
    assert came.endswith(b"\r\n" + b"\r\n\r\n")
    pinged = len(came) - len(came.rstrip(b"\r\n"))
    stream.write(b"\r\n" * ((pinged - 4) // 4) + also)  # what it has been asked it answers at once
    server.advance(20)
    assert {server.engine.reachability.of(contact.id).state for user in ("alice", "bob") for contact in server.contacts(user)} == {"Avail"}
    assert server.told("flow.closed") == []


async def connected(server):
    return await server.network.host("10.0.0.9").connect("10.0.0.1", 5060)

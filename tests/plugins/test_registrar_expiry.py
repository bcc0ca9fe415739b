"""plugins.registrar.expiry and ledger: bindings end when their time is over, also after a restart, and events say so."""

from pipeline.plugins.memory.tables import Tables
from pipeline.plugins.registrar.expiry import Expiry

from pipeline.dal import Contact, Mapping

SQLITE = """
[dal]
contact = { backends = ["sqlite"], durability = "commit" }
"""


def register(server, contact="<sip:alice@10.0.0.9>", **more):
    return server.request("REGISTER", headers=[("Contact", contact), ("Call-ID", "one")], **more)


def names(server, prefix="contact"):
    return [event.name for event in server.told(prefix)]


def test_a_binding_ends_with_an_event_within_a_second_or_two(sip):
    server = sip()
    register(server, "<sip:alice@10.0.0.9>;expires=100")
    server.advance(99)
    assert names(server) == ["contact.added"]
    server.advance(3)
    assert names(server) == ["contact.added", "contact.expired"]
    assert server.engine.dal.owned("contact", "alice@example.com") == ()
    [event] = server.told("contact.expired")
    assert (event.fields["aor"], event.fields["contact"].uri) == ("alice@example.com", "sip:alice@10.0.0.9")


def test_a_refresh_puts_the_end_off(sip):
    server = sip()
    for cseq in range(1, 6):
        register(server, "<sip:alice@10.0.0.9>;expires=100", cseq=cseq)
        server.advance(90)
    assert names(server) == ["contact.added"] + ["contact.refreshed"] * 4
    server.advance(15)
    assert names(server)[-1] == "contact.expired"


def test_a_shorter_refresh_brings_the_end_forward(sip):
    server = sip()
    register(server, "<sip:alice@10.0.0.9>;expires=5000")
    register(server, "<sip:alice@10.0.0.9>;expires=60", cseq=2)
    server.advance(63)
    assert names(server)[-1] == "contact.expired"


def test_each_binding_of_an_address_of_record_ends_at_its_own_time(sip):
    server = sip()
    register(server, "<sip:alice@10.0.0.8>;expires=300, <sip:alice@10.0.0.9>;expires=100")
    server.advance(103)
    assert [event.fields["contact"].uri for event in server.told("contact.expired")] == ["sip:alice@10.0.0.9"]
    server.advance(200)
    assert len(server.told("contact.expired")) == 2


def test_an_expired_binding_is_not_used_before_the_sweep_either(sip):
    server = sip()
    register(server, "<sip:alice@10.0.0.9>;expires=60")
    server.advance(60.2)
    assert names(server) == ["contact.added"]
    assert server.request("REGISTER", headers=[("Contact", "")]).all("contact") == []
    assert server.request("INVITE", "alice").status == 480


def test_what_somebody_else_removes_is_told_once(sip):
    server = sip()
    register(server)
    [contact] = server.contacts("alice")
    server.engine.dal.delete(contact)
    assert names(server) == ["contact.added", "contact.removed"]


def test_what_the_phone_removes_is_told_once_with_its_reason(sip):
    server = sip()
    register(server)
    register(server, "<sip:alice@10.0.0.9>;expires=0", cseq=2)
    assert names(server) == ["contact.added", "contact.removed"]
    assert server.told("contact.removed")[0].fields["reason"] == "request"


def test_what_somebody_else_stores_ends_too(sip):
    server = sip()
    now = server.engine.clock.time()
    server.engine.dal.create(Contact(id="x", aor="alice@example.com", uri="sip:alice@10.0.0.9", expires_at=now + 50))
    server.advance(53)
    assert names(server) == ["contact.expired"]


def test_when_another_process_wrote_everything_is_read_again(sip):
    server = sip()
    backend = server.engine.dal.backends["memory"]
    now = server.engine.clock.time()
    backend.change("contact", "bob@example.com", (Contact(id="x", aor="bob@example.com", uri="sip:b@10.0.0.9", expires_at=now + 50),))
    server.engine.dal._tell("contact", "changed", None)  # as a backend does that watches its file
    server.advance(53)
    assert names(server) == ["contact.expired"]


def test_a_store_that_fails_a_sweep_is_tried_again(sip):
    server = sip()

    class Failing(Tables):
        broken = False

        def change(self, *arguments):
            if self.broken:
                from pipeline.dal import Unavailable

                raise Unavailable("the disk is full")
            return super().change(*arguments)

    backend = Failing()
    backend.name = "failing"
    dal = server.engine.dal
    dal.use({**dal.mapping, "contact": Mapping(("failing",))}, {**dal.backends, "failing": backend})
    register(server, "<sip:alice@10.0.0.9>;expires=60")
    backend.broken = True
    server.advance(70)
    assert names(server) == ["contact.added"]
    assert server.contacts("alice") == []
    backend.broken = False
    server.advance(35)
    assert names(server) == ["contact.added", "contact.expired"]


def test_bindings_survive_a_restart_and_then_expire(sip):
    server = sip(SQLITE, integration=["toml", "sqlite"])
    register(server, "<sip:alice@10.0.0.9>;expires=100")
    server.stop()
    server.start()
    assert [contact.uri for contact in server.contacts("alice")] == ["sip:alice@10.0.0.9"]
    server.advance(103)
    assert names(server) == ["contact.added", "contact.expired"]


def test_what_ended_while_the_server_was_down_is_told_at_the_start(sip):
    server = sip(SQLITE, integration=["toml", "sqlite"])
    register(server, "<sip:alice@10.0.0.9>;expires=100")
    server.stop()
    server.advance(200)
    server.start()
    server.advance(3)
    assert names(server) == ["contact.added", "contact.expired"]


# -- the plan of looks -----------------------------------------------------------------------------------------------


def test_refreshes_plan_one_look_for_each_address_of_record(sip):
    server = sip()
    seen = []
    expiry = Expiry(server.engine.clock, seen.append)
    now = server.engine.clock.time()
    for later in range(1000):
        expiry.by("alice", now + 100 + later)
    assert len(expiry) == 1
    assert sum(map(len, expiry._buckets.values())) == 1
    server.advance(102)
    assert seen == ["alice"]
    assert not expiry._buckets


def test_a_hundred_thousand_that_end_together_do_not_hold_the_loop(sip):
    server = sip()
    turns = []
    expiry = Expiry(server.engine.clock, lambda aor: turns.append(server.loop.time()))
    for number in range(2000):
        expiry.by(f"user{number}", server.engine.clock.time() + 10)
    server.advance(15)
    assert len(turns) == 2000
    assert max(turns.count(turn) for turn in set(turns)) <= 200


def test_a_clock_that_jumps_ahead_delays_an_event_by_a_minute_at_most(sip):
    server = sip()
    clock = server.engine.clock
    time = clock.time
    seen = []
    expiry = Expiry(clock, seen.append)
    expiry.by("alice", clock.time() + 100)
    clock.time = lambda: time() + 3600
    server.advance(61)
    assert seen == ["alice"]

"""plugins.registrar with a store that makes it wait, is overtaken, or fails: the 200 leaves when the bindings are stored, or never."""

import pytest
from pipeline.plugins.memory.tables import Tables

from pipeline import Pending
from pipeline.dal import Conflict, Mapping, Unavailable


class Slow(Tables):
    """A store that answers when it is told to."""

    def __init__(self):
        super().__init__()
        self.name = "slow"
        self.waiting = []
        self.reads = []
        self.slow_reads = False
        self.errors = []
        self.before_change = None

    def owned(self, kind, owner, /):
        if not self.slow_reads:
            return super().owned(kind, owner)
        pending = Pending()
        self.reads.append(lambda: pending.resolve(Tables.owned(self, kind, owner)))
        return pending

    def change(self, *arguments):
        if self.errors:
            raise self.errors.pop(0)
        pending = Pending()
        self.waiting.append((pending, arguments))
        return pending

    def write(self, error=None):
        pending, arguments = self.waiting.pop(0)
        if error is not None:
            pending.fail(error)
            return
        try:
            after = super().change(*arguments)
        except Conflict as conflict:
            pending.fail(conflict)
        else:
            pending.resolve(after)


@pytest.fixture
def server(sip):
    server = sip()
    server.store = Slow()
    dal = server.engine.dal
    dal.use({**dal.mapping, "contact": Mapping(("slow",))}, {**dal.backends, "slow": server.store})
    server.advance(2)
    return server


def send(server, cseq=1, contact="<sip:alice@10.0.0.9>", **more):
    server.send(server.message("REGISTER", headers=[("Call-ID", "one"), ("Contact", contact)], cseq=cseq, **more))


def statuses(server):
    return [reply.status for reply in server.replies()]


def test_the_200_leaves_after_the_store_has_written(server):
    send(server)
    assert statuses(server) == []
    server.store.write()
    assert statuses(server) == [200]
    assert len(server.told("contact.added")) == 1


def test_registers_of_one_address_of_record_wait_for_one_another(server):
    send(server, 1)
    send(server, 2, "<sip:alice@10.0.0.8>")
    server.replies()
    assert len(server.store.waiting) == 1
    server.store.write()
    server.replies()
    server.store.write()
    assert statuses(server) == [200, 200]
    assert server.replies()[1].all("contact") == ["<sip:alice@10.0.0.9>;expires=3600", "<sip:alice@10.0.0.8>;expires=3600"]


def test_those_of_others_do_not_wait(server):
    send(server, 1)
    server.send(server.message("REGISTER", "bob", from_="bob"))
    server.replies()
    assert len(server.store.waiting) == 2


def test_a_register_that_came_out_of_order_behind_a_slow_one_is_refused(server):
    send(server, 2)
    send(server, 1, contact="<sip:alice@10.0.0.9>;expires=0")
    server.replies()
    server.store.write()
    assert sorted(statuses(server)) == [200, 500]
    assert len(server.contacts("alice")) == 1


def test_a_read_that_has_to_wait_is_waited_for(server):
    server.store.slow_reads = True
    send(server)
    assert statuses(server) == []
    while server.store.reads:
        server.store.reads.pop(0)()
    server.store.write()
    assert statuses(server) == [200]


@pytest.mark.parametrize("later", [False, True])
def test_a_store_that_fails_is_a_500_with_retry_after_and_binds_nothing(server, later):
    if not later:
        server.store.errors.append(Unavailable("the disk is full"))
    send(server)
    server.replies()
    if later:
        server.store.write(Unavailable("the disk is full"))
    [reply] = server.replies()
    assert reply.status == 500
    assert 5 <= int(reply.get("retry-after")) < 15
    assert server.contacts("alice") == []
    assert server.told("contact") == []
    send(server, 2)
    server.replies()
    server.store.write()
    assert statuses(server) == [500, 200]


def test_one_conflict_is_settled_by_looking_again(server):
    server.store.errors.append(Conflict("someone was faster"))
    send(server)
    server.replies()
    server.store.write()
    assert statuses(server) == [200]


def test_what_another_process_wrote_meanwhile_is_seen(server):
    send(server, 3)
    server.replies()
    server.store.write()
    send(server, 4)
    server.replies()
    stored = server.contacts("alice")[0]
    Tables.change(server.store, "contact", "alice@example.com", (), [stored.id])  # it was removed behind our back
    server.store.write()  # Conflict
    server.store.write()
    assert statuses(server) == [200, 200]
    assert [event.name for event in server.told("contact")] == ["contact.added", "contact.added"]


def test_two_conflicts_are_a_500(server):
    server.store.errors += [Conflict("once"), Conflict("twice")]
    send(server)
    [reply] = server.replies()
    assert reply.status == 500
    assert reply.get("retry-after")

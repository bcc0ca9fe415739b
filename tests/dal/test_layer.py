"""pipeline.dal.layer and spread: types over backends."""

import attrs
import pytest

from pipeline.dal import Backend, Conflict, Contact, Endpoint, Layer, Mapping, ReadOnly, Table, Unavailable, Unstored, version_of
from pipeline.pending import Pending

AOR = "alice@example.com"


class Held(Backend):
    """A backend as a third party would write it; `slow` ones answer when told to, `broken` ones not at all."""

    def __init__(self, *objects, writable=True, slow=False, fallible=True):
        self.writable = writable
        self.fallible = fallible
        self.slow = slow
        self.broken = False
        self.tables = {}
        self.waiting = []
        self.objects = objects
        self.watchers = []

    def serve(self, kind, durability):
        self.tables[kind] = Table({"contact": Contact, "endpoint": Endpoint}[kind], self.name)
        for stored in self.objects:
            if stored.kind == kind:
                self.tables[kind].change(getattr(stored, stored.owner or "id"), (stored,))

    def answer(self, fn):
        if not self.slow:
            if self.broken:
                raise Unavailable(f"{self.name} is broken")
            return fn()
        pending = Pending()
        self.waiting.append((pending, fn))
        return pending

    def run(self):
        while self.waiting:
            pending, fn = self.waiting.pop(0)
            try:
                if self.broken:
                    raise Unavailable(f"{self.name} is broken")
                value = fn()
            except Exception as error:
                pending.fail(error)
            else:
                pending.resolve(value)

    def get(self, kind, ident, /):
        return self.answer(lambda: self.tables[kind].objects.get(ident))

    def find(self, kind, /, **fields):
        return self.answer(lambda: self.tables[kind].find(fields))

    def owned(self, kind, owner, /):
        return self.answer(lambda: self.tables[kind].owned(owner))

    def change(self, kind, owner, puts=(), deletes=(), if_version=None, /):
        if not self.writable:
            raise ReadOnly(f"{self.name} is read-only")
        return self.answer(lambda: self.tables[kind].change(owner, puts, deletes, if_version))

    def watch(self, fn):
        self.watchers.append(fn)


def contact(ident, **fields):
    return Contact(id=ident, aor=AOR, uri=f"sip:{ident}@192.0.2.1", **fields)


def layer(**backends):
    for name, backend in backends.items():
        backend.name = name
    names = tuple(backends)
    return Layer({"contact": Mapping(names), "endpoint": Mapping(names)}, backends)


def ids(found):
    return sorted(stored.id for stored in found)


def done(value, *backends):
    for _ in range(10):
        for backend in backends:
            backend.run()
    return value.value() if isinstance(value, Pending) else value


def test_with_one_backend_its_own_methods_answer():
    one = Held()
    dal = layer(one=one)
    assert dal._change["contact"].__self__ is one
    after = dal.change("contact", AOR, (contact("1"),))
    assert dal.owned("contact", AOR) == after
    assert dal.get("contact", "1") is after[0]
    assert ids(dal.find("contact", aor=AOR)) == ["1"]
    assert dal.change("contact", AOR, deletes=after) == ()  # objects will do as ids


def test_a_type_nobody_stores_is_a_typed_error():
    dal = layer(one=Held())
    assert dal.stores("contact")
    assert not dal.stores("mailbox")
    for call in (
        lambda: dal.get("mailbox", "x"),
        lambda: dal.find("mailbox"),
        lambda: dal.owned("mailbox", "x"),
        lambda: dal.change("mailbox", "x"),
    ):
        with pytest.raises(Unstored, match="no backend stores the type 'mailbox'"):
            call()


@pytest.mark.parametrize("slow", [False, True])
def test_the_first_backend_wins_and_a_search_is_the_union(slow):
    first = Held(Endpoint(id="alice", trust_from=True), writable=False)
    second = Held(Endpoint(id="alice"), Endpoint(id="bob"), slow=slow)
    dal = layer(first=first, second=second)
    assert dal.get("endpoint", "alice").origin == "first"
    assert done(dal.get("endpoint", "bob"), second).origin == "second"
    assert done(dal.get("endpoint", "carol"), second) is None
    found = done(dal.find("endpoint"), second)
    assert {stored.id: stored.origin for stored in found} == {"alice": "first", "bob": "second"}


@pytest.mark.parametrize("slow", [False, True])
def test_an_object_hidden_by_one_that_does_not_match_is_not_found(slow):
    first, second = Held(Endpoint(id="alice", trust_from=True), slow=slow), Held(Endpoint(id="alice"))
    dal = layer(first=first, second=second)
    assert done(dal.find("endpoint", trust_from=False), first) == ()


def test_a_backend_that_fails_is_never_not_found():
    first, second = Held(), Held(Endpoint(id="bob"))
    dal = layer(first=first, second=second)
    first.broken = True
    for call in (lambda: dal.get("endpoint", "bob"), lambda: dal.find("endpoint"), lambda: dal.owned("contact", AOR)):
        with pytest.raises(Unavailable, match="first is broken"):
            call()


def test_a_slow_backend_that_fails_is_never_not_found():
    first, second = Held(slow=True), Held(Endpoint(id="bob"))
    dal = layer(first=first, second=second)
    first.broken = True
    with pytest.raises(Unavailable, match="first is broken"):
        done(dal.get("endpoint", "bob"), first)


def test_create_goes_to_the_first_that_can_write_and_update_and_delete_to_the_origin():
    written, first, second = Held(Endpoint(id="alice"), writable=False), Held(), Held(Endpoint(id="old"))
    dal = layer(written=written, first=first, second=second)
    dal.create(Endpoint(id="bob"))
    assert dal.get("endpoint", "bob").origin == "first"
    old = dal.get("endpoint", "old")
    dal.update(attrs.evolve(old, trust_from=True))
    assert second.tables["endpoint"].objects["old"].trust_from
    assert "old" not in first.tables["endpoint"].objects
    dal.delete(dal.get("endpoint", "old"))
    assert dal.get("endpoint", "old") is None
    with pytest.raises(Conflict, match="endpoint 'bob' exists already, in first"):
        dal.create(Endpoint(id="bob"))
    for call in (dal.update, dal.delete):
        with pytest.raises(ReadOnly, match="endpoint 'alice' is in written, which is read-only"):
            call(dal.get("endpoint", "alice"))
    with pytest.raises(Conflict, match="comes from no backend"):
        dal.update(Endpoint(id="new"))


def test_create_where_nobody_can_write_names_the_backends():
    dal = layer(written=Held(writable=False))
    with pytest.raises(ReadOnly, match="endpoint 'bob': no backend of that type can be written: written"):
        dal.create(Endpoint(id="bob"))


def test_the_slower_of_two_updates_is_a_conflict():
    dal = layer(one=Held(Endpoint(id="alice")))
    mine = theirs = dal.get("endpoint", "alice")
    dal.update(attrs.evolve(theirs, trust_from=True))
    with pytest.raises(Conflict):
        dal.update(attrs.evolve(mine, aors=["x@y"]))


def test_new_contacts_of_one_owner_go_to_the_first_that_can_write():
    fixed, first, second = Held(contact("static"), writable=False), Held(), Held()
    dal = layer(fixed=fixed, first=first, second=second)
    after = dal.change("contact", AOR, (contact("1"), contact("2")))
    assert {stored.id: stored.origin for stored in after} == {"static": "fixed", "1": "first", "2": "first"}


@pytest.mark.parametrize(("puts", "deletes"), [((contact("1"), contact("static")), ()), ((contact("1"),), ("static",))])
def test_a_change_that_touches_what_cannot_be_written_changes_nothing(puts, deletes):
    fixed, first = Held(contact("static"), writable=False), Held()
    dal = layer(fixed=fixed, first=first)
    with pytest.raises(ReadOnly, match="contact 'static' is in fixed"):
        dal.change("contact", AOR, puts, deletes)
    assert ids(dal.owned("contact", AOR)) == ["static"]


def test_what_lives_in_the_second_backend_is_changed_there_with_its_hidden_copies():
    first, second = Held(contact("both")), Held(contact("old"), contact("both"))
    dal = layer(first=first, second=second)
    after = dal.change("contact", AOR, (contact("old"), contact("new")), ("both",))
    assert {stored.id: stored.origin for stored in after} == {"old": "second", "new": "first"}
    assert ids(second.tables["contact"].find({})) == ["old"]


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("broken", ["first", "second"])
def test_a_change_over_two_backends_is_all_or_nothing(slow, broken):
    first, second = Held(contact("1"), slow=slow), Held(contact("2"), slow=slow)
    dal = layer(first=first, second=second)
    backend = {"first": first, "second": second}[broken]
    backend.answer = lambda fn, real=backend.answer: real(fn)
    real_change = backend.change

    def change(*args):
        backend.broken = True
        try:
            result = real_change(*args)
            backend.run()
            return result
        finally:
            backend.broken = False

    backend.change = change
    with pytest.raises(Unavailable, match=f"{broken} is broken"):
        done(dal.change("contact", AOR, (contact("1"), contact("3")), ("2",)), first, second)
    backend.change = real_change
    first.slow = second.slow = False
    assert ids(dal.owned("contact", AOR)) == ["1", "2"]
    assert ids(first.tables["contact"].find({})) == ["1"]
    assert ids(second.tables["contact"].find({})) == ["2"]


def test_what_cannot_fail_is_written_last():
    order = []
    memory, disk = Held(contact("1"), fallible=False), Held(contact("2"))
    dal = layer(memory=memory, disk=disk)
    for backend in (memory, disk):
        backend.change = lambda *args, backend=backend, real=backend.change: (order.append(backend.name), real(*args))[1]
    dal.change("contact", AOR, (), ("1", "2"))
    assert order == ["disk", "memory"]


def test_if_version_looks_at_the_union():
    first, second = Held(contact("1")), Held(contact("2"))
    dal = layer(first=first, second=second)
    seen = version_of(dal.owned("contact", AOR))
    second.change("contact", AOR, (), ("2",))
    with pytest.raises(Conflict):
        dal.change("contact", AOR, (contact("3"),), (), seen)
    assert ids(dal.owned("contact", AOR)) == ["1"]


def test_watchers_hear_of_changes_when_they_are_made():
    slow = Held(slow=True)
    dal = layer(one=slow)
    heard = []
    dal.watch("contact", lambda verb, stored: heard.append((verb, stored and stored.id)))
    pending = dal.change("contact", AOR, (contact("1"), contact("2")))
    assert heard == []
    done(pending, slow)
    done(dal.change("contact", AOR, (contact("1"),), ("2",)), slow)
    slow.watchers[0]("contact", "changed", None)
    slow.watchers[0]("endpoint", "changed", None)
    assert heard == [("put", "1"), ("put", "2"), ("delete", "2"), ("put", "1"), ("changed", None)]


def test_watchers_hear_of_create_update_and_delete():
    dal = layer(one=Held())
    heard = []
    dal.watch("endpoint", lambda verb, stored: heard.append((verb, stored.trust_from)))
    dal.create(Endpoint(id="alice"))
    dal.update(attrs.evolve(dal.get("endpoint", "alice"), trust_from=True))
    dal.delete(dal.get("endpoint", "alice"))
    assert heard == [("put", False), ("put", True), ("delete", True)]


def test_who_stops_watching_hears_nothing_more_and_the_others_do():
    dal = layer(one=Held())
    heard, others = [], []
    stop = dal.watch("endpoint", lambda verb, stored: heard.append(verb))
    dal.watch("endpoint", lambda verb, stored: others.append(verb))
    dal.create(Endpoint(id="alice"))
    stop()
    stop()
    dal.delete(dal.get("endpoint", "alice"))
    assert (heard, others) == (["put"], ["put", "delete"])


def test_a_change_that_fails_is_not_told():
    one = Held()
    dal = layer(one=one)
    heard = []
    dal.watch("contact", lambda *told: heard.append(told))
    with pytest.raises(Conflict):
        dal.change("contact", AOR, (contact("1"),), (), 5)
    assert heard == []


def test_a_reload_keeps_the_watchers_and_tells_them():
    one, two = Held(), Held(Endpoint(id="new"))
    dal = layer(one=one)
    heard = []
    dal.watch("endpoint", lambda verb, stored: heard.append(verb))
    two.name = "two"
    dal.use({"endpoint": Mapping(("two", "one"))}, {"one": one, "two": two})
    assert heard == ["changed"]
    assert dal.get("endpoint", "new").origin == "two"
    assert len(one.watchers) == len(two.watchers) == 1
    with pytest.raises(Unstored):
        dal.get("contact", "1")


def test_a_durability_must_be_known():
    with pytest.raises(ValueError):
        Mapping(("one",), "somehow")


def test_the_least_a_backend_has_to_say():
    backend = Backend()
    backend.name = "bare"
    backend.serve("contact", "commit")
    backend.watch(lambda *_: None)
    assert backend.stats() == {}
    with pytest.raises(ReadOnly, match="bare is read-only"):
        backend.change("contact", AOR)
    for call in (backend.get, backend.find, backend.owned):
        with pytest.raises((NotImplementedError, TypeError)):
            call("contact", "x") if call != backend.find else call("contact")

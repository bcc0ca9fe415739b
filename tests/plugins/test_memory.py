"""plugins.memory: objects in dicts."""

import pytest
from pipeline.plugins.memory import Memory

from pipeline.dal import Contact, Layer, Mapping, Unstored

AOR = "alice@example.com"


class Engine:
    """As much of the engine as a store needs."""

    def __init__(self):
        self.states = {}

    def state(self, plugin, factory):
        return self.states.setdefault("memory", factory())


def layer(engine):
    backend = Memory().store(engine)
    backend.name = "memory"
    return Layer({"contact": Mapping(("memory",))}, {"memory": backend})


def contact(ident):
    return Contact(id=ident, aor=AOR, uri="sip:alice@192.0.2.1")


def test_what_was_put_is_there_at_once():
    dal = layer(Engine())
    (stored,) = dal.change("contact", AOR, (contact("1"),))
    assert dal.get("contact", "1") is stored
    assert dal.owned("contact", AOR) == (stored,) == dal.find("contact", aor=AOR)
    assert stored.origin == "memory"
    assert dal.stats() == {"memory": {"contact": 1}}


def test_a_reload_keeps_every_binding():
    engine = Engine()
    (stored,) = layer(engine).change("contact", AOR, (contact("1"),))
    assert layer(engine).owned("contact", AOR) == (stored,)


def test_a_type_that_is_not_mapped_here_is_refused():
    backend = layer(Engine()).backends["memory"]
    with pytest.raises(Unstored, match="memory does not hold the type 'aor'"):
        backend.get("aor", AOR)


def test_the_engine_can_read_what_it_is_without_making_one():
    assert Memory.stage == "integration"
    assert Memory.keeps is False

"""plugins.toml: the objects of the configuration file."""

from types import SimpleNamespace

import attrs
import pytest
from pipeline.plugins.toml import Toml

from pipeline.dal import Aor, Auth, Endpoint, Layer, Mapping, ReadOnly

KINDS = ("endpoint", "auth", "aor")


@pytest.fixture
def dal():
    objects = [Endpoint(id="alice", auth=["alice"], aors=["alice@x"]), Auth(id="alice"), Aor(id="alice@x"), Endpoint(id="bob")]
    backend = Toml().store(SimpleNamespace(plan=SimpleNamespace(objects=objects)))
    backend.name = "toml"
    return Layer({kind: Mapping(("toml",)) for kind in KINDS}, {"toml": backend})


def test_the_files_objects_are_found_by_id_and_by_indexed_field(dal):
    alice = dal.get("endpoint", "alice")
    assert alice.origin == "toml"
    assert dal.find("endpoint", aors="alice@x") == (alice,) == dal.owned("endpoint", "alice")
    assert dal.find("auth", username="alice")[0].kind == "auth"
    assert dal.get("endpoint", "carol") is None
    assert dal.owned("endpoint", "carol") == ()
    assert dal.stats() == {"toml": {"endpoint": 2, "auth": 1, "aor": 1}}


def test_nothing_can_be_written(dal):
    with pytest.raises(ReadOnly, match="endpoint 'carol': no backend of that type can be written: toml"):
        dal.create(Endpoint(id="carol"))
    with pytest.raises(ReadOnly, match="endpoint 'alice' is in toml, which is read-only"):
        dal.update(attrs.evolve(dal.get("endpoint", "alice"), trust_from=True))
    with pytest.raises(ReadOnly, match="toml is read-only"):
        dal.change("endpoint", "alice", (), ("alice",))


def test_the_engine_can_read_what_it_is_without_making_one():
    assert Toml.writable is False
    assert "contact" not in Toml.stores

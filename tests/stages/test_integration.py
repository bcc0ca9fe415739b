"""What the file refers to and does not hold: the stores are asked before anything listens."""

from types import SimpleNamespace

import pytest

from pipeline.config import Document, Problems, build
from pipeline.dal import Endpoint, Unavailable
from pipeline.stages.integration import _near, check_held

KEPT = '[dal]\nendpoint = ["toml", "sqlite"]\n'
REFERS = f'{KEPT}[identify.gate]\nendpoint = "dave"\nmatch = ["192.0.2.1"]\n'
STORES = {"integration": ["toml", "sqlite", "memory"]}


def test_a_reference_to_what_no_store_holds_starts_nothing(sip, monkeypatch):
    listened = []
    monkeypatch.setattr("pipeline.plugins.udp.Udp.listen", lambda self, engine: listened.append(self))
    with pytest.raises(Problems, match="refers to endpoint 'dave', which does not exist") as problems:
        sip(REFERS, **STORES)
    assert "no store holds it either" in str(problems.value)
    assert not listened


def test_who_is_misspelt_is_meant_when_only_a_store_knows_him(sip):
    server = sip(KEPT, **STORES)
    server.run(server.engine.dal.change("endpoint", "davie", puts=(Endpoint(id="davie"),)))
    server.run(server.engine.dal.change("endpoint", "zoe", puts=(Endpoint(id="zoe"),)))
    plan = build(Document(server.folder / "pipeline.toml", f"{server.text}\n{REFERS.removeprefix(KEPT)}"))
    with pytest.raises(Problems) as problems:
        server.run(server.engine.reload(plan))
    assert "did you mean 'davie'?\n  no store holds it either: write it here" in str(problems.value)


def test_of_addresses_the_user_is_compared_in_his_own_domain():
    known = sorted(["alice@example.com", "alicia@example.net", *(f"{n}@example.com" for n in range(100_000, 400_000))])
    assert _near("alicai@example.com", known) == "did you mean 'alice'?"
    assert _near("alicai@example.net", known) == "did you mean 'alicia'?"
    assert _near("alice@example.org", known) == ""


def test_a_reload_asks_the_stores_too_and_changes_nothing(sip):
    server = sip(KEPT, **STORES)
    former = server.engine.plan
    plan = build(Document(server.folder / "pipeline.toml", f"{server.text}\n{REFERS.removeprefix(KEPT)}"))
    with pytest.raises(Problems, match="refers to endpoint 'dave', which does not exist"):
        server.run(server.engine.reload(plan))
    assert server.engine.plan is former
    assert server.request("OPTIONS", "alice").status
    server.run(server.engine.dal.change("endpoint", "dave", puts=(Endpoint(id="dave"),)))
    server.run(server.engine.reload(plan))
    assert server.engine.plan is plan


def test_a_store_that_is_down_is_warned_of_and_keeps_nobody_from_starting(sip):
    server = sip(KEPT, **STORES)
    plan = build(Document(server.folder / "pipeline.toml", f"{server.text}\n{REFERS.removeprefix(KEPT)}"))

    def get(kind, ident):
        raise Unavailable("sqlite: the network is down")

    before = len(plan.warnings)
    layer = SimpleNamespace(mapping=plan.dal, backends={"sqlite": SimpleNamespace(get=get)})
    server.run(check_held(plan, layer))
    (warning,) = map(str, plan.warnings[before:])
    assert "'dave', which does not exist in this file" in warning and "cannot be asked: sqlite: the network is down" in warning

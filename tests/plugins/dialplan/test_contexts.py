import attrs
import pytest
from pipeline.plugins.dialplan import Context, Menu, Schedule

from pipeline.core import Cause, Dialed, Party
from pipeline.pending import Pending, finished

PLAN = """
[context.default]
include = ["features", { context = "day", schedule = "office" }, { context = "night", hours = "17:00-09:00", zone = "UTC" }]
users   = true

[context.default.extensions]
"bob"         = [{ playback = "exact bob" }]
"600"         = [{ playback = "own 600" }]
"_9XX"        = [{ playback = "pattern" }]
"_a."         = [{ playback = "pattern a" }]
'/^00(\\d+)$/' = [{ playback = "expression ${1} of ${0}" }]

[context.features.extensions]
"600"  = [{ playback = "features 600" }]
"601"  = [{ playback = "features 601 in ${context}" }]

[context.day.extensions]
"700" = [{ playback = "open" }]

[context.night.extensions]
"700" = [{ playback = "closed" }]

[schedule.office]
days  = ["mon-fri"]
hours = ["09:00-17:00"]
zone  = "UTC"

[user.alice]
password = "x"
[user.bob]
password = "x"
"""


@pytest.mark.parametrize(
    "extension, played",
    [
        ("bob", "exact bob"),  # exact goes before a user of that name
        ("600", "own 600"),  # own goes before included
        ("601", "features 601 in default"),
        ("912", "pattern"),
        ("0041", "expression 41 of 0041"),
        ("ab", "pattern a"),
    ],
)
def test_what_is_dialled_leads_to_one_extension(plan, extension, played):
    wire = plan(PLAN)
    wire.call("carol", extension)
    wire.settle()
    assert wire.played == [played]


def test_a_user_goes_before_patterns(plan):
    wire = plan(PLAN)
    alice = wire.phone("alice@example.com")
    wire.call("carol", "alice")
    wire.settle()
    assert alice.heard == ["call"] and wire.played == []


def test_includes_hold_at_their_time(plan):
    wire = plan(PLAN)  # it is Friday, 15 January 2027, 08:00 UTC
    wire.call("carol", "700")
    wire.advance(1.5)
    assert wire.played == ["closed"]
    wire.advance(3600)
    wire.call("carol", "700")
    wire.settle()
    assert wire.played == ["closed", "open"]


def test_whom_a_context_does_not_have_it_does_not_route(plan):
    wire = plan(PLAN)
    caller = wire.call("carol", "5")
    wire.settle()
    assert caller.ended.cause is Cause.UNALLOCATED
    wire.clean()


def test_an_unknown_context_routes_nothing_and_is_told(plan):
    wire = plan(PLAN)
    hooks = wire.engine.generation.hooks["integration"]
    assert hooks.route_call(dialed=Dialed("gone", "600")) is None
    assert wire.told("dialplan.unknown") == [{"type": "context", "id": "gone"}]


def test_contexts_of_a_database_are_taken_and_changes_seen_at_once(plan):
    """Realtime: what is not in the file is in a backend that can be written."""
    wire = plan('[dal]\ncontext = ["toml", "memory"]\nmenu = ["memory"]\nschedule = ["memory"]\n')
    dal = wire.engine.dal
    dal.create(Context(id="default", include=["stored"]))
    dal.create(Schedule(id="always"))
    dal.create(Menu(id="m", choices={"1": [{"playback": "one"}]}))
    dal.create(Context(id="stored", extensions={"1": [{"if": {"schedule": "always"}, "then": [{"playback": "first"}]}]}))
    wire.call("alice", "1")
    wire.advance(1.5)
    stored = dal.get("context", "stored")
    dal.update(attrs.evolve(stored, extensions={"1": [{"playback": "second"}], "_[": ["answer"], "2": [{"plyback": "x"}]}))
    wire.call("alice", "1")
    wire.advance(1.5)
    assert wire.played == ["first", "second"]
    assert wire.told("dialplan.mistake") == [{"type": "context", "id": "stored", "stored_in": "memory", "error": "'_[': '[' is not closed"}]
    broken = wire.call("alice", "2")
    wire.settle()
    assert broken.ended.cause is Cause.TEMPORARY_FAILURE
    assert "unknown step 'plyback'" in wire.told("step.failed")[-1]["error"]


def test_contexts_in_sqlite_are_found(plan):
    wire = plan("[dal]\n", integration=["toml", "sqlite", "dialplan", "wires"])
    dal, run = wire.engine.dal, wire.run
    run(
        finished(
            dal.create(
                Context(id="default", extensions={"1": ["answer", {"playback": "stored"}]}, include=({"context": "x", "days": "mon"}, "y"))
            )
        )
    )
    found = wire.engine.generation.hooks["integration"].route_call(dialed=Dialed("default", "1", caller=Party()))
    assert found is not None
    read = run(finished(dal.get("context", "default")))
    assert (read.include, read.users) == (({"context": "x", "days": "mon"}, "y"), False)
    wire.call("alice", "1")
    wire.advance(0.5)
    assert wire.played == ["stored"]


def test_a_store_that_must_be_waited_for_gives_a_pending(plan, monkeypatch):
    wire = plan(PLAN)
    waiting = Pending()
    layer = wire.engine.dal
    real = layer.get
    monkeypatch.setattr(type(layer), "get", lambda self, kind, ident: waiting if kind == "context" else real(kind, ident))
    route = wire.engine.generation.hooks["integration"].route_call(dialed=Dialed("default", "600"))
    assert isinstance(route, Pending) and not route.done
    monkeypatch.undo()
    waiting.resolve(layer.get("context", "default"))
    assert callable(route.value())

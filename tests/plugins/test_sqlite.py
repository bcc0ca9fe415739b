"""plugins.sqlite: objects in a file. What happens when it fails or the process dies is in tests/dal/test_crash.py."""

import asyncio
import importlib.util
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from pipeline.plugins.sqlite import Sqlite
from pipeline.plugins.sqlite.cache import UNKNOWN, Cache
from pipeline.plugins.sqlite.page import rewritten

from pipeline.dal import (
    TYPES,
    Aor,
    Auth,
    Conflict,
    Contact,
    Domain,
    Endpoint,
    Identify,
    Layer,
    Mapping,
    Stored,
    Unavailable,
    Unstored,
    register,
)
from pipeline.option import option
from pipeline.pending import Pending, finished
from pipeline.testing.loop import VirtualLoop

_spec = importlib.util.spec_from_file_location("sipline_tests_store", Path(__file__).parents[1] / "dal" / "store.py")
store = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(store)
Engine, contact, on_disk, opened = store.Engine, store.contact, store.on_disk, store.opened

AOR = "alice@example.com"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "sipline.db"


def on_virtual_time(coroutine):
    """Run it; what it waits for by the clock has come at once, what a thread does is waited for."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(asyncio.wait_for(coroutine, 3600))


def in_loop(test):
    def run(path):
        on_virtual_time(test(path))

    run.__name__ = test.__name__
    return run


def edit(path, *statements):
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(*([statement] if isinstance(statement, str) else statement))
    connection.close()


async def noticed(dal, kind="contact"):
    """Wait until the layer tells of a change from outside."""
    heard = asyncio.get_running_loop().create_future()
    dal.watch(kind, lambda verb, _: verb == "changed" and not heard.done() and heard.set_result(None))
    await asyncio.wait_for(heard, 10)


SAMPLES = [
    Endpoint(id="alice", auth=("alice", "alt"), aors=(AOR,), trust_from=True, identify_by=("from",)),
    Auth(id="alice", username="al", password="p", password_digest={"MD5": "a" * 32}),
    Aor(id=AOR, max_contacts=3, remove_existing=False, support_path=False),
    Identify(id="trunk", endpoint="alice", match=("192.0.2.0/24", "2001:db8::/32")),
    Domain(id="example.com", aliases=("192.0.2.1",), realm="r", algorithms=("SHA-256", "MD5")),
    Contact(id="1", aor=AOR, uri="sip:é@192.0.2.1", params=';x="\\""', q=0.5, expires_at=1e9 + 0.25, call_id="c", cseq=2**31 - 1, path=("<sip:p;lr>", "<sip:q>"),
            reach="udp:192.0.2.1:5060", listener="l", instance="<urn:uuid:1>", reg_id=1, user_agent="\udcffPhone \U0001f4de", endpoint="alice", node="n"),
]  # fmt: skip


@in_loop
async def test_every_type_comes_back_as_it_was_stored(path):
    dal, database = opened(path)
    for sample in SAMPLES:
        await finished(dal.create(sample))
    await database.stop()
    dal, database = opened(path)
    for sample in SAMPLES:
        assert attrs.asdict(dal.get(sample.kind, sample.id)) == attrs.asdict(sample), sample.kind
        assert dal.get(sample.kind, sample.id).origin == "sqlite"
    await database.stop()


@in_loop
async def test_a_contact_is_seen_at_once_and_answered_for_when_it_is_on_the_disk(path):
    dal, database = opened(path)
    first = dal.change("contact", AOR, [contact("1")])
    assert [c.id for c in dal.owned("contact", AOR)] == ["1"]
    second = dal.change("contact", AOR, [contact("2")], ["1"])  # sees and replaces what is not on the disk yet
    assert isinstance(first, Pending)
    assert not first.done
    assert on_disk(path) == []
    assert [c.id for c in await first] == ["1"]
    assert [c.id for c in await second] == ["2"]
    assert on_disk(path) == ["2"]
    await database.stop()


@in_loop
async def test_writes_that_come_together_share_one_commit(path):
    dal, database = opened(path)
    await asyncio.gather(*(finished(dal.change("contact", f"{n}@x", [contact(str(n), f"{n}@x")])) for n in range(200)))
    stats = dal.stats()["sqlite"]
    assert (stats["commits"], stats["changes"], stats["largest"], stats["contact"], stats["queue"]) == (1, 200, 200, 200, 0)
    assert len(on_disk(path)) == 200
    await asyncio.gather(*(finished(dal.change("contact", f"{n}@x", (), [str(n)])) for n in range(199)))
    assert on_disk(path) == ["199"]
    await database.stop()


@in_loop
async def test_commit_syncs_the_log_and_the_others_do_not(path):
    store.Faulty.plan, store.Faulty.log = {}, []
    for durability, level in (("commit", "FULL"), ("behind", "NORMAL"), ("none", "OFF")):
        dal, database = opened(path, durability, connect=store.faulty)
        await finished(dal.change("contact", AOR, [contact("1")]))
        await database.stop()
        assert [sql for sql in store.Faulty.log if "synchronous" in sql] == [f"PRAGMA synchronous={level}"]
        store.Faulty.log.clear()


@in_loop
async def test_what_is_never_synced_takes_nothing_of_other_types_with_it(path):
    """A checkpoint brings in the whole log, so it is synced where another type in the file was promised to be kept."""
    store.Faulty.plan, store.Faulty.log = {}, []
    dal, database = opened(path, "none", connect=store.faulty)
    kinds = {kind: Mapping(("sqlite",), "none") for kind in store.KINDS}

    async def level(ident):
        await finished(dal.change("contact", AOR, [contact(ident)]))
        while database.under_way:  # noqa: ASYNC110  # nobody is told when
            await asyncio.sleep(0.01)
        return [sql.partition("=")[2] for sql in store.Faulty.log if "synchronous" in sql][-1]

    assert await level("1") == "OFF"
    dal.use({**kinds, "auth": Mapping(("sqlite",), "commit")}, {"sqlite": database})
    assert await level("2") == "NORMAL"
    await finished(dal.change("auth", "a", [Auth(id="a", password="x")]))
    assert await level("3") == "NORMAL"
    dal.use(kinds, {"sqlite": database})
    assert await level("4") == "OFF"
    await database.stop()


@pytest.mark.parametrize("durability", ["behind", "none"])
def test_other_durabilities_answer_at_once_and_write_before_the_end(path, durability):
    async def main():
        dal, database = opened(path, durability, gather=60)
        assert [c.id for c in dal.change("contact", AOR, [contact("1")])] == ["1"]
        assert dal.stats()["sqlite"]["queue"] == 1
        await database.stop()
        assert on_disk(path) == ["1"]
        with pytest.raises(Unavailable, match="sqlite is closed"):
            dal.change("contact", AOR, [contact("2")])
        await database.stop()

    on_virtual_time(main())


@in_loop
async def test_the_queue_is_bounded(path):
    dal, database = opened(path, "behind", backlog=2, gather=60)
    dal.change("contact", AOR, [contact("1")])
    dal.change("contact", AOR, [contact("2")])
    with pytest.raises(Unavailable, match="sqlite: 2 changes are waiting for the disk already"):
        dal.change("contact", AOR, [contact("3")])
    assert [c.id for c in dal.owned("contact", AOR)] == ["1", "2"]
    dal.use({"contact": Mapping(("sqlite",), "none")}, {"sqlite": database})
    dal.change("contact", AOR, [contact("3")])
    assert dal.stats()["sqlite"]["dropped"] == 1
    await database.stop()
    assert on_disk(path) == ["1", "2"]


@in_loop
async def test_a_change_that_is_wrong_is_refused_at_once_and_not_written(path):
    dal, database = opened(path)
    await dal.change("contact", AOR, [contact("1")])
    with pytest.raises(Conflict):
        dal.change("contact", AOR, [contact("2")], (), 1)
    with pytest.raises(Conflict, match="belongs to another aor"):
        dal.change("contact", "bob@example.com", [contact("1", "bob@example.com")])
    with pytest.raises(ValueError, match="does not belong"):
        dal.change("contact", AOR, [contact("2", "bob@example.com")])
    with pytest.raises(Unstored):
        database.get("mailbox", "x")
    await database.stop()
    assert on_disk(path) == ["1"]


@in_loop
async def test_one_binding_that_cannot_be_stored_takes_no_other_with_it(path):
    dal, database = opened(path)
    await dal.change("contact", AOR, [contact("old")])
    wrong = dal.change("contact", AOR, [contact("1", reg_id=1 << 70)])
    built_upon = dal.change("contact", AOR, [contact("2")])
    right = dal.change("contact", "bob@example.com", [contact("b", "bob@example.com", user_agent="\udcff")])
    assert [c.id for c in await right] == ["b"]
    for pending in (wrong, built_upon):
        with pytest.raises(Unavailable, match="reg_id is too large a number"):
            await pending
    assert [c.id for c in dal.owned("contact", AOR)] == ["old"]
    await database.stop()
    assert on_disk(path) == ["b", "old"]


@in_loop
async def test_of_two_writers_the_slower_has_a_conflict_and_its_object_keeps_its_stamps(path):
    dal, database = opened(path)
    created = await dal.create(Endpoint(id="alice"))
    first, second = attrs.evolve(created, trust_from=True), attrs.evolve(created, aors=("x@y",))
    one, two = dal.update(first), dal.update(second)
    assert (await one).trust_from
    with pytest.raises(Conflict, match="endpoint 'alice' was changed by someone else"):
        await two
    assert second.version == created.version
    assert dal.get("endpoint", "alice").version == first.version > created.version
    with pytest.raises(Conflict, match="exists already"):
        dal.create(Endpoint(id="alice"))
    await dal.delete(dal.get("endpoint", "alice"))
    assert dal.get("endpoint", "alice") is None
    assert dal.stats()["sqlite"]["conflicts"] == 1
    await database.stop()


@in_loop
async def test_searches_of_every_kind(path):
    dal, database = opened(path)
    for number in range(20):
        await finished(dal.create(Endpoint(id=f"e{number}", aors=(f"a{number % 3}@x",), trust_from=number % 2 == 0)))
        await finished(dal.create(Aor(id=f"a{number}@x", max_contacts=number)))
    found = dal.find("endpoint", aors="a1@x")  # an indexed field: at once
    assert {e.id for e in found} == {f"e{n}" for n in range(1, 20, 3)}
    assert dal.find("endpoint", aors="nobody@x") == ()
    assert dal.find("endpoint", id="e3") == dal.owned("endpoint", "e3") == (dal.get("endpoint", "e3"),)
    assert len(await dal.find("endpoint")) == 20
    assert {e.id for e in await dal.find("endpoint", aors="a1@x", trust_from=True)} == {"e4", "e10", "e16"}
    assert {a.id for a in await dal.find("aor", max_contacts=("<", 2))} == {"a0@x", "a1@x"}
    assert {e.id for e in await dal.find("endpoint", aors=("!=", "a1@x"), trust_from=False)} == {
        f"e{n}" for n in range(1, 20, 2) if n % 3 != 1
    }
    await database.stop()


@in_loop
async def test_answers_are_remembered_until_something_of_the_type_changes(path):
    dal, database = opened(path)
    assert dal.get("auth", "nobody") is None
    assert dal.get("auth", "nobody") is None
    stats = dal.stats()["sqlite"]
    assert (stats["cache_hits"], stats["cache_misses"]) == (1, 1)
    await dal.create(Auth(id="nobody"))
    assert dal.get("auth", "nobody") is dal.get("auth", "nobody")
    await database.stop()


def test_the_cache_is_bounded_and_strangers_push_out_only_strangers():
    cache = Cache(3)
    cache.put("alice", ("Alice",))
    for number in range(100):
        cache.put(f"stranger {number}", ())
    assert cache.get("alice") == ("Alice",)
    assert cache.get("stranger 99") == ()
    for number in range(5):
        cache.put(f"known {number}", (number,))
    assert cache.get("alice") is UNKNOWN
    assert cache.get("known 4") == (4,)
    cache.forget()
    assert cache.get("known 4") is UNKNOWN and cache.get("stranger 99") is UNKNOWN
    assert len(cache) == 0


@in_loop
async def test_rows_written_by_hand_need_only_what_they_want_to_say(path):
    dal, database = opened(path)
    edit(path, "INSERT INTO endpoint (id, aors) VALUES ('bob', '[\"bob@x\"]')", "INSERT INTO auth (id) VALUES ('bob')")
    assert dal.get("endpoint", "bob") is not None
    assert attrs.asdict(dal.get("endpoint", "bob")) == attrs.asdict(Endpoint(id="bob", aors=("bob@x",), origin="sqlite"))
    assert [e.id for e in dal.find("endpoint", aors="bob@x")] == ["bob"]
    assert dal.find("auth", username="bob")[0].username == "bob"
    assert [e.id for e in await dal.find("endpoint", trust_from=False)] == ["bob"]
    edit(path, "INSERT OR REPLACE INTO endpoint (id, aors) VALUES ('bob', '[\"other@x\"]')", "DELETE FROM auth")
    assert on_disk(path, "SELECT value FROM endpoint_aors") == ["other@x"]
    await database.stop()


@in_loop
async def test_a_row_that_is_no_object_is_an_error_and_never_not_found(path):
    dal, database = opened(path)
    edit(path, "INSERT INTO auth (id, password_digest) VALUES ('bob', 'no json')", "INSERT INTO identify (id) VALUES ('i')")
    with pytest.raises(Unavailable, match="sqlite: auth 'bob'"):
        dal.get("auth", "bob")
    with pytest.raises(Unavailable, match="identify 'i': endpoint is missing"):
        dal.get("identify", "i")
    await database.stop()
    edit(path, "INSERT INTO contact (id, aor, uri, path) VALUES ('1', 'a@x', 'sip:a', '{'), ('2', 'a@x', 'sip:b', NULL)")
    dal, database = opened(path)
    assert [c.id for c in dal.owned("contact", "a@x")] == ["2"]
    assert dal.stats()["sqlite"]["unreadable"] == 1
    await database.stop()


@in_loop
async def test_what_another_process_changes_is_obeyed(path):
    dal, database = opened(path)
    database.start()
    await dal.change("contact", AOR, [contact("1"), contact("2"), contact("3")])
    assert dal.get("endpoint", "carol") is None
    edit(
        path,
        "DELETE FROM contact WHERE id = '1'",
        "UPDATE contact SET aor = 'moved@x' WHERE id = '2'",
        "INSERT INTO contact (id, aor, uri) VALUES ('4', 'alice@example.com', 'sip:new@x')",
        "INSERT INTO endpoint (id) VALUES ('carol')",
    )
    await noticed(dal)
    assert [c.id for c in dal.owned("contact", AOR)] == ["3", "4"]
    assert [c.id for c in dal.owned("contact", "moved@x")] == ["2"]
    assert dal.get("contact", "1") is None
    assert dal.get("endpoint", "carol") is not None
    assert dal.stats()["sqlite"]["changed_outside"] == 1
    await database.stop()


@in_loop
async def test_what_the_loop_changed_meanwhile_is_the_newer_truth(path):
    dal, database = opened(path)
    database.start()
    await dal.change("contact", AOR, [contact("1")])
    await dal.change("contact", "bob@x", [contact("b", "bob@x")])
    edit(path, "DELETE FROM contact")
    compare, pending = database._outside._compare, []

    def compare_while_a_phone_refreshes():
        database.loop.call_soon_threadsafe(lambda: pending.append(dal.change("contact", AOR, [contact("1", cseq=2)])))
        while not pending:
            os.sched_yield()
        return compare()

    database._outside._compare = compare_while_a_phone_refreshes
    await noticed(dal)
    assert dal.owned("contact", "bob@x") == ()
    assert [c.cseq for c in dal.owned("contact", AOR)] == [2]
    await pending[0]
    assert on_disk(path, "SELECT id, cseq FROM contact") == [("1", 2)]
    await database.stop()


@in_loop
async def test_our_own_writes_are_no_change_from_outside(path):
    dal, database = opened(path)
    database.start()
    for number in range(3):
        await dal.change("contact", AOR, [contact(str(number))])
        assert await database.writer_job(lambda writer: writer.changed()) is False
    await database.stop()


@in_loop
async def test_two_sqlite_utils_readers_and_a_running_server_do_not_disturb_each_other(path):
    import sqlite_utils

    dal, database = opened(path)
    await dal.change("contact", AOR, [contact("1", path=("<sip:p>",))])
    other = sqlite_utils.Database(path, execute_plugins=False)
    row = other["contact"].get("1")
    assert (row["aor"], row["path"], row["q"]) == (AOR, '["<sip:p>"]', 1.0)
    rows = iter(other["contact"].rows)
    next(rows)  # a reader in the middle of its work
    await dal.change("contact", AOR, [contact("2")])
    assert len(on_disk(path)) == 2
    rows.close()
    other.close()
    await database.stop()


@in_loop
async def test_a_lock_held_too_long_is_unavailable_and_passes(path):
    dal, database = opened(path, timeout=0.05)
    await dal.change("contact", AOR, [contact("1")])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    pending = dal.change("contact", AOR, [contact("1", cseq=2)])
    with pytest.raises(Unavailable, match="the database cannot be written: database is locked"):
        await pending
    assert [c.cseq for c in dal.owned("contact", AOR)] == [0]
    other.execute("ROLLBACK")
    other.close()
    assert [c.cseq for c in await dal.change("contact", AOR, [contact("1", cseq=3)])] == [3]
    await database.stop()


@in_loop
async def test_what_was_promised_behind_is_tried_again_and_counted_when_it_was_lost(path):
    dal, database = opened(path, "behind", connect=store.faulty)
    store.Faulty.plan = {"COMMIT": [0, "before", "raise"]}
    dal.change("contact", AOR, [contact("1"), contact("2")])
    await asyncio.sleep(5.5)
    stats = dal.stats()["sqlite"]
    assert (stats["queue"], stats["failures"], stats["retried"], stats["dropped"]) == (1, 6, 6, 0)
    dal.change("contact", AOR, [contact("1", cseq=2)], ["2"])
    store.Faulty.plan = {}
    await asyncio.sleep(0.5)
    assert on_disk(path, "SELECT id, cseq FROM contact") == [("1", 2)]
    store.Faulty.plan = {"COMMIT": [0, "before", "raise"]}
    dal.change("contact", AOR, [contact("3")])
    await database.stop()
    store.Faulty.plan = {}
    assert dal.stats()["sqlite"]["dropped"] == 1
    assert [c.id for c in dal.owned("contact", AOR)] == ["1", "3"]


@in_loop
async def test_a_commit_that_fails_takes_back_what_was_built_upon_it_but_nothing_else(path):
    dal, database = opened(path, connect=store.faulty)
    await dal.change("contact", AOR, [contact("old")])
    store.Faulty.plan = {"COMMIT": [0, "before", "raise"]}
    first = dal.change("contact", AOR, [contact("1")], ["old"])
    await asyncio.sleep(database._batches.gather)
    assert database.under_way
    second = dal.change("contact", AOR, [contact("2")])  # sees the first, goes with the next batch
    bobs = dal.change("contact", "bob@x", [contact("b", "bob@x")])
    first.then(lambda _: store.Faulty.plan.clear())
    with pytest.raises(Unavailable, match="the database cannot be written: disk I/O error"):
        await first
    with pytest.raises(Unavailable, match=r"an earlier change of .* was not written"):
        await second
    assert [c.id for c in await bobs] == ["b"]
    assert [c.id for c in dal.owned("contact", AOR)] == ["old"]
    assert dal.stats()["sqlite"]["refused"] == 2
    await database.stop()
    assert on_disk(path) == ["b", "old"]


@in_loop
async def test_a_commit_that_failed_but_reached_the_disk_is_found_there(path):
    dal, database = opened(path, connect=store.faulty)
    database.start()
    store.Faulty.plan = {"COMMIT": [0, "after", "raise"]}
    with pytest.raises(Unavailable):
        await dal.change("contact", AOR, [contact("1")])
    store.Faulty.plan = {}
    assert dal.owned("contact", AOR) == ()
    await noticed(dal)
    assert [c.id for c in dal.owned("contact", AOR)] == ["1"]
    await database.stop()


@in_loop
async def test_one_who_waits_and_raises_does_not_keep_it_from_the_others(path):
    dal, database = opened(path)
    failures = []
    database.loop.set_exception_handler(lambda _, context: failures.append(context["message"]))
    dal.change("contact", AOR, [contact("1")]).then(lambda _: 1 / 0)
    await dal.change("contact", "bob@x", [contact("b", "bob@x")])
    assert failures == ["sqlite: a waiting function failed"]
    await database.stop()


@in_loop
async def test_a_type_that_gained_a_field_gains_a_column(path):
    dal, database = opened(path)
    await dal.change("contact", AOR, [contact("1")])
    await database.stop()
    edit(path, 'ALTER TABLE contact DROP COLUMN "user_agent"', 'ALTER TABLE contact DROP COLUMN "q"')
    dal, database = opened(path)
    assert dal.get("contact", "1").q == 1.0
    await dal.change("contact", AOR, [contact("1", q=0.5, user_agent="Phone")])
    await database.stop()
    assert on_disk(path, "SELECT q, user_agent FROM contact") == [(0.5, "Phone")]


def test_a_plugins_own_type_is_stored_too(path):
    @attrs.frozen(eq=False, kw_only=True)
    class Mail(Stored):
        """A message left for somebody."""

        owner = "mailbox"

        id: str = option(help="its id")
        mailbox: str = option(help="whose it is")
        headers: dict[str, str] = option(factory=dict, help="what it says about itself")  # noqa: RUF009
        origin: str = option(default="", help="backend")
        version: int = option(default=0, help="version")

    async def main():
        dal, database = opened(path, kinds=("mail",))
        await dal.change("mail", "alice", [Mail(id="1", mailbox="alice"), Mail(id="2", mailbox="alice", headers={"x": "y"})])
        assert [m.headers for m in dal.owned("mail", "alice")] == [{}, {"x": "y"}]
        with pytest.raises(Conflict, match="mail '1' belongs to another mailbox"):
            await dal.change("mail", "bob", [Mail(id="1", mailbox="bob")])
        gone, put = dal.change("mail", "alice", (), ["1"]), dal.change("mail", "bob", [Mail(id="1", mailbox="bob")])
        await gone
        assert [m.mailbox for m in await put] == ["bob"]
        with pytest.raises(ValueError, match="does not belong"):
            dal.change("mail", "bob", [Mail(id="3", mailbox="alice")])
        await database.stop()

    register("mail", Mail)
    try:
        on_virtual_time(main())
    finally:
        TYPES.pop("mail")


@in_loop
async def test_a_file_that_is_no_database_is_one_clear_error(path):
    path.parent.mkdir()
    path.write_bytes(b"no database at all, but long enough to be looked at" * 20)
    with pytest.raises(Unavailable, match=f"^sqlite: {path}: file is not a database$"):
        opened(path)


@in_loop
async def test_a_database_of_a_newer_sipline_is_left_alone(path):
    _, database = opened(path)
    await database.stop()
    edit(path, "PRAGMA user_version=99")
    with pytest.raises(Unavailable, match="its schema is version 99, of a newer Sipline; this one knows 1"):
        opened(path)


@in_loop
async def test_only_its_owner_may_read_it(path):
    _, database = opened(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.with_name("sipline.db-wal").stat().st_mode & 0o077 == 0
    await database.stop()


@in_loop
async def test_the_plugin_opens_in_the_state_directory_and_a_reload_keeps_it_open(path):
    engine = Engine(asyncio.get_running_loop(), path.parent)
    plugins = Sqlite(), Sqlite(gather=0.001)
    backends = [plugin.store(engine) for plugin in plugins]
    assert backends[0] is backends[1]
    backends[0].name = "sqlite"
    dal = Layer({"contact": Mapping(("sqlite",))}, {"sqlite": backends[0]})
    for plugin in plugins:
        plugin.start(engine)
    await dal.change("contact", AOR, [contact("1")])
    await plugins[1].stop(engine)
    assert on_disk(path) == ["1"]


def test_neither_the_plugin_nor_an_existing_database_needs_sqlite_utils(path):
    async def make():
        _, database = opened(path)
        await database.stop()

    on_virtual_time(make())
    script = (
        "import asyncio, sys, pathlib\n"
        "from pipeline.plugins.sqlite.database import Database\n"
        "from pipeline.clock import Clock\n"
        "async def main():\n"
        "    loop = asyncio.get_running_loop()\n"
        f"    database = Database(pathlib.Path({str(path)!r}), loop, Clock(loop)); database.name = 'sqlite'\n"
        "    [database.serve(kind, 'commit') for kind in ('contact', 'endpoint', 'auth')]\n"
        "    await database.stop()\n"
        "asyncio.run(main())\n"
        "assert 'sqlite_utils' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_the_documented_schema_is_the_schema():
    page = (Path(__file__).parents[2] / "docs" / "database.md").read_text()
    assert page == rewritten(page), "run `make docs`"

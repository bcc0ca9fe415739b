"""What `sipline show` is told."""

import json

from pipeline.control.shows import BEAT, LOOKS, Lag
from pipeline.dal import Aor, Contact


def contact(server, ident="c1", seconds=60.0, **more):
    fields = {"aor": "alice@example.com", "uri": "sip:alice@127.0.0.9", "reach": "udp:127.0.0.9:5060", "user_agent": "phone", **more}
    return Contact(id=ident, expires_at=server.engine.clock.time() + seconds, **fields)


def test_contacts_show_who_where_and_how_long(running):
    async def test(server):
        server.engine.dal.create(contact(server))
        server.engine.dal.create(contact(server, "c2", -1.0))
        (row,) = await server.rows(do="show", what="contacts")
        assert row["aor"] == "alice@example.com" and row["reach"] == "udp:127.0.0.9:5060" and row["user_agent"] == "phone"
        assert 58 <= row["expires"] <= 60

    running(test)


def test_contacts_of_the_configuration_are_shown_and_never_expire(running):
    async def test(server):
        server.engine.dal.create(Aor(id="gate@example.com", contact=("<sip:gate@192.0.2.7>;q=0.5",)))
        (row,) = await server.rows(do="show", what="contacts")
        assert (row["aor"], row["uri"], row["expires"]) == ("gate@example.com", "<sip:gate@192.0.2.7>;q=0.5", "")

    running(test)


def test_endpoints_count_their_contacts(running):
    async def test(server):
        server.engine.dal.create(contact(server))
        (row,) = await server.rows(do="show", what="endpoints")
        assert (row["endpoint"], row["contacts"], row["stored_in"]) == ("alice", 1, "toml")

    running(test)


def test_hooks_stand_in_calling_order(running):
    async def test(server):
        rows = {row["hook"]: row["plugins"] for row in await server.rows(do="show", what="hooks")}
        assert rows["protocol"] == ["stack"] and rows["store"] == ["toml", "memory"] and rows["listen"] == ["udp"]

    running(test)


def test_stats_name_listeners_lag_memory_and_plugins_and_no_secret(running):
    async def test(server):
        (row,) = await server.rows(do="show", what="stats")
        assert row["server"]["listeners"][0].startswith("udp 127.0.0.1:")
        assert row["loop_lag"].keys() == {"now_ms", "p99_ms", "worst_ms", "looks_by_ms"}
        assert row["memory"]["resident_kb"] > 1000
        assert row["plugins"]["udp"]["kernel_drops"] == row["kernel_drops"] == 0
        assert row["plugins"]["memory"]["contact"] == 0
        assert "not-to-be-shown" not in json.dumps(row)

    running(test)


def test_a_plugin_that_is_loaded_from_a_file_shows_its_counters_too(running, write):
    source = """
        @plugin
        class Probe:
            @hookimpl
            def intercept(self, message, passage):
                return None
            def stats(self):
                return {"seen": 7}
        """

    async def test(server):
        (row,) = await server.rows(do="show", what="stats")
        assert row["plugins"]["probe"] == {"seen": 7}

    running(test, running.toml.replace('"intercept"\nplugins = []', '"intercept"\nplugins = ["probe"]') + write("probe", source))


def test_domains_and_busy_things_have_rows(running):
    async def test(server):
        assert [row["domain"] for row in await server.rows(do="show", what="domains")] == ["example.com", "example.org"]
        server.engine.lanes.post("registrar", "alice", lambda passage: __import__("pipeline").Pending(), None)
        assert await server.rows(do="show", what="servants") == [{"servant": "registrar", "lane": "alice", "waiting": 0}]
        assert await server.rows(do="show", what="transactions") == []

    running(test)


def test_a_transaction_at_work_is_shown(running):
    async def test(server):
        server.engine.receive(running.options.replace(b"OPTIONS", b"INVITE"), running.peer())
        (row,) = await server.rows(do="show", what="transactions")
        assert (row["role"], row["method"], row["state"], row["peer"]) == ("server", "INVITE", "Completed", "127.0.0.9:5060")

    running(test, running.toml.replace('"application"\nplugins = []', '"application"\nplugins = ["redirect"]'))


def test_lag_tells_the_worst_of_the_last_minute():
    class Late:
        def __init__(self):
            self.time = 0.0

        def now(self):
            return self.time

        def call_later(self, seconds, fn, due):
            self.due = lambda: fn(due)

    clock = Late()
    lag = Lag(clock)
    assert lag.row() == {"now_ms": 0.0, "p99_ms": 0.0, "worst_ms": 0.0, "looks_by_ms": {}}
    lag.start()
    for late in (0.0, 0.04, 0.00099):
        clock.time += BEAT + late
        clock.due()
    assert lag.row() == {"now_ms": 0.99, "p99_ms": 40.0, "worst_ms": 40.0, "looks_by_ms": {"0.5": 1, "1": 1, "50": 1}}
    for _ in range(LOOKS):
        clock.time += BEAT
        clock.due()
    row = lag.row()
    assert row["worst_ms"] < 0.01 and row["looks_by_ms"] == {"0.5": LOOKS + 1, "1": 1, "50": 1}  # the histogram forgets nothing


def test_the_password_of_a_contact_is_not_shown(running):
    async def test(server):
        server.engine.dal.create(contact(server, uri="sip:alice:5ec4e7@192.0.2.1"))
        (row,) = await server.rows(do="show", what="contacts")
        assert row["uri"] == "sip:alice:***@192.0.2.1"

    running(test)

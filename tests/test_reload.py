"""A reload is all or nothing, loses no request, and keeps what must last. Architecture section 5."""

import asyncio
import gc
import random
import weakref

import pytest

from pipeline.config import Document, Problems, build
from pipeline.dal import TYPES
from pipeline.flow import Target
from pipeline.testing.server import toml_of
from pipeline.trace import Viewer, watch

PROBE = """
@plugin
class Probe:
    word: str = option("first", help="what it writes into answers")
    fails: str = option("", help="hook that raises")
    slow: float = option(0.0, help="seconds that start takes")
    engine: object = attrs.field(init=False, default=None)

    @hookimpl
    async def start(self, engine):
        import asyncio
        self.engine = engine
        LOG.append(("start", self.word, engine.plan.options.backlog))
        if self.slow:
            await asyncio.sleep(self.slow)
            LOG.append(("awake", self.word, engine.plan.options.backlog))
        if self.fails == "start":
            raise RuntimeError("no broker at 192.0.2.9")

    @hookimpl
    def stop(self):
        LOG.append(("stop", self.word))

    @hookimpl
    def intercept_out(self, message, passage):
        message.set("x-word", self.word, by="probe")
"""
EVERYWHERE = (
    PROBE
    + """
    stores: ClassVar[tuple[str, ...]] = ()

    @hookimpl
    def integration(self, engine):
        if self.fails == "integration":
            raise RuntimeError("nobody there")

    @hookimpl
    def store(self, engine):
        if self.fails == "store":
            raise OSError("the disk is gone")
"""
)
KEEPER = """
@plugin
class Keeper:
    word: str = option("first", help="its name")

    @hookimpl
    def start(self, engine):
        self.seen = engine.state(self, list)
        self.seen.append(self.word)

    seen: list = attrs.field(init=False, default=None)

    @hookimpl
    def stop(self):
        LOG.append(("stop keeper", self.word))

    @hookimpl
    def intercept(self, message, passage):
        return None
"""


WAITER = """
@plugin
class Waiter:
    pendings: list = attrs.field(init=False, factory=list)

    @hookimpl
    def intercept(self, message, passage):
        if message.get("x-now"):
            return None
        self.pendings.append(Pending())
        return Wait(self.pendings[-1], lambda verdict: verdict, because="slow database")
"""


class Heard:
    """A viewer that keeps what it is shown."""

    def __init__(self):
        self.records = []

    def show(self, record):
        self.records.append(record)

    def gap(self, count):
        pass

    def flush(self):
        pass

    def close(self):
        pass


def plan_of(server, toml="", **stages):
    return build(Document(server.folder / "pipeline.toml", toml_of(toml, stages)))


def reload(server, toml="", **stages):
    return server.run(server.engine.reload(plan_of(server, toml, **stages)))


def seen(server):
    """All of the engine that a reload may change, by identity."""
    engine = server.engine
    dal = engine.dal
    return {
        "plan": engine.plan,
        "generation": engine.generation,
        "untraced": engine.untraced,
        "domains": engine.domains,
        "listeners": (id(engine.listeners), tuple(engine.listeners)),
        "dal": (id(dal.mapping), id(dal.backends), tuple(dal.mapping.items()), tuple(dal.backends.items()), id(dal._get), id(dal._change)),
        "sockets": {key: (id(bound), id(bound.owner), id(bound.heir), id(bound.socket)) for key, bound in engine.sockets._open.items()},
        "next": engine.sockets._next,
        "ports": sorted(server.network.datagrams) + sorted(server.network.listeners),
        "states": {key: id(value) for key, value in engine.states.items()},
        "waits": engine.waiting._deadlines,
        "timers": (engine.transactions.timers, engine.transactions.limit, id(engine.transactions.answers)),
        "types": dict(TYPES),
        "bus": tuple(engine.bus._listeners[1:]),
    }


def word(server, **more):
    return server.request("OPTIONS", **more).get("x-word")


# -- what it takes over ------------------------------------------------------------------------------------------------


def test_new_options_count_from_the_next_message_on(sip, write):
    toml = write("probe", PROBE)
    server = sip(toml, intercept=["probe"])
    assert word(server) == "first"
    assert reload(server, toml + 'word = "second"\n', intercept=["probe"]) == ['[plugin.probe] word: "first" -> "second"']
    assert word(server) == "second"
    assert server.events[-1].name != "step.failed"


def test_the_same_file_again_changes_nothing(sip, write):
    toml = write("probe", PROBE)
    server = sip(toml, intercept=["probe"])
    assert reload(server, toml, intercept=["probe"]) == []
    assert word(server) == "first"


def test_a_plugin_file_is_read_again(sip, write):
    server = sip(write("probe", PROBE), intercept=["probe"])
    toml = write("probe", PROBE.replace('by="probe"', 'by="probe") or message.set("x-more", "yes"'))
    (line,) = reload(server, toml, intercept=["probe"])
    assert line.startswith("[plugin.probe] ") and line.endswith("was read again: it has changed")
    assert server.request("OPTIONS").get("x-more") == "yes"


def test_plugins_come_and_go_and_the_order_is_the_files(sip, write):
    toml = write("probe", PROBE)
    server = sip(toml, intercept=[])
    assert word(server) is None
    assert reload(server, toml, intercept=["probe"]) == ["intercept: (none) -> probe"]
    assert word(server) == "first"
    assert reload(server, "", application=["options"]) == [
        "intercept: probe -> (none)",
        "application: registrar redirect options -> options",
    ]
    assert word(server) is None
    assert server.request("REGISTER", "alice").status == 501


def test_state_goes_to_the_instance_of_that_name_and_what_keeps_none_is_stopped(sip, write, plugin_of):
    toml = write("probe", PROBE) + write("keeper", KEEPER)
    server = sip(toml, intercept=["probe", "keeper"])
    keeper, probe = plugin_of(server, "keeper"), plugin_of(server, "probe")
    log = type(probe).stop.__globals__["LOG"]
    other = type(keeper).stop.__globals__["LOG"]
    changed = write("probe", PROBE, 'word = "second"') + write("keeper", KEEPER, 'word = "second"')
    reload(server, changed, intercept=["probe", "keeper"])
    assert plugin_of(server, "keeper").seen is keeper.seen == ["first", "second"]
    server.advance(0.2)
    assert ("stop", "first") in log and other == []
    latest = type(plugin_of(server, "keeper")).stop.__globals__["LOG"]
    reload(server, "")
    server.advance(0.2)
    assert latest == [("stop keeper", "second")]
    assert not any(name == "keeper" for name, _ in server.engine.states)


def test_who_is_put_back_while_he_says_goodbye_begins_with_a_state_of_his_own(sip, write, plugin_of):
    slow = KEEPER.replace(
        """    def stop(self):
        LOG""",
        """    async def stop(self):
        import asyncio
        await asyncio.sleep(2)
        LOG""",
    )
    server = sip(write("keeper", slow), intercept=["keeper"])
    former = plugin_of(server, "keeper")
    log = type(former).stop.__globals__["LOG"]
    reload(server, "")
    server.advance(0.5)
    assert log == [], "it is stopping"
    reload(server, write("keeper", slow, 'word = "second"'), intercept=["keeper"])
    server.advance(3)
    assert log == [("stop keeper", "first")]
    latest = plugin_of(server, "keeper")
    assert (former.seen, latest.seen) == (["first"], ["second"])
    assert server.engine.states[server.engine.state_key(latest)] is latest.seen


FOLLOWING = {
    "transport": ["shield", "udp"],
    "intercept": ["identify", "security", "auth"],
    "application": ["registrar", "channel", "messages", "pubsub", "mwi", "presence", "dialog", "reg", "conference", "options"],
    "integration": ["memory", "toml", "channel", "messages", "dialplan", "qualify"],
}
"""All plugins that follow what is stored."""
FEW = {"transport": ["udp"], "intercept": [], "application": ["options"], "integration": ["memory", "toml"]}


def watchers(server):
    return {kind: len(fns) for kind, fns in server.engine.dal._watchers.items() if fns}


def test_a_plugin_that_is_gone_follows_the_stores_no_more_however_often_it_comes_and_goes(sip):
    server = sip(**FEW)
    before = watchers(server)
    reload(server, **FOLLOWING)
    following = watchers(server)
    assert all(following[kind] > before.get(kind, 0) for kind in ("contact", "endpoint", "aor", "auth", "ban", "identify", "acl"))
    for _ in range(5):
        reload(server, **FEW)
        server.advance(6.0)
        assert watchers(server) == before
        reload(server, **FOLLOWING)
        server.advance(6.0)
        assert watchers(server) == following


def test_ten_reloads_leave_as_many_who_follow_the_stores(sip):
    server = sip(**FOLLOWING)
    following = watchers(server)
    for _ in range(10):
        reload(server, **FOLLOWING)
        server.advance(6.0)
    assert watchers(server) == following


def test_a_reload_that_fails_leaves_nobody_who_follows_the_stores(sip, write):
    server = sip(**FEW)
    before = watchers(server)
    toml = write("probe", EVERYWHERE, 'fails = "integration"')
    with pytest.raises(Problems, match="nobody there"):
        reload(
            server,
            toml,
            **{stage: [*names, "probe"] if stage in ("intercept", "integration") else names for stage, names in FOLLOWING.items()},
        )
    assert watchers(server) == before


def test_bindings_nonces_and_connections_go_on(sip, plugin_of):
    server = sip(intercept=["identify", "auth"])
    assert server.request("REGISTER", "alice", password="alice's").status == 200
    phone = server.phone("bob", transport="TCP")
    assert server.wait(phone.register()).status == 200
    (flow,) = server.engine.flows.values()
    nonces = plugin_of(server, "auth").used
    reload(
        server,
        "[plugin.auth]\nnonce_lifetime = 60.0\n[plugin.tcp]\nbind = ['10.0.0.1:5060']\nidle = 100.0\n",
        intercept=["identify", "auth"],
    )
    assert plugin_of(server, "auth").used is nonces and nonces.lifetime == 60.0
    assert list(server.engine.flows.values()) == [flow] and not flow.closed
    assert server.engine.connect(Target(*flow.peer, "TCP")) is flow
    assert server.wait(phone.register()).status == 200
    assert len(server.run(_contacts(server))) == 2
    server.advance(90)
    assert not flow.closed
    server.advance(20)
    assert flow.closed  # the new limit counts for connections that were there before


async def _contacts(server):
    return server.engine.dal.find("contact")


def test_users_and_domains_follow_the_file(sip):
    server = sip(intercept=["identify", "auth"])
    users = '[user.alice]\npassword = "new"\n[user.carol]\npassword = "carol\'s"\n'
    pipeline = '[pipeline]\nname = "test"\ndomains = ["example.com", "example.net"]\n'
    lines = reload(server, pipeline + users, intercept=["identify", "auth"])
    assert '[pipeline] domains: ["example.com"] -> ["example.com", "example.net"]' in lines
    assert '[domain."example.net"] is served' in lines
    assert "auth: 1 new (carol), 1 changed (alice), 1 gone (bob)" in lines
    assert not any("new" in line.replace("1 new", "") or "carol's" in line for line in lines)
    assert server.request("REGISTER", "carol", from_="carol", password="carol's").status == 200
    assert server.request("REGISTER", "alice", password="new").status == 200
    assert server.request("REGISTER", "alice", password="alice's").status == 401
    assert server.request("REGISTER", "bob", from_="bob", password="bob's").status == 401
    assert server.engine.domains.of("10.0.0.1") is server.engine.domains.first  # a bound address, still


def test_users_in_other_stores_stay(sip):
    from pipeline.control import accounts

    server = sip(integration=["memory", "toml"])
    account = accounts.account("dave", server.engine.domains.first, "secret")
    server.run(accounts.add(server.engine, [account]))
    reload(server, "[plugin.registrar]\nshort = 'raise'\n")
    assert server.request("REGISTER", "dave", from_="dave").status == 200


def test_limits_of_waiting_and_claims_are_taken(sip):
    server = sip()
    reload(server, '[pipeline]\nname = "test"\ndomains = ["example.com"]\nwait_seconds = 5.0\nclaim_seconds = 60.0\n')
    assert server.engine.waiting._deadlines.seconds == 5.0
    assert server.engine.transactions._claims.seconds == 60.0


# -- listeners ---------------------------------------------------------------------------------------------------------

TWO = '[plugin.udp]\nbind = ["10.0.0.1:5060", "10.0.0.1:5070"]\n'


def asked(server, port, source=("10.0.0.9", 5060)):
    """Ask at one of the server's ports, and tell the status; None: no answer."""
    before = len(server.replies(source))
    server.send(server.message("OPTIONS", source=("10.0.0.8", 5060)), ("10.0.0.8", 5060))
    endpoint = server._endpoints[("10.0.0.8", 5060)]
    server.replies(("10.0.0.8", 5060)).clear()
    endpoint.send(server.message("OPTIONS", source=("10.0.0.8", 5060)), ("10.0.0.1", port))
    return [reply.status for reply in server.replies(("10.0.0.8", 5060))][before - before :]


def test_a_listener_whose_bind_is_unchanged_is_the_same_socket_and_new_ones_open_and_gone_ones_close(sip):
    server = sip()
    (kept,) = (bound.socket for bound in server.engine.sockets._open.values() if hasattr(bound.socket, "send"))
    assert asked(server, 5070) == []
    assert reload(server, TWO) == [
        '[plugin.udp] bind: ["10.0.0.1:5060"] -> ["10.0.0.1:5060", "10.0.0.1:5070"]',
        "listens on udp 10.0.0.1:5070",
    ]
    assert asked(server, 5060) == asked(server, 5070) == [200]
    assert not kept.closed
    assert reload(server)[-1] == "no longer listens on udp 10.0.0.1:5070"
    assert asked(server, 5060) == [200] and asked(server, 5070) == []
    server.advance(1)
    assert ("10.0.0.1", 5070) not in server.network.datagrams
    assert [text for _, _, text in server.engine.listeners] == [("10.0.0.1", 5060)] * 2


def test_a_listener_may_change_the_name_of_its_plugin(sip):
    server = sip(TWO)
    stages = {"transport": ["udp", "tcp", "lab"]}
    toml = '[plugin.udp]\nbind = ["10.0.0.1:5060"]\n[plugin.lab]\nuse = "udp"\nbind = ["10.0.0.1:5070"]\n'
    reload(server, toml, **stages)
    assert asked(server, 5070) == [200]
    server.advance(6)
    assert asked(server, 5070) == [200]


def test_what_came_by_a_listener_that_is_gone_is_still_answered(sip, write, plugin_of):
    toml = write("waiter", WAITER)
    server = sip(TWO + toml, intercept=["waiter"])
    waiter = plugin_of(server, "waiter")
    source = ("10.0.0.8", 5060)
    server.send(server.message("OPTIONS", headers=[("X-Now", "1")], source=source), source)
    server.replies(source).clear()
    server._endpoints[source].send(server.message("OPTIONS", source=source), ("10.0.0.1", 5070))
    server.replies(source)
    reload(server, toml)  # neither port nor interceptor any more
    server.advance(1)
    waiter.pendings[0].resolve(None)
    assert [reply.status for reply in server.replies(source)] == [200]
    server.advance(1)
    assert ("10.0.0.1", 5070) not in server.network.datagrams


def test_a_tcp_port_that_is_gone_accepts_no_more_and_its_connections_stay(sip):
    server = sip('[plugin.tcp]\nbind = ["10.0.0.1:5060", "10.0.0.1:5070"]\n')
    stream = server.run(_connect(server, 5070))
    got = []
    stream.on_data = got.append
    reload(server)
    stream.write(server.message("OPTIONS", headers=[("Via", "SIP/2.0/TCP 10.0.0.9;branch=z9hG4bKx")]))
    server.advance(0.1)
    assert got and got[0].startswith(b"SIP/2.0 200")
    with pytest.raises(ConnectionRefusedError):
        server.run(_connect(server, 5070))
    assert not stream.closed


async def _connect(server, port):
    return await server.network.host("10.0.0.9").connect("10.0.0.1", port)


# -- all or nothing ----------------------------------------------------------------------------------------------------


def base(write, **options):
    text = "".join(f'{name} = "{value}"\n' for name, value in options.items())
    return write("probe", EVERYWHERE, text) + write("keeper", KEEPER)


STAGES = {"intercept": ["identify", "auth", "keeper", "probe"], "integration": ["memory", "toml", "probe"]}
PIPELINE = '[pipeline]\nname = "test"\ndomains = ["example.com"]\n'


def mistakes(server, write):
    """(what, toml, stages, what the problem says)."""
    good = base(write)
    more = {**STAGES, "intercept": [*STAGES["intercept"], "security"], "application": ["options"]}
    yield (
        "a port that is taken",
        good + '[plugin.udp]\nbind = ["10.0.0.1:5060", "10.0.0.1:5070", "10.0.0.1:5099"]',
        more,
        ("udp cannot listen on 10.0.0.1:5099: Address already in use"),
    )
    yield (
        "a tcp port that is taken",
        good + '[plugin.tcp]\nbind = ["10.0.0.1:5099"]\n[plugin.udp]\nbind = ["10.0.0.1:5070"]',
        more,
        ("tcp cannot listen on 10.0.0.1:5099: Address already in use"),
    )
    for hook, stage in (("start", "intercept"), ("integration", "integration")):
        yield f"{hook} raises", base(write, fails=hook), more, f"probe ({stage}) cannot start: RuntimeError: "
    yield (
        "start raises late",
        write("probe", EVERYWHERE, 'fails = "start"\nslow = 3.0') + write("keeper", KEEPER),
        more,
        "no broker at 192.0.2.9",
    )
    yield (
        "start is too slow",
        write("probe", EVERYWHERE, "slow = 3000.0") + write("keeper", KEEPER),
        more,
        "probe did not start within 30 s",
    )
    yield "a store raises", base(write, fails="store"), more, "the stores cannot be opened: the disk is gone"
    yield "another state directory", good + PIPELINE + 'state = "elsewhere"', more, "[pipeline] state needs a restart"
    yield "another name", good + PIPELINE.replace('"test"', '"other"'), more, '[pipeline] name needs a restart: "test" -> "other"'
    yield (
        "a fixed option",
        good + "[plugin.udp]\nbind = ['10.0.0.1:5060']\nreceive_buffer = 9\n",
        more,
        "receive_buffer of [plugin.udp] needs a",
    )
    yield (
        "a store that is gone",
        good,
        {**more, "integration": ["toml", "probe"], "application": ["options"]},
        ("contact needs a restart: it is stored in 'memory', where it would stay behind"),
    )


@pytest.mark.parametrize("traced", [False, True])
def test_every_kind_of_failure_leaves_everything_as_it_was(sip, write, traced, plugin_of):
    toml = base(write)
    server = sip(toml, **STAGES)
    taken = server.host.datagram("10.0.0.1", 5099, lambda *_: None)
    taken_too = server.host.listen("10.0.0.1", 5099, lambda _: None)
    if traced:
        watch(server.engine, Viewer(Heard()))
    assert server.request("REGISTER", "alice", password="alice's").status == 200
    before, instances = seen(server), [plugin_of(server, name) for name in ("keeper", "auth", "registrar", "tcp")]
    for what, mistaken, stages, text in mistakes(server, write):
        types = dict(TYPES)
        with pytest.raises(Problems) as caught:
            reload(server, mistaken, **stages)
        TYPES.update(types)
        assert text in str(caught.value), what
        after = seen(server)
        assert {key: after[key] for key in after if after[key] != before[key]} == {}, what
        assert word(server) == "first", what
        assert server.request("REGISTER", "alice", password="alice's", cseq=len(what) + 100).status == 200, what
        server.advance(6)
    assert instances[0].seen[-1] == "first"
    assert instances[1].used is server.engine.state(instances[1], list)[0]
    assert server.engine.state(instances[2], list).reader is instances[2]
    assert server.engine.state(instances[3], list).owner is instances[3]
    taken.close()
    taken_too.close()
    reload(server, toml + '[plugin.udp]\nbind = ["10.0.0.1:5060", "10.0.0.1:5099"]\n', **STAGES)
    assert word(server) == "first"


def test_a_mistake_in_the_file_never_gets_that_far(sip, write):
    server = sip()
    with pytest.raises(Problems, match="did you mean 'registrar'"):
        plan_of(server, application=["regsitrar"])


def test_a_reload_that_is_cancelled_has_changed_nothing(sip, write):
    server = sip(base(write), **STAGES)
    before = seen(server)
    plan = plan_of(server, write("probe", EVERYWHERE, 'word = "second"\nslow = 5.0') + write("keeper", KEEPER), **STAGES)

    async def cancelled():
        task = asyncio.get_running_loop().create_task(server.engine.reload(plan))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    server.run(cancelled())
    assert {key: value for key, value in seen(server).items() if value != before[key]} == {}
    assert word(server) == "first"


def test_while_a_plugin_starts_slowly_messages_meet_the_former_generation_whole_and_it_sees_the_new(sip, write, plugin_of):
    server = sip(base(write), **STAGES)
    former = server.engine.plan
    toml = write("probe", EVERYWHERE, 'word = "second"\nslow = 5.0') + write("keeper", KEEPER) + PIPELINE + "backlog = 77\n"
    plan = plan_of(server, toml, **STAGES)
    task = server.loop.create_task(server.engine.reload(plan))
    server.advance(1)
    assert server.engine.plan is former and word(server) == "first"
    server.advance(5)
    assert task.done() and task.result()
    assert server.engine.plan is plan and word(server) == "second"
    log = type(plugin_of(server, "probe")).stop.__globals__["LOG"]
    assert log[:2] == [("start", "second", 77), ("awake", "second", 77)]


def test_two_reloads_at_once_are_done_one_after_the_other(sip, write):
    server = sip(base(write), **STAGES)
    first = plan_of(server, write("probe", EVERYWHERE, 'word = "second"\nslow = 5.0') + write("keeper", KEEPER), **STAGES)
    second = plan_of(server, write("probe", EVERYWHERE, 'word = "third"') + write("keeper", KEEPER), **STAGES)
    tasks = [server.loop.create_task(server.engine.reload(plan)) for plan in (first, second)]
    server.advance(6)
    assert tasks[1].result() == ['[plugin.probe] word: "second" -> "third"', "[plugin.probe] slow: 5.0 -> 0.0"]
    assert word(server) == "third"


def test_a_server_that_stops_does_not_reload(sip):
    server = sip()
    plan = plan_of(server)
    server.engine.draining = True
    with pytest.raises(Problems, match="the server is stopping"):
        server.run(server.engine.reload(plan))


# -- tracing -----------------------------------------------------------------------------------------------------------


def test_while_tracing_the_traced_twin_of_the_new_generation_walks_and_goes_with_the_viewer(sip, write):
    toml = write("probe", PROBE)
    server = sip(toml, intercept=["probe"])
    heard = Heard()
    stop = watch(server.engine, Viewer(heard, depth="stages"))
    reload(server, toml + 'word = "second"\n', intercept=["probe"])
    assert server.engine.generation is not server.engine.untraced
    assert word(server) == "second"
    server.advance(0.1)
    assert any(step["plugin"] == "probe" for record in heard.records for step in record["steps"])
    stop()
    assert server.engine.generation is server.engine.untraced
    assert server.engine.generation.plan is server.engine.plan
    assert word(server) == "second"


def test_a_hundred_reloads_leave_one_generation(sip, write):
    server = sip(base(write), **STAGES)
    generations = []
    for n in range(100):
        toml = base(write, word=f"w{n}")
        reload(server, toml, **STAGES)
        generations.append(weakref.ref(server.engine.untraced.listings()[0].plugin))
        server.advance(0.2)
    server.advance(6)
    gc.collect()
    assert sum(1 for each in generations if each() is not None) <= 2
    assert len(server.engine._reloads._parting) == 0
    assert len(server.engine.sockets._open) == 2


# -- under load --------------------------------------------------------------------------------------------------------

SLOW = """
@plugin
class Slow:
    chance: int = option(3, help="every so many-th message waits")
    count: int = attrs.field(init=False, default=0)
    engine: object = attrs.field(init=False, default=None)

    @hookimpl
    def start(self, engine):
        self.engine = engine

    @hookimpl
    def intercept(self, message, passage):
        self.count += 1
        if not message.is_request or self.count % self.chance:
            return None
        pending = Pending()
        self.engine.clock.call_later(0.05 * (self.count % 7), pending.resolve, None)
        return Wait(pending, lambda _: None, because="slow")
"""


def variants(write, chance):
    """Ways in which an operator may have edited the file; each serves alice on port 5060."""
    slow = write("slow", SLOW)
    extra = ["", TWO, "[plugin.registrar]\nshort = 'raise'\n", "[plugin.stack]\nt1 = 0.4\n", PIPELINE + "wait_seconds = 3.0\n",
             '[user.alice]\npassword = "x"\n[user.eve]\npassword = "y"\n', f"[plugin.tcp]\nbind = ['10.0.0.1:{5060 + chance.randrange(3)}']\n"]  # fmt: skip
    toml = slow + chance.choice(extra)
    intercept = chance.choice([["slow"], ["slow", "logging"], ["security", "slow"], ["identify", "slow"], [], ["logging"]])
    transport = chance.choice([["udp", "tcp"], ["udp"], ["tcp", "udp"]])
    application = chance.choice([["registrar", "redirect", "options"], ["options", "registrar"], ["redirect", "registrar", "options"]])
    integration = chance.choice([["memory", "toml"], ["toml", "memory"]])
    return toml, {"intercept": intercept, "transport": transport, "application": application, "integration": integration}


@pytest.mark.parametrize("seed", range(25))
def test_no_request_is_lost_while_the_server_reloads_again_and_again(sip, write, seed):
    chance = random.Random(seed)
    server = sip(write("slow", SLOW), seed=seed, intercept=["slow"])
    taken = server.host.datagram("10.0.0.1", 5099, lambda *_: None)
    sent = {}
    tasks = []

    def send(n):
        source = (f"10.0.1.{n % 20 + 1}", 5060)
        method = chance.choice(["REGISTER", "OPTIONS", "REGISTER"])
        data = server.message(method, "alice" if method == "REGISTER" else "", source=source, headers=[("Call-ID", f"load-{n}")])
        sent[f"load-{n}"] = source
        server.send(data, source)

    async def edit():
        toml, stages = variants(write, chance)
        if chance.random() < 0.3:
            toml = toml.replace("10.0.0.1:5070", "10.0.0.1:5099") if "5070" in toml else toml + "[plugin.toml]\n"
        try:
            await server.engine.reload(plan_of(server, toml, **stages))
        except Problems:
            return "refused"
        return "done"

    for n in range(400):
        server.loop.call_later(n * 0.01 + chance.random() * 0.01, send, n)
    for n in range(40):
        server.loop.call_later(n * 0.1 + chance.random() * 0.1, lambda: tasks.append(server.loop.create_task(edit())))
    server.advance(12)
    assert all(task.done() for task in tasks)
    assert [task.result() for task in tasks].count("done") > 20
    finals = {}
    for source in set(sent.values()):
        for reply in server.replies(source):
            if reply.status >= 200:
                finals.setdefault(reply.call_id, []).append(reply.status)
    assert finals.keys() == sent.keys()
    assert {tuple(statuses) for statuses in finals.values()} == {(200,)}
    assert len(server.engine.waiting) == len(server.engine.lanes) == 0
    assert not [event for event in server.events if event.name == "step.failed"]
    taken.close()

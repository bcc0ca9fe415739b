"""A name server on a real socket, SIP servers on real addresses, dead ones among them: order, weights and failover. RFC 3263, RFC 2782."""

import asyncio
from collections import Counter

import pytest

from pipeline.client import Final, TransportError
from pipeline.config import Document, build
from pipeline.engine import Pipeline
from pipeline.sip.message import Request, Response
from pipeline.sip.parser import parse
from pipeline.sockets import Sockets
from pipeline.testing.names import Loopback, NameServer

TOML = """
[pipeline]
domains = ["example.com"]
[[stage]]
name = "transport"
plugins = ["udp", "tcp"]
[[stage]]
name = "protocol"
plugins = ["stack"]
[[stage]]
name = "intercept"
plugins = []
[[stage]]
name = "application"
plugins = []
[[stage]]
name = "integration"
plugins = ["memory", "toml"]
[plugin.udp]
bind = ["127.0.0.1:0"]
[plugin.tcp]
bind = ["127.0.0.1:0"]
[plugin.stack]
t1 = 0.02
t2 = 0.1
dns_servers = ["{dns}"]
dns_seconds = 2
"""


class World:
    """A pipeline, its name server, and SIP servers at 127.0.0.x."""

    def __init__(self, folder):
        self.folder = folder
        self.zone = NameServer()
        self.dns = Loopback(self.zone)
        self.got = Counter()
        self.serial = 0

    async def start(self):
        loop = asyncio.get_running_loop()
        file = self.folder / "pipeline.toml"
        self.engine = Pipeline(build(Document(file, TOML.format(dns="{}:{}".format(*self.dns.address)))), loop)
        await self.engine.start()
        self.network = Sockets(loop)

    def serve(self, host, port, status=200, headers=()):
        """A SIP server on UDP that answers everything alike, and counts."""

        def came(data, source, local):
            self.got[f"{host}:{port}"] += 1
            endpoint.send(Response.to(parse(data), status, headers=headers, to_tag="t").encode(), source)

        endpoint = self.network.datagram(host, port, came)

    async def ask(self, uri="sip:bob@example.net"):
        self.serial += 1
        done = asyncio.get_running_loop().create_future()
        fields = [("From", "<sip:a@example.com>;tag=a"), ("To", f"<{uri}>"), ("Call-ID", f"c{self.serial}"), ("CSeq", "1 OPTIONS")]
        self.engine.request(Request.new("OPTIONS", uri, fields), None, done.set_result)
        return await asyncio.wait_for(done, 20)

    async def stop(self):
        await self.engine.stop(0)
        self.network.close()


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)

    def run(scenario):
        async def whole():
            await world.start()
            try:
                await scenario()
            finally:
                await world.stop()

        asyncio.run(whole())

    world.run = run
    yield world
    world.dns.close()


def test_order_weights_and_failover(world):
    zone = world.zone
    zone.add("example.net", "NAPTR", '10 10 "s" "SIPS+D2T" "" _sips._tcp.example.net', '20 10 "s" "SIP+D2U" "" _sip._udp.example.net')
    zone.add(
        "_sip._udp.example.net",
        "SRV",
        "10 70 25060 a.example.net",
        "10 30 25060 b.example.net",
        "20 0 25060 c.example.net",
        ttl=3600,
    )
    for letter, host in zip("abc", ("127.0.0.11", "127.0.0.12", "127.0.0.13"), strict=True):
        zone.add(f"{letter}.example.net", "A", host)

    async def scenario():
        for host in ("127.0.0.11", "127.0.0.12", "127.0.0.13"):
            world.serve(host, 25060)
        for _ in range(300):
            outcome = await world.ask()
            assert isinstance(outcome, Final)
            assert outcome.response.status == 200
        share = world.got["127.0.0.11:25060"] / 300
        assert 0.6 < share < 0.8, world.got
        assert world.got["127.0.0.12:25060"] + world.got["127.0.0.11:25060"] == 300
        assert len([name for name, kind in zone.asked if kind == "SRV"]) == 1  # kept, and no TLS is listed here

    world.run(scenario)


def test_dead_targets_are_passed_over_and_remembered(world):
    zone = world.zone
    zone.add("_sip._udp.example.net", "SRV", "10 0 25061 dead.example.net", "20 0 25061 busy.example.net", "30 0 25061 good.example.net")
    zone.add("dead.example.net", "A", "127.0.0.21")
    zone.add("busy.example.net", "A", "127.0.0.22")
    zone.add("good.example.net", "A", "127.0.0.23")

    async def scenario():
        world.network.datagram("127.0.0.21", 25061, lambda *_: None)  # silent
        world.serve("127.0.0.22", 25061, 503, [("Retry-After", "60")])
        world.serve("127.0.0.23", 25061)
        loop = asyncio.get_running_loop()
        begin = loop.time()
        outcome = await world.ask()
        assert outcome.response.status == 200
        assert loop.time() - begin > 1.2  # Timer F, 64*T1
        begin = loop.time()
        for _ in range(10):
            outcome = await world.ask()
            assert outcome.response.status == 200
        assert loop.time() - begin < 1.0
        assert world.got == {"127.0.0.22:25061": 1, "127.0.0.23:25061": 11}

    world.run(scenario)


def test_a_refused_tcp_connection_is_failed_over(world):
    zone = world.zone
    zone.add("_sip._tcp.example.net", "SRV", "10 0 25062 dead.example.net")
    zone.add("_sip._udp.example.net", "SRV", "10 0 25062 good.example.net")
    zone.add("dead.example.net", "A", "127.0.0.31")
    zone.add("good.example.net", "A", "127.0.0.32")
    zone.add("example.net", "NAPTR", '10 10 "s" "SIP+D2T" "" _sip._tcp.example.net', '20 10 "s" "SIP+D2U" "" _sip._udp.example.net')

    async def scenario():
        world.serve("127.0.0.32", 25062)
        outcome = await world.ask()
        assert outcome.response.status == 200

    world.run(scenario)


def test_a_long_answer_comes_by_tcp_and_no_name_is_an_error(world):
    hosts = [f"127.0.0.{n}" for n in range(100, 200)]
    world.zone.add("many.example.net", "A", *hosts)

    async def scenario():
        for host in hosts:
            world.serve(host, 25063)
        outcome = await world.ask("sip:many.example.net:25063")
        assert outcome.response.status == 200
        outcome = await world.ask("sip:nobody.example.net")
        assert isinstance(outcome, TransportError)
        assert "nobody.example.net does not exist" in outcome.reason

    world.run(scenario)

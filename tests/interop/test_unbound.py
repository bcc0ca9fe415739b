"""Debian's unbound is asked: NAPTR, SRV and A records in their order and by their weights, dead servers passed over, answers kept by their TTL.

RFC 3263, RFC 2782, RFC 2308. SIP servers on real addresses of the loopback; one breaks its TLS, one refuses, one says 503, one is silent.
"""

import asyncio
import re
import ssl
import subprocess
from collections import Counter

import pytest

from pipeline.client import Final, TransportError
from pipeline.config import Document, build
from pipeline.engine import Pipeline
from pipeline.sip.message import Request, Response
from pipeline.sip.parser import parse
from pipeline.sockets import Sockets

ZONE = """
server:
    verbosity: 1
    log-queries: yes
    use-syslog: no
    directory: "{folder}"
    chroot: ""
    username: ""
    pidfile: "{folder}/unbound.pid"
    interface: 127.0.0.1@{port}
    access-control: 127.0.0.0/8 allow
    do-not-query-localhost: no
    module-config: "iterator"
    num-threads: 1
    local-zone: "example.net." static
    local-zone: "example.org." static
    local-data: "example.net. 60 IN SOA ns.example.net. admin.example.net. 1 3600 600 86400 1"
remote-control:
    control-enable: no
server:
"""
TOML = """
[pipeline]
domains = ["example.com"]
[[stage]]
name = "transport"
plugins = ["udp", "tcp", "tls"]
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
[plugin.tls]
bind = ["127.0.0.1:0"]
certificates = [{{ cert = "{cert}", key = "{key}" }}]
ca = "{ca}"
[plugin.stack]
t1 = 0.02
t2 = 0.1
dns_servers = ["127.0.0.1:{dns}"]
dns_seconds = 2
"""


class World:
    """A pipeline, unbound, and SIP servers at 127.0.0.x."""

    def __init__(self, folder, program, tools, authority):
        self.folder, self.program, self.tools, self.authority = folder, program, tools, authority
        self.got, self.serial, self.records, self.servers = Counter(), 0, [], []
        self.port = tools.free_port()
        self.process = None

    def add(self, name, kind, *values, ttl=60):
        for value in values:
            self.records.append(f"    local-data: '{name}. {ttl} IN {kind} {value}'")

    def unbound(self):
        file = self.folder / "unbound.conf"
        file.write_text(ZONE.format(folder=self.folder, port=self.port) + "\n".join(self.records) + "\n")
        log = self.folder / "unbound.log"
        with log.open("wb") as said:  # -d twice: to its stderr
            command = [self.program("unbound"), "-d", "-d", "-p", "-c", str(file)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=self.folder)
        self.tools.until(
            lambda: f"unbound to start; it said {log.read_text()}",
            lambda: "start of service" in log.read_text() or self.process.poll() is not None,
        )
        assert self.process.poll() is None, log.read_text()

    def asked(self, kind, name=""):
        """How often unbound was asked for records of that kind."""
        return len(re.findall(rf"info: 127\.0\.0\.1 {name or '[^ ]+'}\.? {kind} IN", (self.folder / "unbound.log").read_text()))

    async def start(self):
        loop = asyncio.get_running_loop()
        cert, key = self.authority.issue("us.example.com", "dns:us.example.com", file="unbound")
        text = TOML.format(dns=self.port, cert=cert, key=key, ca=self.authority.file)
        self.engine = Pipeline(build(Document(self.folder / "pipeline.toml", text)), loop)
        await self.engine.start()
        self.network = Sockets(loop)

    def serve(self, host, port, status=200, headers=()):
        """A SIP server on UDP that answers everything alike, and counts."""

        def came(data, source, local):
            self.got[host] += 1
            endpoint.send(Response.to(parse(data), status, headers=headers, to_tag="t").encode(), source)

        endpoint = self.network.datagram(host, port, came)

    async def serve_stream(self, host, port, context=None):
        """A SIP server on TCP or TLS."""

        async def came(reader, writer):
            head = await reader.readuntil(b"\r\n\r\n")
            self.got[host] += 1
            writer.write(Response.to(parse(head), 200, to_tag="t").encode())
            await writer.drain()

        self.servers.append(await asyncio.start_server(came, host, port, ssl=context))

    async def ask(self, uri="sip:bob@example.net"):
        self.serial += 1
        done = asyncio.get_running_loop().create_future()
        fields = [("From", "<sip:a@example.com>;tag=a"), ("To", f"<{uri}>"), ("Call-ID", f"c{self.serial}"), ("CSeq", "1 OPTIONS")]
        self.engine.request(Request.new("OPTIONS", uri, fields), None, done.set_result)
        return await asyncio.wait_for(done, 20)

    async def stop(self):
        await self.engine.stop(0)
        for server in self.servers:
            server.close()
        self.network.close()


@pytest.fixture
def world(tmp_path, program, tools, authority):
    world = World(tmp_path, program, tools, authority)

    def run(scenario):
        world.unbound()

        async def whole():
            await world.start()
            try:
                await scenario()
            finally:
                await world.stop()

        asyncio.run(whole())

    world.run = run
    yield world
    if world.process is not None:
        tools.end(world.process)


def test_priorities_and_weights_as_the_records_say(world):
    world.add("example.net", "NAPTR", '20 10 "s" "SIP+D2T" "" _sip._tcp.example.net.', '10 10 "s" "SIP+D2U" "" _sip._udp.example.net.')
    world.add("_sip._udp.example.net", "SRV", *(f"10 {weight} 25070 h{n}.example.net." for n, weight in enumerate((60, 30, 10))))
    world.add("_sip._udp.example.net", "SRV", "20 100 25070 spare.example.net.")
    hosts = ["127.0.1.1", "127.0.1.2", "127.0.1.3"]
    for n, host in enumerate(hosts):
        world.add(f"h{n}.example.net", "A", host)
    world.add("spare.example.net", "A", "127.0.1.9")

    async def scenario():
        for host in (*hosts, "127.0.1.9"):
            world.serve(host, 25070)
        count = 600
        for _ in range(count):
            assert (await world.ask()).response.status == 200
        for host, weight in zip(hosts, (60, 30, 10), strict=True):
            expected = count * weight / 100
            assert abs(world.got[host] - expected) < 4 * (expected * (1 - weight / 100)) ** 0.5, world.got  # four standard deviations
        assert world.got["127.0.1.9"] == 0  # the lower priority is for when all others are dead
        assert (world.asked("NAPTR"), world.asked("SRV")) == (1, 1)

    world.run(scenario)


def test_a_silent_a_refusing_an_overloaded_and_one_with_a_broken_certificate_are_passed_over(world, authority, stranger):
    world.add("example.net", "NAPTR", '10 10 "s" "SIPS+D2T" "" _sips._tcp.example.net.', '20 10 "s" "SIP+D2T" "" _sip._tcp.example.net.')
    world.add("example.net", "NAPTR", '30 10 "s" "SIP+D2U" "" _sip._udp.example.net.')
    world.add(
        "_sips._tcp.example.net", "SRV", "10 0 25071 stranger.example.net.", "20 0 25071 other.example.net.", "30 0 25071 gone.example.net."
    )
    world.add("_sip._tcp.example.net", "SRV", "10 0 25072 gone.example.net.")
    world.add(
        "_sip._udp.example.net", "SRV", "10 0 25073 silent.example.net.", "20 0 25073 busy.example.net.", "30 0 25073 good.example.net."
    )
    world.add("_sip._udp.example.org", "SRV", "10 0 25073 gone.example.net.", "20 0 25073 good.example.net.")
    for n, name in enumerate(("stranger", "other", "gone", "silent", "busy", "good"), 1):
        world.add(f"{name}.example.net", "A", f"127.0.2.{n}")

    def serving(pair):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        return context

    async def scenario():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)  # their handshakes fail, as they shall
        await world.serve_stream("127.0.2.1", 25071, serving(stranger.issue("example.net", "dns:example.net")))  # nobody trusts it
        await world.serve_stream("127.0.2.2", 25071, serving(authority.issue("x.net", "dns:x.net", file="wrongname")))  # another name
        world.network.datagram("127.0.2.4", 25073, lambda *_: None)
        world.serve("127.0.2.5", 25073, 503, [("Retry-After", "60")])
        world.serve("127.0.2.6", 25073)
        begin = loop.time()
        outcome = await world.ask()
        assert isinstance(outcome, Final)
        assert outcome.response.status == 200
        assert loop.time() - begin > 1.2  # 64*T1 for the silent one
        assert world.got == {"127.0.2.5": 1, "127.0.2.6": 1}
        begin = loop.time()
        for _ in range(5):
            assert (await world.ask()).response.status == 200
        assert loop.time() - begin < 1.0  # the dead are remembered
        assert world.got == {"127.0.2.5": 1, "127.0.2.6": 6}
        begin = loop.time()
        outcome = await world.ask("sip:bob@example.org")  # its kernel says that nobody is there (ICMP): no 64*T1
        assert outcome.response.status == 200
        assert loop.time() - begin < 0.5
        outcome = await world.ask("sips:bob@example.net")  # never by less than TLS
        assert isinstance(outcome, TransportError)

    world.run(scenario)


def test_tls_to_a_server_that_proves_the_domain(world, authority):
    world.add("_sips._tcp.example.net", "SRV", "10 0 25074 tls.example.net.")
    world.add("tls.example.net", "A", "127.0.3.1")

    async def scenario():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("example.net", "dns:example.net", file="rightname"))
        await world.serve_stream("127.0.3.1", 25074, context)
        assert (await world.ask("sips:bob@example.net")).response.status == 200
        assert world.got == {"127.0.3.1": 1}

    world.run(scenario)


def test_answers_are_kept_by_their_ttl_and_so_is_that_there_is_none(world):
    world.add("short.example.net", "A", "127.0.4.1", ttl=1)
    world.add("long.example.net", "A", "127.0.4.1", ttl=300)

    async def scenario():
        world.serve("127.0.4.1", 25075)
        for _ in range(3):
            for name in ("short", "long"):
                assert (await world.ask(f"sip:{name}.example.net:25075")).response.status == 200
            outcome = await world.ask("sip:nobody.example.net:25075")
            assert isinstance(outcome, TransportError)
            assert "nobody.example.net" in outcome.reason
        before = {name: world.asked("A", f"{name}.example.net") for name in ("short", "long", "nobody")}
        assert before == {"short": 1, "long": 1, "nobody": 1}
        await asyncio.sleep(1.2)  # real seconds: the name server is a real one. The SOA keeps "none" for 1 s
        for name in ("short", "long", "nobody"):
            await world.ask(f"sip:{name}.example.net:25075")
        after = {name: world.asked("A", f"{name}.example.net") for name in ("short", "long", "nobody")}
        assert after == {"short": 2, "long": 1, "nobody": 2}

    world.run(scenario)

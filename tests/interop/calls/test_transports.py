"""UDP, TCP, TLS, WebSocket and secure WebSocket, each over IPv4 and IPv6: two phones register with digest and call each other by it."""

import asyncio
import contextlib
import os
import socket

import pytest
import websockets

from pipeline.sip import digest
from pipeline.sip.message import Response
from pipeline.sip.parser import parse

KINDS = ["udp", "tcp", "tls", "ws", "wss"]


class Line:
    """One way to the server: `send(bytes)`, and `received`, a queue of messages."""

    def __init__(self):
        self.received = asyncio.Queue()

    @classmethod
    async def open(cls, kind, host, port, context):
        self = cls()
        self.kind, self.here = kind, (host, 0)
        if kind == "udp":
            loop = asyncio.get_running_loop()
            queue = self.received

            class Datagrams(asyncio.DatagramProtocol):
                def datagram_received(self, data, _):
                    queue.put_nowait(parse(data))

            self.transport, _ = await loop.create_datagram_endpoint(Datagrams, remote_addr=(host, port))
            self.here = self.transport.get_extra_info("sockname")[:2]
            self.send, self.close = self._send_datagram, self._close_datagram
        elif kind in ("tcp", "tls"):
            more = {"ssl": context, "server_hostname": "localhost"} if kind == "tls" else {}
            self.reader, self.writer = await asyncio.open_connection(host, port, **more)
            self.here = self.writer.get_extra_info("sockname")[:2]
            self.task = asyncio.create_task(self._stream())
            self.send, self.close = self._send_stream, self._close_stream
        else:
            where = f"{kind}://{'[::1]' if ':' in host else host}:{port}"
            more = {"ssl": context, "server_hostname": "localhost"} if kind == "wss" else {}
            self.web = await websockets.connect(where, subprotocols=["sip"], **more)
            self.here = self.web.local_address[:2]
            self.task = asyncio.create_task(self._frames())
            self.send, self.close = self._send_frame, self._close_frames
        return self

    async def _send_datagram(self, data):
        self.transport.sendto(data)

    async def _close_datagram(self):
        self.transport.close()

    async def _stream(self):
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await self.reader.readuntil(b"\r\n\r\n")
                length = parse(head.replace(b"Content-Length: ", b"X-Length: ")).get("x-length") or "0"
                self.received.put_nowait(parse(head + await self.reader.readexactly(int(length))))

    async def _send_stream(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def _close_stream(self):
        self.task.cancel()
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def _frames(self):
        with contextlib.suppress(websockets.ConnectionClosed):
            async for frame in self.web:
                self.received.put_nowait(parse(frame.encode() if isinstance(frame, str) else frame))

    async def _send_frame(self, data):
        await self.web.send(data.decode())

    async def _close_frames(self):
        await self.web.close()
        self.task.cancel()


class Phone:
    """A phone with one line."""

    def __init__(self, user, line, *, edge=False):
        self.user, self.line, self.cseq, self.edge = user, line, 0, edge
        host, port = line.here
        self.where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        kind = line.kind
        self.contact = (
            f"<sip:{user}@{os.urandom(6).hex()}.invalid;transport=ws>" if "ws" in kind else f"<sip:{user}@{self.where};transport={kind}>"
        )
        self.call_id, self.tag = os.urandom(8).hex(), os.urandom(4).hex()

    def sdp(self):
        host = self.line.here[0]
        family = "IP6" if ":" in host else "IP4"
        return f"v=0\r\no=- 1 1 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"

    def request(self, method, uri, to, *, cseq=0, more=(), body="", route=()):
        self.cseq += 1
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{self.line.kind.upper()} {self.where};rport;branch=z9hG4bK{os.urandom(8).hex()}",
            *(f"Route: {each}" for each in route),
            "Max-Forwards: 70",
            f"From: <sip:{self.user}@example.com>;tag={self.tag}",
            f"To: {to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq or self.cseq} {method}",
            f"Contact: {self.contact}",
            *more,
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        return ("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]) + body).encode()

    async def next(self, fits):
        async with asyncio.timeout(15):
            while True:
                message = await self.line.received.get()
                if fits(message):
                    return message

    async def ask(self, method, uri, to, **more):
        """Send a request, answer a challenge, and return the final answer."""
        fields = list(more.pop("more", ()))
        for _ in range(2):
            await self.line.send(self.request(method, uri, to, more=fields, **more))
            number = self.cseq
            answer = await self.next(lambda m, n=number: not m.is_request and m.status >= 200 and m.cseq.number == n)
            if answer.status != 401:
                return answer
            if method == "INVITE":
                await self.line.send(self.request("ACK", uri, answer.get("to"), cseq=number))
            challenge = digest.choose(answer.all("www-authenticate"), "swordfish")
            value = digest.answer(challenge, method, uri, username=self.user, password="swordfish", cnonce="00000001", body=b"")
            fields.append(f"Authorization: {value}")
        return answer

    async def register(self, seconds=60):
        more = [f"Expires: {seconds}", "Supported: path"]
        answer = await self.ask("REGISTER", "sip:example.com", f"<sip:{self.user}@example.com>", more=more)
        assert answer.status == 200
        self.call_id = os.urandom(8).hex()

    async def unregister(self):
        await self.register(0)


async def call(alice, bob):
    """Alice calls bob, who answers and hangs up."""

    async def answers():
        invite = await bob.next(lambda m: m.is_request and m.method == "INVITE")
        ok = Response.to(invite, 200, "", [("Contact", bob.contact), ("Content-Type", "application/sdp")], bob.sdp().encode(), to_tag="b")
        await bob.line.send(ok.encode())
        await bob.next(lambda m: m.is_request and m.method == "ACK")
        return invite, ok

    answering = asyncio.create_task(answers())
    ok = await alice.ask("INVITE", "sip:bob@example.com", "<sip:bob@example.com>", body=alice.sdp())
    assert ok.status == 200
    assert b"m=audio" in ok.body
    target = ok.contacts[0].uri
    if not alice.edge:  # our own address on that transport
        assert target.port
        assert (":" in target.host) == (":" in alice.line.here[0])
    route = [each.text for each in reversed(ok.record_routes)]
    assert bool(route) == alice.edge
    await alice.line.send(alice.request("ACK", target.text, ok.get("to"), cseq=ok.cseq.number, route=route))
    invite, answer = await answering
    assert invite.via.transport == bob.line.kind.upper()
    bob.call_id = invite.call_id
    to, from_ = invite.get("from"), answer.get("to")
    route = [each.text for each in invite.record_routes]
    bye = bob.request("BYE", invite.contacts[0].uri.text, to, route=route).replace(
        f"From: <sip:bob@example.com>;tag={bob.tag}".encode(), f"From: {from_}".encode()
    )
    await bob.line.send(bye)
    assert (await bob.next(lambda m: not m.is_request and m.cseq.method == "BYE")).status == 200
    ended = await alice.next(lambda m: m.is_request and m.method == "BYE")
    await alice.line.send(Response.to(ended, 200).encode())


@pytest.fixture(scope="module")
def server(serve_module, tools, template, authority):
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        cert, key = authority.issue("localhost", "dns:localhost", file="transports")
        ports = {name: tools.free_port() for name in ("tls", "ws", "wss")}
        server = serve_module(template("calls/transports.toml"), cert=cert, key=key, **ports)
        server.ports = {"udp": server.port, "tcp": server.port, **ports}
        return server
    return tools.missing("there is no IPv6 on the loopback")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("kind", KINDS)
def test_two_phones_register_and_call_each_other(server, authority, kind, host):
    async def scenario():
        context = authority.client()
        lines = [await Line.open(kind, host, server.ports[kind], context) for _ in range(2)]
        try:
            alice, bob = (Phone(user, line) for user, line in zip(("alice", "bob"), lines, strict=True))
            await alice.register()
            await bob.register()
            await call(alice, bob)
        finally:
            for line in lines:
                await line.close()

    asyncio.run(scenario())
    assert "Traceback" not in server.log, server.log


@pytest.mark.parametrize(("one", "other"), [(("udp", "127.0.0.1"), ("tls", "::1")), (("wss", "::1"), ("tcp", "127.0.0.1"))])
def test_also_from_one_transport_and_family_to_another(server, authority, one, other):
    async def scenario():
        context = authority.client()
        lines = [await Line.open(kind, host, server.ports[kind], context) for kind, host in (one, other)]
        try:
            alice, bob = (Phone(user, line) for user, line in zip(("alice", "bob"), lines, strict=True))
            await alice.register()
            await bob.register()
            await call(alice, bob)
        finally:
            for line in lines:
                await line.close()

    asyncio.run(scenario())


# -- behind an edge proxy: the same, and the registrar speaks UDP alone


@pytest.fixture(scope="module")
def edge(serve_module, tools, template, authority, server):
    inside = template("edge.toml").replace('plugins = ["edge"]', 'plugins = ["identify", "auth"]')
    inside = inside.replace('plugins = ["options"]', 'plugins = ["registrar", "channel", "options"]')
    inside = inside.replace('["memory", "toml"]', '["memory", "toml", "channel", "dialplan", "media_direct", "media_local"]')
    inside = inside.partition("[plugin.edge]")[0].replace("edge.example.net", "example.com").replace("127.0.0.1", "127.0.0.2")
    users = '[user.alice]\npassword = "swordfish"\n[user.bob]\npassword = "swordfish"\n[context.default]\nusers = true\n'
    registrar = serve_module(inside + users, port=tools.free_port("127.0.0.2"))
    outside = template("calls/transports.toml").partition("[dal]")[0].replace("example.com", "edge.example.net")
    outside = outside.replace('["identify", "auth"]', '["edge"]').replace('["registrar", "channel", "options"]', '["options"]')
    outside = outside.replace('["toml", "memory", "channel", "dialplan", "media_direct", "media_local"]', '["memory", "toml"]')
    outside += f'[plugin.edge]\nupstream = "sip:127.0.0.2:{registrar.port}"\n'
    cert, key = authority.issue("localhost", "dns:localhost", file="edge")
    ports = {name: tools.free_port() for name in ("tls", "ws", "wss")}
    edge = serve_module(outside, cert=cert, key=key, **ports)
    edge.ports = {"udp": edge.port, "tcp": edge.port, **ports}
    edge.registrar = registrar
    return edge


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("tls", "127.0.0.1"), ("tls", "::1")),
        (("wss", "127.0.0.1"), ("wss", "::1")),
        (("ws", "::1"), ("udp", "127.0.0.1")),
        (("tcp", "::1"), ("wss", "127.0.0.1")),
    ],
)
def test_phones_behind_an_edge_call_each_other(edge, authority, one, other):
    async def scenario():
        context = authority.client()
        lines = [await Line.open(kind, host, edge.ports[kind], context) for kind, host in (one, other)]
        try:
            alice, bob = (Phone(user, line, edge=True) for user, line in zip(("alice", "bob"), lines, strict=True))
            await alice.register()
            await bob.register()
            paths = [contact["reach"] for contact in edge.registrar.contacts()]
            assert len(paths) == 2
            assert all(path.endswith(";lr;ob>") for path in paths)
            await call(alice, bob)
            await alice.unregister()
            await bob.unregister()
        finally:
            for line in lines:
                await line.close()

    asyncio.run(scenario())
    for each in (edge, edge.registrar):
        assert "Traceback" not in each.log, each.log

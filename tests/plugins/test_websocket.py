"""WebSockets on the network in memory: the opening, frames, pings, what a browser registers and how it is reached; pages (RFC 7118, RFC 6455)."""

import json

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from pipeline.config import Document, Problems, build
from pipeline.conformance.marks import rfc
from pipeline.flow import Target
from pipeline.sip.message import Request
from pipeline.sip.parser import parse
from pipeline.testing.server import toml_of
from pipeline.tls.stream import SecureStream

PLAIN = '[plugin.websocket]\nbind = ["10.0.0.1:8088", "[fd00::1]:8088"]\n'


class Browser:
    """One WebSocket to the server, by the client half of the library."""

    def __init__(self, server, *, context=None, protocols=("sip",), origin=None, address="10.0.0.9", to="10.0.0.1", path="/", pongs=True):
        self.server, self.frames, self.closed, self.response, self.pongs = server, [], None, None, pongs
        self.messages = []
        where = f"[{to}]" if ":" in to else to
        uri = parse_uri(f"ws://{where}:8088{path}")
        self.protocol = ClientProtocol(uri, origin=origin, subprotocols=list(protocols) or None)
        below = server.run(self._open(server, address, to))
        if context is None:
            self._start(below)
        else:
            SecureStream(below, context, self._start, server=False)
        server.advance(0.3)

    @staticmethod
    async def _open(server, address, to):
        return await server.network.host(address).connect(to, 8088)

    def _start(self, stream):
        self.stream = stream
        stream.on_closed = lambda reason: setattr(self, "closed", reason)
        stream.on_data = self._came
        self.protocol.send_request(self.protocol.connect())
        self._flush()

    def _flush(self):
        for data in self.protocol.data_to_send():
            if data and not self.stream.closed:
                self.stream.write(data)

    def _came(self, data):
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            if isinstance(event, Response):
                self.response = event
            else:
                self.frames.append(event)
                if event.opcode in (Opcode.TEXT, Opcode.BINARY):
                    self.messages.append(parse(bytes(event.data)) if event.data.strip() else bytes(event.data))
        if self.pongs:
            self._flush()

    @property
    def open(self):
        return self.closed is None and self.protocol.state.name == "OPEN"

    def send(self, data, *, text=True):
        (self.protocol.send_text if text else self.protocol.send_binary)(data)
        return self.flush()

    def flush(self):
        self._flush()
        self.server.advance(0.1)
        return self

    def statuses(self):
        return [message.status for message in self.messages if not message.is_request]


@pytest.fixture
def web(sip):
    """A server with the websocket transport; `more` is put into its table."""

    def web(more="", toml="", **stages):
        return sip(PLAIN + more + "\n" + toml, transport=["udp", "tcp", "websocket"], **stages)

    return web


def options(server, n=1, headers=(), **more):
    return server.message("OPTIONS", headers=[("Via", f"SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bKws{n}"), *headers], **more)


def register(server, user="alice", n=1, expires=600, transport="WS"):
    headers = [
        ("Via", f"SIP/2.0/{transport} df7jal23ls0d.invalid;branch=z9hG4bKreg{user}{n}"),
        ("Contact", f"<sip:{user}@df7jal23ls0d.invalid;transport=ws>"),
        ("Expires", str(expires)),
        ("Call-ID", "reg" + user),
    ]
    return server.message("REGISTER", from_=user, headers=headers, cseq=n)


# -- the opening -------------------------------------------------------------------------------------------------------


@rfc("7118", "5")
def test_a_message_a_frame_is_answered_with_a_message_a_frame(web):
    server = web()
    browser = Browser(server)
    assert browser.response.status_code == 101
    assert browser.response.headers["Sec-WebSocket-Protocol"] == "sip"
    browser.send(options(server, 1)).send(options(server, 2), text=False)
    assert browser.statuses() == [200, 200]
    assert browser.messages[0].via.transport == "WS"
    assert all(frame.opcode is Opcode.TEXT for frame in browser.frames)


def test_it_listens_on_ipv6_too(web):
    server = web()
    assert Browser(server, address="fd00::9", to="fd00::1").send(options(server)).statuses() == [200]


@rfc("7118", "4.1")
@pytest.mark.parametrize("protocols", [(), ("chat",), ("SIP",)])
def test_without_the_sub_protocol_sip_there_is_no_websocket(web, protocols):
    server = web()
    browser = Browser(server, protocols=protocols)
    assert browser.response.status_code == 400
    assert browser.closed
    assert server.told("flow.refused")
    assert server.engine.flows == {}


@rfc("6455", "10.2")
def test_only_listed_origins_may_connect_and_who_is_no_browser(web):
    server = web('origins = ["https://phone.example.com"]')
    assert Browser(server, origin="https://phone.example.com").open
    assert Browser(server).open
    for evil in ("https://evil.example", "http://phone.example.com", "https://phone.example.com.evil.example"):
        assert Browser(server, origin=evil).response.status_code == 403


def test_all_origins_may_connect_where_none_are_listed(web):
    assert Browser(web(), origin="https://any.example").open


# -- frames ------------------------------------------------------------------------------------------------------------


@rfc("7118", "5")
def test_content_length_may_be_left_out(web):
    server = web()
    browser = Browser(server).send(options(server).replace(b"Content-Length: 0\r\n", b""))
    assert browser.statuses() == [200]


@rfc("6455", "5.4")
def test_a_message_in_pieces_is_one_message(web):
    server = web()
    browser = Browser(server)
    data = options(server)
    browser.protocol.send_text(data[:10], fin=False)
    browser.protocol.send_ping(b"between")
    browser.protocol.send_continuation(data[10:50], fin=False)
    browser.protocol.send_continuation(b"", fin=False)
    browser.protocol.send_continuation(data[50:], fin=True)
    assert browser.flush().statuses() == [200]
    assert any(frame.opcode is Opcode.PONG for frame in browser.frames)


def test_frames_that_come_with_the_opening_itself_are_read(web):
    server = web()
    stream = server.run(Browser._open(server, "10.0.0.9", "10.0.0.1"))
    got = bytearray()
    stream.on_data = got.extend
    stream.on_closed = lambda reason: None
    head = (
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
    )
    stream.write(head + Frame(Opcode.TEXT, options(server)).serialize(mask=True))
    server.advance(0.5)
    assert got.startswith(b"HTTP/1.1 101 ")
    assert b"SIP/2.0 200 OK" in got


@rfc("7118", "6")
def test_a_crlf_ping_is_answered_with_a_pong(web):
    browser = Browser(web()).send(b"\r\n\r\n")
    assert [bytes(frame.data) for frame in browser.frames] == [b"\r\n"]


def test_what_is_no_utf_8_goes_back_as_binary(web):
    server = web()
    browser = Browser(server).send(options(server, headers=[("From", '"Jos\udce9" <sip:alice@example.com>;tag=1')]), text=False)
    assert browser.statuses() == [200]
    assert browser.frames[0].opcode is Opcode.BINARY


def wrote(server):
    return [record.data for record in server.network.log if record.what == "wrote" and record.source == ("10.0.0.1", 8088)]


@pytest.fixture
def whole(web):
    """A server that reads all that was written at once, and tells each write."""
    server = web()
    server.network.chunks = False
    server.network.log = []
    return server


def pings(count, data=b""):
    return b"".join(Frame(Opcode.PING, data or b"%d" % n).serialize(mask=True) for n in range(count))


@rfc("6455", "5.5.3")
def test_of_pings_that_come_together_the_last_is_answered(whole):
    browser = Browser(whole).send(options(whole))
    whole.network.log.clear()
    browser.stream.write(pings(5))
    whole.advance(0.1)
    assert [(frame.opcode, bytes(frame.data)) for frame in browser.frames[1:]] == [(Opcode.PONG, b"4")]
    assert len(wrote(whole)) == 1


@pytest.mark.parametrize("frame", [Frame(Opcode.PING, b""), Frame(Opcode.TEXT, b"\r\n\r\n")])
def test_who_sends_more_pings_than_any_keepalive_and_no_request_is_closed(whole, frame):
    browser = Browser(whole)
    whole.network.log.clear()
    browser.stream.write(frame.serialize(mask=True) * 6000)
    whole.advance(0.1)
    assert browser.closed
    assert browser.frames[-1].opcode is Opcode.CLOSE
    assert len(wrote(whole)) == 1
    assert "pings in a second" in whole.told("flow.closed")[-1].fields["reason"]


def test_who_has_brought_a_request_gets_some_pongs_for_many_pings_and_stays(whole):
    browser = Browser(whole).send(options(whole, 1))
    whole.network.log.clear()
    browser.stream.write(pings(3000, b"x") + Frame(Opcode.TEXT, b"\r\n\r\n").serialize(mask=True) * 3000)
    whole.advance(0.1)
    assert len(wrote(whole)) < 70
    assert len([frame for frame in browser.frames if frame.opcode is Opcode.TEXT]) <= 11
    assert browser.send(options(whole, 2)).statuses() == [200, 200]


def test_a_read_of_many_frames_is_answered_in_turns_and_in_order(whole, monkeypatch):
    browser = Browser(whole)
    heard, receive, once = [[]], whole.engine.receive, whole.loop._run_once
    monkeypatch.setattr(whole.engine, "receive", lambda data, flow: (heard[-1].append(data), receive(data, flow)))
    monkeypatch.setattr(whole.loop, "_run_once", lambda: (heard.append([]), once()))
    browser.stream.write(b"".join(Frame(Opcode.TEXT, options(whole, n)).serialize(mask=True) for n in range(100)))
    whole.advance(0.5)
    assert 0 < max(map(len, heard)) <= 19  # 16, and what else was whole in the octets that held the last of them
    assert [message.via.branch for message in browser.messages] == [f"z9hG4bKws{n}" for n in range(100)]


def test_a_message_that_is_never_finished_closes_the_websocket_whatever_floods_come_between(whole):
    browser = Browser(whole).send(options(whole))
    browser.protocol.send_text(b"OPTIONS", fin=False)
    browser.flush()
    for _ in range(12):
        browser.stream.write(Frame(Opcode.PONG, b"").serialize(mask=True) * 400)
        whole.advance(3.3)
        if browser.closed:
            break
    assert "message_seconds" in whole.told("flow.closed")[-1].fields["reason"]


@rfc("6455", "8.1")
def test_text_that_is_no_utf_8_closes_the_websocket(web):
    browser = Browser(web()).send(b"\xff\xfe")
    assert browser.closed
    assert browser.protocol.close_rcvd.code == 1007


@pytest.mark.parametrize("whole", [True, False])
def test_a_message_that_is_too_large_closes_the_websocket(web, whole):
    server = web("head_bytes = 2048\nbody_bytes = 100")
    browser = Browser(server)
    if whole:
        browser.send(b"x" * 3000)
    else:
        browser.protocol.send_text(b"x" * 2000, fin=False)
        browser.protocol.send_continuation(b"x" * 1000, fin=False)
        browser.flush()
    assert browser.closed
    assert browser.protocol.close_rcvd.code == 1009


def test_what_is_no_frame_closes_the_websocket(web):
    server = web()
    browser = Browser(server)
    browser.stream.write(b"\xff\xff\xff\xff")
    server.advance(0.2)
    assert browser.closed
    assert server.engine.flows == {}


@rfc("6455", "5.1")
def test_a_frame_without_a_mask_closes_the_websocket(web):
    server = web()
    browser = Browser(server)
    browser.stream.write(Frame(Opcode.TEXT, options(server)).serialize(mask=False))
    server.advance(0.2)
    assert browser.closed
    assert browser.statuses() == []


# -- who has to go -----------------------------------------------------------------------------------------------------


def test_a_client_that_answers_no_ping_is_gone_and_one_that_does_stays(web):
    server = web("ping = 30")
    dead = Browser(server, pongs=False).send(register(server, "alice"))
    live = Browser(server, address="10.0.0.8").send(register(server, "bob"))
    server.advance(70)
    assert dead.closed
    assert live.open
    assert server.contacts("alice") == []
    assert len(server.contacts("bob")) == 1
    assert any("ping:" in event.fields["reason"] for event in server.told("flow.closed"))


def test_pings_do_not_keep_a_connection_open_that_nobody_needs(web):
    server = web("idle = 100")
    browser = Browser(server).send(options(server))
    server.advance(90)
    assert browser.open
    server.advance(20)
    assert browser.closed


@rfc("7118", "5")
@rfc("6455", "7.4.1")
def test_who_has_to_make_room_is_told_that_we_are_going_away(web):
    server = web("unproved_per_source = 1")
    first, second = Browser(server), Browser(server)
    assert first.protocol.close_rcvd.code == 1001
    assert first.protocol.close_rcvd.reason.startswith("it brought no request")
    assert second.open


def test_a_source_has_so_many_connections_by_all_transports_together(web, plugin_of):
    server = web("per_source = 2\nunproved_per_source = 2", "[plugin.tcp]\nbind = ['10.0.0.1:5060']\nunproved_per_source = 2")
    first, second = Browser(server), Browser(server)

    async def connect():
        return await server.network.host("10.0.0.9").connect("10.0.0.1", 5060)

    server.run(connect())
    server.advance(0.1)
    assert first.closed
    assert second.open
    assert (plugin_of(server, "tcp").stats()["crowded"], plugin_of(server, "websocket").stats()["crowded"]) == (1, 0)


def test_a_connection_that_never_becomes_a_websocket_is_closed(web):
    server = web()
    stream, told = server.run(Browser._open(server, "10.0.0.9", "10.0.0.1")), []
    stream.on_data, stream.on_closed = (lambda _: None), told.append
    stream.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
    server.advance(7)
    assert not told
    server.advance(2)
    assert told


def test_a_websocket_that_brings_no_valid_request_is_closed(web):
    server = web()
    browser = Browser(server).send(b"\r\n\r\n")
    server.advance(40)
    assert browser.closed


def test_a_message_that_is_never_finished_closes_the_websocket_whatever_pings_come_between(web):
    server = web()
    browser = Browser(server).send(options(server))
    browser.protocol.send_text(b"OPTIONS", fin=False)
    for _ in range(12):
        browser.protocol.send_ping(b"")
        browser.flush()
        server.advance(3.3)
    assert browser.closed


def test_a_head_that_is_too_large_is_refused(web):
    server = web()
    stream, told, got = server.run(Browser._open(server, "10.0.0.9", "10.0.0.1")), [], bytearray()
    stream.on_closed, stream.on_data = told.append, got.extend
    stream.write(b"GET / HTTP/1.1\r\n" + b"X: " + b"x" * 20000)
    server.advance(0.5)
    assert told
    assert got.startswith(b"HTTP/1.1 431 ")


# -- a browser is reached by its connection ----------------------------------------------------------------------------


@rfc("7118", "5")
def test_an_invalid_contact_is_reached_by_its_websocket(web):
    server = web()
    browser = Browser(server).send(register(server))
    (binding,) = server.contacts("alice")
    assert binding.reach in server.engine.flows
    assert binding.uri == "sip:alice@df7jal23ls0d.invalid;transport=ws"
    browser.stream.close("tab closed")
    server.advance(1)
    assert server.contacts("alice") == []


def test_a_call_goes_to_the_browser_and_back(sip):
    from pipeline.testing.server import CALLS

    toml = PLAIN + "\n[context.default]\nusers = true\n"
    server = sip(toml, transport=["udp", "tcp", "websocket"], **CALLS)
    browser = Browser(server).send(register(server))
    phone = server.phone("bob")
    server.wait(phone.register())
    server.send(
        server.message(
            "INVITE",
            "alice",
            from_="bob",
            headers=[("Content-Type", "application/sdp")],
            body=b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
        )
    )
    server.replies()
    server.advance(1)
    invites = [message for message in browser.messages if message.is_request and message.method == "INVITE"]
    assert invites[0].uri_text == "sip:alice@df7jal23ls0d.invalid;transport=ws"
    assert invites[0].via.transport == "WS"
    assert "transport=ws" in invites[0].contacts[0].uri.text


@rfc("7118", "5")
def test_a_browser_that_calls_gets_the_bye_also_where_contacts_are_believed(sip):
    from pipeline.testing.server import CALLS

    toml = PLAIN + '[context.default]\nextensions = { "100" = ["answer", { wait = 1 }] }\n[plugin.nat]\nrewrite_contact = "never"\n'
    server = sip(toml, transport=["udp", "tcp", "websocket"], **{**CALLS, "intercept": ["nat"]})
    body = b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
    fields = [("Via", "SIP/2.0/WS df7jal.invalid;branch=z9hG4bKi"), ("Contact", "<sip:alice@df7jal.invalid;transport=ws>")]
    browser = Browser(server)
    browser.send(server.message("INVITE", "100", headers=[*fields, ("Content-Type", "application/sdp")], body=body))
    ok = browser.messages[-1]
    assert ok.status == 200
    inside = [("Via", "SIP/2.0/WS df7jal.invalid;branch=z9hG4bKa"), ("From", ok.get("from")), ("To", ok.get("to")), ("Call-ID", ok.call_id)]
    browser.send(server.message("ACK", uri=str(ok.contacts[0].uri), headers=inside))
    server.advance(2)
    assert [message.method for message in browser.messages if message.is_request] == ["BYE"]


def test_we_open_no_websocket_ourselves(web):
    server, told = web(), []
    fields = [("From", "<sip:a@example.com>;tag=1"), ("To", "<sip:b@x>"), ("Call-ID", "x"), ("CSeq", "1 OPTIONS")]
    server.engine.request(Request.new("OPTIONS", "sip:b@10.0.0.7", fields), Target("10.0.0.7", 80, "WS"), told.append)
    server.advance(1)
    assert "its own connection only" in told[0].reason


def test_a_reload_keeps_every_websocket(web):
    server = web()
    browser = Browser(server).send(register(server))
    server.run(
        server.engine.reload(
            build(Document(server.folder / "pipeline.toml", server.text.replace("[plugin.websocket]", "[plugin.websocket]\nidle = 50")))
        )
    )
    server.advance(120)
    assert browser.send(options(server, 9)).statuses() == [200, 200]


# -- over TLS ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wss", [True, False])
def test_a_websocket_must_be_open_in_one_time_from_the_connection_on(sip, authority, wss):
    cert, key = authority.issue("wss", "ip:10.0.0.1")
    server = sip(PLAIN + (f'certificates = [{{cert = "{cert}", key = "{key}"}}]\n' if wss else ""), transport=["udp", "tcp", "websocket"])
    stream, told = server.run(Browser._open(server, "10.0.0.9", "10.0.0.1")), []
    server.advance(5)
    if wss:
        stream = SecureStream(stream, authority.client(), lambda _: None, server=False)
    stream.on_data, stream.on_closed = (lambda _: None), told.append
    server.advance(2.9)
    assert not told
    server.advance(0.5)
    assert told
    assert server.told("flow.refused")[-1].fields["reason"] == "handshake_seconds: no WebSocket within 8 s"
    assert Browser(server, context=authority.client() if wss else None).open
    server.advance(9)
    assert len(server.told("flow.refused")) == 1


def test_with_certificates_it_is_wss_and_sips_is_served(sip, authority):
    cert, key = authority.issue("wss", "ip:10.0.0.1")
    server = sip(PLAIN + f'certificates = [{{cert = "{cert}", key = "{key}"}}]', transport=["udp", "tcp", "websocket"])
    browser = Browser(server, context=authority.client())
    via = [("Via", "SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bKwss1")]
    browser.send(server.message("OPTIONS", uri="sips:example.com", headers=via))
    assert browser.statuses() == [200]
    assert browser.messages[0].via.transport == "WSS"
    assert [transport for _, transport, _ in server.engine.listeners if transport.startswith("W")] == ["WSS", "WSS"]
    browser.send(register(server, n=2, transport="WSS"))
    assert server.contacts("alice")[0].reach.startswith("flow:")


# -- pages -------------------------------------------------------------------------------------------------------------


def get(server, path, *, method="GET", more=""):
    """Return status, head fields and body."""
    stream, got = server.run(Browser._open(server, "10.0.0.9", "10.0.0.1")), bytearray()
    stream.on_closed, stream.on_data = (lambda _: None), got.extend
    stream.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode())
    server.advance(1)
    assert stream.closed
    head, _, body = bytes(got).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]) if lines[0] else 0, dict(line.split(": ", 1) for line in lines[1:]), body


def test_health_says_that_all_is_well(web):
    server = web()
    Browser(server)
    status, fields, body = get(server, "/health")
    assert status == 200
    assert fields["Content-Type"] == "application/json"
    assert json.loads(body) == {"status": "ok", "name": "test", "connections": 1}
    server.engine.overloaded = True
    assert get(server, "/health")[0] == 503
    assert not server.told("flow.refused")


def test_without_a_folder_anything_else_is_told_what_this_is(web):
    assert get(web(), "/")[0] == 426


@pytest.fixture
def pages(web, tmp_path):
    folder = tmp_path / "www"
    (folder / "lib").mkdir(parents=True)
    (folder / "index.html").write_text("<p>hello</p>")
    (folder / "lib" / "a b.js").write_text("js")
    (folder / ".secret").write_text("secret")
    (folder / "big.bin").write_bytes(b"x" * 1_100_000)
    (tmp_path / "outside.txt").write_text("outside")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    return web(f'folder = "{folder}"')


def test_a_page_that_is_not_read_counts_against_its_source_until_it_is_given_up(web, pages):
    (pages.folder / "www" / "page.bin").write_bytes(b"x" * 900_000)
    sources, streams = pages.engine.sources, []
    for _ in range(3):
        stream = pages.run(Browser._open(pages, "10.0.0.9", "10.0.0.1"))
        stream.write(b"GET /page.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        pages.advance(0.1)
        streams.append(stream)
    assert sources.open == len(sources.unproved) == 3
    got = bytearray()
    streams[0].on_data = got.extend
    pages.advance(0.5)
    assert len(got) > 900_000
    assert sources.open == 2
    pages.advance(2)
    assert sources.open == 0
    assert sources.by_key == {}


def test_of_too_many_pages_that_are_not_read_the_oldest_is_given_up(web, tmp_path):
    (tmp_path / "page.bin").write_bytes(b"x" * 900_000)
    server = web(f'folder = "{tmp_path}"\nunproved_per_source = 2')
    for _ in range(10):
        stream = server.run(Browser._open(server, "10.0.0.9", "10.0.0.1"))
        stream.write(b"GET /page.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        server.advance(0.1)
        assert server.engine.sources.open <= 2
    assert server.engine.sources.crowded == 8


def test_a_folder_is_served(pages):
    assert get(pages, "/")[::2] == (200, b"<p>hello</p>")
    assert get(pages, "/")[1]["Content-Type"] == "text/html; charset=utf-8"
    status, fields, body = get(pages, "/lib/a%20b.js?v=1")
    assert (status, body) == (200, b"js")
    assert "javascript" in fields["Content-Type"]
    assert fields["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/missing",
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/lib/..%2f..%2foutside.txt",
        "//etc/passwd",
        "/link.txt",
        "/.secret",
        "/lib",
        "/a%00b",
        "/..\\outside.txt",
        "/big.bin",
    ],
)
def test_nothing_outside_the_folder_is_read(pages, path):
    status, _, body = get(pages, path)
    assert status == 404
    assert b"outside" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "nonsense"])
def test_only_get_is_served(pages, method):
    assert get(pages, "/", method=method, more="Content-Length: 0\r\n")[0] in (400, 405, 426)


# -- the file ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('origins = ["phone.example.com"]', "write it as browsers do"),
        ('origins = ["https://phone.example.com/page"]', "without a path"),
        ('folder = "nowhere"', "nowhere: there is no such folder"),
        ('certificates = [{cert = "nowhere.pem"}]', "nowhere.pem: no such file or directory"),
        ('certificates = [{file = "nowhere.pem"}]', "a certificate has no key 'file'"),
        ("certificates = [{}]", "each needs cert"),
        ("ping = -1", "ping must be at least 0"),
    ],
)
def test_check_says_what_is_wrong_and_where(tmp_path, more, told):
    with pytest.raises(Problems) as caught:
        build(Document(tmp_path / "pipeline.toml", toml_of(PLAIN + more, {"transport": ["udp", "websocket"]})))
    assert told in str(caught.value)
    assert "pipeline.toml:3:" in str(caught.value)

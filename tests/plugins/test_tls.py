"""TLS on the network in memory: handshakes, names, SNI, client certificates, reload, sips; and openssl s_client on a real loopback."""

import contextlib
import gc
import socket
import ssl
import subprocess
import threading
import tracemalloc
from types import SimpleNamespace

import pytest

from pipeline.config import Document, Problems, build
from pipeline.conformance.marks import rfc
from pipeline.flow import Target
from pipeline.sip.message import Request
from pipeline.sip.parser import parse
from pipeline.tls.hello import Hello
from pipeline.tls.stream import SecureStream
from pipeline.tls.transport import Handshake


class Client:
    """One TLS connection to the server, by hand."""

    def __init__(self, server, context, *, name=None, address="10.0.0.9", port=5061, to="10.0.0.1"):
        self.server, self.data, self.closed, self.secured = server, b"", None, False
        stream = server.run(self._open(server, address, to, port))
        self.below = stream
        self.stream = SecureStream(stream, context, self._secured, server=False, name=name)
        self.stream.on_closed = lambda reason: setattr(self, "closed", reason)
        server.advance(0.3)
        self.closed = self.closed or stream.closed or None

    @staticmethod
    async def _open(server, address, to, port):
        return await server.network.host(address).connect(to, port)

    def _secured(self, stream):
        self.secured = True
        stream.on_data = self._came

    def _came(self, data):
        self.data += data

    def send(self, data):
        self.stream.write(data)
        self.server.advance(0.1)
        return self

    def answers(self):
        found, rest = [], self.data
        while b"\r\n\r\n" in rest:
            head, _, tail = rest.partition(b"\r\n\r\n")
            length = int(head.lower().split(b"\r\ncontent-length:")[1].split(b"\r\n")[0])
            found.append(parse(head + b"\r\n\r\n" + tail[:length]))
            rest = tail[length:]
        return found

    @property
    def names(self):
        return [value for kind, value in self.stream.certificate["subjectAltName"] if kind == "DNS"]


@pytest.fixture
def pair(authority):
    return authority.issue("sip.example.com", "dns:sip.example.com", "dns:example.com", "ip:10.0.0.1")


def table(*pairs, more="", bind='"10.0.0.1:5061"'):
    listed = ", ".join(f'{{cert = "{cert}", key = "{key}"}}' for cert, key in pairs)
    return f"[plugin.tls]\nbind = [{bind}]\ncertificates = [{listed}]\n{more}\n"


@pytest.fixture
def secure(sip, pair):
    """A server with TLS, and identify where objects are."""

    def secure(*pairs, more="", toml="", intercept=(), bind='"10.0.0.1:5061"', **stages):
        return sip(
            table(*(pairs or (pair,)), more=more, bind=bind) + toml, transport=["udp", "tcp", "tls"], intercept=list(intercept), **stages
        )

    return secure


def options(server, n=1, uri="", **more):
    via = ("Via", f"SIP/2.0/TLS 10.0.0.9:40000;branch=z9hG4bKtls{n}")
    return server.message("OPTIONS", uri=uri, headers=[via, *more.pop("headers", ())], **more)


def test_a_request_over_tls_is_answered_by_the_connection_it_came_by(secure, authority):
    server = secure()
    client = Client(server, authority.client())
    assert client.secured
    assert client.stream.version == "TLSv1.3"
    client.send(options(server))
    assert [answer.status for answer in client.answers()] == [200]
    assert client.answers()[0].via.transport == "TLS"


def test_many_messages_in_one_record_and_one_in_many_are_all_answered(secure, authority):
    server = secure()
    client = Client(server, authority.client()).send(options(server, 1) + options(server, 2))
    for byte in options(server, 3):
        client.stream.write(bytes([byte]))
    server.advance(1)
    assert [answer.status for answer in client.answers()] == [200, 200, 200]


def test_many_records_in_one_read_are_taken_as_one_and_in_turns(secure, authority, monkeypatch):
    server = secure()
    server.network.chunks = False
    client = Client(server, authority.client()).send(options(server, 1))
    (flow,) = server.engine.flows.values()
    taken, take, heard, receive = [], type(flow).take, [], server.engine.receive
    monkeypatch.setattr(type(flow), "take", lambda self, data: (taken.append(data), take(self, data))[1])
    monkeypatch.setattr(server.engine, "receive", lambda data, by: (heard.append(data), receive(data, by)))
    for n in range(2, 52):
        client.stream.write(options(server, n))
    client.stream.close("that was all")  # close_notify, in the same read
    server.advance(0.1)
    assert [bool(data) for data in taken] == [True, False, False, False]
    assert len(heard) == 50
    assert len(server.told("flow.closed")) == 1
    assert server.engine.flows == {}


def test_it_listens_on_ipv6_too(secure, authority):
    server = secure(bind='"10.0.0.1:5061", "[fd00::1]:5061"')
    client = Client(server, authority.client(), address="fd00::9", to="fd00::1").send(options(server))
    assert [answer.status for answer in client.answers()] == [200]


@rfc("8996", "5")
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_nothing_below_tls_1_2_is_spoken(secure, authority, version):
    server = secure()
    context = authority.client(version=ssl.TLSVersion[version])
    context.set_ciphers("ALL:@SECLEVEL=0")
    client = Client(server, context)
    assert not client.secured
    assert server.told("flow.refused")


def test_min_version_1_3_refuses_1_2(secure, authority):
    server = secure(more='min_version = "1.3"')
    assert not Client(server, authority.client(version=ssl.TLSVersion.TLSv1_2)).secured
    assert Client(server, authority.client()).secured


def test_the_cipher_option_decides_the_suites_of_tls_1_2(secure, authority):
    server = secure(more='ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305"')
    client = Client(server, authority.client(version=ssl.TLSVersion.TLSv1_2))
    assert client.stream.cipher == "ECDHE-ECDSA-CHACHA20-POLY1305"


@rfc("6066", "3")
def test_who_asks_for_a_name_gets_its_certificate_and_who_asks_for_none_the_first(secure, authority, pair):
    other = authority.issue("other.example.org", "dns:other.example.org", "dns:*.example.org")
    server = secure(pair, other)
    shown = {name: Client(server, authority.client(), name=name).names[0] for name in ("other.example.org", "a.example.org", "who.example")}
    assert shown == {"other.example.org": "other.example.org", "a.example.org": "other.example.org", "who.example": "sip.example.com"}
    assert Client(server, authority.client()).names[0] == "sip.example.com"


# -- client certificates -----------------------------------------------------------------------------------------------

TRUNK = """
[endpoint.trunk]
auth = []
[endpoint.trunk2]
auth = []
[identify.trunk]
endpoint = "trunk"
certificate = ["trunk.example.net"]
[identify.both]
endpoint = "trunk2"
certificate = ["sip:bob@example.net", "shared.example.net"]
[identify.also]
endpoint = "trunk"
certificate = ["shared.example.net"]
"""


def asked(authority, how):
    return f'client_certificates = "{how}"\nclient_ca = "{authority.file}"'


def whose(server):
    """Which endpoint the last request was identified as."""
    return seen[-1] if (seen := server.seen) else None


@pytest.fixture
def identifying(secure, authority, write):
    def identifying(how="ask", toml=TRUNK):
        probe = write(
            "seen",
            """
            @plugin
            class Seen:
                stage: ClassVar[str] = "intercept"
                @hookimpl
                def intercept(self, message, passage):
                    LOG.append(passage.endpoint and passage.endpoint.id)
            """,
        )
        server = secure(more=asked(authority, how), toml=toml + probe, intercept=["identify", "seen"])
        server.seen = next(
            listing.plugin for listing in server.engine.generation.listings() if listing.name == "seen"
        ).intercept.__func__.__globals__["LOG"]
        return server

    return identifying


def test_a_client_certificate_says_which_endpoint_it_is(identifying, authority):
    server = identifying()
    cert = authority.issue("trunk", "dns:trunk.example.net")
    Client(server, authority.client(cert)).send(options(server, from_="anybody"))
    assert whose(server) == "trunk"


def test_a_sip_uri_with_a_user_names_a_person(identifying, authority):
    server = identifying()
    cert = authority.issue("bob", "uri:sip:bob@EXAMPLE.net")
    Client(server, authority.client(cert)).send(options(server, from_="anybody"))
    assert whose(server) == "trunk2"


@pytest.mark.parametrize(
    ("name", "alternatives"),
    [
        ("two", ("dns:trunk.example.net", "dns:shared.example.net", "uri:sip:bob@example.net")),  # of two endpoints
        ("shared", ("dns:shared.example.net",)),
        ("wild", ("dns:*.example.net",)),
        ("below", ("dns:a.trunk.example.net",)),
        ("trunk.example.net", ("dns:else.example.net",)),  # the common name counts only where there is no alternative name
        ("uri-first", ("uri:sip:else.example.net", "dns:trunk.example.net")),  # RFC 5922 7.1: a sip URI hides the DNS names
    ],
)
def test_a_certificate_that_fits_no_endpoint_or_several_identifies_nobody(identifying, authority, name, alternatives):
    server = identifying()
    Client(server, authority.client(authority.issue(name, *alternatives, file="x" + name))).send(options(server, from_="anybody"))
    assert whose(server) is None


def test_an_endpoint_known_by_its_certificate_is_not_known_by_its_name(identifying, authority):
    server = identifying()
    Client(server, authority.client()).send(options(server, from_="trunk"))
    assert whose(server) is None
    server.send(server.message("OPTIONS", from_="trunk"))
    server.replies()
    assert whose(server) is None


@rfc("5922", "7.4")
def test_a_certificate_of_a_stranger_is_refused_and_none_at_all_only_where_it_is_required(identifying, authority, stranger):
    server = identifying()
    cert = stranger.issue("trunk", "dns:trunk.example.net")
    context = authority.client(cert)
    client = Client(server, context)
    assert client.closed
    assert server.engine.flows == {}
    assert Client(server, authority.client()).closed is None


def test_required_means_required(identifying, authority):
    server = identifying("require")
    assert Client(server, authority.client()).closed
    assert Client(server, authority.client(authority.issue("t", "dns:trunk.example.net"))).closed is None


# -- half-open, slow, idle ---------------------------------------------------------------------------------------------


def raw(server, address="10.0.0.9"):
    return server.run(Client._open(server, address, "10.0.0.1", 5061))


def test_a_handshake_that_is_not_finished_in_time_is_cut_off(secure):
    server = secure()
    stream, told = raw(server), []
    stream.on_closed = told.append
    stream.on_data = lambda _: None
    stream.write(b"\x16\x03\x01")
    server.advance(7)
    assert not told
    server.advance(2)
    assert told
    assert "handshake_seconds" in server.told("flow.refused")[-1].fields["reason"]


def test_clienthello_and_handshake_have_one_time_together(secure, authority):
    server = secure()
    stream, told, hello = raw(server), [], ssl.MemoryBIO()
    stream.on_closed = told.append
    stream.on_data = lambda _: None
    with pytest.raises(ssl.SSLWantReadError):
        authority.client().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="example.com").do_handshake()
    server.advance(5)
    stream.write(hello.read())
    server.advance(2.9)
    assert not told
    server.advance(0.5)
    assert told
    assert server.told("flow.refused")[-1].fields["reason"] == "handshake_seconds: no TLS handshake within 8 s"


@pytest.mark.parametrize("host", ["10.0.0.1", "10.0.0.77"], ids=["a reload", "a reload that fails"])
def test_a_handshake_goes_on_over_a_reload_in_the_time_that_it_was_given(secure, authority, host):
    server = secure()
    slow, late = raw(server), raw(server)
    closed = []
    late.on_data, late.on_closed = (lambda _: None), closed.append
    server.advance(5)
    with contextlib.suppress(Problems):
        reload(server, server.text.replace("10.0.0.1:5061", f"{host}:5061"))
    opened = SecureStream(slow, authority.client(), lambda _: None, server=False, name="example.com")
    server.advance(3.5)
    assert closed
    server.advance(10)
    assert opened.secured and not opened.closed


def test_nothing_of_a_connection_that_ends_before_its_handshake_waits_for_the_collector(secure):
    server = secure()
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            stream = raw(server)
            stream.on_data = lambda _: None
            stream.write(b"\x16\x03\x01")
            server.advance(0.1)
            stream.reset()
            del stream
        server.advance(0.5)
        assert not [each for each in gc.get_objects() if isinstance(each, (Hello, Handshake))]
    finally:
        gc.enable()


def test_what_waits_for_a_client_hello_takes_half_a_kilobyte_beside_its_stream_and_place():
    transport, both = SimpleNamespace(_open=None, _handshakes=None), [SimpleNamespace() for _ in range(200)]
    for each in both:
        each.on_data = each.on_closed = each.shaking = None
    tracemalloc.start()
    try:
        for stream, place in zip(both[::2], both[1::2], strict=True):
            Handshake(transport, None, stream, place)
        taken = tracemalloc.get_traced_memory()[0] / 100
    finally:
        tracemalloc.stop()
    assert taken < 512


def test_what_is_no_tls_at_all_is_closed_at_once(secure):
    server = secure()
    stream, told = raw(server), []
    stream.on_closed = told.append
    stream.on_data = lambda _: None
    stream.write(b"OPTIONS sip:example.com SIP/2.0\r\n\r\n")
    server.advance(0.2)
    assert told


def bound(server, n):
    """A REGISTER after which a binding needs the connection."""
    via = ("Via", f"SIP/2.0/TLS 10.0.0.9:40000;branch=z9hG4bKbound{n}")
    contact = ("Contact", f"<sip:u{n}@abc.invalid;transport=tls>")
    return server.message("REGISTER", headers=[via, contact, ("Call-ID", f"bound{n}")])


def test_who_holds_connections_open_and_brings_nothing_makes_room_for_who_does(secure, authority, plugin_of):
    server = secure(more="unproved_per_source = 3\nper_source = 5")
    elsewhere = Client(server, authority.client(), address="10.0.0.8")
    waiting = [raw(server) for _ in range(3)]
    for stream in waiting:
        stream.on_data = lambda _: None
    good = [Client(server, authority.client()).send(bound(server, n)) for n in range(5)]
    assert all(each.closed is None and each.answers() for each in good)
    assert elsewhere.closed is None
    server.advance(1)
    assert all(stream.closed for stream in waiting)
    assert Client(server, authority.client()).closed
    stats = plugin_of(server, "tls").stats()
    assert (stats["crowded"], stats["refused"]) == (3, 1)
    for each in good:
        each.stream.close("gone")
    server.advance(1)
    assert list(server.engine.sources.by_key) == ["10.0.0.8"]


@rfc("8446", "6.1")
def test_who_has_to_make_room_is_told_so_with_close_notify(secure, authority, monkeypatch):
    server = secure(more="unproved_per_source = 1\nper_source = 1")
    first = Client(server, authority.client())
    ends, read = [], SecureStream._read
    monkeypatch.setattr(SecureStream, "_read", lambda self: (found := read(self), ends.append((self, type(found[1]))))[0])
    second = Client(server, authority.client())
    server.advance(0.1)
    assert (first.stream, ssl.SSLZeroReturnError) in ends  # which is close_notify
    assert first.closed == "closed by the peer"
    assert server.told("flow.closed")[-1].fields["reason"].startswith("it brought no request")
    assert second.closed is None
    assert server.engine.sources.open == 1


def test_a_connection_that_is_lost_takes_its_binding_along(secure, authority):
    server = secure()
    contact = ("Contact", "<sip:alice@10.0.0.9:40000;transport=tls>")
    via = ("Via", "SIP/2.0/TLS 10.0.0.9:40000;branch=z9hG4bKreg1")
    client = Client(server, authority.client()).send(server.message("REGISTER", headers=[via, contact, ("Expires", "3600")]))
    assert client.answers()[0].status == 200
    (binding,) = server.contacts("alice")
    assert binding.reach.startswith("flow:")  # no certificate could prove an address
    server.advance(900)
    assert client.closed is None
    client.stream.close("gone")
    server.advance(1)
    assert server.contacts("alice") == []
    assert [event.fields["reason"] for event in server.told("flow.closed")] == ["closed by the peer"]


def test_an_idle_connection_that_nobody_needs_is_closed(secure, authority):
    server = secure(more="idle = 60")
    client = Client(server, authority.client()).send(options(server))
    server.advance(70)
    assert client.closed


# -- connecting to others ----------------------------------------------------------------------------------------------


class Peer:
    """A TLS server by hand: answers every request with 200."""

    def __init__(self, server, context, address="10.0.0.7"):
        self.received, self.names, self.closed, self.streams = [], [], [], []
        server.network.host(address).listen(address, 5061, lambda stream: self._accept(stream, context))

    def _accept(self, below, context):
        stream = SecureStream(below, context, self._secured)
        stream.on_closed = self.closed.append

    def _secured(self, stream):
        self.names.append(stream.names)
        self.streams.append(stream)

        def came(data):
            message = parse(data)
            self.received.append(message)
            if not message.is_request:
                return
            lines = [f"{name}: {value}" for name, value in message.items() if name.lower() in ("via", "from", "to", "call-id", "cseq")]
            stream.write(("SIP/2.0 200 OK\r\n" + "\r\n".join(lines) + "\r\nContent-Length: 0\r\n\r\n").encode())

        stream.on_data = came


def serving(pair, authority=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    if authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.file)
    return context


def ask(server, target, uri="sip:bob@example.net"):
    told = []
    fields = [
        ("From", "<sip:a@example.com>;tag=1"),
        ("To", "<sip:bob@example.net>"),
        ("Call-ID", server.engine.token()),
        ("CSeq", "1 OPTIONS"),
    ]
    server.engine.request(Request.new("OPTIONS", uri, fields), target, told.append)
    server.advance(2)
    return told[-1] if told else None


@rfc("5922", "7.3")
@pytest.mark.parametrize(
    ("alternatives", "good"),
    [
        (("dns:example.net",), True),
        (("dns:EXAMPLE.NET",), True),
        (("uri:sip:example.net",), True),
        (("uri:sip:example.net", "dns:else.example"), True),
        ((), True),  # the common name
        (("uri:sip:else.example", "dns:example.net"), False),
        (("uri:sip:bob@example.net",), False),
        (("dns:*.net", "dns:sip.example.net"), False),
        (("dns:net",), False),
    ],
)
def test_a_server_must_prove_the_domain_that_was_asked_for(secure, authority, alternatives, good):
    server = secure(more=f'ca = "{authority.file}"')
    peer = Peer(server, serving(authority.issue("example.net", *alternatives, file="peer" + str(len(repr(alternatives))))))
    outcome = ask(server, Target("10.0.0.7", 5061, "TLS", "example.net"))
    assert (hasattr(outcome, "response") and outcome.response.status == 200) is good
    if not good:
        assert not peer.received
        assert "not for example.net" in server.told("flow.refused")[-1].fields["reason"]


@rfc("5922", "7.2")
def test_a_literal_is_proved_by_its_address_in_the_certificate(secure, authority):
    server = secure(more=f'ca = "{authority.file}"')
    Peer(server, serving(authority.issue("seven", "ip:10.0.0.7")))
    Peer(server, serving(authority.issue("eight", "dns:10.0.0.6")), "10.0.0.6")
    assert ask(server, Target("10.0.0.7", 5061, "TLS")).response.status == 200
    assert "not for 10.0.0.6" in ask(server, Target("10.0.0.6", 5061, "TLS")).reason


def test_a_server_whose_authority_is_not_trusted_gets_nothing(secure, authority, stranger):
    server = secure(more=f'ca = "{authority.file}"')
    peer = Peer(server, serving(stranger.issue("example.net", "dns:example.net")))
    assert "certificate verify failed" in ask(server, Target("10.0.0.7", 5061, "TLS", "example.net")).reason
    assert not peer.received


@rfc("5923", "9.1")
def test_our_own_certificate_is_shown_to_a_server_that_asks_and_the_connection_is_used_again_for_its_domains_only(secure, authority):
    server = secure(more=f'ca = "{authority.file}"')
    peer = Peer(server, serving(authority.issue("two", "dns:example.net", "dns:example.org"), authority))
    for name in ("example.net", "example.org", "example.net"):
        assert ask(server, Target("10.0.0.7", 5061, "TLS", name)).response.status == 200
    assert peer.names == [("sip.example.com", "example.com")]
    assert not hasattr(ask(server, Target("10.0.0.7", 5061, "TLS", "example.com")), "response")


# -- connections in both directions: RFC 5923 ------------------------------------------------------------------------------


@rfc("5923", "8.1", "9.1")
def test_the_via_of_our_requests_says_alias_where_the_server_has_proved_its_domain(secure, authority):
    server = secure(more=f'ca = "{authority.file}"')
    peer = Peer(server, serving(authority.issue("example.net", "dns:example.net")))
    ask(server, Target("10.0.0.7", 5061, "TLS", "example.net"))
    assert "alias" in peer.received[0].via.params
    assert (peer.received[0].via.host, peer.received[0].via.port) == ("10.0.0.1", 5061)
    literal = Peer(server, serving(authority.issue("eight", "ip:10.0.0.8")), "10.0.0.8")
    ask(server, Target("10.0.0.8", 5061, "TLS"))
    assert "alias" not in literal.received[0].via.params
    bob = server.phone("bob")
    ask(server, Target(*bob.address, "UDP"))
    assert "alias" not in bob.received[0].via.params


@rfc("5923", "9.1")
def test_nothing_of_ours_says_alias_where_servers_are_not_verified(secure, authority):
    server = secure(more="verify_server = false")
    peer = Peer(server, serving(authority.issue("example.net", "dns:example.net")))
    ask(server, Target("10.0.0.7", 5061, "TLS", "example.net"))
    assert "alias" not in peer.received[0].via.params


@rfc("5923", "8.1")
def test_requests_are_taken_by_a_connection_that_we_have_opened(secure, authority):
    server = secure(more=f'ca = "{authority.file}"')
    peer = Peer(server, serving(authority.issue("example.net", "dns:example.net")))
    ask(server, Target("10.0.0.7", 5061, "TLS", "example.net"))
    peer.streams[0].write(server.message("OPTIONS", headers=[("Via", "SIP/2.0/TLS example.net;branch=z9hG4bKback;alias")]))
    server.advance(1)
    assert peer.received[-1].status == 200
    assert len(peer.streams) == 1


def neighbour(server, authority, cert, via, address="10.0.0.9"):
    """A server that has connected to us and sent a request with this Via."""
    client = Client(server, authority.client(cert) if cert else authority.client(), address=address)
    client.send(server.message("OPTIONS", headers=[("Via", f"SIP/2.0/TLS {via}")]))
    assert client.answers()[0].status == 200
    client.data = b""
    return client


@rfc("5923", "8.2", "9.2")
@pytest.mark.parametrize(
    ("sent_by", "target", "used"),
    [
        ("p1.example.net:5071;branch=z9hG4bK1;alias", ("10.0.0.9", 5071, "example.net"), True),
        ("p1.example.net:5071;branch=z9hG4bK1;alias", ("10.0.0.9", 5071, "P1.example.net"), True),
        ("p1.example.net;branch=z9hG4bK1;alias", ("10.0.0.9", 5061, "example.net"), True),
        ("p1.example.net:5071;branch=z9hG4bK1", ("10.0.0.9", 5071, "example.net"), False),
        ("p1.example.net:5071;branch=z9hG4bK1;alias", ("10.0.0.9", 5061, "example.net"), False),
        ("p1.example.net:5071;branch=z9hG4bK1;alias", ("10.0.0.8", 5071, "example.net"), False),
        ("p1.example.net:5071;branch=z9hG4bK1;alias", ("10.0.0.9", 5071, "example.org"), False),
        ("p1.example.net:5071;branch=z9hG4bK1;alias", ("10.0.0.9", 5071, ""), False),
        ("10.0.0.8:5071;branch=z9hG4bK1;received=10.0.0.8;alias", ("10.0.0.8", 5071, "example.net"), False),
    ],
)
def test_a_neighbours_connection_is_used_for_the_address_and_the_domains_that_are_his(secure, authority, sent_by, target, used):
    server = secure(more=f'ca = "{authority.file}"\n' + asked(authority, "ask"))
    client = neighbour(server, authority, authority.issue("p1", "dns:p1.example.net", "dns:example.net", "ip:10.0.0.9"), sent_by)
    host, port, name = target
    ask(server, Target(host, port, "TLS", name))
    assert client.data.startswith(b"OPTIONS sip:bob@example.net") is used


@rfc("5923", "8.2")
def test_a_neighbours_connection_is_used_whichever_instance_he_has_connected_to(sip, pair, authority):
    second = table(pair, more=asked(authority, "ask"), bind='"10.0.0.1:5081"').replace("[plugin.tls]", '[plugin.tls_ask]\nuse = "tls"')
    server = sip(table(pair, more=f'ca = "{authority.file}"') + second, transport=["udp", "tls", "tls_ask"])
    client = Client(server, authority.client(authority.issue("p1", "dns:example.net")), address="10.0.0.9", port=5081)
    client.send(server.message("OPTIONS", headers=[("Via", "SIP/2.0/TLS p1.example.net:5071;branch=z9hG4bK1;alias")]))
    client.data = b""
    ask(server, Target("10.0.0.9", 5071, "TLS", "example.org"))
    assert client.data == b""
    ask(server, Target("10.0.0.9", 5071, "TLS", "example.net"))
    assert client.data.startswith(b"OPTIONS sip:bob@example.net")
    assert b"SIP/2.0/TLS 10.0.0.1:5081" in client.data


@rfc("5923", "8.2")
@pytest.mark.parametrize("first", ["", "ca", "client_ca"])
def test_a_neighbours_connection_to_an_instance_that_other_authorities_vouch_for_clients_of_is_not_used(
    sip, pair, authority, stranger, first
):
    more = {"": "", "ca": f'ca = "{authority.file}"', "client_ca": asked(authority, "ask")}[first]
    second = table(pair, more=asked(stranger, "ask"), bind='"10.0.0.1:5081"').replace("[plugin.tls]", '[plugin.tls_ask]\nuse = "tls"')
    server = sip(table(pair, more=more) + second, transport=["udp", "tls", "tls_ask"])
    context = authority.client(stranger.issue("p1", "dns:example.net"))
    client = Client(server, context, address="10.0.0.9", port=5081)
    client.send(server.message("OPTIONS", headers=[("Via", "SIP/2.0/TLS p1.example.net:5071;branch=z9hG4bK1;alias")]))
    assert [answer.status for answer in client.answers()] == [200]
    client.data = b""
    ask(server, Target("10.0.0.9", 5071, "TLS", "example.net"))
    assert client.data == b""


@rfc("5923", "9.2")
def test_without_a_certificate_or_with_that_of_a_person_alias_says_nothing(secure, authority):
    server = secure(more=f'ca = "{authority.file}"\n' + asked(authority, "ask"))
    via = "example.net:5071;branch=z9hG4bK1;alias"
    none = neighbour(server, authority, None, via)
    person = neighbour(server, authority, authority.issue("ann", "uri:sip:ann@example.net"), via)
    ask(server, Target("10.0.0.9", 5071, "TLS", "example.net"))
    assert none.data == person.data == b""


@rfc("5923", "8.2")
def test_a_connection_is_the_alias_of_one_port_and_of_none_when_it_is_closed(secure, authority, plugin_of):
    server = secure(more=f'ca = "{authority.file}"\n' + asked(authority, "ask"))
    client = neighbour(
        server, authority, authority.issue("p1", "dns:example.net", "dns:example.org"), "example.net:1;branch=z9hG4bK1;alias"
    )
    aliases = plugin_of(server, "tls")._open.aliases
    for port in range(2, 30):
        client.send(server.message("OPTIONS", headers=[("Via", f"SIP/2.0/TLS example.net:{port};branch=z9hG4bK{port};alias")]))
    assert set(aliases) == {("10.0.0.9", 29, "example.net"), ("10.0.0.9", 29, "example.org")}
    client.stream.close()
    server.advance(1)
    assert not aliases
    assert not hasattr(ask(server, Target("10.0.0.9", 29, "TLS", "example.net")), "response")


def test_a_server_that_never_finishes_the_handshake_is_given_up(secure, authority):
    server = secure(more=f'ca = "{authority.file}"')
    server.network.host("10.0.0.7").listen("10.0.0.7", 5061, lambda stream: None)
    told = []
    fields = [("From", "<sip:a@example.com>;tag=1"), ("To", "<sip:bob@example.net>"), ("Call-ID", "x"), ("CSeq", "1 OPTIONS")]
    server.engine.request(Request.new("OPTIONS", "sip:b@example.net", fields), Target("10.0.0.7", 5061, "TLS", "example.net"), told.append)
    server.advance(9)
    assert "handshake_seconds" in told[0].reason


# -- sips --------------------------------------------------------------------------------------------------------------


@rfc("3261", "26.2.2")
@rfc("5630", "3.1.3")
def test_a_request_to_a_sips_uri_is_served_over_tls_and_refused_over_anything_else(secure, authority):
    server = secure()
    client = Client(server, authority.client()).send(options(server, uri="sips:example.com"))
    assert client.answers()[0].status == 200
    assert server.request("OPTIONS", uri="sips:example.com").status == 403


@rfc("3261", "26.2.2")
def test_a_request_of_ours_to_a_sips_uri_goes_by_tls_or_not_at_all(secure, authority):
    server = secure(more=f'ca = "{authority.file}"')
    peer = Peer(server, serving(authority.issue("example.net", "dns:example.net")))
    assert "never goes by UDP" in ask(server, Target("10.0.0.7", 5060, "UDP"), "sips:bob@example.net").reason
    assert "never goes by TCP" in ask(server, Target("10.0.0.1", 5060, "TCP"), "sips:bob@example.net").reason
    assert ask(server, Target("10.0.0.7", 5061, "TLS", "example.net"), "sips:bob@example.net").response.status == 200
    assert peer.received[0].uri_text == "sips:bob@example.net"


@rfc("3261", "8.1.1.8", "12.1.1")
def test_our_contact_is_a_sips_uri_when_the_called_uri_or_the_top_record_route_or_without_one_the_contact_is(secure, authority):
    from pipeline.testing.server import CALLS

    calls = {name: plugins for name, plugins in CALLS.items() if name != "transport"}
    server = secure(toml='[context.default.extensions]\n600 = ["answer", { wait = 9 }]\n', **calls)
    client = Client(server, authority.client())
    body = b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
    for n, (called, theirs, routes, ours) in enumerate(
        [
            ("sips", "sips", (), "sips"),
            ("sip", "sips", (), "sips"),
            ("sip", "sip", (), "sip"),
            ("sip", "sip", ("sips", "sip"), "sips"),
            ("sip", "sips", ("sip", "sips"), "sip"),
            ("sips", "sip", ("sip",), "sips"),
        ]
    ):
        headers = [
            ("Via", f"SIP/2.0/TLS 10.0.0.9:40000;branch=z9hG4bKsips{n}"),
            *(("Record-Route", f"<{scheme}:p{m}.example.net;lr>") for m, scheme in enumerate(routes)),
            ("Contact", f"<{theirs}:alice@10.0.0.9:40000>"),
            ("Content-Type", "application/sdp"),
        ]
        client.send(server.message("INVITE", uri=f"{called}:600@example.com", headers=headers, body=body))
        server.advance(0.3)
        answer = next(each for each in client.answers() if each.status == 200 and f"sips{n}" in each.get("via"))
        wanted = {"sips": "sips:600@10.0.0.1:5061", "sip": "sip:600@10.0.0.1:5061;transport=tls"}[ours]
        assert answer.contacts[0].uri.text == wanted, (called, theirs, routes)


@rfc("3261", "8.1.1.8")
def test_the_contact_of_our_call_is_a_sips_uri_when_its_route_is(secure, authority):
    from pipeline.testing.server import CALLS

    toml = (
        '[endpoint.trunk]\noutbound_proxy = "sips:10.0.0.7:5061;lr"\nauth = []\n'
        '[context.default.extensions]\n600 = [{ dial = "trunk/sip:bob@example.net" }]\n'
    )
    calls = {name: plugins for name, plugins in CALLS.items() if name != "transport"}
    server = secure(more=f'ca = "{authority.file}"', toml=toml, **calls)
    peer = Peer(server, serving(authority.issue("10.0.0.7", "ip:10.0.0.7")))
    body = b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
    server.send(server.message("INVITE", uri="sip:600@example.com", headers=[("Content-Type", "application/sdp")], body=body))
    server.advance(1)
    (invite,) = [each for each in peer.received if each.method == "INVITE"]
    assert invite.uri_text == "sip:bob@example.net"
    assert invite.contacts[0].uri.scheme == "sips"


@rfc("5630", "5.3")
def test_a_call_to_a_sips_uri_rings_only_who_is_reached_over_tls_and_is_never_made_by_less(secure, authority):
    from pipeline.testing.server import CALLS

    calls = {name: plugins for name, plugins in CALLS.items() if name != "transport"}
    server = secure(toml="[context.default]\nusers = true\n", **calls)
    alice, bob = (Client(server, authority.client(), address=address) for address in ("10.0.0.9", "10.0.0.8"))
    server.request("REGISTER", "bob", from_="bob", headers=[("Contact", "<sip:bob@10.0.0.7>")], source=("10.0.0.7", 5060))
    body = b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

    def invite(n):
        headers = [
            ("Via", f"SIP/2.0/TLS 10.0.0.9:40000;branch=z9hG4bKcall{n}"),
            ("Contact", "<sips:alice@10.0.0.9:40000>"),
            ("Content-Type", "application/sdp"),
        ]
        alice.send(server.message("INVITE", uri="sips:bob@example.com", headers=headers, body=body))
        server.advance(1)
        return alice.answers()[-1]

    refused = invite(1)
    assert refused.status == 480
    assert refused.get("warning") == '380 example.com "SIPS Not Allowed"'
    headers = [("Via", "SIP/2.0/TLS 10.0.0.8:40000;branch=z9hG4bKreg"), ("Contact", "<sip:bob@10.0.0.8:40000;transport=tls>")]
    bob.send(server.message("REGISTER", "bob", from_="bob", headers=headers))
    assert invite(2).status == 100
    [asked] = [message for message in bob.answers() if message.is_request]
    assert asked.method == "INVITE"
    assert asked.via.transport == "TLS"
    assert [message for message in server.replies(("10.0.0.7", 5060)) if message.is_request] == []
    bob.stream.close("gone")
    server.advance(1)
    assert invite(3).status == 480


# -- files -------------------------------------------------------------------------------------------------------------


def reload(server, text=None):
    return server.run(server.engine.reload(build(Document(server.folder / "pipeline.toml", server.text if text is None else text))))


def test_a_reload_gives_new_handshakes_the_new_certificate_and_keeps_every_connection(secure, authority):
    cert, key = authority.issue("old.example.com", "dns:old.example.com", file="live")
    server = secure((cert, key))
    old = Client(server, authority.client())
    assert old.names == ["old.example.com"]
    for n in range(10):
        authority.issue("new.example.com", f"dns:new{n}.example.com", file="live")
        reload(server)
        assert Client(server, authority.client(), address="10.0.0.8").names == [f"new{n}.example.com"]
        assert old.send(options(server, n)).answers()[-1].status == 200
    assert old.closed is None


def test_a_reload_says_which_files_it_found_changed(secure, authority):
    cert, key = authority.issue("live.example.com", "dns:live.example.com", file="told")
    server = secure((cert, key), more=f'ca = "{cert}"')
    assert reload(server) == []
    authority.issue("live.example.com", "dns:live.example.com", file="told")
    assert reload(server) == [f"[plugin.tls] {path} was read again: it has changed" for path in (cert, key)]
    assert reload(server) == []
    beside = server.folder / "key.pem"
    beside.write_bytes(key.read_bytes())
    text = server.text.replace(str(key), beside.name)
    assert [line.partition(":")[0] for line in reload(server, text)] == ["[plugin.tls] certificates"]  # told once: by its option
    authority.issue("live.example.com", "dns:live.example.com", file="told")
    beside.write_bytes(key.read_bytes())
    assert reload(server, text) == [f"[plugin.tls] {path} was read again: it has changed" for path in (cert, "key.pem")]


def test_a_reload_with_a_broken_file_is_refused_with_its_line_and_changes_nothing(secure, authority):
    cert, key = authority.issue("here.example.com", "dns:here.example.com", file="broken")
    server = secure((cert, key))
    key.write_text("no key")
    with pytest.raises(Problems) as caught:
        reload(server)
    assert "pipeline.toml:3:" in str(caught.value)
    assert "broken.key: there is no key in it" in str(caught.value)
    assert Client(server, authority.client()).names == ["here.example.com"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda cert, key: cert.unlink(), "f.crt: no such file or directory"),
        (lambda cert, key: key.unlink(), "f.key: no such file or directory"),
        (lambda cert, key: cert.write_text("nothing"), "f.crt: there is no certificate in it"),
        (lambda cert, key: key.write_text("nothing"), "f.key: there is no key in it that can be read"),
    ],
)
def test_check_says_which_file_is_wrong_and_where_it_is_named(authority, tmp_path, change, told):
    cert, key = authority.issue("f")
    change(cert, key)
    text = check(tmp_path, cert, key)
    assert told in text
    assert "pipeline.toml:" in text
    assert "^^^" in text


def check(folder, cert, key, more=""):
    from pipeline.testing.server import toml_of

    text = toml_of(table((cert, key), more=more), {"transport": ["udp", "tls"]})
    try:
        plan = build(Document(folder / "pipeline.toml", text))
    except Problems as problems:
        return str(problems)
    return "\n".join(map(str, plan.warnings))


def test_check_says_that_a_key_belongs_to_another_certificate(authority, tmp_path):
    (cert, _), (_, key) = authority.issue("one"), authority.issue("two")
    assert "two.key: the key does not belong to the certificate one.crt" in check(tmp_path, cert, key)


def test_check_says_that_a_key_is_encrypted(authority, tmp_path):
    assert "the key is encrypted" in check(tmp_path, *authority.issue("locked", password=b"secret"))


def test_check_warns_of_a_certificate_that_has_expired_or_soon_will(authority, tmp_path):
    assert "it expired on" in check(tmp_path, *authority.issue("gone", days=-1, before=30))
    assert "it expires on" in check(tmp_path, *authority.issue("soon", days=3))
    assert "it is not valid before" in check(tmp_path, *authority.issue("later", before=-2))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('client_certificates = "ask"', "needs 'client_ca'"),
        ('client_ca = "nowhere.pem"', "nowhere.pem: no such file"),
        ('ca = "nowhere.pem"', "nowhere.pem: no such file"),
        ('ciphers = "NONSENSE"', "OpenSSL knows none of 'NONSENSE'"),
        ('min_version = "1.1"', "must be one of '1.2' or '1.3'"),
        ("verify_server = false", "servers are not verified"),
    ],
)
def test_check_says_what_else_is_wrong(authority, tmp_path, more, told):
    assert told in check(tmp_path, *authority.issue("fine"), more=more)


def test_check_wants_certificates(tmp_path):
    from pipeline.testing.server import toml_of

    for text, told in (("", "[plugin.tls] needs 'certificates'"), ("[plugin.tls]\ncertificates = []", "certificates is empty")):
        with pytest.raises(Problems, match=told.replace("[", r"\[")):
            build(Document(tmp_path / "pipeline.toml", toml_of(text, {"transport": ["udp", "tls"]})))


# -- the real thing ----------------------------------------------------------------------------------------------------


def test_openssl_finds_no_protocol_below_tls_1_2_and_no_way_to_hold_the_server(authority, pair, tmp_path, real):
    port = real(table(pair, bind='"127.0.0.1:0"'), ["udp", "tls"], "TLS")

    def speaks(*words):
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(authority.file), "-verify_return_error", *words]
        done = subprocess.run(command, input=b"", capture_output=True, timeout=20, check=False)
        return done.returncode == 0 and b"Cipher is (NONE)" not in done.stdout

    assert {flag: speaks(flag, "-cipher", "ALL:@SECLEVEL=0") for flag in ("-tls1", "-tls1_1", "-tls1_2")} == {
        "-tls1": False,
        "-tls1_1": False,
        "-tls1_2": True,
    }
    assert speaks("-tls1_3")
    assert not speaks("-tls1_2", "-cipher", "RC4:3DES:NULL:EXP:aNULL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", port)) as slow:  # a half-open one beside them
        slow.sendall(b"\x16\x03\x01\x02")
        context = authority.client()
        with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain, server_hostname="sip.example.com") as sock:
            sock.sendall(
                b"OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:example.com>\r\n"
                b"Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            )
            assert sock.recv(4096).startswith(b"SIP/2.0 200")


@pytest.fixture
def real(tmp_path):
    """Start a pipeline on real sockets, in a thread of its own; gives the port of its listener."""
    import asyncio

    from pipeline.engine import Pipeline
    from pipeline.testing.server import toml_of

    ends = []

    def real(toml, transports, via):
        text = toml_of(toml + '\n[plugin.udp]\nbind = ["127.0.0.1:0"]\n', {"transport": transports})
        loop, ready = asyncio.new_event_loop(), threading.Event()
        found = {}

        async def serve():
            engine = Pipeline(build(Document(tmp_path / "pipeline.toml", text)), loop)
            await engine.start()
            found["port"] = next(local[1] for _, transport, local in engine.listeners if transport == via)
            found["over"] = over = asyncio.Event()
            ready.set()
            await over.wait()
            await engine.stop(0)

        def run():
            loop.run_until_complete(serve())
            loop.close()

        thread = threading.Thread(target=run)
        thread.start()
        assert ready.wait(20)
        ends.append((loop, found["over"], thread))
        return found["port"]

    yield real
    for loop, over, thread in ends:
        loop.call_soon_threadsafe(over.set)
        thread.join(20)

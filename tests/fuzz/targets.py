"""What is fuzzed: everything that reads what a stranger wrote. Each target takes bytes; what it may raise is Malformed, and nothing else.

Rule: a target also asks what must hold whatever the bytes are: what was read can be written, what was written reads the same again, and no
input of a datagram's size costs more than LONGEST. The engine target is the whole server: it must never raise, and must answer the next.
"""

from __future__ import annotations

import asyncio
import functools
import pathlib
import tempfile
import time

from pipeline.config import Document, build
from pipeline.engine import Pipeline
from pipeline.flow import Flow
from pipeline.sip import digest, identity, info, reason, reliable, replaces, sdp, sdp_attributes, session_timer, stun, t38
from pipeline.sip.address import Address
from pipeline.sip.digest_read import parse_challenge, parse_credentials
from pipeline.sip.framing import Framer, Limits
from pipeline.sip.grammar import Malformed
from pipeline.sip.matching import client_key, merge_key, server_key
from pipeline.sip.message import Request, Response
from pipeline.sip.parser import parse
from pipeline.sip.routing import next_hop, target_of
from pipeline.sip.typed import Message
from pipeline.sip.uri import Uri
from pipeline.sip.validity import check
from pipeline.sip.via import Via
from tests.fuzz.whole import calls, sockets

LONGEST = 0.5
"""Seconds for one input under instrumentation, which makes Python ten to forty times slower; 10 ms without."""
PROPERTIES = sorted(
    name for name in dir(Message) if not name.startswith("_") and not callable(getattr(Message, name)) and name != "is_request"
)
READERS = (
    session_timer.session_expires_of,
    session_timer.min_se_of,
    reliable.rack_of,
    reliable.rseq_of,
    replaces.replaces_of,
    reason.reasons_of,
    identity.asserted_of,
    identity.preferred_of,
    identity.remote_parties_of,
    identity.privacy_of,
    identity.diversions_of,
    info.info_package_of,
    info.recv_info_of,
)
HEAD = b"Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKx;rport\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: x\r\nCSeq: 1 %s\r\nMax-Forwards: 70\r\n"
FIELDS = (
    b"Via", b"From", b"To", b"Call-ID", b"CSeq", b"Contact", b"Route", b"Record-Route", b"Path", b"Max-Forwards", b"Content-Length", b"Expires",
    b"Content-Type", b"Require", b"Proxy-Require", b"Supported", b"Allow", b"Authorization", b"Session-Expires", b"Min-SE", b"RAck", b"RSeq",
    b"Replaces", b"Reason", b"P-Asserted-Identity", b"P-Preferred-Identity", b"Remote-Party-ID", b"Privacy", b"Diversion", b"Info-Package",
    b"Recv-Info", b"Refer-To", b"Event", b"Subscription-State", b"Referred-By", b"SIP-If-Match", b"Accept", b"Retry-After", b"Warning",
    b"Proxy-Authorization", b"WWW-Authenticate", b"Date", b"Timestamp", b"MIME-Version", b"Content-Disposition", b"History-Info",
)  # fmt: skip


def may(fn, *args):
    """Call; Malformed is an answer like another."""
    try:
        return fn(*args)
    except Malformed as error:
        assert error.reason.isprintable() or error.reason, error
        return None


def decoder(data: bytes) -> None:
    """A datagram, and everything that anybody reads of it."""
    message = may(parse, data)
    if message is None:
        return
    assert may(parse, message.encode()) is not None
    touch(message)


def touch(message) -> None:
    """Read every typed property, and do with it what the server does."""
    for name in PROPERTIES:
        may(getattr, message, name)
    for reader in READERS:
        may(reader, message)
    if may(check, message) is None and isinstance(message, Request):
        pass
    try:
        check(message)
    except Malformed:
        return
    if not isinstance(message, Request):
        may(client_key, message)
        return
    message.stamp("192.0.2.1", 5060)
    server_key(message)
    merge_key(message)
    may(next_hop, message)
    may(target_of, message.uri) if may(getattr, message, "uri") is not None else None
    answer = Response.to(message, 400, to_tag="t")
    assert may(parse, answer.encode()) is not None


def header(data: bytes) -> None:
    """One field's value, in a message that is right otherwise: the first octet chooses the field."""
    if not data:
        return
    name = FIELDS[data[0] % len(FIELDS)]
    value = data[1:].replace(b"\r", b" ").replace(b"\n", b" ")
    head = b"".join(line + b"\r\n" for line in (HEAD % b"REGISTER").split(b"\r\n") if line and not line.startswith(name + b":"))
    decoder(b"REGISTER sip:b SIP/2.0\r\n" + head + name + b": " + value + b"\r\n\r\n")


def values(data: bytes) -> None:
    """The value types by themselves: what is read can be written and reads the same again."""
    text = data.decode("utf-8", "surrogateescape")
    for cls in (Uri, Via, Address):
        found = may(cls.parse, text)
        if found is not None:
            again = may(cls.parse, str(found))
            assert again is not None and str(again) == str(found), (cls, text)
    may(Address.parse_many, text)
    uri = may(Uri.parse, text)
    if uri is not None:
        Uri.same(uri, uri)
        may(target_of, uri)
    may(parse_credentials, text)
    may(parse_challenge, text)
    may(digest.choose, [text], "password") if may(parse_challenge, text) is not None else None


def descriptions(data: bytes) -> None:
    """A session description: read, asked, written, read again."""
    found = may(sdp.parse, data)
    may(t38.read, data)
    if found is None:
        return
    again = may(sdp.parse, found.encode())
    assert again is not None
    assert again.encode() == found.encode()
    for part in (found, *found.media):
        for name in dir(type(part)):
            if isinstance(getattr(type(part), name, None), property):
                may(getattr, part, name)
    may(sdp_attributes.encodings, ("0", "96"), [data.decode("utf-8", "surrogateescape")], [])


def binding(data: bytes) -> None:
    """STUN: what is answered is not much longer than what was asked."""
    for packet in (data, data[:4] + stun.COOKIE + data[8:]):
        answer = stun.binding_answer(packet, "192.0.2.1", 5060)
        if answer is not None:
            assert len(answer) <= len(packet) + 64
        stun.binding_answer(packet, "2001:db8::1", 5060)


def framing(data: bytes) -> None:
    """A stream: however it is cut into pieces, the same messages come out of it, and what is held is bounded."""
    limits = Limits(head=2048, body=2048)

    def cut(size):
        framer, found = Framer(limits), []
        try:
            for begin in range(0, len(data), size):
                found += [piece for piece in framer.feed(data[begin : begin + size]) if isinstance(piece, bytes)]
            framer.feed(b"")
        except Malformed as error:
            return found, str(error)
        assert framer.pending <= limits.head + limits.body + 8 + size
        return found, ""

    whole, pieces = cut(max(1, len(data))), cut(7)
    assert whole[0] == pieces[0], (whole, pieces)
    for message in whole[0]:
        decoder(message)


class Null(Flow):
    """Answers are read, and go nowhere."""

    listener, id, reliable, transport = "udp", "udp:192.0.2.9:5060", False, "UDP"
    local, peer, advertised = ("192.0.2.1", 5060), ("192.0.2.9", 5060), ("192.0.2.1", 5060)

    def __init__(self):
        self.sent = 0

    def send(self, data):
        self.sent += 1
        parse(data)

    def toward(self, peer):
        return self


@functools.cache
def server():
    """A whole pipeline in this process: identify, auth, security and shield in front of registrar, redirect and options."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sipline-fuzz"))
    text = (
        '[pipeline]\nname = "fuzz"\ndomains = ["b"]\n[[stage]]\nname = "transport"\nplugins = ["shield", "udp"]\n'
        '[[stage]]\nname = "protocol"\nplugins = ["stack"]\n[[stage]]\nname = "intercept"\nplugins = ["logging", "identify", "security", "auth"]\n'
        '[[stage]]\nname = "application"\nplugins = ["registrar", "redirect", "options"]\n'
        '[[stage]]\nname = "integration"\nplugins = ["toml", "memory"]\n[plugin.udp]\nbind = ["127.0.0.1:0"]\n'
        '[plugin.logging]\nfile = "messages.log"\n[plugin.shield]\nallow = ["192.0.2.0/24"]\n'
        '[plugin.security]\ncontact_deny = ["203.0.113.0/24"]\nlog = []\n[user.a]\npassword = "a"\n[user.open]\nauth = []\n'
    )
    loop = asyncio.new_event_loop()
    engine = Pipeline(build(Document(folder / "pipeline.toml", text)), loop)
    failures = []
    engine.bus.listen("step.failed", failures.append)
    loop.run_until_complete(engine.start())
    return loop, engine, failures


OPTIONS = b"OPTIONS sip:b SIP/2.0\r\n" + HEAD % b"OPTIONS" + b"\r\n"


def engine(data: bytes) -> None:
    """A datagram through the whole pipeline; the next one is still served."""
    loop, running, failures = server()
    flow = Null()
    running.receive(data, flow)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert not failures, failures.pop().fields
    flow.sent = 0
    running.receive(OPTIONS.replace(b"z9hG4bKx", b"z9hG4bK%d" % time.monotonic_ns()), flow)
    assert flow.sent == 1


TARGETS = {
    "decoder": decoder,
    "header": header,
    "values": values,
    "sdp": descriptions,
    "stun": binding,
    "framing": framing,
    "engine": engine,
    "calls": calls,
    "websocket": sockets,
}

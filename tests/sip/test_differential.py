"""The parser against another one: where `sipmessage` and ours both accept a message, they read the same.

Not compared, where sipmessage is known to differ: folds, quoted parameters that hold ";" or "=", %HH in header parameters (it unescapes
them, which no RFC asks for), parameter names in capitals, runs of blanks in quoted strings (it joins them), trailing blanks, and a
quoted string and a bare URI that it lets run on past a comma (so lists are compared when they hold no more than one of these).
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sip import Malformed, check, parse
from pipeline.sip.grammar import unquote

sipmessage = pytest.importorskip("sipmessage")

TOKEN = st.text("abcXYZ019-.!*_+`'~", min_size=1, max_size=8)
NAME = st.text("abcz0-", min_size=1, max_size=6)
LABEL = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
IPV4 = st.tuples(*[st.integers(0, 255)] * 4).map(lambda parts: ".".join(map(str, parts)))
HOST = st.lists(LABEL, min_size=1, max_size=3).map(".".join) | IPV4 | st.sampled_from(["[2001:db8::1]", "[::1]", "[2001:db8:0:0:0:0:0:9]"])
PORT = st.none() | st.integers(0, 65535)
USER = st.lists(st.sampled_from([*"abZ09-_.!~*'()&=+$,;?/", "%40", "%25", "%61", "%00"]), min_size=1, max_size=8).map("".join)
URI_PARAMS = st.dictionaries(NAME, st.none() | st.text("ab19-_.!~*'()[]/:&+$", min_size=1, max_size=5), max_size=3)
PARAMS = st.dictionaries(
    NAME, st.none() | TOKEN | st.text("ab ,>@", max_size=5).map(lambda text: f'"{" ".join(text.split())}"'), max_size=3
)
SPACE = st.sampled_from(["", " "])


def written(params, blank=""):
    return "".join(
        f"{blank};{blank}{name}" if value is None else f"{blank};{blank}{name}{blank}={blank}{value}" for name, value in params.items()
    )


@st.composite
def uris(draw, plain=False):
    user = draw(st.none() | USER)
    password = draw(st.none() | st.text("ab&=+$,", min_size=1, max_size=4)) if user else None
    port = draw(PORT)
    text = (
        draw(st.sampled_from(["sip:", "sips:"])) + (user or "") + (f":{password}" if password else "") + ("@" if user else "") + draw(HOST)
    )
    text += "" if port is None else f":{port}"
    return text if plain else text + written(draw(URI_PARAMS))


@st.composite
def addresses(draw):
    tail = written(draw(PARAMS), draw(SPACE))
    form = draw(st.sampled_from(["bare", "angle", "words", "quoted"]))
    if form == "bare":
        uri = draw(uris(plain=True).filter(lambda text: not set(text) & set(";,?")))
        return uri + tail
    name = {
        "angle": st.just(""),
        "words": st.lists(TOKEN, min_size=1, max_size=3).map(" ".join),
        "quoted": st.text("ab,;<>@é日", max_size=8).map(lambda text: f'"{text}"'),
    }[form]
    return f"{draw(name)}{draw(SPACE)}<{draw(uris())}>{tail}"


@st.composite
def vias(draw):
    port = draw(PORT)
    text = f"SIP/2.0/{draw(st.sampled_from(['UDP', 'TCP', 'TLS', 'SCTP', 'ODD']))} {draw(HOST)}{'' if port is None else f':{port}'}"
    return text + written({"branch": draw(TOKEN)} | draw(PARAMS), draw(SPACE))


@st.composite
def messages(draw):
    method = draw(st.sampled_from(["INVITE", "REGISTER", "OPTIONS", "ODD.method"]))
    start = draw(
        st.sampled_from(
            [f"{method} {draw(uris())} SIP/2.0", f"SIP/2.0 {draw(st.integers(100, 699))} {draw(st.sampled_from(['OK', 'Ça va', '']))}"]
        )
    )
    fields = [
        (draw(st.sampled_from(["Via", "v"])), ", ".join(draw(st.lists(vias(), min_size=1, max_size=2)))),
        (draw(st.sampled_from(["From", "f"])), draw(addresses())),
        (draw(st.sampled_from(["To", "t"])), draw(addresses())),
        (draw(st.sampled_from(["Call-ID", "i"])), draw(TOKEN)),
        ("CSeq", f"{draw(st.integers(0, 2**31 - 1))} {method}"),
        ("Max-Forwards", str(draw(st.integers(0, 255)))),
        (draw(st.sampled_from(["Contact", "m"])), ",".join(draw(st.lists(addresses(), min_size=1, max_size=3)))),
        ("Expires", str(draw(st.integers(0, 2**32 - 1)))),
    ]
    fields = draw(st.permutations(fields))
    body = draw(st.binary(max_size=10))
    head = "\r\n".join([start, *(f"{name}:{draw(SPACE)}{value}" for name, value in fields), f"Content-Length: {len(body)}"])
    return head.encode() + b"\r\n\r\n" + body


def ours_uri(uri):
    params = {name: uri.param(name) if value is not None else None for name, value in uri.params.items()}
    return uri.scheme, uri.user_unescaped or None, uri.host, uri.port, params


def theirs_uri(uri):
    return uri.scheme, uri.user, uri.host, uri.port, dict(uri.parameters)


def ours_address(address):
    return address.display, ours_uri(address.uri), dict(address.params)


def theirs_address(address):
    return address.name, theirs_uri(address.uri), dict(address.parameters)


@settings(max_examples=150, deadline=None)
@given(messages())
def test_messages_that_both_accept_are_read_alike(data):
    message = parse(data)  # what the grammar generates, we accept
    check_unless_contacts(message)
    try:
        other = sipmessage.Message.parse(data)
        their_vias, their_from, their_to, their_contacts = other.via, other.from_address, other.to_address, other.contact
    except ValueError:
        return
    assert message.body == other.body
    if message.is_request:
        assert (message.method, ours_uri(message.uri)) == (other.method, theirs_uri(other.uri))
    else:
        assert (message.status, message.reason) == (other.code, other.phrase)
    if message.get("via").count('"') <= 2:
        assert [(via.transport, via.host, via.port, dict(via.params)) for via in message.vias] == [
            (via.transport, via.host, via.port, dict(via.parameters)) for via in their_vias
        ]
    assert ours_address(message.from_) == theirs_address(their_from)
    assert ours_address(message.to) == theirs_address(their_to)
    contacts = message.get("contact")
    if contacts.count('"') <= 2 and all("<" in contact.text for contact in message.contacts[:-1]):
        assert [ours_address(contact) for contact in message.contacts] == [theirs_address(contact) for contact in their_contacts]
    assert message.call_id == other.call_id
    assert tuple(message.cseq) == (other.cseq.sequence, other.cseq.method)
    assert (message.max_forwards, message.expires) == (other.max_forwards, other.expires)


def check_unless_contacts(message):
    """An INVITE may hold one Contact only; the generator writes more."""
    try:
        check(message)
    except Malformed as error:
        assert error.reason == "Bad Contact: it must be exactly one address"


@settings(max_examples=100, deadline=None)
@given(messages(), st.lists(st.tuples(st.integers(0, 400), st.sampled_from(list(b'":;<>@,=\\ \r\n[]%*'))), max_size=3))
def test_damaged_messages_that_both_accept_are_framed_alike(data, damage):
    """Damage changes what a value means in ways the two may see differently; what the message is and how long its body, never."""
    damaged = bytearray(data)
    for place, octet in damage:
        if place < len(damaged):
            damaged[place] = octet
    try:
        message = parse(bytes(damaged))
        other = sipmessage.Message.parse(bytes(damaged))
    except ValueError:
        return
    assert other.body.startswith(message.body)
    if message.is_request:
        assert message.method == other.method
    else:
        assert message.status == other.code


def test_quotes_are_opened_alike():
    assert unquote('"a \\"b\\""') == sipmessage.address.unquote('"a \\"b\\""')

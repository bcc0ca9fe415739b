"""Malformed INVITEs by the thousand: every element of the request line, of the header fields and of the SDP, with everything that may be wrong with it.

Made as test suites for SIP endpoints are (as the PROTOS c07-sip suite: an element, an anomaly, one at a time), written for this project. Rule: a
case is named, and the same in each run: `cases()` gives (name, octets) for an INVITE whose transport, branch and Call-ID are given.
"""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003

LENGTHS = (17, 64, 255, 256, 257, 1023, 4096, 16384, 40000)
TEXTS = {
    "empty": b"",
    "space": b" ",
    "tab": b"\t",
    "nul": b"\0",
    "nul inside": b"a\0b",
    "escaped nul": b"%00",
    "bad escape": b"%zz%",
    "control": bytes(range(1, 9)) + b"\x0b\x0c\x0e\x1f\x7f",
    "latin-1": b"\xe9\xe8\xff",
    "utf-8 cut": b"\xe2\x82",
    "utf-8 overlong": b"\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf",
    "utf-8 surrogate": b"\xed\xa0\x80\xed\xbf\xbf",
    "utf-8 beyond": b"\xf4\x90\x80\x80\xf8\x88\x80\x80\x80",
    "utf-8": "\u20ac\U0001f600\u202e".encode(),
    "byte order mark": b"\xef\xbb\xbf",
    "format": b"%s%s%s%s%n%n%n%n",
    "format wide": b"%99999999d%.99999f%*x",
    "braces": b"{0.__class__}{}{{${jndi:ldap://x}}",
    "sql": b"' OR '1'='1'; DROP TABLE endpoint;--",
    "shell": b"$(id)`id`|id;id&&id",
    "path": b"../../../../etc/passwd",
    "semicolons": b";" * 300,
    "commas": b"," * 300,
    "quotes": b'"' * 301,
    "open quote": b'"abc',
    "escaped quote": b'"abc\\',
    "backslashes": b"\\" * 255,
    "angles": b"<" * 200 + b">" * 100,
    "open angle": b"<sip:a@b",
    "close angle": b"sip:a@b>",
    "parentheses": b"(" * 2000,
    "comment": b"(a (b) \\) c",
    "ats": b"@" * 200,
    "colons": b":" * 300,
    "slashes": b"/" * 300,
    "equals": b"=" * 300,
    "dots": b"." * 300,
    "stars": b"*" * 100,
    "percents": b"%" * 300,
    "brackets": b"[" * 100 + b"]" * 100,
    "pairs": b";a=b" * 500,
    "same pair": b";tag=1;tag=2;tag=3;branch=z9hG4bK;branch=",
    "list": b"a," * 1000,
    "crlf": b"a\r\nb",
    "header inside": b"a\r\nX-Smuggled: b",
    "end inside": b"a\r\n\r\nb",
    "cr": b"a\rb",
    "lf": b"a\nb",
    "folded": b"a\r\n b\r\n\t c",
    "folds": b"\r\n " * 500,
    "blanks": b" \t" * 2000,
    "zero": b"0",
    "zeros": b"0" * 400 + b"1",
    "minus one": b"-1",
    "plus": b"+1",
    "2^16": b"65536",
    "2^31": b"2147483648",
    "2^32": b"4294967296",
    "2^64": b"18446744073709551616",
    "10^100": b"1" + b"0" * 100,
    "5000 digits": b"9" * 5000,
    "point": b"1.5.5",
    "exponent": b"1e309",
    "hex": b"0x41",
    "not a number": b"NaN",
    "other digits": "\u0661\u0662\u00b2".encode(),
    "IPv4": b"999.999.999.999",
    "IPv4 short": b"1.2",
    "IPv6": b"[1:2:3:4:5:6:7:8:9]",
    "IPv6 open": b"[::1",
    "IPv6 zone": b"[fe80::1%eth0%%]",
    "host of dashes": b"-.-.-",
    "long label": b"a" * 64 + b".example",
    "uri in uri": b"sip:a@b?X=sip%3Aa%40b%3FX",
    "tel": b"tel:+1-(2)-3;phone-context=",
    "other scheme": b"data:text/plain;base64,AAAA",
    "no scheme": b"//a@b",
    "xml": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
}
ANOMALIES = {**TEXTS, **{f"{size} letters": b"a" * size for size in LENGTHS}}
LINE = b"INVITE sip:600@example.com SIP/2.0"
FIELDS: dict[str, bytes] = {
    "Via": b"SIP/2.0/%T 127.0.0.1:%P;branch=z9hG4bK%S;rport",
    "Max-Forwards": b"70",
    "From": b'"Caller" <sip:open@example.com>;tag=%S',
    "To": b"<sip:600@example.com>",
    "Call-ID": b"%S@malformed",
    "CSeq": b"1 INVITE",
    "Contact": b"<sip:open@127.0.0.1:%P;transport=%t>",
    "Content-Type": b"application/sdp",
}
OTHERS: dict[str, bytes] = {
    "Accept": b"application/sdp;q=0.5", "Accept-Encoding": b"identity", "Accept-Language": b"en", "Alert-Info": b"<http://a/b>", "Allow": b"INVITE, ACK",
    "Allow-Events": b"presence", "Authorization": b'Digest username="a", realm="example.com", nonce="n", uri="sip:b", response="%s"' % (b"0" * 32),
    "Call-Info": b"<http://a/b>;purpose=icon", "Content-Disposition": b"session;handling=required", "Content-Encoding": b"identity",
    "Content-Language": b"en", "Date": b"Sat, 13 Nov 2010 23:29:00 GMT", "Diversion": b"<sip:a@b>;reason=user-busy", "Event": b"presence;id=1",
    "Expires": b"60", "History-Info": b"<sip:a@b>;index=1", "In-Reply-To": b"a@b", "Join": b"a;from-tag=b;to-tag=c", "MIME-Version": b"1.0",
    "Min-SE": b"90", "Organization": b"O", "P-Asserted-Identity": b"<sip:a@b>", "P-Preferred-Identity": b"<sip:a@b>", "Path": b"<sip:a;lr>",
    "Privacy": b"id", "Priority": b"normal", "Proxy-Authorization": b'Digest realm="x"', "Proxy-Require": b"foo", "RAck": b"1 1 INVITE",
    "Reason": b"SIP;cause=200", "Record-Route": b"<sip:a;lr>", "Recv-Info": b"dtmf", "Refer-To": b"<sip:a@b?Replaces=c>", "Referred-By": b"<sip:a@b>",
    "Remote-Party-ID": b"<sip:a@b>;party=calling", "Replaces": b"a;from-tag=b;to-tag=c", "Reply-To": b"<sip:a@b>", "Require": b"100rel",
    "Retry-After": b"5 (c);duration=9", "Route": b"<sip:a;lr>", "RSeq": b"1", "Server": b"S/1", "Session-Expires": b"1800;refresher=uac",
    "Subject": b"S", "Supported": b"timer, 100rel", "Timestamp": b"1.5 0.5", "Unsupported": b"foo", "User-Agent": b"U/1 (c)",
    "Warning": b'399 a "b"', "WWW-Authenticate": b'Digest realm="x"', "X-Unknown": b"x", "Identity": b"a.b.c;info=<http://a>",
}  # fmt: skip
PARTS: dict[str, tuple[str, bytes]] = {
    "Via version": ("Via", b"SIP/%A/%T 127.0.0.1:%P;branch=z9hG4bK%S"),
    "Via transport": ("Via", b"SIP/2.0/%A 127.0.0.1:%P;branch=z9hG4bK%S"),
    "Via host": ("Via", b"SIP/2.0/%T %A:%P;branch=z9hG4bK%S;rport"),
    "Via port": ("Via", b"SIP/2.0/%T 127.0.0.1:%A;branch=z9hG4bK%S;rport"),
    "Via branch": ("Via", b"SIP/2.0/%T 127.0.0.1:%P;branch=%A;rport"),
    "Via cookie": ("Via", b"SIP/2.0/%T 127.0.0.1:%P;branch=z9hG4bK%A;rport"),
    "Via received": ("Via", b"SIP/2.0/%T 127.0.0.1:%P;branch=z9hG4bK%S;received=%A;rport"),
    "Via maddr": ("Via", b"SIP/2.0/%T 127.0.0.1:%P;branch=z9hG4bK%S;maddr=%A;rport"),
    "Via rport": ("Via", b"SIP/2.0/%T 127.0.0.1:%P;branch=z9hG4bK%S;rport=%A"),
    "Via second": ("Via", b"SIP/2.0/%T 127.0.0.1:%P;branch=z9hG4bK%S;rport, %A"),
    "From name": ("From", b'"%A" <sip:open@example.com>;tag=%S'),
    "From bare name": ("From", b"%A <sip:open@example.com>;tag=%S"),
    "From user": ("From", b"<sip:%A@example.com>;tag=%S"),
    "From host": ("From", b"<sip:open@%A>;tag=%S"),
    "From tag": ("From", b"<sip:open@example.com>;tag=%A"),
    "To name": ("To", b'"%A" <sip:600@example.com>'),
    "To user": ("To", b"<sip:%A@example.com>"),
    "To host": ("To", b"<sip:600@%A>"),
    "To tag": ("To", b"<sip:600@example.com>;tag=%A"),
    "CSeq number": ("CSeq", b"%A INVITE"),
    "CSeq method": ("CSeq", b"1 %A"),
    "Contact name": ("Contact", b'"%A" <sip:open@127.0.0.1:%P>'),
    "Contact user": ("Contact", b"<sip:%A@127.0.0.1:%P>"),
    "Contact host": ("Contact", b"<sip:open@%A:%P>"),
    "Contact port": ("Contact", b"<sip:open@127.0.0.1:%A>"),
    "Contact parameter": ("Contact", b"<sip:open@127.0.0.1:%P;%A>"),
    "Contact expires": ("Contact", b"<sip:open@127.0.0.1:%P>;expires=%A"),
    "Contact q": ("Contact", b"<sip:open@127.0.0.1:%P>;q=%A"),
    "Type type": ("Content-Type", b"%A/sdp"),
    "Type subtype": ("Content-Type", b"application/%A"),
    "Type parameter": ("Content-Type", b"application/sdp;charset=%A"),
    "Type boundary": ("Content-Type", b'multipart/mixed;boundary="%A"'),
}
LINES = {
    "method": b"%A sip:600@example.com SIP/2.0", "uri": b"INVITE %A SIP/2.0", "uri scheme": b"INVITE %A:600@example.com SIP/2.0",
    "uri user": b"INVITE sip:%A@example.com SIP/2.0", "uri password": b"INVITE sip:600:%A@example.com SIP/2.0", "uri host": b"INVITE sip:600@%A SIP/2.0",
    "uri port": b"INVITE sip:600@example.com:%A SIP/2.0", "uri parameter": b"INVITE sip:600@example.com;%A SIP/2.0",
    "uri transport": b"INVITE sip:600@example.com;transport=%A SIP/2.0", "uri headers": b"INVITE sip:600@example.com?%A SIP/2.0",
    "version": b"INVITE sip:600@example.com %A", "version number": b"INVITE sip:600@example.com SIP/%A", "behind": b"INVITE sip:600@example.com SIP/2.0%A",
    "before": b"%AINVITE sip:600@example.com SIP/2.0",
}  # fmt: skip
SDP = {
    "v": b"0", "o": b"- 1 1 IN IP4 127.0.0.1", "s": b"-", "c": b"IN IP4 127.0.0.1", "b": b"AS:64", "t": b"0 0", "a": b"sendrecv",
    "m": b"audio 40000 RTP/AVP 0 101", "a1": b"rtpmap:101 telephone-event/8000", "a2": b"fmtp:101 0-16",
}  # fmt: skip
SDP_PARTS: dict[str, tuple[str, bytes]] = {
    **{f"{line}=": (line, b"%A") for line in SDP},
    "o user": ("o", b"%A 1 1 IN IP4 127.0.0.1"), "o id": ("o", b"- %A 1 IN IP4 127.0.0.1"), "o version": ("o", b"- 1 %A IN IP4 127.0.0.1"),
    "o net": ("o", b"- 1 1 %A IP4 127.0.0.1"), "o address": ("o", b"- 1 1 IN IP4 %A"), "c type": ("c", b"IN %A 127.0.0.1"), "c address": ("c", b"IN IP4 %A"),
    "c ttl": ("c", b"IN IP4 224.0.0.1/%A"), "b value": ("b", b"AS:%A"), "t start": ("t", b"%A 0"), "t stop": ("t", b"0 %A"), "m media": ("m", b"%A 40000 RTP/AVP 0"),
    "m port": ("m", b"audio %A RTP/AVP 0"), "m ports": ("m", b"audio 40000/%A RTP/AVP 0"), "m proto": ("m", b"audio 40000 %A 0"), "m format": ("m", b"audio 40000 RTP/AVP %A"),
    "rtpmap payload": ("a1", b"rtpmap:%A telephone-event/8000"), "rtpmap name": ("a1", b"rtpmap:101 %A/8000"), "rtpmap clock": ("a1", b"rtpmap:101 telephone-event/%A"),
    "fmtp": ("a2", b"fmtp:101 %A"), "ptime": ("a2", b"ptime:%A"), "crypto": ("a2", b"crypto:1 AES_CM_128_HMAC_SHA1_80 inline:%A"), "candidate": ("a2", b"candidate:%A"),
    "rtcp": ("a2", b"rtcp:%A"), "setup": ("a2", b"setup:%A"), "group": ("a2", b"group:BUNDLE %A"), "attribute": ("a2", b"%A:x"),
}  # fmt: skip

PIECES: dict[str, tuple[bytes, bytes]] = {
    "type": (b"Content-Type: application/sdp", b"Content-Type: %A"),
    "name": (b"Content-Type: application/sdp", b"%A: application/sdp"),
    "line": (b"Content-Type: application/sdp", b"%A"),
    "other line": (b"Content-Type: application/sdp", b"Content-Type: application/sdp\r\n%A"),
    "parameter": (b"Content-Type: application/sdp", b"Content-Type: application/sdp;x=%A"),
    "nested": (b"Content-Type: application/sdp", b"Content-Type: multipart/alternative;boundary=%A"),
    "encoding": (b"Content-Type: application/sdp", b"Content-Type: application/sdp\r\nContent-Encoding: %A"),
    "disposition": (b"Content-Type: application/sdp", b"Content-Type: application/sdp\r\nContent-Disposition: %A;handling=required"),
    "before": (b"--x\r\n", b"%A--x\r\n"),
    "delimiter": (b"--x\r\n", b"--%A\r\n"),
    "behind": (b"--x\r\n", b"--x%A\r\n"),
    "end": (b"--x--\r\n", b"--x--%A"),
    "blank line": (b"\r\n\r\nv=0", b"%Av=0"),
}
"""What may be wrong with a part of a multipart body: what stands there, and with what in its place."""


def write(line: bytes, fields: list[tuple[bytes, bytes]], body: bytes, length: bytes | None = None) -> bytes:
    """Put a message together."""
    head = [line, *(name + b": " + value for name, value in fields)]
    if length != b"none":
        head.append(b"Content-Length: " + (length if length is not None else b"%d" % len(body)))
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def description(**changed: bytes) -> bytes:
    """Write the SDP."""
    return b"".join(name[:1].encode() + b"=" + value + b"\r\n" for name, value in {**SDP, **changed}.items())


def fields(**changed: bytes) -> list[tuple[bytes, bytes]]:
    """Give the usual fields, some of them changed."""
    return [(name.encode(), changed.get(name, value)) for name, value in FIELDS.items()]


def multiparts() -> Iterator[tuple[str, bytes, bytes]]:
    """Give (name, Content-Type, body) of a description in a multipart body with which something is wrong."""
    whole = b"--x\r\nContent-Type: application/sdp\r\n\r\n" + description() + b"\r\n--x--\r\n"
    for what, anomaly in ANOMALIES.items():
        for name, (right, wrong) in PIECES.items():
            yield f"part {name}: {what}", b"multipart/mixed;boundary=x", whole.replace(right, wrong.replace(b"%A", anomaly), 1)
        yield f"part boundary: {what}", b"multipart/mixed;boundary=" + anomaly, whole
        yield f"part type parameter: {what}", b"multipart/mixed;a=%A;boundary=x".replace(b"%A", anomaly), whole


def raw() -> Iterator[tuple[str, bytes]]:
    """Give every case, with %T, %t, %P and %S in it for transport, port and serial."""
    body = description()
    usual = fields()
    for what, anomaly in ANOMALIES.items():
        for name, line in LINES.items():
            yield f"line {name}: {what}", write(line.replace(b"%A", anomaly), usual, body)
        for name in FIELDS:
            yield f"{name}: {what}", write(LINE, fields(**{name: anomaly}), body)
        for name, (field, text) in PARTS.items():
            yield f"{name}: {what}", write(LINE, fields(**{field: text.replace(b"%A", anomaly)}), body)
        for name, (part, text) in SDP_PARTS.items():
            yield f"sdp {name}: {what}", write(LINE, usual, description(**{part: text.replace(b"%A", anomaly)}))
        yield f"Content-Length: {what}", write(LINE, usual, body, anomaly)
        yield f"name of a field: {what}", write(LINE, [*usual, (anomaly, b"x")], body)
        yield f"body: {what}", write(LINE, usual, anomaly)
        yield f"everything: {what}", anomaly
    for at, (name, value) in enumerate(OTHERS.items()):
        for number, (what, anomaly) in enumerate(ANOMALIES.items()):
            if (at + number) % 3 == 0:
                yield f"{name}: {what}", write(LINE, [*usual, (name.encode(), anomaly)], body)
            elif (at + number) % 3 == 1:
                yield f"{name} and {what}", write(LINE, [*usual, (name.encode(), value + anomaly)], body)
        yield f"{name} 200 times", write(LINE, [*usual, *[(name.encode(), value)] * 200], body)
        yield f"{name} of 500 values", write(LINE, [*usual, (name.encode(), b", ".join([value] * 500))], body)
    for name, kind, parts in multiparts():
        yield name, write(LINE, fields(**{"Content-Type": kind}), parts)
    yield from structure(usual, body)


def structure(usual: list[tuple[bytes, bytes]], body: bytes) -> Iterator[tuple[str, bytes]]:
    """What is wrong with the whole: absent, repeated, cut, of other lengths, with other line ends."""
    whole = write(LINE, usual, body)
    for name, value in usual:
        label = name.decode()
        yield f"no {label}", write(LINE, [field for field in usual if field[0] != name], body)
        yield f"two {label}", write(LINE, [*usual, (name, value)], body)
        yield f"a thousand {label}", write(LINE, [*usual, *[(name, value)] * 1000], body)
        for spelt in (name.lower(), name.upper(), name + b" ", b" " + name, name + b"\t", name[:1], name + b"\0"):
            yield f"{label} spelt {spelt!r}", write(LINE, [(spelt if field[0] == name else field[0], field[1]) for field in usual], body)
    for length in (-2, -1, 1, 2, 100, 60000):
        yield f"Content-Length {length:+}", write(LINE, usual, body, b"%d" % max(0, len(body) + length))
    yield "Content-Length twice", write(LINE, [*usual, (b"Content-Length", b"1")], body)
    yield "l and Content-Length", write(LINE, [*usual, (b"l", b"5")], body)
    yield "no Content-Length", write(LINE, usual, body, b"none")
    for end in (b"\n", b"\r", b"\n\r", b"\r\r\n", b"\0", b" \r\n"):
        yield f"lines end in {end!r}", whole.replace(b"\r\n", end)
    for at in range(0, len(whole), 5):
        yield f"cut at {at}", whole[:at]
        yield f"a NUL at {at}", whole[:at] + b"\0" + whole[at + 1 :]
        yield f"an octet less at {at}", whole[:at] + whole[at + 1 :]
    for count in (1, 100, 5000):
        yield f"{count} unknown fields", write(LINE, [*usual, *((b"X-%d" % number, b"x") for number in range(count))], body)
        yield f"{count} lines of SDP", write(LINE, usual, body + b"a=x\r\n" * count)
        yield f"{count} media", write(LINE, usual, body + b"m=audio 4 RTP/AVP 0\r\n" * count)
        yield (
            f"{count} Vias",
            write(LINE, [*usual, *[(b"Via", b"SIP/2.0/UDP a;branch=z9hG4bK%d" % number) for number in range(count)]], body),
        )
        parts = b"".join(b"--x\r\nContent-Type: application/sdp\r\n\r\n" + body + b"\r\n" for _ in range(min(count, 200))) + b"--x--\r\n"
        yield f"{count} parts", write(LINE, fields(**{"Content-Type": b"multipart/mixed;boundary=x"}), parts)
        nested = b"--x\r\nContent-Type: multipart/mixed;boundary=x\r\n\r\n" * count
        yield f"{count} parts in parts", write(LINE, fields(**{"Content-Type": b"multipart/mixed;boundary=x"}), nested)


def cases(transport: str, port: int, run: str) -> Iterator[tuple[str, bytes]]:
    """Give (name, octets) of every case that a datagram can carry."""
    for serial, (name, data) in enumerate(raw()):
        made = data.replace(b"%T", transport.encode()).replace(b"%t", transport.lower().encode())
        made = made.replace(b"%P", b"%d" % port).replace(b"%S", f"{run}x{serial}".encode())
        if len(made) <= 65000:
            yield name, made

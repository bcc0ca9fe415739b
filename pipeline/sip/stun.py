"""STUN Binding answers on the SIP port: what a phone's keepalive asks (RFC 5626 4.4.2, 8; RFC 8489 3, 6.3.1).

Rule: pure, bytes in, bytes out; nothing is kept and nobody is asked to prove himself (RFC 5626 8). Only what is a Binding request by its
magic cookie and its length gets an answer, which is hardly longer than the question: no amplifier. What it may cost is bounded: its size
by who receives it (LARGEST), its attributes here.
"""

from __future__ import annotations

import zlib
from ipaddress import ip_address

__all__ = ["LARGEST", "binding_answer", "is_stun"]

COOKIE = b"\x21\x12\xa4\x42"
HEADER = 20
LARGEST = 1232
"""Octets of a message over UDP: of IPv6's 1280 what its header and that of UDP leave (RFC 8489 6.1; over IPv4 they are less than 548)."""
BINDING, SUCCESS, REFUSED = 0x0001, 0x0101, 0x0111
ERROR_CODE, UNKNOWN_ATTRIBUTES, XOR_MAPPED_ADDRESS, FINGERPRINT = 0x0009, 0x000A, 0x0020, 0x8028
UNDERSTOOD = frozenset({0x0006, 0x0008, 0x0014, 0x0015})
"""USERNAME, MESSAGE-INTEGRITY, REALM, NONCE: what an agent may send to prove himself, and need not."""
REQUIRED = 0x8000
"""Attributes below must be understood (RFC 8489 14)."""
MOST_UNKNOWN = 8
MOST = 16
"""Attributes of a request: as many as RFC 8489 knows (18.3)."""


def is_stun(data: bytes) -> bool:
    """Tell whether a datagram is STUN and not SIP: RFC 8489 5 (two zero bits, the cookie, a length in fours)."""
    return len(data) >= HEADER and data[0] < 4 and data[4:8] == COOKIE and int.from_bytes(data[2:4], "big") == len(data) - HEADER


def binding_answer(data: bytes, host: str, port: int) -> bytes | None:
    """Return the answer to a Binding request that came from (host, port); None to anything else, which is dropped (RFC 8489 6.3)."""
    if not is_stun(data) or int.from_bytes(data[:2], "big") != BINDING or len(data) % 4:
        return None
    unknown, fingerprint, at = [], False, HEADER
    for _ in range(MOST):
        if at == len(data):
            break
        if at + 4 > len(data):
            return None
        kind, size = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        if at + 4 + size > len(data):
            return None
        if kind == FINGERPRINT:
            if size != 4 or at + 8 != len(data) or data[at + 4 :] != _crc(data[:at]):
                return None
            fingerprint = True
        elif kind < REQUIRED and kind not in UNDERSTOOD:
            unknown.append(kind)
        at += 4 + (size + 3) // 4 * 4
    if at < len(data):
        return None
    transaction = data[4:HEADER]
    if unknown:
        body = _attribute(ERROR_CODE, b"\0\0\x04\x14Unknown Attribute")  # 420
        body += _attribute(UNKNOWN_ATTRIBUTES, b"".join(kind.to_bytes(2, "big") for kind in unknown[:MOST_UNKNOWN]))
        return _message(REFUSED, transaction, body, fingerprint=fingerprint)
    return _message(SUCCESS, transaction, _attribute(XOR_MAPPED_ADDRESS, _mapped(host, port, transaction)), fingerprint=fingerprint)


def _mapped(host: str, port: int, transaction: bytes) -> bytes:
    """Write an address as XOR-MAPPED-ADDRESS has it (RFC 8489 14.2)."""
    address = ip_address(host.partition("%")[0])
    raw = address.packed
    mixed = bytes(one ^ other for one, other in zip(raw, transaction, strict=False))
    return bytes((0, 1 if address.version == 4 else 2)) + (port ^ 0x2112).to_bytes(2, "big") + mixed


def _attribute(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4)


def _message(kind: int, transaction: bytes, body: bytes, *, fingerprint: bool) -> bytes:
    size = len(body) + (8 if fingerprint else 0)
    whole = kind.to_bytes(2, "big") + size.to_bytes(2, "big") + transaction + body
    return whole + _attribute(FINGERPRINT, _crc(whole)) if fingerprint else whole


def _crc(data: bytes) -> bytes:
    """The value of FINGERPRINT (RFC 8489 14.7)."""
    return (zlib.crc32(data) ^ 0x5354554E).to_bytes(4, "big")

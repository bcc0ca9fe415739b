"""What our own certificate files say: whom they are for and until when. X.509 (RFC 5280 4.1) in DER (ITU-T X.690).

Rule: just enough to choose a certificate by its names and to warn before it expires; nothing is verified here, OpenSSL does that. The
standard library can read neither from a file, and a cryptography package only for this would be the largest dependency of the house.
"""

from __future__ import annotations

import calendar
import ssl
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Facts", "read"]

SEQUENCE, SET, OID, OCTETS, BIT_STRING = 0x30, 0x31, 0x06, 0x04, 0x03
UTC_TIME, GENERAL_TIME = 0x17, 0x18
VERSION, EXTENSIONS = 0xA0, 0xA3
DNS, URI = 0x82, 0x86
ALTERNATIVE = bytes.fromhex("551d11")  # 2.5.29.17, subjectAltName
COMMON_NAME = bytes.fromhex("550403")  # 2.5.4.3
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


@attrs.frozen
class Facts:
    """The first certificate of a file."""

    names: tuple[str, ...]
    """DNS names and the hosts of sip URIs, in lower case; without a subjectAltName the common name."""
    begins: float
    """UTC."""
    ends: float
    """UTC."""


def read(text: str) -> Facts:
    """Read the first certificate of a PEM file. Raises ValueError when there is none that can be read."""
    start, end = text.find(BEGIN), text.find(END)
    if start < 0 or end < start:
        raise ValueError("there is no certificate in it")
    try:
        return _facts(ssl.PEM_cert_to_DER_cert(text[start : end + len(END)]))
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("its certificate cannot be read") from error


def _facts(der: bytes) -> Facts:
    (_, certificate), *_ = _each(der)
    (_, signed), *_ = _each(certificate)
    fields = list(_each(signed))
    if fields[0][0] == VERSION:
        fields.pop(0)
    begins, ends = (_time(kind, value) for kind, value in _each(fields[3][1]))
    names: tuple[str, ...] | None = None
    for kind, value in fields[6:]:
        if kind == EXTENSIONS:
            names = _alternatives(value)
    if names is None:
        names = tuple(_common_names(fields[4][1]))
    return Facts(tuple(dict.fromkeys(names)), begins, ends)


def _alternatives(wrapped: bytes) -> tuple[str, ...] | None:
    (_, extensions), *_ = _each(wrapped)
    for _, extension in _each(extensions):
        parts = list(_each(extension))
        if parts[0] != (OID, ALTERNATIVE):
            continue
        (_, names), *_ = _each(parts[-1][1])
        found = []
        for kind, value in _each(names):
            name = value.decode("ascii").lower() if kind in (DNS, URI) else ""
            if kind == DNS:
                found.append(name)
            elif name.startswith("sip:") and "@" not in name:
                found.append(name[4:])
        return tuple(found)
    return None


def _common_names(subject: bytes) -> Iterator[str]:
    for _, relative in _each(subject):
        for _, pair in _each(relative):
            (_, kind), (_, value) = _each(pair)
            if kind == COMMON_NAME:
                yield value.decode("utf-8", "replace").lower()


def _time(kind: int, value: bytes) -> float:
    """UTCTime has two digits of the year, of 1950 to 2049 (RFC 5280 4.1.2.5.1)."""
    text = value.decode("ascii")
    if kind == UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    year, *rest = (int(text[at : at + size]) for at, size in ((0, 4), (4, 2), (6, 2), (8, 2), (10, 2), (12, 2)))
    return float(calendar.timegm((year, *rest)))


def _each(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give tag and content of each value in a row."""
    at = 0
    while at < len(data):
        kind, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + size > len(data):
            raise IndexError("it is cut off")
        yield kind, data[at : at + size]
        at += size

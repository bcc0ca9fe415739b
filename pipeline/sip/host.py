"""Hosts: domain names, IPv4 and IPv6 addresses, with or without a port; and when two of them are the same.

Rule: syntax only, nobody is looked up. IPv6 keeps its brackets in messages and loses them where it is compared.
RFC 3261 section 25.1 (hostport), RFC 5118 (IPv6), RFC 5954 (corrected grammar and comparison).
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address

from .grammar import PORT, Malformed, bad
from .remembered import remembered

# A domain name may hold "_" here: RFC 3261 forbids it, container networks are full of it, and it makes nothing ambiguous.
HOSTPORT = re.compile(r"([A-Za-z0-9_](?:[A-Za-z0-9._\-]*+))(?>(?::([0-9]++))?)|(\[[^\]]*+\])(?>(?::([0-9]++))?)")
LONGEST = 270
"""RFC 1035 2.3.4: a name has at most 255 octets, and behind it may stand a port. What is refused is not remembered either."""
BLANKS = re.compile(r"[ \t]*+:[ \t]*+(?=[0-9]+$)")


@remembered(4096)
def hostport(text: str) -> tuple[str, int | None]:
    """Split "host", "host:port", "[v6]" or "[v6]:port"; raises Malformed with the header left to the caller."""
    found = HOSTPORT.fullmatch(text)
    if found is None:
        raise bad("host", _fault(text))
    if len(text) > LONGEST:
        raise bad("host", f"longer than {LONGEST}")
    name, digits, literal, literal_digits = found.groups()
    if name is None:
        name, digits = ipv6(literal), literal_digits
    elif ".." in name:
        raise bad("host", "empty label in the host name")
    if digits is None:
        return name, None
    if len(digits) > 5 or int(digits) > PORT:
        raise bad("host", "port larger than 65535")
    return name, int(digits)


def ipv6(literal: str) -> str:
    """Check "[address]"; an extra colon, which the grammar of RFC 3261 asked for by mistake, is left out (RFC 5118 4.10)."""
    address = literal[1:-1]
    if ":::" in address:
        address = address.replace(":::", "::", 1)
    try:
        if "%" in address:
            raise bad("host", "an IPv6 zone means nothing to a peer")
        IPv6Address(address)
    except Malformed:
        raise
    except ValueError:
        raise bad("host", "not an IPv6 address between the brackets") from None
    return f"[{address}]"


def _fault(text: str) -> str:
    if not text or text[0] == ":":
        return "no host"
    if text.count(":") > 1 and "[" not in text:
        return "an IPv6 address must stand in brackets"
    if "[" in text and "]" not in text:
        return "'[' without ']'"
    if ":" in text and not text.rpartition(":")[2].isdigit():
        return "the port is not a number"
    return "character not allowed in a host"


@remembered(4096)
def host_key(host: str) -> str:
    """The form to compare hosts by: lower case, no final dot, IPv6 shortened and without brackets. IPv4-mapped IPv6 stays IPv6."""
    if host[:1] == "[" or ":" in host:
        try:
            return str(IPv6Address(host.strip("[]")))
        except ValueError:
            return host.lower()
    return host.lower().removesuffix(".")

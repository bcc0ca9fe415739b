"""Addresses as the TOML file writes them: "0.0.0.0:5060", "[::1]:5060", "192.0.2.1" (the port is then the default)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from pipeline.sip.grammar import Malformed
from pipeline.sip.host import hostport

if TYPE_CHECKING:
    import attrs

    from pipeline.flow import Address


def parse_bind(text: str, default_port: int = 5060) -> Address:
    """Return (host, port) of "host:port", "host", "[v6]:port" or "[v6]"; raises ValueError with what to write instead."""
    host, port = text.strip(), default_port
    if host.startswith("["):
        literal, bracket, rest = host[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f'"{text}" is not an address: write "[::1]:5060"')
        host, digits = literal, rest[1:] if rest else str(default_port)
    elif host.count(":") > 1:
        raise ValueError(f'"{text}" is not an address: an IPv6 address stands in brackets, "[{text}]"')
    else:
        host, colon, digits = host.partition(":")
        if not colon:
            digits = str(default_port)
    if not digits.isdigit() or not 0 <= int(digits) <= 65535:
        raise ValueError(f'"{text}": the port must be 0 to 65535')
    port = int(digits)
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        raise ValueError(f'"{text}" is not an address: write an IPv4 or IPv6 address, as "0.0.0.0:5060" or "[::]:5060"') from None
    return host, port


def parse_advertised(text: str, default_port: int) -> Address | None:
    """Return (host, port) of an `advertise` option, whose host may be a name; None when it is empty."""
    if not text:
        return None
    if text.count(":") > 1 and not text.startswith("["):
        raise ValueError(f'"{text}" is not an address: an IPv6 address stands in brackets, "[{text}]"')
    try:
        host, port = hostport(text)
    except Malformed as error:
        raise ValueError(f'"{text}" is not an address: {error.why}') from None
    return host.strip("[]"), default_port if port is None else port


def binds(_instance: Any, attribute: attrs.Attribute[Any], value: list[str]) -> None:
    """Validate a `bind` option: at least one address, each of which can be read."""
    if not value:
        raise ValueError(f'{attribute.name} needs at least one address, as "0.0.0.0:5060"')
    for text in value:
        parse_bind(text)


def advertised(_instance: Any, _attribute: attrs.Attribute[Any], value: str) -> None:
    """Validate an `advertise` option: what a peer can send to, and a Via can hold (RFC 3261 25.1)."""
    parsed = parse_advertised(value, 5060)
    if parsed is None:
        return
    host, port = parsed
    if not port:
        raise ValueError(f'"{value}": the port must be 1 to 65535')
    if is_wildcard(host):
        raise ValueError(f'"{value}" stands for every address, and nobody can send to it: write the one by which peers reach us')
    if ":" not in host and host.rstrip(".").rpartition(".")[2].isdigit():  # a name's last label begins with a letter (25.1)
        try:
            ip_address(host)
        except ValueError:
            raise ValueError(f'"{value}" is not an address, and no name ends in a number') from None


def reachable(_instance: Any, attribute: attrs.Attribute[Any], value: str | list[str]) -> None:
    """Validate addresses that peers are told to send media to: "" or a literal each, for SDP is not resolved, and never a wildcard."""
    for text in [value] if isinstance(value, str) else value:
        try:
            _ = ip_address(text) if text else None
        except ValueError:
            raise ValueError(f'{attribute.name}: "{text}" is not an IP address, and media need one') from None
        if is_wildcard(text):
            raise ValueError(f'{attribute.name}: "{text}" stands for every address, and nobody can send media to it')


def is_wildcard(host: str) -> bool:
    """Whether an address stands for every one of its family."""
    try:
        address: Any = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return bool((getattr(address, "ipv4_mapped", None) or address).is_unspecified)


def write_address(address: Address) -> str:
    """Return "host:port", an IPv6 host in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""Whom a verified certificate is for. RFC 5922 7.1 to 7.4.

Rule: sip URIs of the subjectAltName without a user name domains; only when there is none, its DNS names do; only without any
subjectAltName, the common name. Names are compared whole and without case: no wildcard, no suffix (7.2). An address is proved by an
iPAddress only.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["covers", "names_of"]


def names_of(certificate: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return what a certificate, as `ssl` gives a verified one, says: domains first, then "sip:user@domain" of persons; in lower case."""
    if not certificate:
        return ()
    alternatives = certificate.get("subjectAltName", ())
    domains: list[str] = []
    hosts: list[str] = []
    persons: list[str] = []
    for kind, value in alternatives:
        if kind == "DNS":
            hosts.append(domain_key(value))
        elif kind == "URI" and value[:4].lower() == "sip:":
            rest = value[4:].partition(";")[0].partition("?")[0]
            user, at, host = rest.rpartition("@")
            host = domain_key(host)
            if at:
                persons.append(f"sip:{user}@{host}")
            elif host:
                domains.append(host)
    if not alternatives:
        hosts = [domain_key(value) for pairs in certificate.get("subject", ()) for kind, value in pairs if kind == "commonName"]
    return tuple(dict.fromkeys([*(domains or hosts), *persons]))


def covers(certificate: Mapping[str, Any] | None, name: str, address: str) -> bool:
    """Tell whether a verified certificate proves the domain `name`; without a name (a URI with a literal), that it proves the address."""
    if not certificate:
        return False
    if name:
        return domain_key(name) in names_of(certificate)
    wanted = ip_address(address.partition("%")[0])
    return any(kind == "IP Address" and _is(value, wanted) for kind, value in certificate.get("subjectAltName", ()))


def domain_key(name: str) -> str:
    """Write a domain as it is compared: lower case, no port, no final dot, in letters that DNS has (RFC 5280 7.2)."""
    name = name.strip().rstrip(".").lower()
    if not name.startswith("[") and name.count(":") == 1:
        name = name.partition(":")[0]
    if not name.isascii():
        try:
            return name.encode("idna").decode("ascii")
        except UnicodeError:
            return name
    return name


def _is(text: str, address: Any) -> bool:
    try:
        return bool(ip_address(text.strip()) == address)
    except ValueError:
        return False

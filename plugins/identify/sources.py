"""Endpoints by where they come from: the `identify` objects, compiled into tables whenever they change.

Rule: the longest network decides, of two equal ones the object that comes first. A certificate decides when all its names that are known
here are those of one endpoint. Nothing is scanned per message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.pending import Pending, settle
from pipeline.prefixes import Prefixes, network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.dal import Identify, Layer

NONE: frozenset[str] = frozenset()


class Sources:
    """Which endpoint a source address is. Lives in the engine's state, beyond a reload."""

    __slots__ = ("_compiling", "_dal", "_stop", "_table", "_tell")

    def __init__(self, dal: Layer, tell: Callable[..., None]) -> None:
        self._dal = dal
        self._tell = tell
        self._table: Table | None = None
        self._compiling: Any = None
        self._stop = dal.watch("identify", self._changed) if dal.stores("identify") else None

    def close(self) -> None:
        """Follow the store no more."""
        if self._stop is not None:
            self._stop()

    def _changed(self, verb: str, stored: Any) -> None:
        self._table = self._compiling = None

    def find(self, host: str) -> Any:
        """Return the id of the endpoint that this address is, None, or a Pending."""
        if self._table is not None:
            return self._table.networks.find(host)
        if not self._dal.stores("identify"):
            return None
        return settle(self._compile(), lambda table: table.networks.find(host))

    def certified(self, names: Iterable[str]) -> Any:
        """Return the id of the endpoint that a certificate with these names is, None, or a Pending."""
        if self._table is not None:
            return self._table.certified(names)
        if not self._dal.stores("identify"):
            return None
        return settle(self._compile(), lambda table: table.certified(names))

    def has(self, endpoint: str) -> Any:
        """Tell whether any address or certificate is this endpoint: a bool or a Pending."""
        if not self._dal.stores("identify"):
            return False
        table = self._table
        return table.holds(endpoint) if table is not None else settle(self._compile(), lambda table: table.holds(endpoint))

    def _compile(self) -> Any:
        """Return the table anew; those who come while it is being read wait for the same answer."""
        if self._compiling is None:
            reading = settle(self._dal.find("identify"), self._read)
            if not isinstance(reading, Pending):
                self._table = reading
                return reading
            self._compiling = reading
            reading.then(self._arrived)
        return self._compiling

    def _arrived(self, reading: Pending) -> None:
        if self._compiling is not reading:
            return  # they have changed since: the next message reads them again
        self._compiling = None
        try:
            self._table = reading.value()
        except Exception:  # whoever waits for it gets the error itself
            self._table = None

    def _read(self, objects: Iterable[Identify]) -> Table:
        entries = []
        certificates: dict[str, set[str]] = {}
        for stored in objects:
            for text in stored.match:
                try:
                    entries.append((network(text), stored.endpoint))
                except ValueError as error:  # from a database; the file's own were checked
                    self._tell("identify.unreadable", id=stored.id, error=str(error))
            for name in stored.certificate:
                certificates.setdefault(_key(name), set()).add(stored.endpoint)
        return Table(Prefixes(entries), certificates)


class Table:
    """What the objects say together."""

    __slots__ = ("_certificates", "_certified", "networks")

    def __init__(self, networks: Prefixes[str], certificates: dict[str, set[str]]) -> None:
        self.networks = networks
        self._certificates = certificates
        self._certified = frozenset().union(*certificates.values()) if certificates else frozenset()

    def certified(self, names: Iterable[str]) -> str | None:
        """Return the endpoint whose all these names are, as far as they are known here; None for none, and for several."""
        found: set[str] = set()
        for name in names:
            found |= self._certificates.get(name, NONE)
        return found.pop() if len(found) == 1 else None

    def holds(self, endpoint: str) -> bool:
        """Tell whether anything says of an endpoint where it comes from."""
        return endpoint in self._certified or self.networks.holds(endpoint)


def _key(name: str) -> str:
    """Write a name as Flow.names has it: a domain, or the sip URI of a person, whose user part counts by case."""
    scheme, colon, rest = name.strip().partition(":")
    if not colon or scheme.lower() != "sip":
        return name.strip().rstrip(".").lower()
    user, at, host = rest.rpartition("@")
    host = host.rstrip(".").lower()
    return f"sip:{user}@{host}" if at else host

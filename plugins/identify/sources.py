"""Endpoints by source address: the `identify` objects, compiled into one table whenever they change.

Rule: the longest network decides, of two equal ones the object that comes first. Nothing is scanned per message.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from pipeline.pending import Pending, settle
from pipeline.prefixes import Prefixes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.dal import Identify, Layer


class Sources:
    """Which endpoint a source address is. Lives in the engine's state, beyond a reload."""

    __slots__ = ("_compiling", "_dal", "_table", "_tell")

    def __init__(self, dal: Layer, tell: Callable[..., None]) -> None:
        self._dal = dal
        self._tell = tell
        self._table: Prefixes[str] | None = None
        self._compiling: Any = None
        if dal.stores("identify"):
            dal.watch("identify", self._changed)

    def _changed(self, verb: str, stored: Any) -> None:
        self._table = self._compiling = None

    def find(self, host: str) -> Any:
        """Return the id of the endpoint that this address is, None, or a Pending."""
        if self._table is not None:
            return self._table.find(host)
        if not self._dal.stores("identify"):
            return None
        return settle(self._compile(), lambda table: table.find(host))

    def has(self, endpoint: str) -> Any:
        """Tell whether any address is this endpoint: a bool or a Pending."""
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

    def _read(self, objects: Iterable[Identify]) -> Prefixes[str]:
        entries = []
        for stored in objects:
            for text in stored.match:
                try:
                    entries.append((ip_network(text, strict=False), stored.endpoint))
                except ValueError as error:  # from a database; the file's own were checked
                    self._tell("identify.unreadable", id=stored.id, error=str(error))
        return Prefixes(entries)

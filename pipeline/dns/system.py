"""What the machine says about names: /etc/resolv.conf and /etc/hosts, read again when they change. resolv.conf(5), hosts(5).

Rule: nothing but reading two small files. Lines that cannot be read are passed over, as the C library does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from pipeline.datagrams import literal

if TYPE_CHECKING:
    from pipeline.flow import Address

__all__ = ["Naming", "System"]

RESOLV_CONF = "/etc/resolv.conf"
HOSTS = "/etc/hosts"
NAMESERVERS = 3
"""resolv.conf(5): MAXNS."""


@attrs.frozen(slots=True)
class Naming:
    """Whom to ask for names, and which are known without asking."""

    servers: tuple[Address, ...] = ()
    search: tuple[str, ...] = ()
    """Domains in which a name of few labels is looked for too."""
    ndots: int = 1
    """A name of at least so many dots is looked for only as it is."""
    hosts: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    """Lower-case name -> its addresses."""


class System:
    """The naming of this machine."""

    __slots__ = ("_hosts", "_naming", "_resolv_conf", "_seen")

    def __init__(self, resolv_conf: str = RESOLV_CONF, hosts: str = HOSTS) -> None:
        self._resolv_conf = Path(resolv_conf)
        self._hosts = Path(hosts)
        self._seen: tuple[int, int] | None = None
        self._naming = Naming()

    def naming(self) -> Naming:
        """Return what the files say now."""
        seen = (_changed(self._resolv_conf), _changed(self._hosts))
        if seen != self._seen:
            self._seen = seen
            servers, search, ndots = _resolv_conf(_lines(self._resolv_conf))
            self._naming = Naming(servers, search, ndots, _hosts(_lines(self._hosts)))
        return self._naming


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _lines(path: Path) -> list[list[str]]:
    """Return the words of each line, without comments."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [words for line in text.splitlines() if (words := line.partition("#")[0].split()) and words[0][0] != ";"]


def _resolv_conf(lines: list[list[str]]) -> tuple[tuple[Address, ...], tuple[str, ...], int]:
    servers: list[Address] = []
    search: tuple[str, ...] = ()
    ndots = 1
    for keyword, *words in lines:
        if keyword == "nameserver" and words and literal(words[0]) and len(servers) < NAMESERVERS:
            servers.append((words[0], 53))
        elif keyword in ("search", "domain"):
            search = tuple(word.rstrip(".") for word in words if word.strip("."))
        elif keyword == "options":
            for word in words:
                if word.startswith("ndots:") and word[6:].isdigit():
                    ndots = min(int(word[6:]), 15)
    return tuple(servers) or (("127.0.0.1", 53),), search, ndots


def _hosts(lines: list[list[str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for address, *names in lines:
        if literal(address):
            for name in names:
                key = name.lower().rstrip(".")
                if address not in found.get(key, ()):
                    found[key] = (*found.get(key, ()), address)
    return found

"""The sockets that listen. They are the engine's and outlive a reload: a transport takes the one that is open at its address, or opens it.

Rule: a socket is opened before the swap (a port that is taken fails the reload, and nothing has changed), serves nobody until then, and is
closed after it when nobody listens there any more. One that also answers (UDP) is deaf first and closed when what came by it is answered.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.flow import Address

Key = tuple[str, str, int, int]
"""(class of the transport, host, port, which of several equal ones: port 0 may be asked for twice)."""


class Bound:
    """One socket that listens, and the transport instance that serves it now."""

    __slots__ = ("heir", "key", "owner", "socket")

    def __init__(self, key: Key, heir: Any) -> None:
        self.key = key
        self.owner: Any = None
        """Who gets what arrives; None: nobody yet, or nobody any more."""
        self.heir = heir
        self.socket: Any = None
        """An Endpoint or a Listener of pipeline.network."""

    @property
    def local(self) -> Address:
        """The address it is bound to."""
        local: Address = self.socket.local
        return local


class Listeners:
    """All sockets that listen."""

    def __init__(self) -> None:
        self._open: dict[Key, Bound] = {}
        self._next: dict[Key, Bound] | None = None
        """While a reload is prepared: what its generation will listen with."""
        self._asked: Counter[tuple[str, str, int]] = Counter()
        self._parting: dict[Key, Bound] = {}
        """Deaf, and open only for the answers that are still to go."""

    def prepare(self) -> None:
        """Begin a reload: what is taken from now on is for the next generation."""
        self._next = {}
        self._asked.clear()

    def take(self, owner: Any, host: str, port: int, make: Callable[[Bound], Any]) -> Bound:
        """Return the socket at this address for `owner`: the one that is open, or a new one that `make(bound)` opens. Raises OSError."""
        cls = type(owner)
        place = (f"{cls.__module__}.{cls.__qualname__}", host, port)
        key = (*place, self._asked[place])
        bound = self._open.get(key) or self._parting.get(key)
        if bound is None:
            bound = Bound(key, owner)
            bound.socket = make(bound)
        bound.heir = owner
        self._asked[place] += 1
        if self._next is None:
            bound.owner = owner
            self._open[key] = bound
            self._parting.pop(key, None)
        else:
            self._next[key] = bound
        return bound

    def commit(self) -> list[Bound]:
        """Let the next generation listen. Return the sockets that nobody listens with any more: deaf, and to be given to `part` later."""
        following = self._next if self._next is not None else self._open
        self._next = None
        gone = [bound for key, bound in self._open.items() if key not in following]
        for bound in gone:
            bound.owner = bound.heir = None
            if hasattr(bound.socket, "send"):
                self._parting[bound.key] = bound
            else:  # it only accepts: its connections are on their own already
                bound.socket.close()
        for key, bound in following.items():
            bound.owner = bound.heir
            self._parting.pop(key, None)
        self._open = following
        return [bound for bound in gone if bound.key in self._parting]

    def abandon(self) -> None:
        """Undo what was prepared: close what was opened for it."""
        following, self._next = self._next or {}, None
        for key, bound in following.items():
            if key in self._open or key in self._parting:
                bound.heir = bound.owner
            else:
                bound.socket.close()

    def part(self, gone: list[Bound]) -> None:
        """Close sockets that `commit` returned, unless somebody listens with them again."""
        for bound in gone:
            if self._parting.get(bound.key) is bound:
                del self._parting[bound.key]
                bound.socket.close()

    def close(self) -> None:
        """Close all: the server stops."""
        for bound in (*self._open.values(), *self._parting.values()):
            bound.socket.close()
        self._open, self._parting = {}, {}
        self._asked.clear()

"""What waits for octets from its peer: thousands of connections, under one reader of the loop.

Rule: as `loop.add_reader`, at a fifth of its memory: asyncio keeps a handle, a context, a key and a tuple for each descriptor, 350 bytes,
and in a flood of connections these come and go by the thousand. So they have an epoll of their own (Linux), which the loop reads; where
there is none they are readers of the loop. Level-triggered: what is not read now is told again.
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio


class Readable(Protocol):
    """What is told when it can be read."""

    def readable(self) -> None:
        """Read."""


class Readers:
    """Who is told what can be read, by descriptor."""

    __slots__ = ("_epoll", "_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[int, Readable] = {}
        self._epoll: Any = None

    def add(self, fd: int, reader: Readable) -> None:
        """Call `reader.readable()` whenever there is something to be read, until it is removed."""
        if not hasattr(select, "epoll"):
            self._loop.add_reader(fd, reader.readable)
            return
        if self._epoll is None:
            self._epoll = select.epoll()
            self._loop.add_reader(self._epoll.fileno(), self._ready)
        if fd not in self._waiting:
            self._epoll.register(fd, select.EPOLLIN)
        self._waiting[fd] = reader

    def remove(self, fd: int) -> None:
        """Call it no more; to be called before the descriptor is closed, and harmless when it is not there."""
        if self._epoll is None:
            self._loop.remove_reader(fd)
        elif self._waiting.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def _ready(self) -> None:
        for fd, _event in self._epoll.poll(0):
            reader = self._waiting.get(fd)
            if reader is None:  # what was told before has ended it
                continue
            try:
                reader.readable()
            except Exception as error:  # the others are to hear all the same, as they do of the loop
                self._loop.call_exception_handler({"message": f"Exception in {reader.readable!r}", "exception": error})

    def close(self) -> None:
        """Close: nobody is told any more."""
        if self._epoll is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None
            self._waiting.clear()

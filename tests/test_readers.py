"""pipeline/readers.py: who is told what can be read. Real sockets, waited for by events."""

import asyncio
import select
import socket

import pytest

from pipeline.readers import Readers


class Reader:
    """One end of a pair of sockets, and what was read there."""

    def __init__(self, readers, then=None):
        self.sock, self.peer = socket.socketpair()
        self.sock.setblocking(False)
        self.readers, self.then, self.read, self.told = readers, then, [], asyncio.Event()
        readers.add(self.sock.fileno(), self)

    def readable(self):
        self.read.append(self.sock.recv(100))
        self.told.set()
        if self.then is not None:
            self.then()

    def leave(self):
        if self.sock.fileno() != -1:
            self.readers.remove(self.sock.fileno())
            self.sock.close()


@pytest.fixture(params=["epoll", "the loop's own"])
def run(request, monkeypatch):
    """Run a coroutine function with Readers."""
    if request.param != "epoll":
        monkeypatch.delattr(select, "epoll", raising=False)
    elif not hasattr(select, "epoll"):
        pytest.skip("this system has no epoll")

    def run(main):
        async def inside():
            readers = Readers(asyncio.get_running_loop())
            try:
                await asyncio.wait_for(main(readers), 10.0)
            finally:
                readers.close()

        asyncio.run(inside())

    return run


def test_who_waits_is_told_each_time_that_something_has_come(run):
    async def main(readers):
        one, other = Reader(readers), Reader(readers)
        for data in (b"first", b"second"):
            one.told.clear()
            one.peer.send(data)
            await one.told.wait()
        assert (one.read, other.read) == ([b"first", b"second"], [])
        one.told.clear()
        one.peer.close()
        await one.told.wait()
        assert one.read[-1] == b""
        for each in (one, other):
            each.leave()
            each.peer.close()

    run(main)


def test_who_is_removed_is_told_nothing_even_of_what_came_together_with_what_removed_it(run):
    async def main(readers):
        pair = [Reader(readers), Reader(readers)]
        pair[0].then, pair[1].then = pair[1].leave, pair[0].leave
        for each in pair:
            each.peer.send(b"x")
        await asyncio.wait([asyncio.ensure_future(each.told.wait()) for each in pair], return_when=asyncio.FIRST_COMPLETED)
        third = Reader(readers)
        third.peer.send(b"x")
        await third.told.wait()
        assert sum(len(each.read) for each in pair) == 1
        for each in (*pair, third):
            each.leave()
            each.peer.close()

    run(main)


def test_one_that_fails_is_told_of_and_disturbs_no_other(run):
    async def main(readers):
        told = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, what: told.append(type(what["exception"])))
        several = [Reader(readers, then=lambda: 1 / 0) for _ in range(3)]
        for each in several:
            each.peer.send(b"x")
        for each in several:
            await each.told.wait()
        await asyncio.sleep(0)
        assert told == [ZeroDivisionError] * 3
        for each in several:
            each.leave()
            each.peer.close()

    run(main)


def test_two_adds_are_one_and_to_remove_who_is_not_there_is_harmless(run):
    async def main(readers):
        one = Reader(readers)
        readers.add(one.sock.fileno(), one)
        readers.remove(one.sock.fileno())
        readers.remove(one.sock.fileno())
        one.peer.send(b"x")
        other = Reader(readers)
        other.peer.send(b"x")
        await other.told.wait()
        assert one.read == []
        for each in (one, other):
            each.leave()
            each.peer.close()

    run(main)

"""pipeline/sockets.py with datagrams.py and streams.py: real sockets over loopback. Every wait is for an event, with a limit."""

import asyncio
import errno
import gc
import os
import resource
import socket
import struct
import sys
import tracemalloc
import weakref

import pytest

from pipeline import datagrams, streams
from pipeline.config import Problems
from pipeline.datagrams import Datagrams, Datagrams6, WildcardDatagrams, literal
from pipeline.option import LARGEST_INT
from pipeline.sockets import Sockets

LIMIT = 10.0


def ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def six(*values):
    return pytest.param(*values, marks=pytest.mark.skipif(not ipv6(), reason="this machine has no IPv6"))


@pytest.fixture
def run():
    """Run a coroutine function with Sockets, and close them."""

    def run(main):
        async def inside():
            sockets = Sockets(asyncio.get_running_loop())
            try:
                return await asyncio.wait_for(main(sockets), LIMIT)
            finally:
                sockets.close()

        return asyncio.run(inside())

    return run


class Inbox:
    """What has come, and a way to wait for the next."""

    def __init__(self):
        self.queue = asyncio.Queue()

    def __call__(self, *what):
        self.queue.put_nowait(what if len(what) != 1 else what[0])

    async def get(self):
        return await asyncio.wait_for(self.queue.get(), LIMIT)

    async def data(self, size):
        """So many bytes of a stream."""
        got = b""
        while len(got) < size:
            got += await self.get()
        return got


# UDP


@pytest.mark.parametrize(("host", "kind"), [("127.0.0.1", Datagrams), six("::1", Datagrams6)])
def test_a_datagram_is_received_and_answered(run, host, kind):
    async def main(sockets):
        asked, answered = Inbox(), Inbox()
        server, client = sockets.datagram(host, 0, asked), sockets.datagram(host, 0, answered)
        assert type(server) is kind
        assert server.local[1] > 0
        assert client.send(b"question", server.local) is None
        assert await asked.get() == (b"question", client.local, server.local)
        assert server.send(b"answer", client.local, server.local) is None
        assert await answered.get() == (b"answer", server.local, client.local)

    run(main)


@pytest.mark.parametrize(
    ("wild", "asked", "client"), [("0.0.0.0", "127.0.0.2", "127.0.0.1"), ("0.0.0.0", "127.0.0.1", "127.0.0.9"), six("::", "::1", "::1")]
)
def test_under_a_wildcard_the_answer_leaves_from_the_address_that_was_asked(run, wild, asked, client):
    async def main(sockets):
        heard = Inbox()
        server = sockets.datagram(wild, 0, lambda data, source, local: server.send(b"from " + local[0].encode(), source, local))
        phone = sockets.datagram(client, 0, heard)
        assert type(server) is WildcardDatagrams
        port = server.local[1]
        for _ in range(3):
            phone.send(b"?", (asked, port))
            assert await heard.get() == (b"from " + asked.encode(), (asked, port), phone.local)
        server.send(b"of our own", phone.local)
        data, _source, _local = await heard.get()
        assert data == b"of our own"

    run(main)


@pytest.mark.skipif(not ipv6(), reason="this machine has no IPv6")
def test_a_wildcard_without_v6only_serves_both_families(run):
    async def main(sockets):
        heard = Inbox()
        server = sockets.datagram("::", 0, lambda data, source, local: server.send(local[0].encode(), source, local), v6only=False)
        phone = sockets.datagram("127.0.0.1", 0, heard)
        phone.send(b"?", ("127.0.0.2", server.local[1]))
        assert await heard.get() == (b"::ffff:127.0.0.2", ("127.0.0.2", server.local[1]), phone.local)

    run(main)


@pytest.mark.skipif(not ipv6(), reason="this machine has no IPv6")
def test_with_v6only_both_families_can_have_the_port(run):
    async def main(sockets):
        first = sockets.datagram("::", 0, print)
        sockets.datagram("0.0.0.0", first.local[1], print)

    run(main)


def test_a_port_in_use_is_an_error_at_once(run):
    async def main(sockets):
        first = sockets.datagram("127.0.0.1", 0, print)
        with pytest.raises(OSError, match="in use"):
            sockets.datagram("127.0.0.1", first.local[1], print)
        listener = sockets.listen("127.0.0.1", 0, print)
        with pytest.raises(OSError, match="in use"):
            sockets.listen("127.0.0.1", listener.local[1], print)
        with pytest.raises(OSError, match="annot assign"):
            sockets.datagram("192.0.2.77", 5060, print)

    run(main)


def test_more_than_one_drain_of_datagrams_arrives_whole(run):
    async def main(sockets):
        heard = Inbox()
        server, client = sockets.datagram("127.0.0.1", 0, heard, receive_buffer=1 << 20), sockets.datagram("127.0.0.1", 0, print)
        for number in range(300):
            client.send(b"%d" % number, server.local)
        assert [int((await heard.get())[0]) for _ in range(300)] == list(range(300))
        assert server.drops() == 0

    run(main)


def test_a_socket_tells_since_when_it_has_not_been_empty(run):
    async def main(sockets):
        full, server = [], None
        server = sockets.datagram("127.0.0.1", 0, lambda *_: full.append(server.full_since), receive_buffer=1 << 20)
        client = sockets.datagram("127.0.0.1", 0, print)
        for _ in range(150):
            client.send(b"x", server.local)
        while len(full) < 150:  # noqa: ASYNC110  the loop itself is what is watched
            await asyncio.sleep(0)
        assert full[0] == full[63] == 0.0  # the first drain does not know yet
        assert full[64] == full[-1] > 0.0
        assert server.full_since == 0.0

    run(main)


def test_who_hears_a_socket_does_not_wait_for_the_collector(run):
    class Hearer:
        def __init__(self, sockets):
            self.socket = sockets.datagram("127.0.0.1", 0, self.hear)

        def hear(self, *_):
            raise AssertionError("nothing was sent")

    async def main(sockets):
        hearer = Hearer(sockets)
        hearer.socket.close()
        gone = weakref.ref(hearer)
        gc.disable()
        try:
            del hearer
            assert gone() is None
        finally:
            gc.enable()

    run(main)


def test_what_was_received_is_not_touched_by_what_comes_next(run):
    async def main(sockets):
        heard = Inbox()
        server, client = sockets.datagram("127.0.0.1", 0, heard), sockets.datagram("127.0.0.1", 0, print)
        sent = [b"a long first one", b"short", b""]
        for data in sent:
            client.send(data, server.local)
        got = [(await heard.get())[0] for _ in sent]
        assert got == sent
        assert {type(data) for data in got} == {bytes}

    run(main)


def socket_of(client):
    """A plain socket that waits for what comes, and sends to nobody by itself."""
    client.settimeout(LIMIT)
    client.bind(("127.0.0.1", 0))
    return client


def test_answers_that_are_posted_while_we_read_leave_together_and_in_order(run):
    async def main(sockets):
        calls, left = [], asyncio.Event()

        def answer(data, source, _local):
            server.post(b"to " + data, source)
            calls.append((data, ready()))
            if data == b"19":
                left.set()

        def ready():
            client.setblocking(False)
            try:
                return client.recv(100, socket.MSG_PEEK)
            except BlockingIOError:
                return b""
            finally:
                client.settimeout(LIMIT)

        with socket_of(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
            server = sockets.datagram("127.0.0.1", 0, answer)
            for number in range(20):
                client.sendto(b"%d" % number, server.local)
            await left.wait()
            await asyncio.sleep(0)
            assert [data for data, _ in calls] == [b"%d" % number for number in range(20)]
            assert [seen for _, seen in calls] == [b""] * (datagrams.TOGETHER - 1) + [b"to 0"] * (21 - datagrams.TOGETHER)
            assert [client.recv(100) for _ in range(20)] == [b"to %d" % number for number in range(20)]

    run(main)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_what_is_sent_at_once_does_not_overtake_what_was_posted(run, host):
    async def main(sockets):
        done = asyncio.Event()

        def answer(_data, source, local):
            assert server.post(b"200", source, local) is None
            assert server.send(b"NOTIFY", source, local) is None
            server.post(b"the last", source, local)
            server.close()
            done.set()

        with socket_of(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
            server = sockets.datagram(host, 0, answer)
            client.sendto(b"SUBSCRIBE", ("127.0.0.1", server.local[1]))
            await done.wait()
            assert [client.recv(100) for _ in range(3)] == [b"200", b"NOTIFY", b"the last"]

    run(main)


def test_what_is_posted_and_refused_when_it_leaves_is_told(run):
    async def main(sockets):
        refused, told, done = [], [], asyncio.Event()

        def answer(_data, source, _local):
            server.on_refused = lambda where, error, data, local: refused.append((where, error.errno, len(data)))
            server.post(b"x" * 66000, source)
            server.post(b"x", ("not an address", 1))
            server.post(b"y", ("not an address", 2), None, told.append)
            server.post(b"fits", source)
            done.set()

        with socket_of(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
            server = sockets.datagram("127.0.0.1", 0, answer)
            client.sendto(b"?", server.local)
            await done.wait()
            await asyncio.sleep(0)
            assert refused == [(client.getsockname(), errno.EMSGSIZE, 66000), (("not an address", 1), socket.EAI_NONAME, 1)]
            assert [error.errno for error in told] == [socket.EAI_NONAME]
            assert client.recv(100) == b"fits"
            assert server.post(b"nobody is being read", client.getsockname()) is None, "it leaves at once"
            assert client.recv(100) == b"nobody is being read"

    run(main)


def test_whatever_is_raised_by_who_hears_or_is_refused_the_socket_is_read_on(run, monkeypatch):
    """Also while it is looked at in turns, instead of waking us: nobody else would look again."""
    monkeypatch.setattr(datagrams, "WAKES", 1)
    monkeypatch.setattr(datagrams, "BUSY", 60.0)

    async def main(sockets):
        inbox, raised = Inbox(), []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, told: raised.append(str(told["exception"])))

        def hear(data, source, _local):
            if data == b"refuse":
                server.post(b"x", ("not an address", 1), None, lambda error: 1 / 0)
                server.post(b"behind it", source)
            elif data == b"raise":
                raise LookupError("by who hears")
            inbox(data)

        with socket_of(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
            server = sockets.datagram("127.0.0.1", 0, hear)
            for _ in range(3):
                for word in (b"refuse", b"raise", b"hear"):
                    client.sendto(word, server.local)
                    while word == b"hear" and await inbox.get() != word:
                        pass
                assert client.recv(100) == b"behind it"
            assert raised.count("by who hears") == 3
            assert raised.count("division by zero") == 3

    run(main)


def test_what_was_posted_waits_for_a_few_datagrams_at_most(run):
    async def main(sockets):
        seen, done = [], asyncio.Event()

        def hear(data, source, _local):
            if data == b"0":
                server.post(b"200", source)
            client.setblocking(False)
            try:
                seen.append(client.recv(100))
            except BlockingIOError:
                seen.append(b"")
            if data == b"39":
                done.set()

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.1", 0))
            server = sockets.datagram("127.0.0.1", 0, hear)
            for number in range(40):
                client.sendto(b"%d" % number, server.local)
            await done.wait()
            assert seen.index(b"200") == datagrams.TOGETHER

    run(main)


def test_the_kernel_s_drops_are_counted(run):
    async def main(sockets):
        heard = Inbox()
        server, client = sockets.datagram("127.0.0.1", 0, heard, receive_buffer=4096), sockets.datagram("127.0.0.1", 0, print)
        for _ in range(200):  # nobody reads: the loop has no turn
            client.send(bytes(1000), server.local)
        assert server.drops() > 100
        await heard.get()
        assert heard.queue.qsize() + 1 == 200 - server.drops()

    run(main)


def test_buffers_are_set(run):
    async def main(sockets):
        receive, send = sockets.datagram("127.0.0.1", 0, print, receive_buffer=100_000, send_buffer=50_000).buffers()
        assert (receive, send) == (200_000, 100_000)

    run(main)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_what_cannot_be_sent_is_returned_and_not_raised(run, host):
    async def main(sockets):
        server = sockets.datagram(host, 0, print)
        assert isinstance(server.send(b"x", ("sip.example.com", 5060), server.local), socket.gaierror)
        assert "resolve it first" in str(server.send(b"x", ("sip.example.com", 5060)))
        assert server.send(b"x", ("127.0.0.1", 99999)).errno == errno.EINVAL
        assert server.send(b"x", ("127.0.0.1", 0)).errno == errno.EINVAL
        assert server.send(bytes(70000), ("127.0.0.1", 5060)).errno == errno.EMSGSIZE
        assert isinstance(server.send(b"x", ("::1", 5060)), OSError)
        assert isinstance(server.send(b"x", ("255.255.255.255", 5060)), OSError)
        server.close()
        assert server.send(b"x", ("127.0.0.1", 5060)).errno == errno.EBADF

    run(main)


def test_an_address_we_do_not_have_cannot_be_answered_from(run):
    async def main(sockets):
        server = sockets.datagram("0.0.0.0", 0, print)
        assert isinstance(server.send(b"x", ("127.0.0.1", 5060), ("192.0.2.77", 5060)), OSError)
        assert isinstance(server.send(b"x", ("127.0.0.1", 5060), ("nonsense", 5060)), OSError)

    run(main)


def test_a_port_where_nobody_is_does_no_harm(run):
    async def main(sockets):
        heard = Inbox()
        server, gone, client = (sockets.datagram("127.0.0.1", 0, fn) for fn in (heard, print, print))
        gone.close()
        for _ in range(5):
            assert server.send(b"x", gone.local) is None
        client.send(b"still there", server.local)
        assert (await heard.get())[0] == b"still there"

    run(main)


def test_an_error_while_receiving_is_counted_and_the_rest_still_read(run):
    async def main(sockets):
        heard = Inbox()
        server = sockets.datagram("127.0.0.1", 0, heard)
        answers = iter([ConnectionRefusedError(errno.ECONNREFUSED, "ICMP"), (b"next", ("127.0.0.1", 9)), BlockingIOError()])

        class Refused:
            def recvfrom_into(self, buffer):
                answer = next(answers)
                if isinstance(answer, Exception):
                    raise answer
                data, source = answer
                buffer[: len(data)] = data
                return len(data), source

        sock, server._sock = server._sock, Refused()
        server._drain()
        server._sock = sock
        assert await heard.get() == (b"next", ("127.0.0.1", 9), server.local)
        assert server.errors == 1

    run(main)


def test_a_full_send_buffer_keeps_the_order_and_is_bounded(run):
    async def main(sockets):
        heard = Inbox()
        server, client = sockets.datagram("127.0.0.1", 0, print), sockets.datagram("127.0.0.1", 0, heard, receive_buffer=1 << 20)
        sendto, full = server._sendto, [True]

        def refusing(data, destination):
            if full[0]:
                raise BlockingIOError
            return sendto(data, destination)

        server._sendto = refusing
        results = [server.send(b"%d" % number, client.local) for number in range(datagrams.WAITING + 5)]
        assert results[: datagrams.WAITING] == [None] * datagrams.WAITING
        assert {result.errno for result in results[datagrams.WAITING :]} == {errno.ENOBUFS}
        assert server.unsent == 5
        full[0] = False
        for number in range(datagrams.WAITING):
            assert (await heard.get())[0] == b"%d" % number
        assert server.send(b"after", client.local) is None
        assert (await heard.get())[0] == b"after"

    run(main)


def test_what_had_to_wait_and_is_refused_then_is_told(run):
    async def main(sockets):
        heard, refused = Inbox(), []
        server, client = sockets.datagram("127.0.0.1", 0, print), sockets.datagram("127.0.0.1", 0, heard)
        server.on_refused = lambda where, error, data, local: refused.append((where, error.errno, len(data)))
        sendto, full = server._sendto, [True]

        def refusing(data, destination):
            if full[0]:
                raise BlockingIOError
            return sendto(data, destination)

        server._sendto = refusing
        assert [server.send(data, client.local) for data in (bytes(66000), b"fits")] == [None, None]
        full[0] = False
        assert (await heard.get())[0] == b"fits"
        await asyncio.sleep(0)
        assert refused == [(client.local, errno.EMSGSIZE, 66000)] and server.unsent == 1

    run(main)


def test_a_socket_may_be_closed_by_its_own_datagram(run):
    async def main(sockets):
        heard = Inbox()

        def once(*what):
            heard(*what)
            server.close()

        server, client = sockets.datagram("127.0.0.1", 0, once), sockets.datagram("127.0.0.1", 0, print)
        client.send(b"1", server.local)
        client.send(b"2", server.local)
        assert (await heard.get())[0] == b"1"
        assert heard.queue.empty()
        assert (server.drops(), server.errors) == (0, 0)

    run(main)


@pytest.mark.parametrize("host", ["127.0.0.1", six("::1")])
def test_the_network_says_where_nobody_receives_datagrams(run, host):
    async def main(sockets):
        def ask(port, seconds=0.2):
            done = asyncio.get_running_loop().create_future()
            sockets.knock((host, port), seconds).then(lambda pending: done.set_result(pending.value()))
            return done

        endpoint = sockets.datagram(host, 0, lambda *_: None)
        port = endpoint.local[1]
        assert await ask(port) is True  # silence
        endpoint.close()
        assert await ask(port, 5) is False
        answering = sockets.datagram(host, 0, lambda data, source, _: answering.send(data, source))
        assert await ask(answering.local[1], 5) is True
        assert not sockets._knocking

    run(main)


def test_only_so_many_are_asked_at_a_time_and_none_is_left_open(run, monkeypatch):
    monkeypatch.setattr("pipeline.sockets.KNOCKING", 2)

    async def main(sockets):
        endpoint = sockets.datagram("127.0.0.1", 0, lambda *_: None)
        told = []
        for _ in range(3):
            sockets.knock(endpoint.local, 30).then(lambda pending: told.append(pending.value()))
        assert told == [True]
        sockets.close()
        assert told == [True, True, True]
        sockets.knock(("example.com", 5060), 1).then(lambda pending: told.append(pending.value()))
        assert told == [True] * 4

    run(main)


def test_only_addresses_are_literal():
    assert all(map(literal, ("10.0.0.1", "::1", "fe80::1%2", "fe80::1%lo", "::ffff:1.2.3.4")))
    assert not any(
        map(
            literal,
            ("sip.example.com", "localhost", "", "1.2.3", "bad.cafe", "[::1]", "10.0.0.1\0", "1.2.3.4%2", "fe80::1%a.example", "fe80::1%"),
        )
    )


# TCP


class End:
    """One end of a connection, and what it has heard."""

    def __init__(self, stream, *, half=False):
        self.stream, self.heard, self.closed, self.ended = stream, Inbox(), Inbox(), Inbox()
        stream.on_closed = self.closed
        if half:
            stream.on_end = lambda: self.ended("ended")
        stream.on_data = self.heard


async def pair(sockets, host="127.0.0.1", *, half=False, **options):
    accepted = Inbox()
    listener = sockets.listen(host, 0, lambda stream: accepted(End(stream, half=half)), **options)
    client = End(await sockets.connect(host, listener.local[1], **options), half=half)
    return client, await accepted.get(), listener


@pytest.mark.parametrize("host", ["127.0.0.1", six("::1")])
def test_a_stream_carries_both_ways_and_closes_with_a_reason(run, host):
    async def main(sockets):
        client, server, listener = await pair(sockets, host)
        assert client.stream.peer == server.stream.local == listener.local
        assert client.stream.local == server.stream.peer
        client.stream.write(b"question")
        assert await server.heard.data(8) == b"question"
        server.stream.write(b"answer")
        assert await client.heard.data(6) == b"answer"
        client.stream.write(b"bye")
        client.stream.close("idle for 32 s")
        client.stream.close("again")
        assert await server.heard.data(3) == b"bye"
        assert await client.closed.get() == "idle for 32 s"
        assert await server.closed.get() == "closed by the peer"
        assert (client.stream.closed, server.stream.closed) == ("idle for 32 s", "closed by the peer")
        assert client.closed.queue.empty()
        with pytest.raises(ConnectionError, match="is closed: idle for 32 s"):
            client.stream.write(b"x")

    run(main)


def test_the_kernel_asks_whether_a_silent_peer_is_still_there(run):
    async def main(sockets):
        client, server, _ = await pair(sockets)
        for end in (client, server):
            sock = end.stream._sock
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            if sys.platform == "linux":
                idle, interval, count = (
                    sock.getsockopt(socket.IPPROTO_TCP, name) for name in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
                )
                assert idle + interval * count <= 600  # before a binding of ten minutes is over

    run(main)


def test_a_megabyte_through_a_slow_reader_arrives_whole(run):
    async def main(sockets):
        client, server, _ = await pair(sockets, write_limit=32 << 20)
        server.stream.on_data = None
        sent = os.urandom(1 << 20) * 16
        client.stream.write(sent)
        assert client.stream.pending_bytes > 0
        client.stream.close("said everything")
        server.stream.on_data = server.heard
        assert await server.heard.data(len(sent)) == sent
        assert await server.closed.get() == "closed by the peer"

    run(main)


def test_a_peer_that_does_not_read_is_closed(run):
    async def main(sockets):
        client, server, _ = await pair(sockets, write_limit=100_000)
        server.stream.on_data = None
        for _ in range(1000):
            if client.stream.closed:
                break
            client.stream.write(bytes(99_000))
        reason = await client.closed.get()
        assert reason.startswith("the peer does not read: ")
        assert not sockets._connections - {server.stream}

    run(main)


def test_a_half_closed_connection_still_gets_its_answer(run):
    async def main(sockets):
        client, server, _ = await pair(sockets, half=True)
        client.stream.write(b"question")
        client.stream.end()
        await server.ended.get()
        assert await server.heard.data(8) == b"question"
        server.stream.write(b"answer")
        server.stream.end()
        assert await client.heard.data(6) == b"answer"
        assert await server.closed.get() == "ended by both sides"
        assert await client.closed.get() == "closed by the peer"
        assert not sockets._connections

    run(main)


def test_the_last_answer_is_not_lost_to_what_the_peer_still_sends(run):
    async def main(sockets):
        """A socket closed with unread bytes in it makes the kernel say RST, and the peer loses the 400 that says why."""
        accepted, loop = Inbox(), asyncio.get_running_loop()

        def on_connection(stream):
            stream.on_data = lambda data: (stream.write(b"SIP/2.0 400 Bad Request\r\n\r\n"), stream.close("not SIP"))
            stream.on_closed = accepted

        listener = sockets.listen("127.0.0.1", 0, on_connection)
        with socket.create_connection(listener.local) as sock:
            sock.setblocking(False)
            await loop.sock_sendall(sock, b"garbage")
            assert await accepted.get() == "not SIP"
            for _ in range(10):
                await loop.sock_sendall(sock, bytes(10_000))
            assert await loop.sock_recv(sock, 100) == b"SIP/2.0 400 Bad Request\r\n\r\n"
            assert await loop.sock_recv(sock, 100) == b""

    run(main)


def test_a_peer_that_never_says_its_end_is_given_up(run, monkeypatch):
    monkeypatch.setattr(streams, "LINGER", 0.01)

    async def main(sockets):
        loop, closed = asyncio.get_running_loop(), Inbox()
        listener = sockets.listen("127.0.0.1", 0, lambda stream: (setattr(stream, "on_closed", closed), stream.close("go")))
        with socket.create_connection(listener.local) as sock:
            sock.setblocking(False)
            assert await closed.get() == "go"
            assert await loop.sock_recv(sock, 100) == b""
            gone = asyncio.Event()
            connection = next(iter(sockets._connections))
            loop.call_later(streams.LINGER, lambda: loop.call_soon(gone.set))
            await gone.wait()
            assert connection._sock.fileno() == -1

    run(main)


def test_a_closed_connection_is_gone_when_what_waits_has_gone_out_or_is_given_up(run, monkeypatch):
    monkeypatch.setattr(streams, "LINGER", 0.2)

    async def main(sockets):
        """One peer reads all and closes; one reads nothing, and is waited for; one reads nothing, and is given up for another's sake."""
        loop, closed, gone, served = asyncio.get_running_loop(), Inbox(), Inbox(), []

        def on_connection(stream):
            served.append(stream)
            stream.on_closed, stream.on_gone = closed, lambda: gone(1 + served.index(stream))
            stream.write(bytes(8_000_000))
            stream.close("go")

        listener = sockets.listen("127.0.0.1", 0, on_connection, write_limit=1 << 24)
        peers = [socket.create_connection(listener.local) for _ in range(3)]
        for _ in peers:
            assert await closed.get() == "go"
        assert gone.queue.empty()
        served[2].give_up("for another's sake")
        assert await gone.get() == 3
        peers[0].setblocking(False)
        while await loop.sock_recv(peers[0], 1 << 20):
            pass
        peers[0].close()
        assert await gone.get() == 1
        assert sockets._connections == {served[1]}
        assert await gone.get() == 2
        assert not sockets._connections
        assert closed.queue.empty()
        for peer in peers:
            peer.close()

    run(main)


def test_a_connection_that_has_brought_nothing_takes_a_kilobyte_with_its_peer_s_end(run):
    async def main(sockets):
        loop, accepted = asyncio.get_running_loop(), Inbox()

        def on_connection(stream):
            stream.on_data = print
            accepted(stream)

        listener = sockets.listen("127.0.0.1", 0, on_connection)
        peers, streams = [], []
        for number in range(110):
            if number == 10:
                tracemalloc.start()
            sock = socket.socket()
            sock.setblocking(False)
            await loop.sock_connect(sock, listener.local)
            peers.append(sock)
            streams.append(await accepted.get())
        taken = tracemalloc.get_traced_memory()[0] / 100
        tracemalloc.stop()
        for peer in peers:
            peer.close()
        assert taken < 1000

    run(main)


def test_a_reset_by_the_peer_is_told(run):
    async def main(sockets):
        accepted, closed = Inbox(), Inbox()

        def on_connection(stream):
            stream.on_closed, stream.on_data = closed, print
            accepted(stream)

        listener = sockets.listen("127.0.0.1", 0, on_connection)
        sock = socket.create_connection(listener.local)
        await accepted.get()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        assert await closed.get() == "connection reset by peer"

    run(main)


def test_connecting_where_nobody_listens_fails_with_the_address(run):
    async def main(sockets):
        listener = sockets.listen("127.0.0.1", 0, print)
        listener.close()
        with pytest.raises(ConnectionRefusedError, match=rf"connecting to 127\.0\.0\.1:{listener.local[1]}: connection refused"):
            await sockets.connect(*listener.local)
        with pytest.raises(socket.gaierror, match="resolve it first"):
            await sockets.connect("localhost", 5060)
        with pytest.raises(OSError, match="port must be"):
            await sockets.connect("127.0.0.1", 99999)
        with pytest.raises(OSError, match="annot assign"):
            await sockets.connect("127.0.0.1", 5060, ("192.0.2.77", 0))

    run(main)


def test_connecting_gives_up_after_its_time(run):
    async def main(sockets):
        with socket.socket() as full:  # a listener whose backlog is full answers no SYN
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            waiting = [sockets.connect(*full.getsockname(), timeout=0.05) for _ in range(6)]
            with pytest.raises(TimeoutError, match=r"no answer in 0\.05 s"):
                await waiting[-1]
            last = sockets.connect(*full.getsockname())
            sockets.close()
            with pytest.raises(OSError, match="the server stops"):
                await last

    run(main)


def test_a_connection_leaves_from_the_address_given(run):
    async def main(sockets):
        accepted = Inbox()
        listener = sockets.listen("127.0.0.1", 0, accepted)
        stream = await sockets.connect(*listener.local, ("127.0.0.5", 0))
        assert stream.local[0] == "127.0.0.5"
        assert (await accepted.get()).peer == stream.local

    run(main)


def test_without_descriptors_left_the_listener_waits_and_goes_on(run, monkeypatch):
    async def main(sockets):
        accepted = Inbox()
        listener = sockets.listen("127.0.0.1", 0, accepted)
        later = Inbox()
        monkeypatch.setattr(listener._loop, "call_later", lambda seconds, fn: later((seconds, fn)))
        client = socket.create_connection(listener.local)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, hard))
        try:
            listener._acceptable()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert listener.postponed == 1
        seconds, again = later.queue.get_nowait()
        assert seconds == 1.0
        monkeypatch.undo()
        listener._retry = None
        again()
        (await accepted.get()).reset()
        client.close()

    run(main)


def test_nothing_is_kept_of_a_datagram_socket_that_was_closed(run):
    async def main(sockets):
        listening = sockets.datagram("127.0.0.1", 0, print)
        for _ in range(100):  # the media of as many calls
            sockets.datagram("127.0.0.1", 0, print).close()
        assert sockets._bound == {listening}

    run(main)


def test_everything_is_closed_at_the_end(run):
    async def main(sockets):
        client, server, listener = await pair(sockets)
        endpoint = sockets.datagram("127.0.0.1", 0, print)
        sockets.close()
        assert await client.closed.get() == await server.closed.get() == "the server stops"
        assert (endpoint.closed, listener.closed, sockets._connections) == (True, True, set())

    run(main)


# names and routes


def test_literals_are_resolved_at_once_and_names_in_a_thread(run):
    async def main(sockets):
        assert sockets.resolve("192.0.2.1").value() == ["192.0.2.1"]
        assert "127.0.0.1" in await sockets.resolve("localhost", socket.AF_INET)
        with pytest.raises(OSError, match=r"idna|label|encoding"):
            await sockets.resolve("a" * 100 + ".example.com")

    run(main)


def test_the_route_tells_our_address(run):
    async def main(sockets):
        assert sockets.local_for(("127.0.0.7", 5060)) == "127.0.0.1"
        if ipv6():
            assert sockets.local_for(("::1", 0)) == "::1"
        with pytest.raises(OSError, match="resolve it first"):
            sockets.local_for(("localhost", 5060))

    run(main)


@pytest.mark.parametrize(
    ("option", "allowed"),
    [
        ("[plugin.udp]\nreceive_buffer = 2147483648", "receive_buffer must be between 0 and 2147483647, not 2147483648"),
        ("[plugin.udp]\nsend_buffer = 2147483648", "send_buffer must be between 0 and 2147483647, not 2147483648"),
        ("[plugin.tcp]\nbacklog = 99999999999", "backlog must be between 1 and 2147483647, not 99999999999"),
    ],
)
def test_what_no_c_int_holds_is_a_mistake_of_the_file_and_not_of_the_start(sip, option, allowed):
    with pytest.raises(Problems) as caught:
        sip(option + "\n")
    assert allowed in str(caught.value)
    sip(f"{option.rpartition(' ')[0]} {LARGEST_INT}\n")


def test_the_kernel_takes_the_largest_that_is_allowed():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LARGEST_INT)
    with socket.socket() as sock:
        sock.listen(LARGEST_INT)

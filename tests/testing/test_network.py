"""pipeline/testing/network.py and streams.py: the network in memory."""

import errno
import itertools
import socket
from collections import Counter

import pytest

from pipeline.testing.loop import VirtualLoop
from pipeline.testing.network import Network

A, B, SERVER = ("10.0.0.2", 5060), ("10.0.0.3", 5060), ("10.0.0.1", 5060)


@pytest.fixture
def loop():
    loop = VirtualLoop()
    yield loop
    loop.close()


@pytest.fixture
def network(loop):
    return Network(1, loop=loop, log=True)


def receiver(network, address):
    """Bind and keep what comes, with the time."""
    seen = []
    endpoint = network.datagram(*address, lambda data, source, local: seen.append((network.loop.time(), data, source, local)))
    return endpoint, seen


# datagrams


def test_a_datagram_arrives_with_its_source_and_the_address_it_was_sent_to(loop, network):
    alice, _ = receiver(network, A)
    _, seen = receiver(network, SERVER)
    assert alice.send(b"hello", SERVER) is None
    assert seen == []
    loop.settle()
    assert seen == [(0.0, b"hello", A, SERVER)]


def test_ipv6_addresses_have_one_spelling(loop, network):
    alice, _ = receiver(network, ("2001:DB8::2", 5060))
    _, seen = receiver(network, ("2001:db8:0:0::1", 5060))
    alice.send(b"x", ("2001:DB8::0:1", 5060))
    loop.settle()
    assert seen[0][2:] == (("2001:db8::2", 5060), ("2001:db8::1", 5060))


def test_without_faults_everything_arrives_in_order(loop, network):
    network.delay = (0.01, 0.5)
    alice, _ = receiver(network, A)
    _, seen = receiver(network, SERVER)
    for number in range(300):
        alice.send(b"%d" % number, SERVER)
        loop.advance(0.003)
    loop.advance(1.0)
    assert [int(data) for _, data, _, _ in seen] == list(range(300))


def test_loss_duplication_and_reorder_happen_as_often_as_asked(loop, network):
    network.loss, network.duplicate, network.reorder, network.delay = 0.1, 0.2, 0.3, (0.0, 0.1)
    alice, _ = receiver(network, A)
    _, seen = receiver(network, SERVER)
    for number in range(4000):
        alice.send(b"%d" % number, SERVER)
        loop.advance(0.01)
    loop.advance(1.0)
    numbers = [int(data) for _, data, _, _ in seen]
    assert 300 < network.counts["lost"] < 500
    assert 620 < network.counts["duplicated"] < 820
    assert len(numbers) == network.counts["delivered"] == 4000 - network.counts["lost"] + network.counts["duplicated"]
    assert sum(first > second for first, second in itertools.pairwise(numbers)) > 500
    assert max(Counter(numbers).values()) == 2


def test_delay_is_never_above_its_maximum_also_when_held_back(loop, network):
    network.duplicate, network.reorder, network.delay = 0.2, 0.2, (0.1, 5.0)
    alice, _ = receiver(network, A)
    _, seen = receiver(network, SERVER)
    for _ in range(500):
        alice.send(b"%f" % loop.time(), SERVER)
        loop.advance(0.05)
    loop.advance(6.0)
    taken = [time - float(data) for time, data, _, _ in seen]
    assert min(taken) + 1e-5 >= 0.1
    assert max(taken) <= 5.001


def test_reorder_works_without_delay(loop, network):
    network.reorder = 0.5
    alice, _ = receiver(network, A)
    _, seen = receiver(network, SERVER)
    for number in range(20):
        alice.send(b"%d" % number, SERVER)
    loop.advance(1.0)
    numbers = [int(data) for _, data, _, _ in seen]
    assert numbers != sorted(numbers)
    assert sorted(numbers) == list(range(20))


def conversation(seed):
    loop = VirtualLoop()
    network = Network(seed, loss=0.1, duplicate=0.1, reorder=0.1, delay=(0.0, 4.0), log=True, loop=loop)
    server = network.datagram(*SERVER, lambda data, source, local: server.send(b"re: " + data, source))
    alice, _ = receiver(network, A)
    bob, _ = receiver(network, B)
    listener = network.listen("10.0.0.1", 5060, lambda stream: setattr(stream, "on_data", stream.write))
    client = network.connect("10.0.0.1", 5060, ("10.0.0.2", 0))
    loop.run_until(lambda: client.done, 60.0)
    stream, pieces = client.value(), []
    stream.on_data = lambda data: pieces.append((loop.time(), data))
    for number in range(100):
        (alice, bob)[number % 2].send(b"%d" % number, SERVER)
        stream.write(b"%d;" % number * 7)
        loop.advance(0.1)
    loop.advance(20.0)
    listener.close()
    loop.close()
    return network.trace(), pieces


def test_the_same_seed_gives_the_same_trace_and_another_another():
    first, again, other = conversation(7), conversation(7), conversation(8)
    assert first == again
    assert first != other
    assert len(first[0].splitlines()) > 300
    assert b"".join(data for _, data in first[1]) == b"".join(b"%d;" % number * 7 for number in range(100))


def test_the_trace_says_what_happened_to_each_datagram(loop, network):
    alice, _ = receiver(network, A)
    network.filter = lambda data, source, destination: b"secret" not in data
    loop.advance(1.5)
    alice.send(b"REGISTER sip:example.com SIP/2.0\r\nVia: ...", SERVER)
    alice.send(b"secret", SERVER)
    loop.settle()
    assert network.trace().splitlines() == [
        "1.500000 #2 10.0.0.2:5060 > 10.0.0.1:5060 filtered: 6 B secret",
        "1.500000 #1 10.0.0.2:5060 > 10.0.0.1:5060 unreachable: 42 B REGISTER sip:example.com SIP/2.0",
    ]
    assert network.counts == {"sent": 2, "filtered": 1, "unreachable": 1}


def test_a_wildcard_bind_hears_every_address_and_answers_from_the_one_asked(loop, network):
    alice, heard = receiver(network, A)
    wild = network.datagram("0.0.0.0", 5060, lambda data, source, local: wild.send(b"yes", source, local))
    alice.send(b"?", ("10.9.9.9", 5060))
    loop.settle()
    assert heard == [(0.0, b"yes", ("10.9.9.9", 5060), A)]
    wild.send(b"of my own", A)
    loop.settle()
    assert heard[-1][2] == ("10.0.0.1", 5060)


def test_a_host_has_its_own_addresses_only(loop, network):
    host = network.host("10.0.0.7", "10.0.0.8", "2001:db8::7")
    with pytest.raises(OSError, match="annot assign") as caught:
        host.datagram("10.0.0.9", 5060, print)
    assert caught.value.errno == errno.EADDRNOTAVAIL
    seen = []
    wild = host.datagram("0.0.0.0", 5060, lambda data, source, local: seen.append(local))
    alice, _ = receiver(network, A)
    for number in (7, 8, 9):
        alice.send(b"?", (f"10.0.0.{number}", 5060))
    loop.settle()
    assert seen == [("10.0.0.7", 5060), ("10.0.0.8", 5060)]
    assert wild.local == ("0.0.0.0", 5060)
    assert host.local_for(A) == "10.0.0.7"
    assert host.local_for(("2001:db8::1", 5060)) == "2001:db8::7"
    host.close()
    receiver(network, ("10.0.0.7", 5060))


def test_one_address_is_bound_once_and_free_again_after_close(network):
    endpoint, _ = receiver(network, A)
    with pytest.raises(OSError, match="in use") as caught:
        receiver(network, A)
    assert caught.value.errno == errno.EADDRINUSE
    endpoint.close()
    receiver(network, A)


def test_port_0_is_some_free_port(network):
    first, _ = receiver(network, ("10.0.0.2", 0))
    second, _ = receiver(network, ("10.0.0.2", 0))
    assert 0 < first.local[1] != second.local[1] > 0


@pytest.mark.parametrize(
    ("destination", "code"),
    [
        (("sip.example.com", 5060), socket.EAI_NONAME),
        (("2001:db8::1", 5060), errno.EAFNOSUPPORT),
        (("10.0.0.1", 0), errno.EINVAL),
        (("10.0.0.1", 99999), errno.EINVAL),
    ],
)
def test_what_a_kernel_would_refuse_is_returned(network, destination, code):
    endpoint, _ = receiver(network, A)
    assert endpoint.send(b"x", destination).errno == code


def test_a_datagram_too_large_and_a_closed_socket_are_refused(network):
    endpoint, _ = receiver(network, A)
    assert endpoint.send(bytes(70000), SERVER).errno == errno.EMSGSIZE
    endpoint.close()
    assert endpoint.send(b"x", SERVER).errno == errno.EBADF


def test_names_are_resolved_from_the_table(loop, network):
    network.names["phone.example.com"] = ["10.0.0.2", "2001:db8::2"]
    asked = [
        network.resolve("Phone.example.com."),
        network.resolve("phone.example.com", socket.AF_INET6),
        network.resolve("10.0.0.5"),
        network.resolve("nobody.example.com"),
    ]
    assert [pending.done for pending in asked] == [False, False, True, False]
    loop.settle()
    assert [pending.value() for pending in asked[:3]] == [["10.0.0.2", "2001:db8::2"], ["2001:db8::2"], ["10.0.0.5"]]
    with pytest.raises(socket.gaierror, match=r"nobody\.example\.com"):
        asked[3].value()


# streams


class End:
    """What one end of a connection has heard."""

    def __init__(self, stream, *, on_end=False):
        self.stream, self.pieces, self.reasons, self.ends = stream, [], [], 0
        stream.on_closed = self.reasons.append
        if on_end:
            stream.on_end = self.ended
        stream.on_data = self.pieces.append

    def ended(self):
        self.ends += 1

    @property
    def data(self):
        return b"".join(self.pieces)


@pytest.fixture
def pair(loop, network):
    def make(*, on_end=False, **options):
        servers = []
        network.listen(*SERVER, lambda stream: servers.append(End(stream, on_end=on_end)), **options)
        client = network.connect(*SERVER, ("10.0.0.2", 0), **options)
        assert loop.run_until(lambda: client.done, 30.0)
        return End(client.value(), on_end=on_end), servers[0]

    return make


def test_a_stream_keeps_its_order_and_none_of_its_pieces(loop, network, pair):
    network.delay = (0.0, 1.0)
    client, server = pair()
    sent = b"".join(b"%05d" % number for number in range(4000))
    for place in range(0, len(sent), 500):
        client.stream.write(sent[place : place + 500])
        loop.advance(0.01)
    loop.advance(10.0)
    assert server.data == sent
    assert client.stream.local == server.stream.peer
    assert client.stream.peer == server.stream.local == SERVER
    sizes = {len(piece) for piece in server.pieces}
    assert min(sizes) < 17
    assert max(sizes) > 500


def test_chunks_can_be_turned_off(loop, network, pair):
    network.chunks = False
    client, server = pair()
    client.stream.write(b"one message")
    loop.settle()
    client.stream.write(b"another")
    loop.settle()
    assert server.pieces == [b"one message", b"another"]


def test_nobody_listening_refuses_the_connection(loop, network):
    pending = network.connect(*SERVER)
    loop.settle()
    loop.advance(0.001)
    with pytest.raises(ConnectionRefusedError, match=r"connecting to 10\.0\.0\.1:5060: connection refused"):
        pending.value()


def test_a_connection_into_the_void_times_out(loop, network):
    network.filter = lambda data, source, destination: False
    pending = network.connect(*SERVER, timeout=3.0)
    loop.advance(2.9)
    assert not pending.done
    loop.advance(0.2)
    with pytest.raises(TimeoutError, match="no answer in 3 s"):
        pending.value()


def test_close_sends_what_was_written_and_both_ends_hear_it_once(loop, pair):
    client, server = pair()
    client.stream.write(b"last words")
    client.stream.close("no more to say")
    client.stream.close("again")
    assert client.reasons == []
    loop.advance(1.0)
    assert server.data == b"last words"
    assert (client.reasons, server.reasons) == (["no more to say"], ["closed by the peer"])
    assert server.stream.closed == "closed by the peer"
    with pytest.raises(ConnectionError, match=r"the connection to 10\.0\.0\.1 is closed: no more to say"):
        client.stream.write(b"x")


def test_a_half_closed_stream_still_carries_the_answer(loop, pair):
    client, server = pair(on_end=True)
    client.stream.write(b"question")
    client.stream.end()
    loop.advance(1.0)
    assert (server.data, server.ends, server.reasons) == (b"question", 1, [])
    server.stream.write(b"answer")
    server.stream.end()
    loop.advance(1.0)
    assert client.data == b"answer"
    assert (client.reasons, server.reasons) == (["closed by the peer"], ["ended by both sides"])
    with pytest.raises(ConnectionError):
        client.stream.write(b"x")


def test_a_cut_connection_ends_for_both_and_loses_what_was_under_way(loop, network, pair):
    network.delay = (1.0, 1.0)
    client, server = pair()
    client.stream.write(b"under way")
    loop.advance(0.5)
    network.cut("10.0.0.2", "the cable")
    loop.advance(5.0)
    assert (client.reasons, server.reasons, server.data) == (["the cable"], ["the cable"], b"")
    assert network.streams == []


def test_a_reset_is_heard_by_the_peer(loop, pair):
    client, server = pair()
    client.stream.write(b"lost")
    client.stream.reset("enough")
    loop.advance(1.0)
    assert (client.reasons, server.reasons) == (["enough"], ["connection reset by peer"])


def test_a_peer_that_does_not_read_is_closed_at_the_limit(loop, pair):
    client, server = pair(write_limit=10_000)
    server.stream.on_data = None
    client.stream.write(bytes(65536))
    loop.settle()
    assert client.stream.pending_bytes == 0
    client.stream.write(bytes(10_000))
    assert client.stream.pending_bytes == 10_000
    client.stream.write(b"x")
    loop.advance(1.0)
    assert client.reasons == ["the peer does not read: 10001 bytes wait"]
    assert server.reasons == ["connection reset by peer"]


def test_reading_goes_on_where_it_paused(loop, pair):
    client, server = pair()
    server.stream.on_data = None
    client.stream.write(b"waiting")
    client.stream.close()
    loop.advance(1.0)
    assert (server.pieces, server.reasons) == ([], [])
    server.stream.on_data = server.pieces.append
    loop.advance(1.0)
    assert (server.data, server.reasons) == (b"waiting", ["closed by the peer"])


def test_a_listener_closed_accepts_no_more_and_leaves_connections_alone(loop, network, pair):
    client, server = pair()
    network.listeners[SERVER].close()
    client.stream.write(b"still here")
    refused = network.connect(*SERVER)
    loop.advance(1.0)
    assert server.data == b"still here"
    with pytest.raises(ConnectionRefusedError):
        refused.value()


def test_the_network_closes_everything(loop, network, pair):
    client, server = pair()
    receiver(network, A)
    network.close()
    loop.settle()
    assert (client.reasons, server.reasons) == (["the network stops"], ["the network stops"])
    assert not network.datagrams
    assert not network.listeners

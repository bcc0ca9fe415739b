"""UDP: several binds, IPv4 and IPv6, answers from the address that was asked, what we advertise (RFC 3261 18, RFC 3581)."""

import errno

import pytest

from pipeline.conformance.marks import rfc
from pipeline.flow import Target

BINDS = '[plugin.udp]\nbind = ["10.0.0.1:5060", "10.0.0.1:5070", "[fd00::1]:5060"]\n'


def test_every_bound_address_is_served_and_answers_itself(sip):
    server = sip(BINDS)
    got = []
    host = server.network.host("10.0.0.9")
    endpoint = host.datagram("10.0.0.9", 5060, lambda data, source, local: got.append(source))
    for port in (5060, 5070):
        endpoint.send(server.message("OPTIONS"), ("10.0.0.1", port))
    server.advance(0.1)
    assert got == [("10.0.0.1", 5060), ("10.0.0.1", 5070)]


def test_ipv6_is_served(sip):
    server = sip(BINDS)
    answer = server.request("OPTIONS", source=("fd00::9", 5060))
    assert answer.status == 200
    assert answer.via.host == "[fd00::9]"


@rfc("3581", "4")
def test_under_a_wildcard_the_answer_leaves_from_the_address_that_was_asked(sip):
    server = sip('[plugin.udp]\nbind = ["0.0.0.0:5060"]\n')
    server.host.addresses = ("10.0.0.1", "10.0.0.5")
    server.stop()
    server.start()
    got = []
    endpoint = server.network.host("10.0.0.9").datagram("10.0.0.9", 5060, lambda data, source, local: got.append((source, data)))
    for host in ("10.0.0.1", "10.0.0.5"):
        endpoint.send(server.message("OPTIONS", uri=f"sip:{host}"), (host, 5060))
    server.advance(0.1)
    assert [source for source, _ in got] == [("10.0.0.1", 5060), ("10.0.0.5", 5060)]
    assert all(data.startswith(b"SIP/2.0 200") for _, data in got)


@pytest.mark.parametrize(
    ("advertise", "sent_by"),
    [
        ("", "10.0.0.1:5060"),
        ("sip.example.com", "sip.example.com:5060"),
        ("192.0.2.1:5080", "192.0.2.1:5080"),
        ("[2001:db8::5]:5080", "[2001:db8::5]:5080"),
    ],
)
def test_our_via_carries_what_we_advertise_or_the_local_address(sip, advertise, sent_by):
    server = sip(f'[plugin.udp]\nbind = ["10.0.0.1:5060"]\nadvertise = "{advertise}"\n')
    flow = server.engine.connect(Target("10.0.0.2", 5060))
    assert server.engine.clients.via(flow).startswith(f"SIP/2.0/UDP {sent_by};")


@rfc("3261", "18.1.1")
def test_our_via_never_carries_a_wildcard(sip):
    server = sip('[plugin.udp]\nbind = ["0.0.0.0:5060"]\n')
    flow = server.engine.connect(Target("10.0.0.2", 5060))
    assert server.engine.clients.via(flow).startswith("SIP/2.0/UDP 10.0.0.1:5060;")


def test_what_we_advertise_is_an_alias_of_the_first_domain(sip):
    server = sip('[plugin.udp]\nbind = ["10.0.0.1:5060"]\nadvertise = "sip.example.org"\n')
    assert server.request("INVITE", uri="sip:bob@sip.example.org").status == 480


def test_the_kernels_drops_are_in_the_statistics(sip, plugin_of):
    assert plugin_of(sip(), "udp").stats()["kernel_drops"] == 0


def test_a_second_instance_has_its_own_address(sip):
    toml = '[plugin.lab]\nuse = "udp"\nbind = ["10.0.0.1:5080"]\n'
    server = sip(toml, transport=["udp", "tcp", "lab"])
    assert ("lab", "UDP", ("10.0.0.1", 5080)) in server.engine.listeners


STUN = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + b"transaction!"


@rfc("5626", "4.4.2")
@pytest.mark.parametrize("host", ["10.0.0.9", "fd00::9"])
def test_a_stun_keepalive_is_told_where_it_came_from(sip, host):
    server = sip('[plugin.udp]\nbind = ["0.0.0.0:5060", "[::]:5060"]\n')
    got = []
    endpoint = server.network.host(host).datagram(host, 40000, lambda data, source, local: got.append((data, source)))
    endpoint.send(STUN, ("fd00::1" if ":" in host else "10.0.0.1", 5060))
    server.advance(0.1)
    ((answer, source),) = got
    assert source[1] == 5060
    assert answer[:2] == b"\x01\x01"
    assert answer[8:20] == b"transaction!"
    assert server.engine.counts["stun.answered"] == 1


def asked(server, *questions, host="10.0.0.9"):
    """Send STUN from one address; give what comes back."""
    got = []
    endpoint = server.network.host(host).datagram(host, 0, lambda data, *_: got.append(data))
    for data in questions:
        endpoint.send(data, ("10.0.0.1", 5060))
    server.advance(0.1)
    endpoint.close()
    return got


@rfc("8489", "6.1")
def test_stun_that_is_longer_than_any_path_takes_is_not_read(sip):
    def padded(size):
        return STUN[:2] + (size - 20).to_bytes(2, "big") + STUN[4:] + b"\x80\x22" + (size - 24).to_bytes(2, "big") + bytes(size - 24)

    server = sip()
    assert len(asked(server, padded(1232))) == 1
    assert asked(server, padded(1236)) == []
    assert (server.engine.counts["stun.answered"], server.engine.counts["stun.dropped"]) == (1, 1)


def test_whoever_judges_packets_judges_stun_too_and_lets_none_in_by_failing(sip, write):
    judge = write(
        "judge",
        """
        @plugin
        class Judge:
            stage: ClassVar[str] = "transport"
            fails: bool = option(False, help="whether it raises")

            @hookimpl
            def transport(self, packet, passage):
                if self.fails:
                    raise RuntimeError("no idea")
                return Drop("judge: no") if passage.flow.peer[0] == "10.0.0.8" else None
        """,
    )
    server = sip(judge, transport=["judge", "udp", "tcp"])
    assert len(asked(server, STUN)) == 1
    assert asked(server, STUN, host="10.0.0.8") == []
    server.plugin("judge").fails = True
    assert asked(server, STUN) == []
    assert [event.fields["plugin"] for event in server.told("step.failed")] == ["judge"]
    assert server.engine.counts["stun.dropped"] == 2


def test_stun_can_be_off_and_other_binary_noise_reaches_the_stack(sip):
    server = sip('[plugin.udp]\nbind = ["10.0.0.1:5060"]\nstun = false\n')
    got = []
    endpoint = server.network.host("10.0.0.9").datagram("10.0.0.9", 40000, lambda data, *_: got.append(data))
    for data in (STUN, b"\0\0\0\0", b""):
        endpoint.send(data, ("10.0.0.1", 5060))
    server.advance(0.1)
    assert got == []
    assert server.engine.counts["stun.dropped"] == 1
    assert server.engine.counts["dropped"] == 2


def test_the_way_to_a_peer_is_asked_of_the_kernel_once_in_a_while(sip, monkeypatch):
    server = sip()
    asked = []
    real = server.host.local_for
    monkeypatch.setattr(server.engine, "network", server.host)
    monkeypatch.setattr(server.host, "local_for", lambda peer: asked.append(peer) or real(peer))
    for port in (5060, 5061, 5062):
        flow = server.engine.connect(Target("10.0.0.7", port))
        assert (flow.peer, flow.local) == (("10.0.0.7", port), ("10.0.0.1", 5060))
    assert asked == [("10.0.0.7", 5060)]
    server.advance(6)
    server.engine.connect(Target("10.0.0.7", 5060))
    assert len(asked) == 2


def test_an_answer_that_the_kernel_finds_too_large_when_it_leaves_goes_as_a_513_from_the_address_that_was_asked(sip):
    server = sip('[plugin.udp]\nbind = ["0.0.0.0:5060"]\n')
    got = []
    server.network.host("10.0.0.9").datagram("10.0.0.9", 5060, lambda data, source, local: got.append((source, data)))
    socket = server.plugin("udp")._endpoints[0]
    head = b"Via: SIP/2.0/UDP 10.0.0.9\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n"
    large = b"SIP/2.0 200 OK\r\n" + head + b"\r\n" + bytes(70_000)
    for data, peer in (
        (large, ("10.0.0.9", 5060)),
        (large.replace(b"SIP/2.0 200", b"SIP/2.0 180"), ("10.0.0.9", 5060)),
        (large, ("::1", 1)),
    ):
        socket.on_refused(peer, OSError(errno.EMSGSIZE, "Message too long"), data, ("10.0.0.1", 5060))
    server.advance(0.1)
    assert got == [(("10.0.0.1", 5060), b"SIP/2.0 513 Answer Too Large\r\n" + head + b"Content-Length: 0\r\n\r\n")]
    assert server.engine.counts["answers.too_large"] == 2
    assert server.engine.counts["unsent"] == 2

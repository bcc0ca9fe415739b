"""Real sockets against a real server: framing, keepalives and time limits of TCP; where UDP answers go (RFC 3261 18, RFC 3581, RFC 5626)."""

import re
import socket

import pytest


@pytest.fixture
def server(serve, template):
    return serve(template("open.toml").replace("[plugin.tcp]", "[plugin.tcp]\nfirst_request = 1.0\nmessage_seconds = 1.0"))


@pytest.fixture
def connection(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as sock:
        yield sock


def me(sock):
    return f"127.0.0.1:{sock.getsockname()[1]}"


def options(server, sock, tools, transport="TCP", **words):
    return tools.request_of("OPTIONS", f"sip:127.0.0.1:{server.port}", me(sock), transport=transport, **words)


def read(sock, count):
    """Read until `count` messages without a body came, or the connection closed."""
    data = b""
    while data.count(b"\r\n\r\n") < count:
        more = sock.recv(65536)
        if not more:
            break
        data += more
    return data


def test_requests_in_one_write_are_answered_in_order(server, connection, tools):
    connection.sendall(b"".join(options(server, connection, tools, cseq=number) for number in (1, 2, 3)))
    data = read(connection, 3)
    assert data.count(b"SIP/2.0 200 ") == 3
    assert re.findall(rb"CSeq: (\d)", data) == [b"1", b"2", b"3"]


def test_a_request_in_many_pieces_is_answered(server, connection, tools):
    data = options(server, connection, tools)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for start in range(0, len(data), 17):
        connection.sendall(data[start : start + 17])
    assert read(connection, 1).startswith(b"SIP/2.0 200 ")


def test_a_ping_gets_a_pong(server, connection, tools):
    connection.sendall(options(server, connection, tools))
    read(connection, 1)
    connection.sendall(b"\r\n\r\n")
    assert connection.recv(100) == b"\r\n"


def test_a_connection_that_says_nothing_is_closed(connection):
    assert connection.recv(100) == b""


def test_a_message_that_is_never_whole_closes_its_connection(server, connection, tools):
    connection.sendall(options(server, connection, tools).replace(b"Content-Length: 0", b"Content-Length: 99"))
    assert b"SIP/2.0 2" not in read(connection, 2)  # it ends: the server closes


def test_a_connection_with_a_binding_stays(server, connection, tools):
    port = connection.getsockname()[1]
    alice = "sip:alice@example.com"
    contact = f"Contact: <sip:alice@127.0.0.1:{port};transport=tcp>\r\n"
    connection.sendall(
        tools.request_of("REGISTER", "sip:example.com", me(connection), to=alice, from_=alice, headers=contact, transport="TCP")
    )
    assert read(connection, 1).startswith(b"SIP/2.0 200 ")
    connection.settimeout(2)  # twice the limits
    with pytest.raises(TimeoutError):
        connection.recv(100)


@pytest.mark.parametrize("rport", [True, False])
def test_an_answer_goes_to_the_source_with_rport_and_to_the_port_of_the_via_without(server, tools, rport):
    with tools.udp() as sock, tools.udp() as named:
        data = tools.request_of("OPTIONS", f"sip:127.0.0.1:{server.port}", me(named))
        sock.sendto(data if rport else data.replace(b";rport", b""), ("127.0.0.1", server.port))
        answered = sock if rport else named
        answered.settimeout(3)
        answer, peer = answered.recvfrom(65536)
        assert peer == ("127.0.0.1", server.port)
        assert (f"rport={sock.getsockname()[1]}".encode() in answer) is rport


def test_an_invite_that_comes_again_from_another_port_is_answered_there(server, tools):
    with tools.udp() as first, tools.udp() as second:
        data = tools.request_of("INVITE", "sip:alice@example.com", me(first))
        to = ("127.0.0.1", server.port)
        assert tools.ask(first, data, to)[0] == 480
        status, answer = tools.ask(second, data, to)
        assert status == 480
        assert "SIP/2.0 480" in answer

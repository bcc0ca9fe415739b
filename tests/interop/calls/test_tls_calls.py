"""baresip over TLS: it registers with digest, verifies our certificate, calls and is called; certificates change under the call."""

import pytest

A, B = 440, 1000
pytestmark = pytest.mark.slow


@pytest.fixture
def server(serve, template, tools, authority, tmp_path):
    cert, key = authority.issue("localhost", "ip:127.0.0.1", "dns:localhost", file="calls")
    server = serve(template("calls/tls.toml"), cert=cert, key=key, ca=authority.file, web=tools.free_port(), pages=tmp_path)
    server.pair = cert, key
    yield server
    assert "Traceback" not in server.log, server.log


@pytest.fixture
def phones(server, softphone, authority):
    trust = f"sip_cafile {authority.file}\nsip_verify_server yes"
    return [softphone(server, user, tone, transport="tls", module=trust) for user, tone in (("alice", A), ("bob", B))]


def call(server, alice, bob):
    alice.dial(f"sip:bob@127.0.0.1:{server.port}")
    alice.wait("CALL_RINGING")
    bob.wait("CALL_INCOMING")
    bob.accept()
    alice.wait("CALL_ESTABLISHED")
    bob.wait("CALL_ESTABLISHED")


def test_two_phones_register_and_call_over_tls(server, phones):
    alice, bob = phones
    assert {contact["reach"][:5] for contact in server.contacts()} == {"flow:"}
    call(server, alice, bob)
    alice.hears(B, not_=(A,))
    bob.hears(A, not_=(B,))
    bob.hangup()
    assert alice.closed()


def test_certificates_change_under_a_call_by_sighup(server, phones, authority, tools):
    import signal
    import socket
    import ssl

    alice, bob = phones
    call(server, alice, bob)

    def shown():
        context = authority.client()
        with socket.create_connection(("127.0.0.1", server.port)) as plain, context.wrap_socket(plain) as sock:
            return [value for _, value in sock.getpeercert()["subjectAltName"]]

    for n in range(10):
        authority.issue("localhost", "ip:127.0.0.1", f"dns:new{n}.example", file="calls")
        server.process.send_signal(signal.SIGHUP)
        tools.until(f"the certificate {n}", lambda: f"new{n}.example" in shown())
    server.pair[1].write_text("broken")
    assert server.sipline("reload", check=False).returncode != 0
    assert "new9.example" in shown()
    alice.hears(B)
    alice.hangup()
    bob.closed()
    assert len(server.contacts()) == 2
    assert ssl.HAS_TLSv1_3

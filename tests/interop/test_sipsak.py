"""sipsak: the Swiss army knife of SIP, as a monitor and as a phone that registers with digest."""

import pytest


@pytest.fixture
def server(serve, template):
    return serve(template("phones.toml"))


@pytest.fixture
def sipsak(program, server, tools):
    def sipsak(*words):
        return server.run([program("sipsak"), *words, "-l", tools.free_port()])

    return sipsak


def register(sipsak, server, user, password, tools):
    """With -u: without it sipsak 0.9.8 takes "alice@" for the user name, and hashes that."""
    contact = f"sip:{user}@127.0.0.1:{tools.free_port()}"
    return sipsak(
        "-U", "-s", f"sip:{user}@127.0.0.1:{server.port}", "-u", user, "-a", password, "-C", contact, "-x", "300", "-v", "-v"
    ), contact


def test_options_to_the_server_is_answered_200(sipsak, server):
    done = sipsak("-s", f"sip:127.0.0.1:{server.port}", "-v", "-v")
    assert done.returncode == 0, done.stdout
    assert "200 OK" in done.stdout


def test_a_phone_registers_with_digest_and_is_shown(sipsak, server, tools):
    done, contact = register(sipsak, server, "alice", "swordfish", tools)
    assert done.returncode == 0, done.stdout
    assert [(c["aor"], c["uri"]) for c in server.contacts()] == [("alice@example.com", contact)]


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("mallory", "swordfish")])
def test_a_wrong_password_and_an_unknown_user_are_refused_alike(sipsak, server, tools, user, password):
    done, _ = register(sipsak, server, user, password, tools)
    assert done.returncode != 0, done.stdout
    assert "401 Unauthorized" in done.stdout + done.stderr
    assert server.contacts() == []

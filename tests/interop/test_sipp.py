"""SIPp with scenarios of our own: digest over UDP and TCP, a redirected call, calls that are given up."""

import pytest


@pytest.fixture
def sipp(program, tools):
    def sipp(server, scenario, user="alice", password="swordfish", *, transport="u1", calls=1):
        # SIPp is a phone with one socket; "-m" calls and out. It exits 0 when every call went as written.
        return server.run([
            program("sipp"), server.address, "-sf", tools.here / "scenarios" / scenario, "-i", "127.0.0.1", "-p", tools.free_port(), "-t", transport,
            "-s", user, "-au", "bob" if scenario == "redirected.xml" else user, "-ap", password, "-m", calls, "-r", 20, "-nostdin",
            "-timeout", "15s", "-timeout_error", "-trace_err", "-error_file", server.folder / "sipp.err",
        ], seconds=25)  # fmt: skip

    return sipp


def went(done, server):
    errors = server.folder / "sipp.err"
    assert done.returncode == 0, f"{done.stdout[-1500:]}{errors.read_text() if errors.exists() else done.stderr}\nserver:\n{server.log}"


@pytest.fixture
def server(serve, template):
    return serve(template("phones.toml"))


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_phone_registers_with_digest_and_unregisters(sipp, server, tools, transport):
    went(sipp(server, "register.xml", transport=transport), server)
    if transport == "u1":
        assert [contact["aor"] for contact in server.contacts()] == ["alice@example.com"]
    went(sipp(server, "unregister.xml", transport=transport), server)
    assert server.contacts() == []


def test_fifty_registrations_go_through_one_after_the_other(sipp, server):
    went(sipp(server, "register.xml", calls=50), server)
    assert [contact["aor"] for contact in server.contacts()] == ["alice@example.com"]  # one phone, one binding


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_wrong_password_is_challenged_again(sipp, server, transport):
    went(sipp(server, "refused.xml", password="wrong", transport=transport), server)
    assert server.contacts() == []


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_caller_is_told_where_the_callee_is(sipp, server, transport):
    went(sipp(server, "register.xml"), server)
    went(sipp(server, "redirected.xml", transport=transport), server)


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_call_that_is_given_up_ends_with_487(sipp, serve, template, tools, transport):
    text = template("open.toml").replace('"redirect"', '"slow"') + f'\n[plugin.slow]\nload = "{tools.here / "slow.py"}:Slow"\n'
    server = serve(text)
    went(sipp(server, "cancelled.xml", transport=transport), server)
    assert "Traceback" not in server.log
    server.kill()  # it would wait for the plugin, which never comes to an end


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_cancel_of_nothing_gets_481(sipp, server, transport):
    went(sipp(server, "cancelled-late.xml", transport=transport), server)

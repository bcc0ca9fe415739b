"""The walk of a newcomer: the repository's own pipeline.toml with another port, a user, a phone, a restart; plugins taken out and put in."""

import contextlib
import json
import os
import re
import socket
import subprocess

import pytest


@pytest.fixture
def fresh(serve, tools):
    """The repository's own file, on loopback and a port of its own, not started yet."""
    text = (tools.root / "pipeline.toml").read_text()
    assert text.count("0.0.0.0:5060") == 2
    return serve(text.replace("0.0.0.0:5060", "127.0.0.1:@PORT@"), start=False)


@pytest.fixture
def phone(program, tools):
    """Register a user with sipsak; returns what it did and the Contact."""

    def phone(server, user="carol", password="wonderland"):
        contact = f"sip:{user}@127.0.0.1:{tools.free_port()}"
        words = ["-U", "-s", f"sip:{user}@127.0.0.1:{server.port}", "-u", user, "-a", password, "-C", contact, "-x", "300", "-v", "-v"]
        return server.run([program("sipsak"), *words, "-l", tools.free_port()]), contact

    return phone


def ask(server, tools, method, uri, **words):
    with tools.udp() as sock:
        data = tools.request_of(method, uri, f"127.0.0.1:{sock.getsockname()[1]}", **words)
        return tools.ask(sock, data, ("127.0.0.1", server.port))


def uris(server):
    return [contact["uri"] for contact in server.contacts()]


def test_a_user_is_added_a_phone_registers_and_is_still_there_after_a_restart(fresh, phone):
    fresh.sipline("user", "add", "carol", "--password", "wonderland")
    fresh.start()
    done, contact = phone(fresh)
    assert done.returncode == 0, done.stdout + done.stderr
    assert uris(fresh) == [contact]
    assert "carol@" in fresh.sipline("show", "contacts").stdout
    assert fresh.stop() == 0
    fresh.start()
    assert uris(fresh) == [contact]


def test_a_wrong_password_is_refused(fresh, phone):
    fresh.sipline("user", "add", "carol", "--password", "wonderland")
    fresh.start()
    done, _ = phone(fresh, password="looking-glass")
    assert done.returncode != 0
    assert uris(fresh) == []


def test_the_running_server_knows_a_new_user_within_a_second_and_a_removed_one_no_more(fresh, phone, tools):
    fresh.start()
    fresh.sipline("user", "add", "dora", "--password", "explorer")
    tools.until("the new user", lambda: phone(fresh, "dora", "explorer")[0].returncode == 0, seconds=1.5)
    fresh.sipline("user", "remove", "dora")
    tools.until("the end of her contacts", lambda: uris(fresh) == [], seconds=1.5)
    assert phone(fresh, "dora", "explorer")[0].returncode != 0


def test_no_password_stands_in_the_database(fresh):
    fresh.sipline("user", "add", "carol", "--password", "wonderland")
    for path in fresh.folder.rglob("*"):
        if path.is_file():
            assert b"wonderland" not in path.read_bytes(), path


def test_without_auth_nobody_is_challenged_and_the_start_warns(fresh, tools):
    fresh.edit('["identify", "security", "auth"]', '["identify"]')
    fresh.sipline("user", "add", "carol", "--password", "wonderland")
    fresh.start()
    assert "nothing authenticates" in fresh.log
    uri = f"sip:127.0.0.1:{fresh.port}"
    carol = f"sip:carol@127.0.0.1:{fresh.port}"
    status, answer = ask(fresh, tools, "REGISTER", uri, to=carol, from_=carol, headers="Contact: <sip:carol@127.0.0.1:5999>\r\n")
    assert status == 200, answer
    assert uris(fresh) == ["sip:carol@127.0.0.1:5999"]


def test_auth_behind_another_interceptor_stands_there_in_the_graph_and_the_trace(fresh, tools):
    fresh.sipline("user", "add", "carol", "--password", "wonderland")
    lines = fresh.folder / "trace.jsonl"
    fresh.start("--trace=stages", "--jsonl", lines)
    graph = fresh.sipline("graph").stdout
    assert re.findall(r"\b(identify|security|auth) \d", graph) == ["identify", "security", "auth"]
    carol = f"sip:carol@127.0.0.1:{fresh.port}"
    assert ask(fresh, tools, "REGISTER", f"sip:127.0.0.1:{fresh.port}", to=carol, from_=carol)[0] == 401
    tools.until("the traced REGISTER", lambda: lines.exists() and "REGISTER" in lines.read_text())
    (event,) = [json.loads(line) for line in lines.read_text().splitlines() if '"REGISTER"' in line and '"received"' in line]
    walk = [step["plugin"] for step in next(value for value in event.values() if isinstance(value, list)) if step["stage"] == "intercept"]
    assert walk == ["identify", "security", "auth"], event


def test_without_registrar_a_register_gets_501_and_the_rest_works(fresh, tools, phone):
    fresh.edit('["registrar", "channel", ', '["channel", ')
    fresh.edit('["identify", "security", "auth"]', '["identify"]')
    fresh.edit("voicemail = true", "voicemail = false")  # else her mailbox answers
    fresh.sipline("user", "add", "carol", "--password", "wonderland")
    fresh.start()
    uri = f"sip:127.0.0.1:{fresh.port}"
    carol = f"sip:carol@127.0.0.1:{fresh.port}"
    status, answer = ask(fresh, tools, "REGISTER", uri, to=carol, from_=carol)
    assert status == 501, answer
    assert re.search(r"(?m)^Allow: .*\bOPTIONS\b", answer)
    assert "REGISTER" not in re.search(r"(?m)^Allow: (.*)$", answer)[1]
    assert ask(fresh, tools, "OPTIONS", uri)[0] == 200
    assert ask(fresh, tools, "INVITE", carol, from_=carol, headers=f"Contact: <{carol}>\r\n")[0] == 480


def test_an_example_plugin_runs_at_its_place(fresh, tools):
    fresh.edit('["identify", "security", "auth"]', '["greylist", "identify", "security", "auth"]')
    fresh.file.write_text(fresh.file.read_text() + f'\n[plugin.greylist]\nload = "{tools.root / "examples" / "greylist.py"}:Greylist"\n')
    fresh.start()
    assert re.findall(r"\b(greylist|identify|security|auth) \S+ ·", fresh.sipline("graph").stdout) == [
        "greylist",
        "identify",
        "security",
        "auth",
    ]
    uri = f"sip:127.0.0.1:{fresh.port}"
    with tools.udp() as sock:
        data = tools.request_of("OPTIONS", uri, f"127.0.0.1:{sock.getsockname()[1]}")
        assert tools.ask(sock, data, ("127.0.0.1", fresh.port), 0.5)[0] is None  # the first request of a source
        assert tools.ask(sock, data, ("127.0.0.1", fresh.port))[0] == 200


def test_the_packaged_example_plugin_runs_at_its_place(fresh, tools):
    fresh.edit('["identify", "security", "auth"]', '["identify", "curfew"]')
    source = tools.root / "examples" / "curfew" / "sip_curfew.py"
    fresh.file.write_text(fresh.file.read_text() + f'\n[plugin.curfew]\nload = "{source}:Curfew"\nopens = 0\ncloses = 0\n')
    fresh.sipline("user", "add", "carol", "--password", "wonderland")
    fresh.start()
    carol = f"sip:carol@127.0.0.1:{fresh.port}"
    status, answer = ask(fresh, tools, "INVITE", carol, from_=carol)
    assert status == 480
    assert answer.startswith("SIP/2.0 480 Closed")


def test_a_first_start_in_a_terminal_makes_two_users_with_passwords_of_their_own(fresh, phone, tools):
    master, slave = os.openpty()
    try:
        fresh.process = subprocess.Popen(
            [*tools.command, "-c", str(fresh.file), "run"],
            cwd=fresh.folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "NO_COLOR": "1"},
        )
        os.set_blocking(master, False)
        said = bytearray()

        def ready():
            with contextlib.suppress(BlockingIOError):
                said.extend(os.read(master, 65536))
            return re.search(rb"(?m)^ready\b", said) or fresh.process.poll() is not None

        tools.until(lambda: f"the ready line: {said!r}", ready)
        users = re.findall(r"(?m)^\s*user (alice|bob)\s+password (\S+)\s", said.decode())
        assert [name for name, _ in users] == ["alice", "bob"], said.decode()
        assert len({password for _, password in users}) == 2
        for name, password in users:
            done, _ = phone(fresh, name, password)
            assert done.returncode == 0, done.stdout + done.stderr
        assert len(uris(fresh)) == 2
        fresh.stop()
    finally:
        os.close(master)
        os.close(slave)


def test_a_taken_port_ends_the_start_with_one_clear_line(fresh):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", fresh.port))
        fresh.start(ready=False)
        assert fresh.process.wait(10) not in (0, None)
    assert str(fresh.port) in fresh.log
    assert "Traceback" not in fresh.log
    assert len(fresh.log.strip().splitlines()) == 1


def test_sigterm_and_ctrl_c_end_it_with_0(fresh):
    fresh.start()
    assert fresh.stop() == 0
    fresh.start()
    fresh.process.send_signal(2)
    assert fresh.process.wait(10) == 0


@pytest.mark.parametrize("what", ["contacts", "endpoints", "transactions", "servants", "hooks", "domains", "stats"])
def test_everything_that_can_be_shown_is_json_too(fresh, what):
    fresh.start()
    assert json.loads(fresh.sipline("show", what, "--json").stdout) is not None
    fresh.sipline("show", what)

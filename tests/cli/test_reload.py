"""`sipline reload` and SIGHUP on a real server; SIGUSR1 opens the logs anew."""

import os
import signal
import socket
import time

import pytest

from pipeline.cli import client


def until(condition, seconds=10):
    """Wait for another process; returns whether the condition came true."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def edit(sipline, old, new):
    text = sipline.toml.read_text()
    assert old in text
    sipline.toml.write_text(text.replace(old, new))


def test_a_running_server_takes_the_file_and_says_what_changed(serve, sipline):
    server = serve()
    assert sipline("reload")[:2] == (0, "nothing has changed\n")
    edit(sipline, 'plugins = ["registrar"]', 'plugins = ["options", "registrar"]')
    sipline.toml.write_text(sipline.toml.read_text() + '[user.carol]\npassword = "x"\n')
    status, out, err = sipline("reload")
    assert status == 0 and err.startswith("warning: ") and "nothing authenticates" in err
    lines = out.splitlines()
    assert lines[0] == "application: registrar -> options registrar"
    assert "endpoint: 1 new (carol)" in lines and "auth: 1 new (carol)" in lines
    assert "carol" in sipline("show", "endpoints")[1]
    assert server.end()[0] == 0


def test_a_mistake_is_told_as_check_tells_it_and_the_server_goes_on(serve, sipline):
    server = serve()
    edit(sipline, '"registrar"', '"regsitrar"')
    checked = sipline("check")
    status, out, err = sipline("reload")
    assert status == 2 and out == ""
    assert err == checked[2] + "sipline: not reloaded, the server goes on as before\n"
    assert "registrar" in sipline("show", "hooks")[1]
    edit(sipline, '"regsitrar"', '"registrar"')
    edit(sipline, 'name = "test"', 'name = "test"\nstate = "elsewhere"')
    sipline("reload")
    assert server.end()[0] == 0


def test_a_server_that_was_started_with_another_state_directory_is_told_of(serve, sipline):
    serve()
    edit(sipline, 'name = "test"', 'name = "test"\nstate = "elsewhere"')
    for command in (
        ("reload",),
        ("show", "stats"),
        ("trace",),
        ("user", "add", "alice"),
        ("user", "list"),
        ("ban", "add", "192.0.2.7"),
        ("mailbox", "count", "alice", "--new", "1"),
    ):
        status, _, err = sipline(*command)
        assert status == 1
        assert (
            "no server runs with the state directory" in err and "elsewhere. The one that was started from pipeline.toml runs with" in err
        )
        assert ".sipline: its [pipeline] state was changed meanwhile. Restart it" in err
    assert not (sipline.folder / "elsewhere").exists()


def test_a_server_that_runs_with_a_state_directory_far_away_is_found_too(serve, sipline, tmp_path_factory):
    far = tmp_path_factory.mktemp("far") / "state"
    edit(sipline, 'name = "test"', f'name = "test"\nstate = "{far}"')
    serve()
    edit(sipline, f'state = "{far}"', "")
    status, _, err = sipline("user", "add", "alice")
    assert status == 1 and f"runs with {far}: its [pipeline] state was changed meanwhile" in err
    assert not (sipline.folder / ".sipline").exists()


def test_a_server_of_another_file_is_not_taken_for_that_of_this_one(serve, sipline):
    serve()
    other = sipline.folder / "other.toml"
    other.write_text(sipline.toml.read_text().replace('name = "test"', 'name = "test"\nstate = "elsewhere"'))
    status, _, err = sipline("show", "stats", "--config", other)
    assert status == 1
    assert err.endswith("elsewhere: start one with `sipline run`\n")


@pytest.mark.parametrize("marked", [False, True])
def test_who_is_not_known_as_a_server_of_ours_is_not_asked(sipline, marked, monkeypatch):
    monkeypatch.setattr(client, "SECONDS", 0.01)
    stranger = sipline.folder / "stranger"
    stranger.mkdir()
    if marked:
        (stranger / "key").write_bytes(b"x" * 64)
    with socket.socket(socket.AF_UNIX) as listens:
        listens.bind("stranger/control.sock")  # short: a socket's path has 108 octets (unix(7))
        listens.listen()
        listens.settimeout(0.01)
        status, _, err = sipline("reload")
        assert status == 1 and err.endswith(".sipline: start one with `sipline run`\n")
        if marked:  # it may be one, and says nothing
            listens.accept()[0].close()
        else:
            with pytest.raises(TimeoutError):
                listens.accept()


def test_where_no_server_runs_at_all_that_is_all_there_is_to_say(sipline):
    status, _, err = sipline("reload")
    assert status == 1
    assert err.endswith(".sipline: start one with `sipline run`\n")


def test_what_needs_a_restart_is_said_with_its_place(serve, sipline):
    serve()
    edit(sipline, 'name = "test"', 'name = "other"')
    status, _, err = sipline("reload")
    assert status == 2
    assert err.splitlines()[0] == 'pipeline.toml:2:8: [pipeline] name needs a restart: "test" -> "other"'
    assert "restart the server, or take it back" in err


def test_a_port_that_is_taken_changes_nothing(serve, sipline):
    server = serve()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        edit(sipline, 'bind = ["127.0.0.1:0"]', f'bind = ["127.0.0.1:0", "{address}"]')
        status, _, err = sipline("reload")
        assert status == 2 and f"udp cannot listen on {address}: Address already in use" in err
    status, out, _ = sipline("reload")
    assert status == 0 and f"listens on udp {address}" in out
    assert f"127.0.0.1:{server.port}" in sipline("show", "stats")[1]


def test_sighup_reloads_and_opens_the_logs_anew(serve, sipline):
    log = sipline.folder / "server.log"
    server = serve("--log-file", "server.log")
    log.rename(sipline.folder / "server.log.1")
    edit(sipline, '"registrar"', '"regsitrar"')
    os.kill(server.process.pid, signal.SIGHUP)
    assert until(lambda: log.exists() and "did you mean 'registrar'?" in log.read_text())
    assert "not reloaded, the server goes on as before" in log.read_text()
    edit(sipline, '"regsitrar"', '"registrar", "options"')
    os.kill(server.process.pid, signal.SIGHUP)
    assert until(lambda: "reloaded pipeline.toml: application: registrar -> registrar options" in log.read_text())
    assert server.end()[0] == 0


def test_what_a_reload_did_stands_in_the_log(serve, sipline):
    log = sipline.folder / "server.log"
    server = serve("--log-file", "server.log")
    edit(sipline, '"registrar"', '"regsitrar"')
    sipline("reload")
    edit(sipline, '"regsitrar"', '"registrar", "options"')
    sipline("reload")
    assert "not reloaded, the server goes on as before" in log.read_text()
    assert "reloaded pipeline.toml: application: registrar -> registrar options" in log.read_text()
    assert server.end()[0] == 0


def test_sigusr1_opens_the_logs_anew_and_reads_nothing(serve, sipline):
    log = sipline.folder / "server.log"
    server = serve("--log-file", "server.log")
    log.rename(sipline.folder / "server.log.1")
    edit(sipline, '"registrar"', '"registrar", "options"')
    os.kill(server.process.pid, signal.SIGUSR1)
    assert until(log.exists)
    assert "options" not in sipline("show", "hooks")[1]
    server.end()
    assert "stopping" in log.read_text()


def test_without_a_server_there_is_nothing_to_reload(sipline):
    status, _, err = sipline("reload")
    assert status == 1 and "no server runs" in err


def test_the_log_level_of_the_file_is_taken(serve, sipline):
    server = serve()
    edit(sipline, 'name = "test"', 'name = "test"\nlog_level = "warning"\nlog_file = "late.log"')
    assert '[pipeline] log_level: "info" -> "warning"' in sipline("reload")[1]
    assert (sipline.folder / "late.log").exists()
    server.end()
    assert "stopping" not in (sipline.folder / "late.log").read_text()


def test_a_port_that_we_hold_ourselves_at_another_address_is_said_to_be_ours(sipline, serve):
    server = serve()
    text = sipline.toml.read_text().replace("127.0.0.1:0", f"127.0.0.1:{server.port}")
    sipline.toml.write_text(text)
    assert server.end()[0] == 0
    serve()
    sipline.toml.write_text(text.replace("127.0.0.1:", "0.0.0.0:"))
    status, _, err = sipline("reload")
    assert status == 2 and f"udp cannot listen on 0.0.0.0:{server.port}: Address already in use" in err
    assert "it listens on this port already, at another address" in err

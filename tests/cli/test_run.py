"""`python -m pipeline run`, really: ready, served, watched, stopped."""

import json
import os
import pty
import re
import select
import signal
import socket
import sqlite3
import subprocess
import sys

import pytest

REGISTER = (
    "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{cseq};rport\r\nMax-Forwards: 70\r\n"
    "From: <sip:alice@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\nCall-ID: c@test\r\nCSeq: {cseq} REGISTER\r\n"
    "Contact: <sip:alice@127.0.0.1:{port}>\r\nUser-Agent: evil \x1b[2J\r\nContent-Length: 0\r\n\r\n"
)


def register(port, cseq=1):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(10)
        phone.connect(("127.0.0.1", port))
        phone.send(REGISTER.format(port=phone.getsockname()[1], cseq=cseq).encode())
        return int(phone.recv(4096).split()[1])


def test_it_says_ready_serves_and_ends_with_0(serve, sipline):
    sipline("user", "add", "alice", "--password", "x")
    server = serve()
    assert re.match(r"ready udp 127\.0\.0\.1:\d+ · test · pid \d+\n", server.lines[-1])
    assert register(server.port) == 200
    status, out, _ = sipline("show", "contacts")
    assert status == 0 and "alice@example.com" in out
    assert "\x1b" not in out and "\\x1b[2J" in out
    (row,) = json.loads(sipline("show", "contacts", "--json")[1])
    assert row["endpoint"] in ("", "alice") and 0 < row["expires"] <= 7200
    assert server.end()[0] == 0
    assert sipline("show", "contacts")[0] == 1
    assert not (sipline.folder / ".sipline" / "control.sock").exists()


def test_contacts_are_there_again_after_a_restart(serve, sipline):
    sipline("user", "add", "alice", "--password", "x")
    server = serve()
    assert register(server.port) == 200
    server.end(signal.SIGKILL)
    again = serve()
    assert len(json.loads(sipline("show", "contacts", "--json")[1])) == 1
    assert again.end(signal.SIGINT)[0] == 0


def test_users_are_added_to_and_removed_from_the_running_server(serve, sipline):
    server = serve()
    assert any("there is no user" in line for line in server.lines)
    assert register(server.port) == 404
    assert sipline("user", "add", "alice", "--password", "x")[0] == 0
    assert register(server.port, 2) == 200
    assert "removed contact sip:alice@127.0.0.1" in sipline("user", "remove", "alice")[1]
    assert json.loads(sipline("show", "contacts", "--json")[1]) == []
    assert register(server.port, 3) == 404


@pytest.mark.parametrize("what", ["endpoints", "transactions", "servants", "hooks", "domains", "stats"])
def test_everything_can_be_shown_for_people_and_for_programs(serve, sipline, what):
    serve()
    status, out, _ = sipline("show", what)
    assert status == 0 and out
    json.loads(sipline("show", what, "--json")[1])


def test_a_second_server_on_the_same_state_is_refused(serve, sipline):
    serve()
    status, _, err = sipline("run")
    assert status == 1 and "already running" in err


def test_a_port_that_is_taken_is_one_clear_line(sipline):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        sipline.toml.write_text(sipline.toml.read_text().replace('["127.0.0.1:0"]', f'["127.0.0.1:0", "{address}"]'))
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", "run"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20, check=False
        )
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("sipline:")]
    line = sipline.toml.read_text().splitlines().index(f'bind = ["127.0.0.1:0", "{address}"]') + 1
    assert errors == [f"sipline: pipeline.toml:{line}: udp cannot listen on {address}: Address already in use"]
    assert "Traceback" not in done.stderr


PROBE = """
    @plugin
    class Probe:
        @hookimpl
        def start(self, engine):
            {}
        @hookimpl
        async def stop(self, engine):
            print("stopped", self.__class__.__name__)
        @hookimpl
        def application(self, message, passage): ...
    """


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("{}['ear']", "KeyError: 'ear'"),
        ("raise ValueError('no ear\\n  to hear with')", "no ear to hear with"),
        ("raise RuntimeError", "RuntimeError"),
        ("open('nowhere/ear')", "nowhere/ear: No such file or directory"),
    ],
)
def test_a_plugin_that_cannot_start_is_one_line_with_its_name_and_stage_and_nothing_is_left(sipline, write, does, said):
    text = sipline.toml.read_text().replace('"registrar"', '"registrar", "probe"') + write("probe", PROBE.replace("{}", does, 1))
    sipline.toml.write_text(text)
    run = [sys.executable, "-m", "pipeline", "run"]
    done = subprocess.run(run, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20, check=False)
    line = text.splitlines().index('plugins = ["registrar", "probe"]') + 1
    told = f"sipline: pipeline.toml:{line}: probe (application) cannot start: {said} (--log-level debug shows where)"
    assert done.returncode == 1 and [each for each in done.stderr.splitlines() if each.startswith("sipline:")] == [told]
    assert "ready" not in done.stderr and "Traceback" not in done.stderr
    assert not (sipline.folder / ".sipline" / "control.sock").exists()
    done = subprocess.run([*run, "--log-level", "debug"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20, check=False)
    assert "probe_plugin.py" in done.stderr and done.stderr.endswith(told + "\n")


def test_who_never_began_because_another_could_not_is_not_stopped(sipline, write):
    for name in ("First", "Bad", "Last"):
        source = PROBE.replace("{}", "raise KeyError('ear')" if name == "Bad" else "pass", 1).replace("Probe", name)
        sipline.toml.write_text(sipline.toml.read_text() + write(name.lower(), source))
    sipline.toml.write_text(sipline.toml.read_text().replace('"registrar"', '"registrar", "first", "bad", "last"'))
    status, out, err = sipline("run")
    assert status == 1 and "bad (application) cannot start: KeyError: 'ear'" in err
    assert out.splitlines() == ["stopped Bad", "stopped First"]


def test_run_with_a_trace_writes_screen_lines_and_capture(serve, sipline):
    server = serve("--trace=stages", "--jsonl", "t.jsonl", "--pcap", "t.pcap")
    assert register(server.port) == 404
    status, out, _ = server.end()
    assert status == 0
    assert "→ REGISTER sip:example.com" in out and "← 404 Not Found (REGISTER)" in out
    assert "application registrar" in out and "pipeline.toml:" in out
    assert "\x1b[2J" not in out
    records = [json.loads(line) for line in (sipline.folder / "t.jsonl").read_text().splitlines()]
    assert [record["kind"] for record in records] == ["received", "sent"]
    assert b"REGISTER sip:example.com SIP/2.0\r\n" in (sipline.folder / "t.pcap").read_bytes()
    assert (sipline.folder / "t.pcap").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("view", ["full", "--trace=full"])
def test_a_running_server_is_watched_and_the_twin_goes_with_the_viewer(serve, sipline, view):
    server = serve()
    with subprocess.Popen([sys.executable, "-m", "pipeline", "trace", view, "--status", "404"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as viewer:  # fmt: skip
        assert viewer.stderr.readline() == "watching test; Ctrl-C ends\n"
        assert json.loads(sipline("show", "stats", "--json")[1])["server"]["tracing"] is True
        register(server.port)
        lines = []
        for line in viewer.stdout:
            lines.append(line)
            if "← 404" in line:
                break
        viewer.send_signal(signal.SIGINT)
        try:
            viewer.communicate(timeout=20)
        finally:
            viewer.kill()
    text = "".join(lines)
    assert "→ REGISTER" in text and "│ Call-ID: c@test" in text
    server.end()


def test_a_filter_that_means_nothing_starts_nothing(sipline):
    status, _, err = sipline("run", "--status", "OK")
    assert status == 2 and "'OK' is no status" in err
    assert not (sipline.folder / ".sipline").exists()


def test_the_log_goes_to_its_file(serve, sipline):
    server = serve("--log-file", "server.log", "--log-level", "info")
    server.end()
    assert "stopping" in (sipline.folder / "server.log").read_text()


@pytest.mark.parametrize(("arguments", "place"), [((), "own.log"), (("--log-file", "given.log"), "elsewhere/given.log")])
def test_a_log_file_is_from_the_folder_of_the_file_that_names_it_or_from_where_its_user_stands(sipline, serve, arguments, place):
    sipline.toml.write_text(sipline.toml.read_text().replace('name = "test"', 'name = "test"\nlog_file = "own.log"', 1))
    elsewhere = sipline.folder / "elsewhere"
    elsewhere.mkdir()
    server = serve("-c", "../pipeline.toml", "--log-level", "info", *arguments, cwd=elsewhere)
    os.kill(server.process.pid, signal.SIGUSR1)  # opens it anew, at the same place
    server.end()
    assert [str(path.relative_to(sipline.folder)) for path in sipline.folder.rglob("*.log")] == [place]
    assert "stopping" in (sipline.folder / place).read_text()


def test_the_first_start_in_a_terminal_makes_two_users_and_says_what_to_do(sipline):
    master, slave = pty.openpty()
    process = subprocess.Popen([sys.executable, "-m", "pipeline", "run"], stdin=slave, stdout=slave, stderr=slave, close_fds=True)
    os.close(slave)
    text = b""
    while b"\nready" not in text and select.select([master], [], [], 20)[0]:
        text += os.read(master, 4096)
    shown = text.decode()
    passwords = dict(re.findall(r"user (\w+) +password (\w+)", shown))
    assert passwords.keys() == {"alice", "bob"} and len(set(passwords.values())) == 2
    assert "sipline show contacts" in shown and "example.com" in shown
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    os.close(master)
    assert [row["user"] for row in json.loads(sipline("user", "list", "--json")[1])] == ["alice", "bob"]


@pytest.mark.parametrize("command", [("run",), ("user", "list"), ("check",)])
def test_a_folder_that_is_in_use_for_something_else_is_told_with_its_place_and_left_as_it_is(sipline, command):
    folder = sipline.folder / "shared"
    folder.mkdir(0o755)
    (folder / "letters.txt").touch()
    sipline.toml.write_text(sipline.toml.read_text().replace('name = "test"', 'name = "test"\nstate = "shared"', 1))
    status, _, err = sipline(*command)
    assert status == 2 and "pipeline.toml:3:9: 'shared' is in use for something else: it holds 'letters.txt'" in err
    assert folder.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in folder.iterdir()] == ["letters.txt"]


def test_another_realm_than_that_of_the_hashes_is_said_by_check_reload_and_the_next_start(sipline, serve):
    text = sipline.toml.read_text().replace("plugins = []", 'plugins = ["identify", "auth"]')
    sipline.toml.write_text(text)
    assert sipline("user", "add", "dave", "--password", "long-enough-for-anybody")[0] == 0
    server = serve()
    sipline.toml.write_text(text.replace("example.com", "example.net"))
    said = "the realm is 'example.net' and was 'example.com' when the server ran last"
    assert said in sipline("check")[1]
    assert said in "".join(sipline("reload")[1:])
    assert server.end()[0] == 0
    assert said in "".join(serve().lines)
    assert said not in sipline("check")[1]


@pytest.mark.parametrize("option", ["--log-file", "--jsonl", "--pcap"])
@pytest.mark.parametrize("there", [False, True])
def test_what_the_server_writes_may_lie_in_its_state_folder(sipline, serve, option, there):
    folder = sipline.folder / "state"
    sipline.toml.write_text(sipline.toml.read_text().replace('name = "test"', 'name = "test"\nstate = "state"', 1))
    if there:
        folder.mkdir(0o755)
    for _ in range(2):
        assert serve(option, str(folder / "messages")).end()[0] == 0
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_reference_to_what_no_store_holds_is_told_as_check_tells_it_and_starts_nothing(sipline, serve):
    toml = sipline.toml.read_text()
    sipline.toml.write_text(toml + '[identify.gate]\nendpoint = "dave"\nmatch = ["192.0.2.1"]\n')
    status, _, err = sipline("run")
    assert status == 2 and "refers to endpoint 'dave', which does not exist" in err and "ready" not in err
    assert err.endswith(sipline("check")[2])
    assert sipline("user", "add", "dave", "--password", "long-enough-for-anybody")[0] == 0
    serve()


@pytest.mark.parametrize(
    ("break_", "why"),
    [
        (lambda path: path.write_bytes(b"garbage" * 100), "file is not a database"),
        (lambda path: sqlite3.connect(path).execute("PRAGMA user_version=99").connection.close(), "of a newer Sipline"),
        (lambda path: (path.unlink(), path.mkdir()), "Is a directory"),
    ],
)
def test_a_store_that_cannot_be_opened_is_one_clear_line(sipline, break_, why):
    sipline("user", "add", "alice", "--password", "long-enough-for-anybody")
    break_(sipline.folder / ".sipline" / "sipline.db")
    status, _, err = sipline("run")
    (line,) = (line for line in err.splitlines() if line.startswith("sipline:"))
    listed = next(at for at, text in enumerate(sipline.toml.read_text().splitlines(), 1) if '"sqlite"' in text)
    assert status == 1 and line.startswith(f"sipline: pipeline.toml:{listed}: the stores cannot be opened: sqlite: ") and why in line
    assert "Traceback" not in err
    assert sipline("user", "list")[0] == 1

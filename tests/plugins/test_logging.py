"""One line per message: what it looks like, that nothing can forge one, and where it goes."""

from __future__ import annotations

import logging
import socket

import pytest
from pipeline.plugins.logging import journal
from pipeline.plugins.logging.line import word

from pipeline.starting import NotStarted


@pytest.fixture
def logged(sip, tmp_path):
    """Start a server that logs to a file; give it and what reads the lines."""

    def start(toml="", intercept=("logging", "identify", "auth")):
        server = sip(f'{toml}\n[plugin.logging]\nfile = "messages.log"\n', intercept=list(intercept))

        def lines():
            server.advance(0.3)
            return (server.folder / "messages.log").read_text().splitlines()

        return server, lines

    return start


def words(line):
    found = line.split(" ")
    assert len(found) == 11, line
    return found


def test_a_line_for_each_message_in_and_out(logged):
    server, lines = logged()
    server.request("REGISTER", from_="alice")
    came, went = lines()
    flow, call = "udp:10.0.0.9:5060", "call-1@test"
    assert words(came)[1:] == [
        "in",
        flow,
        "REGISTER",
        "alice@example.com",
        "->",
        "alice@example.com",
        call,
        "1/REGISTER",
        words(came)[9],
        "-",
    ]
    assert words(went)[1:] == [
        "out",
        flow,
        "401",
        "alice@example.com",
        "->",
        "alice@example.com",
        call,
        "1/REGISTER",
        words(went)[9],
        "alice",
    ]
    assert words(came)[0] == "2027-01-15T08:00:00.000Z"


def test_the_size_is_that_of_the_bytes(logged):
    server, lines = logged()
    data = server.message("REGISTER", from_="alice")
    server.send(data)
    (reply,) = server.replies()
    assert [int(words(line)[9]) for line in lines()] == [len(data), len(reply.raw)]


def test_the_endpoint_is_known_on_the_way_in_behind_identify(logged):
    server, lines = logged(intercept=("identify", "logging", "auth"))
    server.request("REGISTER", from_="alice")
    assert [words(line)[10] for line in lines()] == ["alice", "alice"]


def test_odd_addresses_are_shown_without_what_they_should_not_show(logged):
    server, lines = logged(intercept=("logging",))
    for from_ in (
        "<sip:alice:secret@example.com>;tag=1",
        "<tel:+49301>;tag=1",
        "<http://u:secret@example.com>;tag=1",
        "<sip:example.com>;tag=1",
    ):
        server.request("OPTIONS", "bob", headers=[("From", from_)])
    found = lines()
    assert [words(line)[4] for line in found[::2]] == ["alice@example.com", "tel:+49301", "http:", "example.com"]
    assert "secret" not in "\n".join(found)


def test_no_credentials_are_logged(logged):
    server, lines = logged()
    server.request("REGISTER", from_="alice", password="alice's")
    found = "\n".join(lines())
    assert "200" in found
    assert "Digest" not in found
    assert "nonce" not in found


def test_a_message_cannot_forge_a_word_or_a_line(logged):
    server, lines = logged(intercept=("logging",))
    data = server.message("OPTIONS", "bob", headers=[("Call-ID", "a\\b\u2028c\u202ed")])
    server.send(data)
    long = server.message("OPTIONS", "bob", headers=[("Call-ID", "x" * 3000)])
    server.send(long)
    server.replies()
    found = lines()
    assert all(len(line.split(" ")) == 11 for line in found)
    calls = {words(line)[7] for line in found}
    assert "x" * 256 + "..." in calls


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain-1@test", "plain-1@test"),
        ("a b", r"a\x20b"),
        ("a\r\n2027 in", r"a\x0d\x0a2027\x20in"),
        ("back\\slash", r"back\x5cslash"),
        ("Grüße", "Grüße"),
        ("\u202egnp", r"\u202egnp"),
        ("\udcff", r"\xff"),
        ("\U000e0001", r"\U000e0001"),
        ("\x1b[31m", r"\x1b[31m"),
    ],
)
def test_what_is_not_visible_is_written_out(text, written):
    assert word(text) == written


def test_lines_are_written_together_within_a_fifth_of_a_second(logged):
    server, lines = logged()
    server.send(server.message("REGISTER", from_="alice"))
    server.loop.advance(0.1)
    assert (server.folder / "messages.log").read_text() == ""
    assert len(lines()) == 2


def test_what_is_left_is_written_at_the_end(logged):
    server, _ = logged()
    server.send(server.message("REGISTER", from_="alice"))
    server.replies()
    server.stop()
    assert len((server.folder / "messages.log").read_text().splitlines()) == 2


def test_many_lines_do_not_wait(logged, monkeypatch):
    from pipeline.plugins.logging import messages

    monkeypatch.setattr(messages, "MANY", 10)
    server, _ = logged()
    for _ in range(6):
        server.send(server.message("REGISTER", from_="alice"))
    server.replies()
    assert len((server.folder / "messages.log").read_text().splitlines()) >= 10


def test_log_reopen_writes_to_a_new_file(logged):
    server, lines = logged()
    server.request("REGISTER", from_="alice")
    old = server.folder / "messages.log"
    old.rename(server.folder / "messages.log.1")
    server.engine.tell("log.reopen")
    assert len((server.folder / "messages.log.1").read_text().splitlines()) == 2
    server.request("REGISTER", from_="bob")
    assert len(lines()) == 2


def test_a_file_is_appended_to_and_read_by_its_owner_and_group_only(logged):
    server, lines = logged()
    server.request("REGISTER", from_="alice")
    assert len(lines()) == 2
    server.stop()
    server.start()
    server.request("REGISTER", from_="alice")
    assert len(lines()) == 4
    assert (server.folder / "messages.log").stat().st_mode & 0o007 == 0


def test_a_file_that_cannot_be_opened_ends_the_start(sip):
    with pytest.raises(NotStarted, match="nowhere"):
        sip('[plugin.logging]\nfile = "nowhere/messages.log"\n', intercept=["logging"])


def test_a_disk_that_is_full_loses_lines_and_no_messages(sip, plugin_of):
    server = sip('[plugin.logging]\nfile = "/dev/full"\n', intercept=["logging"])
    for _ in range(3):
        assert server.request("OPTIONS", uri="sip:10.0.0.1").status == 200
        server.advance(1)
    (event,) = server.told("log.failed")
    assert "No space left" in event.fields["error"]
    assert plugin_of(server, "logging").stats() == {"lost": 6}


def test_without_a_file_lines_go_to_the_servers_log(sip, caplog):
    server = sip(intercept=["logging"])
    with caplog.at_level(logging.INFO, "sipline.messages"):
        server.request("OPTIONS", uri="sip:10.0.0.1")
        server.advance(0.3)
    assert [(record.name, len(record.getMessage().split(" "))) for record in caplog.records] == [("sipline.messages", 11)] * 2


def test_the_journal_gets_an_entry_per_line(sip, tmp_path, monkeypatch):
    path = tmp_path / "j"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reader:
        reader.bind(str(path))
        monkeypatch.setattr(journal, "SOCKET", str(path))
        server = sip("[plugin.logging]\njournal = true\n", intercept=["logging"])
        server.request("OPTIONS", uri="sip:10.0.0.1")
        server.advance(0.3)
        entry = reader.recv(4096).decode()
    fields = dict(line.split("=", 1) for line in entry.splitlines())
    assert fields["SYSLOG_IDENTIFIER"] == "sipline"
    assert fields["PRIORITY"] == "6"
    assert len(fields["MESSAGE"].split(" ")) == 11
    assert entry.endswith("\n")


def test_a_journal_that_takes_nothing_loses_lines_and_says_how_many(tmp_path):
    path = tmp_path / "j"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reader:
        reader.bind(str(path))
        writer = journal.Journal("logging", str(path))
        writer.write(["x"] * 100_000)
        assert writer.lost > 0
        writer.close()


def test_without_a_journal_the_start_ends_with_one_clear_line(sip, monkeypatch):
    monkeypatch.setattr(journal, "SOCKET", "/nowhere/socket")
    text = (
        r"\[plugin.logging\] journal = true, but no systemd journal listens at /nowhere/socket \(No such file or directory\): write file ="
    )
    with pytest.raises(NotStarted, match=text):
        sip("[plugin.logging]\njournal = true\n", intercept=["logging"])

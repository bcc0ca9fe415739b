"""`sipline message` and `sipline show messages` against a server in a process of its own."""

import io
import json

import pytest


@pytest.fixture
def server(sipline, serve):
    toml = sipline.toml.read_text()
    sipline.toml.write_text(
        toml.replace('"registrar"', '"registrar", "messages"') + '[dal]\nmessage = ["sqlite"]\n[user.alice]\npassword = "x"\n'
    )
    serve()
    return sipline


def test_a_message_for_who_is_not_there_is_kept_and_shown(server, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("Dinner\n"))
    status, out, err = server("message", "alice", "-", "--from", "Kitchen <kitchen>", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == [{"to": "alice", "result": "accepted", "text": "kept until it can be delivered"}]
    (row,) = json.loads(server("show", "messages", "--json")[1])
    assert (row["recipient"], row["from"], row["octets"]) == ("alice@example.com", "Kitchen <kitchen>", 7)
    assert "Dinner" not in server("show", "messages")[1]


def test_one_that_cannot_be_sent_says_why_and_exits_1(server):
    assert server("message", "nobody", "hello") == (1, "", "sipline: not delivered: unknown: nobody is called so\n")
    assert server("show", "messages")[1].startswith("no messages wait")


def test_without_a_server_it_says_so(sipline):
    status, _, err = sipline("message", "alice", "hello")
    assert status == 1
    assert "no server runs" in err

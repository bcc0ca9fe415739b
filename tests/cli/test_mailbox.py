"""`sipline mailbox`, without a server and with one."""

import json

import pytest

from pipeline.mailboxes import verify


@pytest.fixture
def put(folder):
    """put("bob", "new", "1"): a message that somebody put there by hand."""

    def put(owner, part, name):
        path = folder / ".sipline" / "mailboxes" / owner / part / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"RIFF")
        path.with_suffix(".json").write_text(
            json.dumps({"caller_number": "100", "caller_name": "Alice", "time": 1_800_000_000, "seconds": 4})
        )

    return put


def box(sipline, name="bob"):
    return json.loads(sipline("mailbox", "show", name, "--json")[1])[0]


def test_without_a_server_its_files_are_used(sipline, put):
    assert sipline("user", "add", "bob", "--password", "x")[0] == 0
    assert sipline("mailbox", "list")[:2] == (0, "no mailbox is in use yet\n")
    put("bob", "new", "1")
    put("bob", "new", "2-urgent")
    assert sipline("mailbox", "count", "bob", "--new", "3", "--old", "1")[:2] == (0, "bob: 5 new, 1 old\n")
    (row,) = json.loads(sipline("mailbox", "list", "--json")[1])
    assert (row["mailbox"], row["new"], row["old"], row["urgent"], row["elsewhere"], row["aor"]) == ("bob", 5, 1, 1, 3, ["bob@example.com"])
    first, second = box(sipline)["messages"]
    assert (first["urgent"], first["from"], first["seconds"], second["state"]) == (True, "Alice 100", 4, "new")
    assert "Alice 100" in sipline("mailbox", "show", "bob@example.com")[1]


def test_options_are_stored_and_a_pin_only_as_its_hash(sipline):
    sipline("user", "add", "bob", "--password", "x")
    status, out, _ = sipline(
        "mailbox", "set", "bob", "--pin", "4711", "--email", "bob@example.org", "--number", "200", "--max-messages", "5"
    )
    assert (status, out) == (0, "bob: email, number, max_messages, pin set, stored in sqlite\n")
    row = box(sipline)
    assert (row["pin"], row["email"], row["number"], row["stored_in"]) == (True, "bob@example.org", "200", "sqlite")
    assert sipline("mailbox", "set", "bob", "--no-pin")[0] == 0
    row = box(sipline)
    assert (row["pin"], row["email"]) == (False, "bob@example.org")


def test_the_hash_is_that_of_the_pin(sipline, folder):
    import sqlite3

    sipline("user", "add", "bob", "--password", "x")
    sipline("mailbox", "set", "bob", "--pin", "4711")
    (path,) = (folder / ".sipline").glob("*.db")
    with sqlite3.connect(path) as database:
        ((stored,),) = database.execute("select pin_hash from mailbox where id = 'bob'").fetchall()
    database.close()
    assert verify("4711", stored)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "nobody"), "there is no mailbox 'nobody'"),
        (("count", "nobody", "--new", "1"), "there is no mailbox 'nobody'"),
        (("count", "bob", "--new", "-1"), "a number of messages is 0 to 4294967295"),
        (("count", "bob", "--urgent-new", "1"), "urgent ones are among the others"),
        (("set", "bob"), "nothing to set"),
        (("set", "bob", "--pin", "1234"), "the first that anybody would try"),
        (("set", "bob", "--pin", "47"), "4 to 16 digits"),
        (("set", "bob", "--email", "bob"), "must be one address"),
        (("set", "bob", "--number", "x"), "must be digits"),
        (("set", "bob", "--max-seconds", "0"), "max_seconds"),
    ],
)
def test_a_mistake_is_one_line(sipline, arguments, said):
    sipline("user", "add", "bob", "--password", "x")
    status, _, err = sipline("mailbox", *arguments)
    assert status == 1 and said in err and len(err.splitlines()) == 1


def test_a_number_belongs_to_one(sipline):
    for name in ("alice", "bob"):
        sipline("user", "add", name, "--password", "x")
    assert sipline("mailbox", "set", "alice", "--number", "200")[0] == 0
    status, _, err = sipline("mailbox", "set", "bob", "--number", "200")
    assert status == 1 and "alice has the number 200 already" in err


def test_what_the_file_says_is_changed_there(sipline, folder):
    file = folder / "pipeline.toml"
    file.write_text(file.read_text() + "[mailbox.office]\naor = []\n")
    status, _, err = sipline("mailbox", "set", "office", "--number", "800")
    assert status == 1 and "office is written in pipeline.toml:" in err


def test_the_messages_of_a_removed_user_are_put_aside(sipline, put, folder):
    sipline("user", "add", "bob", "--password", "x")
    sipline("mailbox", "set", "bob", "--email", "bob@example.org")
    put("bob", "new", "1")
    _, out, _ = sipline("user", "remove", "bob")
    assert "removed mailbox bob" in out and ".removed-bob-" in out
    sipline("user", "add", "bob", "--password", "y")
    row = box(sipline)
    assert (row["new"], row["email"], row["messages"]) == (0, "", [])
    assert len(list((folder / ".sipline" / "mailboxes").glob(".removed-bob-*/new/1.wav"))) == 1


def test_a_running_server_is_asked(serve, sipline, put):
    sipline("user", "add", "bob", "--password", "x")
    put("bob", "new", "1")
    server = serve()
    assert sipline("mailbox", "count", "bob", "--new", "2")[1] == "bob: 3 new, 0 old\n"
    put("bob", "old", "2")
    assert sipline("mailbox", "rescan")[1] == "bob: 3 new, 1 old\n"
    assert sipline("mailbox", "rescan")[1] == "nothing has changed\n"
    assert "bob" in sipline("show", "mailboxes")[1]
    assert box(sipline)["old"] == 1
    assert sipline("mailbox", "set", "bob", "--pin", "4711")[0] == 0
    assert box(sipline)["pin"]
    status, _, err = sipline("mailbox", "show", "nobody")
    assert status == 1 and "there is no mailbox" in err
    server.end()

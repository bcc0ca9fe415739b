"""`sipline user` without a server: it opens the stores itself."""

import gc
import io
import json
import sys

import pytest

from pipeline.control.place import Lock


@pytest.fixture(autouse=True)
def _nobody_asks(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())


def users(sipline):
    return {row["user"]: row for row in json.loads(sipline("user", "list", "--json")[1])}


def test_a_user_has_every_hash_and_is_listed(sipline):
    status, out, err = sipline("user", "add", "alice", "--password", "long enough")
    assert (status, out, err) == (0, "user alice in domain example.com\n", "")
    assert users(sipline)["alice"]["credentials"] == ["MD5", "SHA-256", "SHA-512-256"]
    assert "alice@example.com" in sipline("user", "list")[1]


def test_a_weak_password_is_stored_and_told_as_check_does(sipline):
    status, out, err = sipline("user", "add", "alice", "--password", "12")
    assert (status, out) == (0, "user alice in domain example.com\n")
    assert err == "hint: the password of 'alice' is shorter than 8 characters, and soon guessed: choose a longer one\n"
    file = sipline.folder / "users.csv"
    file.write_text("user,password\nalice,34\nbob,long enough\ncaroline,Caroline\ndave,56\n")
    err = sipline("user", "import", file)[2]
    assert "hint: the password of 'caroline' is the user name, which scanners try first: choose another\n" in err
    assert "hint: the password of 'dave' is shorter than 8" in err  # not those that were not stored


def test_without_a_password_one_is_made_and_printed_once(sipline):
    out = sipline("user", "add", "alice")[1]
    password = out.split()[-1]
    assert len(password) == 14
    assert password.encode() not in b"".join(path.read_bytes() for path in (sipline.folder / ".sipline").iterdir() if path.is_file())


def test_two_users_have_two_passwords(sipline):
    assert sipline("user", "add", "alice")[1].split()[-1] != sipline("user", "add", "bob")[1].split()[-1]


def test_a_user_of_another_domain_is_called_with_it(sipline):
    sipline.toml.write_text(sipline.toml.read_text().replace('["example.com"]', '["example.com", "example.org"]'))
    sipline("user", "add", "alice", "--domain", "example.org")
    sipline("user", "add", "bob@example.org")
    assert sorted(users(sipline)) == ["alice@example.org", "bob@example.org"]
    status, _, err = sipline("user", "add", "carol", "--domain", "example.net")
    assert status == 1 and "it serves example.com, example.org" in err


def test_a_user_that_exists_is_not_overwritten(sipline):
    sipline("user", "add", "alice")
    status, _, err = sipline("user", "add", "alice")
    assert status == 1 and err == "sipline: aor alice@example.com exists already, in sqlite\n"


def test_a_removed_user_is_gone(sipline):
    sipline("user", "add", "alice")
    status, out, _ = sipline("user", "remove", "alice")
    assert (status, out.splitlines()) == (0, ["removed endpoint alice", "removed auth alice", "removed aor alice@example.com"])
    assert users(sipline) == {}
    assert sipline("user", "remove", "alice")[0] == 1


@pytest.mark.parametrize("runs", [False, True])
def test_a_user_without_whom_the_server_would_not_start_is_removed_by_force_alone(sipline, serve, runs):
    for name in ("alice", "bob"):
        sipline("user", "add", name)
    text = (
        sipline.toml.read_text()
        + '[identify.office]\nendpoint = "alice"\nmatch = ["192.0.2.1"]\n[endpoint.desk]\nauth = []\naors = ["bob"]\n'
    )
    sipline.toml.write_text(text)
    server = serve() if runs else None
    line = text.splitlines().index('endpoint = "alice"') + 1
    refused = f"pipeline.toml:{line} refers to alice, and the server would not start again"
    hint = "change that first, or remove the user all the same with --force"
    assert sipline("user", "remove", "alice@example.com") == (
        1,
        "",
        f"sipline: {refused.replace('to alice', 'to alice@example.com')}: {hint}\n",
    )
    assert "alice" in users(sipline)
    assert sipline("user", "remove", "bob")[:2] == (0, "removed endpoint bob\nremoved auth bob\n")  # the desk has his address
    assert sipline("user", "remove", "alice", "--force")[0] == 0
    assert "alice" not in users(sipline)
    if server is not None:
        assert server.end()[0] == 0
    assert sipline("run")[0] == 2


def test_a_file_of_users_is_imported(sipline):
    (sipline.folder / "users.csv").write_text('\ufeffUser, password,domain\nalice,long enough,\n\nbob@example.com,"comma, quote "" ."\n')
    assert sipline("user", "import", "users.csv") == (0, "2 users stored\n", "")
    assert sorted(users(sipline)) == ["alice", "bob"]


def test_of_a_file_with_faulty_rows_nothing_is_stored_and_each_is_told(sipline):
    (sipline.folder / "users.csv").write_text(
        "user,password,domain\nalice,one,\nbob,two,example.com\n,three\nalice,four\ncarol,\ndave,five,nowhere\n"
        'r1,pass,,word9geheim\nr2,"geheim9geheim\nr3,"ok"9\n' + f"r4,{'x' * 140_000}\n"
    )
    status, out, err = sipline("user", "import", "users.csv")
    assert (status, out) == (2, "")
    assert err.splitlines() == [
        "users.csv:4: '' is no user name: letters, digits and . - _ + will do",
        "users.csv:5: alice stands in users.csv:2 already",
        "users.csv:6: carol: the password is empty",
        'users.csv:7: cell 3 is no domain of this server: it serves example.com; a password with a comma is written in quotes (")',
        'users.csv:8: 4 cells where the first line names 3 columns: a password with a comma is written in quotes ("), a quote in it as two',
        'users.csv:9: a quote (") is opened and not closed in this line',
        "users.csv:10: ',' expected after '\"'",
        "users.csv:11: field larger than field limit (131072)",
        "users.csv: nothing was stored",
    ]
    assert users(sipline) == {}


def test_a_row_that_ends_before_its_user_is_faulty(sipline):
    (sipline.folder / "users.csv").write_text("password,user\nabc\n")
    status, _, err = sipline("user", "import", "users.csv")
    assert status == 2
    assert err.startswith("users.csv:2: '' is no user name")


def test_of_many_faulty_rows_the_first_are_told(sipline):
    (sipline.folder / "users.csv").write_text("user,password\n" + "alice,\n" * 25)
    err = sipline("user", "import", "users.csv")[2].splitlines()
    assert err[19:] == [
        "users.csv:21: alice: the password is empty",
        "... and 5 more",
        "users.csv: nothing was stored",
    ]


def test_who_is_there_already_is_told_with_his_line_and_the_others_are_stored(sipline):
    sipline("user", "add", "alice")
    (sipline.folder / "users.csv").write_text("user,password\nalice,long enough\nbob,long enough\n")
    status, out, err = sipline("user", "import", "users.csv")
    assert (status, out) == (1, "1 user stored, 1 not\n")
    assert err.startswith("users.csv:2: alice: ") and "exists already, in sqlite" in err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("alice,one\n", "must name the columns"),
        ("", "must name the columns"),
        ("user,password,Password\na,b,c\n", "the column 'password' is named twice"),
        ("user,password,domian\na,b,c\n", "there is no column 'domian': did you mean 'domain'?"),
        ("user,password,room\na,b,c\n", "there is no column 'room': user, password and domain are read, remove the others"),
        ('user,"password\na,b,c\n', 'a quote (") is opened and not closed'),
    ],
)
def test_a_file_whose_columns_are_not_clear_is_refused(sipline, text, why):
    (sipline.folder / "users.csv").write_text(text)
    status, _, err = sipline("user", "import", "users.csv")
    assert status == 2 and err.startswith("users.csv:1: ") and why in err and err.endswith("\nusers.csv: nothing was stored\n")


def test_a_file_that_is_not_utf_8_is_refused_whole(sipline):
    (sipline.folder / "users.csv").write_bytes(b"user,password\n" + b"alice,long enough\n" * 9999 + b"bob,gr\xfcn\n")
    assert sipline("user", "import", "users.csv") == (2, "", "users.csv is not UTF-8: nothing was stored\n")


def test_standard_input_is_named_where_it_is_wrong(sipline, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\ufeffuser,password\nalice,a,b\n"))
    status, _, err = sipline("user", "import", "-")
    assert status == 2 and err.startswith("standard input:2: 3 cells")


def test_a_file_that_is_not_there_is_named(sipline):
    assert "users.csv: No such file" in sipline("user", "import", "users.csv")[2]


def test_thousands_are_imported_in_seconds(sipline):
    file = sipline.folder / "users.csv"
    file.write_text("user,password\n" + "".join(f"u{n},p{n}\n" for n in range(2000)))
    assert sipline("user", "import", file)[:2] == (0, "2000 users stored\n")


@pytest.mark.parametrize("text", ["user,password\na,p\n", "a,p\n"], ids=["stored", "refused"])
def test_an_import_leaves_the_collector_as_it_was(sipline, text):
    before = gc.get_threshold()
    (sipline.folder / "users.csv").write_text(text)
    sipline("user", "import", "users.csv")
    assert gc.get_threshold() == before


def test_without_a_store_that_can_be_written_it_says_what_to_list(sipline):
    sipline.toml.write_text(sipline.toml.read_text().replace('"toml", "sqlite"', '"toml", "memory"') + '[dal]\nendpoint = ["toml"]\n')
    status, _, err = sipline("user", "add", "alice")
    assert status == 1 and "no backend that can be written stores endpoint" in err


def test_two_commands_at_once_do_not_write_at_once(sipline):
    lock = Lock(sipline.folder / ".sipline")
    status, _, err = sipline("user", "add", "alice")
    lock.close()
    assert status == 1 and "try again" in err


def test_asking_a_server_that_does_not_run_says_so(sipline):
    for command in (("show", "contacts"), ("trace",)):
        status, _, err = sipline(*command)
        assert status == 1 and "no server runs" in err

"""Users through the control socket: added with every hash, listed without any, removed with their contacts."""

import pytest

from pipeline.control.accounts import Refused, account, add
from pipeline.dal import Contact, Domain
from pipeline.sip.digest import hash_of

FIRST, OTHER = Domain(id="example.com"), Domain(id="example.org")


def test_an_account_has_the_hashes_of_all_algorithms_in_the_realm_of_its_domain():
    made = account("carol", Domain(id="example.com", realm="R"), "pw")
    assert made["password_digest"] == {name: hash_of(name, "carol", "R", "pw") for name in ("MD5", "SHA-256", "SHA-512-256")}
    assert "pw" not in made.values()


@pytest.mark.parametrize("name", ["", "a b", "a@b", "sip:a", 'a"b', "a;b", "a\nb"])
def test_a_name_that_cannot_be_a_user_is_refused(name):
    with pytest.raises(Refused, match="no user name"):
        account(name, FIRST, "pw")


def test_an_empty_password_is_refused():
    with pytest.raises(Refused, match="empty"):
        account("carol", FIRST, "")


def test_a_user_is_stored_as_endpoint_auth_and_aor(running):
    async def test(server):
        users = [account("carol", FIRST, "pw"), account("dave", OTHER, "pw")]
        assert await server.rows(do="users.add", users=users) == [
            {"name": "carol", "domain": "example.com"},
            {"name": "dave", "domain": "example.org"},
        ]
        dal = server.engine.dal
        assert (dal.get("endpoint", "carol").auth, dal.get("endpoint", "carol").aors) == (("carol",), ("carol@example.com",))
        assert dal.get("auth", "dave@example.org").username == "dave"
        assert dal.get("aor", "dave@example.org").origin == "memory"

    running(test)


def test_who_watches_the_store_hears_of_a_new_user_at_once(running):
    async def test(server):
        heard = []
        server.engine.dal.watch("auth", lambda verb, stored: heard.append((verb, stored.id)))
        await server.rows(do="users.add", users=[account("carol", FIRST, "pw")])
        assert heard == [("put", "carol")]

    running(test)


def test_a_user_that_exists_is_refused_and_the_others_are_stored(running):
    async def test(server):
        users = [account(name, FIRST, "pw") for name in ("alice", "carol")]
        refused, stored = await server.rows(do="users.add", users=users)
        assert refused["error"] == "aor alice@example.com exists already, in toml" and "error" not in stored
        (again,) = await server.rows(do="users.add", users=users[1:])
        assert again["error"] == "aor carol@example.com exists already, in memory"

    running(test)


def test_a_user_half_of_whom_exists_leaves_nothing_behind(running):
    from pipeline.dal import Endpoint

    async def test(server):
        dal = server.engine.dal
        dal.create(Endpoint(id="carol"))
        (row,) = await server.rows(do="users.add", users=[account("carol", FIRST, "pw")])
        assert "endpoint carol exists already" in row["error"]
        assert dal.get("auth", "carol") is None and dal.get("aor", "carol@example.com") is None

    running(test)


def test_the_same_user_twice_in_one_call_is_stored_once(running):
    async def test(server):
        rows = await add(server.engine, [account("carol", FIRST, "pw")] * 2)
        assert ["error" in row for row in rows] == [False, True]
        assert server.engine.dal.get("endpoint", "carol") is not None

    running(test)


def test_hashes_for_another_realm_are_refused(running):
    async def test(server):
        (row,) = await server.rows(do="users.add", users=[account("carol", Domain(id="example.com", realm="other"), "pw")])
        assert "realm 'other'" in row["error"]

    running(test)


def test_without_a_backend_that_can_be_written_the_error_says_what_to_list(running):
    async def test(server):
        (answer,) = await server.ask(do="users.add", users=[account("carol", FIRST, "pw")])
        assert "no backend that can be written stores endpoint" in answer["error"] and '"sqlite"' in answer["error"]

    running(test, running.toml.replace('["toml", "memory"]\nauth', '["toml"]\nauth'))


def test_a_removed_user_loses_its_contacts(running):
    async def test(server):
        await server.rows(do="users.add", users=[account("carol", FIRST, "pw")])
        dal = server.engine.dal
        dal.create(Contact(id="c1", aor="carol@example.com", uri="sip:carol@127.0.0.9", expires_at=server.engine.clock.time() + 60))
        rows = await server.rows(do="users.remove", name="carol@example.com")
        assert [row["type"] for row in rows] == ["endpoint", "auth", "aor", "contact"]
        assert dal.find("contact") == () and dal.get("auth", "carol") is None and dal.get("endpoint", "carol") is None

    running(test)


def test_a_user_of_the_file_is_removed_by_hand(running):
    async def test(server):
        (answer,) = await server.ask(do="users.remove", name="alice")
        line = running.toml.splitlines().index("[user.alice]") + 1
        assert answer["error"].endswith(f"pipeline.toml:{line}: remove it there")
        (answer,) = await server.ask(do="users.remove", name="nobody")
        assert answer["error"] == "there is no user nobody"

    running(test)


def test_what_another_endpoint_uses_stays(running):
    from pipeline.dal import Endpoint

    async def test(server):
        await server.rows(do="users.add", users=[account("carol", FIRST, "pw")])
        dal = server.engine.dal
        dal.create(Endpoint(id="desk", aors=("carol@example.com",)))
        assert [row["type"] for row in await server.rows(do="users.remove", name="carol")] == ["endpoint", "auth"]
        assert dal.get("aor", "carol@example.com") is not None

    running(test)


def test_the_list_tells_no_secret(running):
    async def test(server):
        await server.rows(do="users.add", users=[account("carol", FIRST, "pw")])
        rows = await server.rows(do="users.list")
        assert [(row["user"], row["credentials"]) for row in rows] == [
            ("alice", ["password"]),
            ("carol", ["MD5", "SHA-256", "SHA-512-256"]),
        ]
        assert "not-to-be-shown" not in str(rows) and hash_of("MD5", "carol", "example.com", "pw") not in str(rows)

    running(test)

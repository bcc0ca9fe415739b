"""plugins.pubsub.rights: who may not watch any more is told so, whether he asks or not."""

import attrs
import pytest

from pipeline.config import Document, build
from pipeline.dal import Aor, Auth, Endpoint

DAL = "".join(f'{kind} = ["toml", "sqlite"]\n' for kind in ("endpoint", "auth", "aor")) + 'subscription = ["sqlite"]\n'


@pytest.fixture
def kept(start):
    """Start a server with a user carol who is stored, and give it with her phone: kept(toml)."""

    def kept(toml=""):
        server = start(f"[dal]\n{DAL}{toml}", integration=["memory", "toml", "sqlite"])
        dal = server.engine.dal
        for stored in (
            Aor(id="carol@example.com", origin="sqlite"),
            Auth(id="carol", username="carol", password="carol's", origin="sqlite"),
            Endpoint(id="carol", auth=("carol",), aors=("carol@example.com",), origin="sqlite"),
        ):
            done(server, dal.update(stored))
        return server, server.phone("carol", password="carol's")

    return kept


def done(server, pending):
    """Wait for something."""

    async def value():
        return await pending

    return server.run(value()) if hasattr(pending, "then") else pending


def stored(server, kind, ident):
    return done(server, server.engine.dal.get(kind, ident))


def change(server, kind, ident, **fields):
    done(server, server.engine.dal.update(attrs.evolve(stored(server, kind, ident), **fields)))
    server.advance(1)


def test_a_removed_user_watches_no_more(kept, watch, probe, notifier):
    server, phone = kept()
    bob = watch(phone, "bob")
    assert bob.state == "active"
    done(server, server.engine.dal.delete(stored(server, "endpoint", "carol")))
    server.advance(1)
    assert (bob.state, bob.reason, bob.body) == ("terminated", "rejected", b"")
    count = len(bob.notifies)
    probe(server).set("bob", 5)
    server.advance(1)
    assert len(bob.notifies) == count
    assert not notifier(server).subscriptions


def test_a_user_who_was_removed_while_the_server_was_off_watches_no_more(kept, watch, notifier):
    server, phone = kept()
    watch(phone, "bob")
    assert len(notifier(server).subscriptions) == 1
    endpoint = stored(server, "endpoint", "carol")
    server.engine.dal._watchers.clear()  # nobody hears of it, as if nobody ran
    done(server, server.engine.dal.delete(endpoint))
    server.stop()
    server.start()
    server.advance(1)
    assert not notifier(server).subscriptions


def test_who_may_watch_no_more_is_told_at_once(kept, watch):
    server, phone = kept()
    bob = watch(phone, "bob")
    change(server, "endpoint", "carol", allow_subscribe=False)
    assert (bob.state, bob.reason) == ("terminated", "rejected")


def test_an_option_of_the_phone_that_matters_to_nobody_ends_nothing(kept, watch):
    server, phone = kept()
    bob = watch(phone, "bob")
    change(server, "endpoint", "carol", sub_min_expiry=60)
    assert bob.state == "active"
    assert server.wait(bob.subscribe(45)).status == 423


def test_who_is_somebody_else_now_does_not_watch_as_who_he_was(kept, watch):
    server, phone = kept('[plugin.pubsub]\nwatch = "owner"\n')
    own = watch(phone, "carol")
    assert own.state == "active"
    change(server, "endpoint", "carol", aors=("bob@example.com",))
    assert (own.state, own.reason) == ("terminated", "rejected")


def test_who_has_another_password_has_to_prove_that_he_knows_it(kept, watch):
    server, phone = kept()
    bob = watch(phone, "bob")
    change(server, "auth", "carol", password="another")
    assert (bob.state, bob.reason) == ("terminated", "deactivated")
    assert watch(phone, "bob").status == 401


def test_after_a_restart_it_is_asked_anew_who_may_watch(kept, watch, probe):
    server, phone = kept()
    bob = watch(phone, "bob")
    server.stop()
    server.text = '[plugin.pubsub]\nwatch = "owner"\n' + server.text
    server.start()
    server.advance(1)
    assert (bob.state, bob.reason) == ("terminated", "rejected")


def test_another_password_in_the_file_counts_after_a_reload(start, watch):
    server = start('[user.alice]\npassword = "alice\'s"\n[user.bob]\npassword = "bob\'s"\n')
    alice, bob = watch(server.phone("alice"), "bob"), watch(server.phone("bob"), "alice")
    text = server.text.replace("alice's", "another")
    server.run(server.engine.reload(build(Document(server.folder / "pipeline.toml", text))))
    server.advance(1)
    assert (alice.state, alice.reason) == ("terminated", "deactivated")
    assert bob.state == "active"

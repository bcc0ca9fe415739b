"""plugins.winfo: somebody is told who watches him, and nobody else is. RFC 3857, RFC 3858."""

import pytest
from lxml import etree

from pipeline.testing.watching import Watch

SPACE = "{urn:ietf:params:xml:ns:watcherinfo}"
STAGES = {"intercept": ["identify", "auth"], "application": ["registrar", "pubsub", "presence", "winfo", "options"]}
USERS = "".join(f'[user.{name}]\npassword = "{name}\'s"\n' for name in ("alice", "bob", "carol"))


@pytest.fixture
def server(sip):
    return sip(USERS, **STAGES)


def watch(server, name, to, event="presence", **more):
    made = Watch(server.phone(name), to, event=event, **more)
    server.wait(made)
    server.advance(0.5)
    return made


def read(watched):
    root = etree.fromstring(watched.body)
    assert root.tag == f"{SPACE}watcherinfo"
    [found] = root.findall(f"{SPACE}watcher-list")
    assert (found.get("resource"), found.get("package")) == ("sip:alice@example.com", "presence")
    return int(root.get("version")), {each.text: (each.get("status"), each.get("event")) for each in found}


def test_who_comes_and_goes_is_told(server):
    winfo = watch(server, "alice", "alice", event="presence.winfo")
    assert winfo.status == 200
    assert winfo.notifies[0].content_type == "application/watcherinfo+xml"
    assert read(winfo) == (0, {})
    bob = watch(server, "bob", "alice")
    server.advance(5)
    assert read(winfo) == (1, {"sip:bob@example.com": ("active", "subscribe")})
    carol = watch(server, "carol", "alice", expires=60)
    server.advance(5)
    assert len(read(winfo)[1]) == 2
    server.wait(bob.unsubscribe())
    server.advance(6)
    assert read(winfo) == (3, {"sip:carol@example.com": ("active", "subscribe"), "sip:bob@example.com": ("terminated", "timeout")})
    server.advance(60)
    assert carol.state == "terminated"
    assert read(winfo) == (4, {"sip:carol@example.com": ("terminated", "timeout")})
    server.wait(winfo.subscribe())
    server.advance(1)
    assert read(winfo) == (5, {})


def test_nobody_else_is_told(server):
    assert watch(server, "bob", "alice", event="presence.winfo").status == 403


def test_what_happens_within_five_seconds_is_told_at_once(server):
    winfo = watch(server, "alice", "alice", event="presence.winfo")
    for name in ("bob", "carol"):
        watch(server, name, "alice")
    server.advance(6)
    assert len(winfo.notifies) == 2
    assert len(read(winfo)[1]) == 2


def test_a_list_that_nobody_may_be_told_yet_is_not_read(server, monkeypatch):
    winfo = watch(server, "alice", "alice", event="presence.winfo")
    asked, watchers = [], server.engine.pubsub.watchers
    monkeypatch.setattr(server.engine.pubsub, "watchers", lambda event, aor: asked.append(event) or watchers(event, aor))
    for _ in range(8):
        watch(server, "bob", "alice")
        watch(server, "carol", "alice")
    assert len(asked) == 1  # 16 have come in 8 s, and once five were over
    server.advance(5)
    assert len(asked) == 2
    assert len(etree.fromstring(winfo.body).findall(f".//{SPACE}watcher")) == 16


def test_what_can_be_asked_of_whom_is_said(server):
    answer = watch(server, "alice", "alice", event="reg.winfo").responses[-1]
    assert answer.status == 489
    assert "presence.winfo" in answer.get("allow-events")

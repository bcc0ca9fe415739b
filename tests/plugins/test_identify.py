"""Whose request is this: by From, by Authorization user, by source, as `order` says. Without `auth` the unidentified get 403."""

from __future__ import annotations

import pytest

from pipeline.config import Problems
from pipeline.dal import TYPES

SLOW = """
from pipeline import Pending, Unavailable, hookimpl, plugin
from pipeline.dal import TYPES, Backend, Table

class Tables(Backend):
    writable = False
    mode = "slow"
    asked = 0

    def __init__(self, engine):
        self.engine, self.tables = engine, {}

    def serve(self, kind, durability):
        table = self.tables[kind] = Table(TYPES[kind], self.name)
        for stored in self.engine.plan.objects:
            if stored.kind == kind:
                table.load(stored)

    def answer(self, value):
        self.asked += 1
        if self.mode == "fast":
            return value
        if self.mode == "down":
            raise Unavailable("the disk is gone")
        pending = Pending()
        if self.mode == "failing":
            self.engine.clock.call_later(0.1, pending.fail, Unavailable("the line is cut"))
        else:
            self.engine.clock.call_later(0.1, pending.resolve, value)
        return pending

    def get(self, kind, ident, /):
        return self.answer(self.tables[kind].objects.get(ident))

    def find(self, kind, /, **fields):
        return self.answer(self.tables[kind].find(fields))

    def owned(self, kind, owner, /):
        return self.answer(self.tables[kind].owned(owner))

    def watch(self, fn):
        self.changed = fn

@plugin
class Slow:
    stage = "integration"
    tables: object = None

    @hookimpl
    def store(self, engine):
        return Tables(engine)
"""
WHO = """
from pipeline import Reply, hookimpl, plugin

@plugin
class Who:
    stage = "intercept"

    @hookimpl
    def intercept(self, message, passage):
        if message.is_request and message.method not in ("ACK", "CANCEL"):
            name = passage.endpoint.id if passage.endpoint else "nobody"
            return Reply(299, name, stateless=True)
"""
PHONES = """
[pipeline]
domains = ["example.com", "second.example"]
[plugin.udp]
bind = ["10.0.0.1:5060", "[fd00::1]:5060"]
[plugin.who]
load = "who.py:Who"
[plugin.slow]
load = "slow.py:Slow"
[endpoint.alice]
auth = ["alice"]
aors = ["alice"]
[auth.alice]
username = "u1"
password = "alice's"
[aor.alice]
[endpoint.desk]
auth = ["carol"]
aors = ["carol@second.example"]
[auth.carol]
password = "carol's"
[aor."carol@second.example"]
[endpoint."bob@second.example"]
auth = ["carol"]
[endpoint.trunk]
auth = []
trust_from = true
[identify.trunk]
endpoint = "trunk"
match = ["192.0.2.0/24", "2001:db8::/32"]
[endpoint.branch]
auth = []
[identify.branch]
endpoint = "branch"
match = ["192.0.2.64/26"]
"""
DIGEST = 'Digest username="{}", realm="{}", nonce="n", uri="sip:example.com", response="' + "0" * 32 + '"'


@pytest.fixture
def ask(sip, tmp_path):
    """Tell whom `identify` takes a request for."""
    (tmp_path / "who.py").write_text(WHO)
    (tmp_path / "slow.py").write_text(SLOW)

    def start(toml="", integration=("memory", "toml")):
        stored = integration[-1] if "slow" in integration else "toml"
        dal = "[dal]\n" + "".join(f'{kind} = ["{stored}"]\n' for kind in ("endpoint", "auth", "aor", "identify"))
        phones = PHONES.replace("who.py", str(tmp_path / "who.py")).replace("slow.py", str(tmp_path / "slow.py"))
        text = phones + (dal if stored == "slow" else "") + toml
        if stored != "slow":
            text = text.replace(f'[plugin.slow]\nload = "{tmp_path / "slow.py"}:Slow"\n', "")
        server = sip(text, intercept=["identify", "who"], integration=list(integration))

        def who(from_="<sip:alice@example.com>;tag=1", *, source=("10.0.0.9", 5060), method="OPTIONS", authorization="", to="bob"):
            headers = [("From", from_)] + ([("Authorization", value) for value in authorization.split("|")] if authorization else [])
            return server.request(method, to, headers=headers, source=source)

        who.server = server
        return who

    return start


def test_the_user_of_from_names_an_endpoint_of_the_first_domain(ask):
    assert ask()().reason == "alice"


def test_an_address_of_ours_stands_for_the_first_domain(ask):
    assert ask()("<sip:alice@10.0.0.1:5060>;tag=1").reason == "alice"


def test_escapes_case_and_port_of_from_make_no_difference(ask):
    who = ask()
    assert who("<sip:%61lice@EXAMPLE.com.:5070>;tag=1").reason == "alice"
    assert who("<sips:alice@example.com>;tag=1").reason == "alice"


def test_in_another_domain_an_endpoint_is_named_in_full(ask):
    who = ask()
    assert who("<sip:bob@second.example>;tag=1").reason == "bob@second.example"
    assert who("<sip:alice@second.example>;tag=1").reason == "nobody"


def test_an_endpoint_of_another_name_is_found_by_its_address_of_record(ask):
    assert ask()("<sip:carol@second.example>;tag=1").reason == "desk"


def test_an_address_of_record_of_two_endpoints_names_neither(ask):
    who = ask('[endpoint.sofa]\nauth = ["carol"]\naors = ["carol@second.example"]\n')
    assert who("<sip:carol@second.example>;tag=1").reason == "nobody"


@pytest.mark.parametrize(
    "odd",
    [
        "<tel:+4930123>;tag=1",
        "<http://www.example.com>;tag=1",
        "<sip:example.com>;tag=1",
        "<sip:alice@elsewhere.example>;tag=1",
        "<isbn:2983792873>;tag=1",
    ],
)
def test_an_odd_from_names_nobody_and_is_no_error(ask, odd):
    assert ask()(odd).reason == "nobody"


def test_the_authorization_user_names_an_endpoint(ask):
    who = ask()
    assert who("<tel:+4930123>;tag=1", authorization=DIGEST.format("alice", "example.com")).reason == "alice"
    assert who("<tel:+4930123>;tag=1", authorization=DIGEST.format("bob", "second.example")).reason == "bob@second.example"


def test_the_authorization_user_may_differ_from_the_endpoints_name(ask):
    assert ask()("<tel:+4930123>;tag=1", authorization=DIGEST.format("u1", "example.com")).reason == "alice"


def test_credentials_that_two_endpoints_share_name_neither(ask):
    assert ask()("<tel:+4930123>;tag=1", authorization=DIGEST.format("carol", "example.com")).reason == "nobody"


@pytest.mark.parametrize(
    "value", ["Basic YTpi", "Digest username", DIGEST.format("alice", "elsewhere.example"), DIGEST.format("", "example.com")]
)
def test_an_authorization_that_is_none_of_ours_names_nobody(ask, value):
    assert ask()("<tel:+4930123>;tag=1", authorization=value).reason == "nobody"


def test_the_first_authorization_of_our_realm_counts(ask):
    two = DIGEST.format("alice", "elsewhere.example") + "|" + DIGEST.format("alice", "example.com")
    assert ask()("<tel:+4930123>;tag=1", authorization=two).reason == "alice"


def test_the_longest_network_names_the_endpoint_of_a_source(ask):
    who = ask()
    assert who("<tel:+4930123>;tag=1", source=("192.0.2.1", 5060)).reason == "trunk"
    assert who("<tel:+4930123>;tag=1", source=("192.0.2.65", 5060)).reason == "branch"
    assert who("<tel:+4930123>;tag=1", source=("2001:db8::7", 5060)).reason == "trunk"
    assert who("<tel:+4930123>;tag=1", source=("198.51.100.1", 5060)).reason == "nobody"


def test_order_says_which_way_is_tried_first(ask):
    assert ask()(source=("192.0.2.1", 5060)).reason == "alice"
    assert ask('[plugin.identify]\norder = ["ip", "username"]\n')(source=("192.0.2.1", 5060)).reason == "trunk"


def test_a_way_that_order_does_not_name_is_not_tried(ask):
    assert ask('[plugin.identify]\norder = ["ip"]\n')().reason == "nobody"


def test_identify_by_of_the_endpoint_restricts_the_ways(ask):
    toml = '[endpoint.gate]\nauth = ["alice"]\nidentify_by = ["ip"]\n[identify.gate]\nendpoint = "gate"\nmatch = ["203.0.113.7"]\n'
    who = ask(toml)
    assert who("<sip:gate@example.com>;tag=1").reason == "nobody"
    assert who("<sip:gate@example.com>;tag=1", source=("203.0.113.7", 5060)).reason == "gate"


def test_nobody_is_the_trunk_by_writing_its_name(ask):
    """It is asked for no credentials, so its source address is all that proves it."""
    who = ask()
    assert who("<sip:trunk@example.com>;tag=1").reason == "nobody"
    assert who("<sip:trunk@example.com>;tag=1", source=("192.0.2.1", 5060)).reason == "trunk"


def test_an_endpoint_without_credentials_and_source_is_known_by_its_name(ask):
    assert ask("[endpoint.door]\nauth = []\n")("<sip:door@example.com>;tag=1").reason == "door"


def test_anonymous_serves_who_claims_no_domain_of_ours(ask):
    who = ask('[plugin.identify]\nanonymous = "trunk"\n')
    assert who("<sip:stranger@elsewhere.example>;tag=1").reason == "trunk"
    assert who("<tel:+4930123>;tag=1").reason == "trunk"


def test_where_nothing_must_be_proved_anonymous_serves_everybody(ask):
    assert ask('[plugin.identify]\nanonymous = "trunk"\n')("<sip:mallory@example.com>;tag=1").reason == "trunk"


def test_where_auth_is_listed_anonymous_is_not_for_who_claims_a_name_of_ours(sip):
    """Else the unknown names would be told from the known ones, which are challenged."""
    guest = (
        '[plugin.identify]\nanonymous = "guest"\n[endpoint.guest]\nauth = []\n[user.alice]\npassword = "x"\n[user.bob]\npassword = "y"\n'
    )
    server = sip(guest, intercept=["identify", "auth"])
    assert server.request("INVITE", "bob", from_="mallory").status == 401
    assert server.request("INVITE", "bob", headers=[("From", "<sip:mallory@elsewhere.example>;tag=1")]).status == 480


def test_without_auth_the_unidentified_get_no_service(sip):
    server = sip(intercept=["identify"])
    assert server.request("REGISTER", from_="mallory").status == 403
    assert server.request("REGISTER", from_="alice").status == 200
    assert server.request("OPTIONS", uri="sip:10.0.0.1", from_="mallory").status == 200


def test_an_ack_and_a_cancel_are_passed_by(sip):
    server = sip(intercept=["identify"])
    server.send(server.message("ACK", "bob", from_="mallory"))
    assert server.replies() == []
    assert server.request("CANCEL", "bob", from_="mallory").status == 481


def test_a_request_of_a_dialog_is_of_the_dialogs_endpoint(ask):
    who = ask()

    class Usage:
        endpoint = who.server.engine.dal.get("endpoint", "desk")
        source = ("UDP", "10.0.0.9")
        flow_id = ""

        def request(self, message, passage):
            raise AssertionError("`who` answers before")

    who.server.engine.dialogs.add("d@test", "ours", "theirs", Usage())
    headers = [("From", "<sip:alice@example.com>;tag=theirs"), ("To", "<sip:bob@example.com>;tag=ours"), ("Call-ID", "d@test")]
    assert who.server.request("BYE", "bob", headers=headers).reason == "desk"


def test_a_slow_database_is_waited_for_once(ask):
    who = ask(integration=("memory", "slow"))
    assert who().reason == "alice"
    backend = who.server.engine.dal.backends["slow"]
    asked = backend.asked
    assert who().reason == "alice"
    assert who("<tel:+4930123>;tag=1", source=("192.0.2.65", 5060)).reason == "branch"
    asked_for_sources = backend.asked - asked
    assert who("<tel:+4930123>;tag=1", source=("192.0.2.65", 5060)).reason == "branch"
    assert backend.asked - asked == asked_for_sources
    assert who("<sip:mallory@example.com>;tag=1").reason == "nobody"


def test_what_the_database_changes_is_seen_at_once(ask):
    who = ask(integration=("memory", "slow"))
    assert who("<sip:alice@example.com>;tag=1").reason == "alice"
    assert who("<sip:dora@example.com>;tag=1").reason == "nobody"
    backend = who.server.engine.dal.backends["slow"]
    table = backend.tables["endpoint"]
    table.objects["dora"] = table.objects["desk"]
    table.change("alice", deletes=("alice",))
    backend.changed("endpoint", "changed", None)
    assert who("<sip:alice@example.com>;tag=1").reason == "nobody"
    assert who("<sip:dora@example.com>;tag=1").reason == "desk"


def test_an_address_with_a_prefix_in_a_database_is_no_whole_network(ask):
    who = ask(integration=("memory", "slow"))
    backend = who.server.engine.dal.backends["slow"]
    backend.mode = "fast"
    rules = backend.tables["identify"]
    rules.load(TYPES["identify"](id="trunk", endpoint="trunk", match=["203.0.113.9/24", "198.51.100.0/28"]))
    backend.changed("identify", "changed", None)
    assert who("<tel:+4930123>;tag=1", source=("203.0.113.1", 5060)).reason == "nobody"
    assert who("<tel:+4930123>;tag=1", source=("198.51.100.1", 5060)).reason == "trunk"
    (event,) = who.server.told("identify.unreadable")
    assert event.fields["error"].startswith('"203.0.113.9/24" has bits set behind its prefix')


@pytest.mark.parametrize("mode", ["down", "failing"])
def test_a_database_that_fails_is_a_503_and_never_nobody(ask, mode):
    who = ask(integration=("memory", "slow"))
    who.server.engine.dal.backends["slow"].mode = mode
    for response in (who(), who("<tel:+4930123>;tag=1", source=("192.0.2.1", 5060))):
        assert response.status == 503
        assert response.get("retry-after") == "5"
    who.server.engine.dal.backends["slow"].mode = "fast"
    assert who().reason == "alice"
    assert who("<tel:+4930123>;tag=1", source=("192.0.2.1", 5060)).reason == "trunk"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('["username", "name"]', "order holds 'name': the ways are username, auth_username, certificate, ip"),
        ('["ip", "ip"]', "order holds 'ip' twice"),
        ("[]", "order is empty: nobody would ever be identified"),
    ],
)
def test_a_wrong_order_is_told(sip, value, text):
    with pytest.raises(Problems) as problems:
        sip(f"[plugin.identify]\norder = {value}", intercept=["identify"])
    assert text in str(problems.value)


def test_an_anonymous_that_does_not_exist_is_told(sip):
    with pytest.raises(Problems, match="refers to endpoint 'gest'"):
        sip('[plugin.identify]\nanonymous = "gest"', intercept=["identify"])

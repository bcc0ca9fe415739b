"""Allow and deny lists by source."""

from __future__ import annotations

import re

import pytest
from pipeline.plugins.security.kinds import Kinds
from pipeline.plugins.security.report import line

from pipeline.config import Problems
from pipeline.dal import Acl, Endpoint
from pipeline.pending import finished
from pipeline.sip import digest
from pipeline.sip.parser import parse

INSIDE, OUTSIDE = ("192.0.2.7", 5060), ("198.51.100.1", 5060)


def answers(server, source):
    server.send(server.message("OPTIONS", "alice", source=source), source)
    return [reply.status for reply in server.replies(source)]


@pytest.fixture
def guarded(sip):
    return lambda toml="": sip(f"[plugin.security]\n{toml}", intercept=["security"])


def test_without_lists_everybody_is_let_in(guarded):
    server = guarded()
    assert answers(server, INSIDE)
    assert answers(server, OUTSIDE)


def test_a_denied_network_is_dropped_in_silence(guarded):
    server = guarded('deny = ["192.0.2.0/24"]')
    assert answers(server, INSIDE) == []
    assert answers(server, OUTSIDE)


def test_with_an_allow_list_the_others_are_refused(guarded):
    server = guarded('allow = ["192.0.2.0/24"]')
    assert answers(server, INSIDE)
    assert answers(server, OUTSIDE) == []


def test_the_longest_network_decides_in_whichever_list_it_stands(guarded):
    server = guarded('allow = ["0.0.0.0/0", "192.0.2.7"]\ndeny = ["192.0.2.0/24"]')
    assert answers(server, INSIDE)
    assert answers(server, ("192.0.2.8", 5060)) == []
    assert answers(server, OUTSIDE)


def test_with_both_lists_who_is_in_neither_is_refused(guarded):
    server = guarded('allow = ["192.0.2.0/24"]\ndeny = ["192.0.2.8"]')
    assert answers(server, INSIDE)
    assert answers(server, OUTSIDE) == []


def test_of_two_equal_networks_deny_wins(guarded):
    assert answers(guarded('allow = ["192.0.2.7"]\ndeny = ["192.0.2.7"]'), INSIDE) == []


def test_reject_answers_requests_with_403(guarded):
    server = guarded('deny = ["192.0.2.0/24"]\naction = "reject"')
    assert answers(server, INSIDE) == [403]


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_reject_never_answers_an_ack_or_a_cancel(guarded, method):
    server = guarded('deny = ["192.0.2.0/24"]\naction = "reject"')
    server.send(server.message(method, "alice", source=INSIDE), INSIDE)
    assert server.replies(INSIDE) == []


def test_a_refusal_is_told_with_what_decided(guarded):
    server = guarded('deny = ["192.0.2.0/24"]')
    answers(server, INSIDE)
    fields = {"source": "192.0.2.7", "transport": "UDP", "because": "deny: 192.0.2.0/24 holds 192.0.2.7", "user": ""}
    assert [{**event.fields, "passage": None} for event in server.told("security.refused")] == [{**fields, "passage": None}]
    server = guarded('allow = ["192.0.2.0/24"]')
    answers(server, OUTSIDE)
    assert server.told("security.refused")[0].fields["because"] == "allow: no network of the list holds 198.51.100.1"


@pytest.mark.parametrize(
    ("toml", "text"),
    [
        ('deny = ["example.com"]', 'deny: "example.com" is no address and no network'),
        ('allow = ["192.0.2.7/24"]', 'write "192.0.2.0/24", or "192.0.2.7" for the one address'),
        ('action = "ban"', "action"),
    ],
)
def test_a_wrong_option_is_told(guarded, toml, text):
    with pytest.raises(Problems) as problems:
        guarded(toml)
    assert text in str(problems.value)


# -- user agents, methods, contacts ----------------------------------------------------------------------------------


def status(server, method="OPTIONS", source=OUTSIDE, **more):
    before = len(server.replies(source))
    server.send(server.message(method, "alice", source=source, **more), source)
    return [reply.status for reply in server.replies(source)[before:]]


def test_a_user_agent_is_refused_by_a_text_in_it(guarded):
    server = guarded('deny_user_agents = ["pplsip", "Evil"]')
    assert status(server, headers=[("User-Agent", "my evil phone/1")]) == []
    assert status(server, headers=[("User-Agent", "a good phone")])
    assert status(server)


def test_with_allowed_user_agents_who_does_not_say_one_is_refused(guarded):
    server = guarded('allow_user_agents = ["snom"]\naction = "reject"')
    assert status(server, headers=[("User-Agent", "Snom300/8")]) == [480]
    assert status(server) == [403]


def test_methods_are_allowed_and_denied(guarded):
    server = guarded('deny_methods = ["OPTIONS"]\naction = "reject"')
    assert status(server) == [403]
    assert status(server, "MESSAGE") != [403]
    server = guarded('allow_methods = ["REGISTER"]\naction = "reject"')
    assert status(server) == [403]


@pytest.mark.parametrize(
    ("contact", "refused"),
    [
        ("<sip:a@192.0.2.7>", True),
        ("<sip:a@198.51.100.1>", False),
        ("<sip:a@phone.example.net>", True),
        ("<sip:a@x7.invalid;transport=ws>", False),
        ("<sip:a@198.51.100.1>, <sip:a@192.0.2.1:99>", True),
        ("<sip:a@[::ffff:192.0.2.7]>", True),
        ("<sip:a@198.51.100.1;maddr=192.0.2.7>", True),  # RFC 3261 19.1.1: there it would be called
        ("<sip:a@192.0.2.7;maddr=198.51.100.1>", True),
        ("<sip:a@198.51.100.1;maddr=198.51.100.2>", False),
        ("<sip:a@198.51.100.1;maddr=phone.example.net>", True),
        ("<sip:a@198.51.100.1;m%61ddr=192.0.2.7>", True),
        ("<sip:a@x7.invalid;maddr=[::ffff:192.0.2.7]>", True),
        ("<sip:a@10.1>", True),  # no address: whoever makes one of it makes 10.0.0.1
    ],
)
def test_the_address_of_every_contact_is_judged(guarded, contact, refused):
    server = guarded('contact_deny = ["192.0.2.0/24"]\naction = "reject"')
    assert (status(server, headers=[("Contact", contact)]) == [403]) is refused


@pytest.mark.parametrize(("method", "name"), [("REGISTER", "Path"), ("SUBSCRIBE", "Record-Route")])
@pytest.mark.parametrize(
    ("value", "refused"),
    [
        ("<sip:192.0.2.7;lr>", True),
        ("<sip:192.0.2.7;lr>, <sip:203.0.113.1;lr>", True),
        ("<sip:203.0.113.1;lr>, <sip:192.0.2.7;lr>", False),  # the first hop knows where the second is
        ("<sip:203.0.113.1;lr;maddr=192.0.2.7>", True),
        ("<sip:proxy.example.net;lr>", True),
        ("<sip:198.51.100.1:5070;lr>", False),
    ],
)
def test_the_proxy_in_front_of_a_contact_is_judged_as_well(guarded, method, name, value, refused):
    server = guarded('contact_deny = ["192.0.2.0/24"]\naction = "reject"')
    headers = [("Contact", "<sip:a@198.51.100.1>"), (name, value), ("Supported", "path")]
    assert (status(server, method, headers=headers) == [403]) is refused


def test_a_proxy_at_the_address_that_a_request_came_from_was_judged_as_its_source(guarded):
    server = guarded('contact_deny = ["192.0.2.0/24"]\naction = "reject"')
    headers = [("Contact", "<sip:a@198.51.100.1>"), ("Path", "<sip:192.0.2.7:5070;lr>"), ("Supported", "path")]
    assert status(server, "REGISTER", source=INSIDE, headers=headers) != [403]


ACLS = """
[acl.office]
permit = ["192.0.2.0/24"]
[acl.not_that_one]
deny = ["192.0.2.8"]
"""


def test_named_lists_must_all_be_passed(guarded):
    server = guarded('acl = ["office", "not_that_one"]\naction = "reject"\n' + ACLS)
    assert status(server, source=INSIDE) == [480]
    assert status(server, source=("192.0.2.8", 5060)) == status(server) == [403]
    assert server.told("security.refused")[-1].fields["because"] == "acl.office: permit: no network of the list holds 198.51.100.1"


def test_a_named_list_that_the_store_does_not_hold_refuses_everybody_until_it_does(sip):
    server = sip(
        '[plugin.security]\naction = "reject"\n[dal]\nacl = ["sqlite"]\n',
        intercept=["security"],
        integration=["memory", "toml", "sqlite"],
    )

    def answer():
        return server.request("OPTIONS", "alice", source=OUTSIDE).status

    async def create():
        await finished(server.engine.dal.create(Acl(id="late", permit=["198.51.100.0/24"])))

    async def remove():
        await finished(server.engine.dal.change("acl", "late", deletes=("late",)))

    server.run(create())  # nobody starts with a list that is not there; it may go later
    server.stop()
    server.text = server.text.replace('action = "reject"', 'acl = ["late"]\naction = "reject"')
    server.start()
    server.run(remove())
    assert answer() == 403
    assert server.told("security.refused")[0].fields["because"] == "acl.late does not exist: 198.51.100.1 is refused"
    server.run(create())
    assert answer() == 480


USERS = """
[user.alice]
password = "alice's"
permit = ["192.0.2.0/24"]
[user.bob]
password = "bob's"
contact_acl = ["office"]
[user.carol]
password = "carol's"
"""


@pytest.fixture
def listed(sip):
    return lambda toml="": sip(f"[plugin.security]\n{toml}\n{ACLS}{USERS}", intercept=["identify", "security", "auth"])


def test_who_fails_the_lists_of_his_endpoint_is_challenged_for_ever_as_one_who_does_not_exist(listed):
    server = listed()
    assert server.request("REGISTER", from_="alice", password="alice's", source=INSIDE).status == 200
    assert server.request("REGISTER", from_="alice", password="alice's", source=OUTSIDE).status == 401
    assert server.request("REGISTER", from_="nobody", password="x", source=OUTSIDE).status == 401
    because = server.told("security.refused")[0].fields
    assert (because["user"], because["because"]) == ("alice", "endpoint.alice: permit: no network of the list holds 198.51.100.1")


def test_the_contacts_of_an_endpoint_are_judged_by_its_lists(listed):
    server = listed()
    here = [("Contact", "<sip:bob@192.0.2.77>")]
    assert server.request("REGISTER", from_="bob", password="bob's", headers=here, source=OUTSIDE).status == 200
    assert server.request("REGISTER", from_="bob", password="bob's", source=OUTSIDE).status == 401
    here = [("Contact", "<sip:bob@192.0.2.77;maddr=10.0.0.5>")]
    assert server.request("REGISTER", from_="bob", password="bob's", headers=here, source=OUTSIDE).status == 401
    assert server.request("REGISTER", from_="carol", password="carol's", source=OUTSIDE).status == 200


def test_lists_of_endpoints_that_nobody_would_apply_are_a_mistake(sip):
    with pytest.raises(Problems) as problems:
        sip(f"{ACLS}{USERS}", intercept=["security", "identify", "auth"])
    assert "endpoint 'alice' has lists, which nobody applies" in str(problems.value)
    assert 'list "security" behind "identify"' in str(problems.value)


def challenged(server, method, user, agent="", to="carol"):
    """The status of a request without credentials, and with them."""
    more = {"from_": user, "source": OUTSIDE, "headers": [("User-Agent", agent)]}
    to = "" if method == "REGISTER" else to
    return server.request(method, to, **more).status, server.request(method, to, password=f"{user}'s", **more).status


KINDS = """
[user.dave]
password = "dave's"
deny_methods = ["OPTIONS"]
deny_user_agents = ["evil"]
[user.erin]
password = "erin's"
allow_methods = ["REGISTER", "INVITE"]
allow_user_agents = ["Snom"]
[endpoint.trunk]
auth = []
deny_methods = ["OPTIONS"]
"""


def test_a_method_that_an_endpoint_may_not_use_is_403_when_it_has_proved_itself_and_no_failure(listed):
    server = listed(EVERYTHING + KINDS)
    assert challenged(server, "OPTIONS", "erin", "snom/1") == (401, 403)
    assert challenged(server, "INVITE", "erin", "snom/1") == (401, 480)
    assert challenged(server, "OPTIONS", "dave") == (401, 403)
    assert challenged(server, "REGISTER", "dave") == (401, 200)
    assert not server.told("auth.failed")
    event = reported(server, "RequestNotAllowed")[0]
    assert (event["request"], event["reason"]) == ("OPTIONS", "endpoint.erin: allow_methods: OPTIONS is none of them")


def test_no_user_can_be_told_by_the_methods_he_may_not_use(listed):
    server = listed(KINDS)
    for to in ("carol", ""):  # a user, the server itself
        answers = {server.request("OPTIONS", to, from_=user, source=OUTSIDE).status for user in ("dave", "carol", "nobody")}
        assert len(answers) == 1


def test_an_endpoint_without_a_password_is_told_at_once_what_it_may_not_use(listed):
    server = listed(KINDS)
    assert server.request("OPTIONS", "carol", from_="trunk", source=OUTSIDE).status == 403
    assert server.request("OPTIONS", from_="trunk", source=OUTSIDE).status == 403


def test_who_uses_a_program_that_is_not_his_is_challenged_for_ever(listed):
    server = listed(KINDS)
    assert challenged(server, "REGISTER", "dave", "Evil/2") == (401, 401)
    assert challenged(server, "REGISTER", "erin") == (401, 401)
    assert challenged(server, "REGISTER", "erin", "a SNOM") == (401, 200)
    assert server.told("security.refused")[0].fields["because"] == "endpoint.dave: deny_user_agents: evil"


def test_within_a_dialog_the_program_need_not_be_named_again():
    lists = Kinds(Endpoint(id="erin", allow_user_agents=["Snom"]))
    bye = parse(b"BYE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\n\r\n")
    assert lists.agent(bye) and not lists.agent(bye, within=True)
    bye.set("user-agent", "evil")
    assert lists.agent(bye, within=True)


@pytest.mark.parametrize(
    ("toml", "text"),
    [
        ('deny_methods = ["subscribe"]', "deny_methods holds 'subscribe': methods are written as \"SUBSCRIBE\""),
        ('allow_user_agents = [""]', "allow_user_agents holds an empty text"),
    ],
)
def test_a_wrong_list_of_an_endpoint_is_told(listed, toml, text):
    with pytest.raises(Problems) as problems:
        listed(f'[user.dave]\npassword = "d"\n{toml}')
    assert text in str(problems.value)


# -- users whose logins fail -----------------------------------------------------------------------------------------


def test_a_guess_that_is_spread_over_many_addresses_is_held_up(listed):
    server = listed("account_failures = 5")
    for number in range(5):
        assert server.request("REGISTER", from_="carol", password="x", source=(f"198.51.100.{number}", 5060)).status == 401
    with pytest.raises(AssertionError, match="no final answer"):
        server.request("REGISTER", from_="carol", password="x", source=("198.51.100.77", 5060))
    assert server.told("auth.failed")[-1].fields["source"] == "198.51.100.4"


def guess(server, number, *edits, **more):
    """Send an answer to a challenge with a wrong password, its Authorization written otherwise; return the status, 0 when none comes."""
    source = (f"198.51.100.{number}", 5060)
    challenge = digest.parse_challenge(server.request("REGISTER", from_="carol", source=source).get("www-authenticate"))
    value = digest.answer(challenge, "REGISTER", "sip:example.com", username="carol", password="x", cnonce="1", **more)
    fields = [("Authorization", edit(value)) for edit in edits]
    before = len(server.replies(source))
    server.send(server.message("REGISTER", from_="carol", source=source, headers=fields), source)
    return next((reply.status for reply in server.replies(source)[before:]), 0)


def decoy(value):
    return value.replace('realm="example.com"', 'realm="elsewhere"').replace('"carol"', '"nobody"')


@pytest.mark.parametrize(
    "edits",
    [
        [lambda value: value.replace("username=", "username = ")],
        [lambda value: value.replace('"carol"', '"ca\\rol"')],
        [lambda value: value.replace('username="carol"', "username*=UTF-8''c%61rol")],
        [lambda value: value.replace('"carol"', "carol")],
        [decoy, str],
        [decoy, decoy, decoy, str],
        [lambda _: 'Basic username="nobody"', str],
        [str, lambda value: value.replace('"carol"', '"nobody"')],  # the guess is counted, not only what stands behind it
    ],
    ids=["blanks", "escape", "rfc 5987", "no quotes", "other realm", "three of another realm", "other scheme", "another user behind"],
)
def test_a_guess_is_held_up_however_it_is_written(listed, edits):
    server = listed("account_failures = 3")
    assert [guess(server, number, *edits) for number in range(5)] == [401, 401, 401, 0, 0]


def test_each_of_several_guesses_in_one_request_counts(listed):
    server = listed("account_failures = 8")
    assert [guess(server, number, str, str, str, str) for number in range(3)] == [401, 401, 0]
    assert len(server.told("auth.failed")) == 8


def test_who_knows_one_password_cannot_guess_another_beside_it(sip):
    server = sip(
        "[plugin.security]\naccount_failures = 2\n[endpoint.carol]\nauth = ['carol', 'dave']\naors = ['carol']\n[aor.carol]\n"
        "[auth.carol]\npassword = 'c'\n[auth.dave]\npassword = 'd'\n",
        intercept=["identify", "security", "auth"],
    )

    def right(value):
        challenge = digest.parse_challenge(server.replies(("198.51.100.7", 5060))[-1].get("www-authenticate"))
        return digest.answer(challenge, "REGISTER", "sip:example.com", username="dave", password="d", cnonce="1")

    assert [guess(server, 7, str, right) for _ in range(3)] == [200, 200, 0]


def test_two_answers_of_one_user_are_no_guess(listed):
    server = listed("account_failures = 1")

    def right(value):
        challenge = digest.parse_challenge(server.replies(("198.51.100.7", 5060))[-1].get("www-authenticate"))
        return digest.answer(challenge, "REGISTER", "sip:example.com", username="carol", password="carol's", cnonce="1")

    assert guess(server, 7, str, right) == 200
    assert not server.told("auth.failed")


def test_no_request_is_read_for_this_while_nobody_is_held_up(listed):
    server = listed("account_failures = 2")
    accounts = server.plugin("security")._accounts
    guess(server, 1, str)
    assert not accounts.busy
    guess(server, 2, str)
    assert accounts.busy
    server.advance(11)
    assert not accounts.busy


def test_nobody_can_lock_a_user_out_of_where_he_is(listed):
    server = listed("account_failures = 2")
    assert server.request("REGISTER", from_="carol", password="carol's", source=INSIDE).status == 200
    for number in range(2):
        server.request("REGISTER", from_="carol", password="x", source=(f"198.51.100.{number}", 5060))
    assert server.request("REGISTER", from_="carol", password="carol's", source=(INSIDE[0], 7000)).status == 200


def test_failures_are_forgotten_with_time(listed):
    server = listed("account_failures = 1\naccount_seconds = 10.0")
    server.request("REGISTER", from_="carol", password="x")
    server.advance(11)
    assert server.request("REGISTER", from_="carol", password="carol's", source=OUTSIDE).status == 200


# -- addresses of record that are asked too often --------------------------------------------------------------------


def asked(server, method="OPTIONS", to="bob", user="carol", number=1, password=True, **more):
    secret = {"password": f"{user}'s"} if password else {}
    return server.request(method, to, from_=user, source=(f"198.51.100.{number}", 5060), **secret, **more)


def test_an_address_is_asked_for_new_things_only_so_often_by_all_together(listed):
    server = listed("aor_rate = 0.1\naor_burst = 3")
    assert [asked(server, number=number).status for number in range(3)] == [480, 480, 480]  # nobody is there
    assert not any(reply.get("retry-after") for number in range(3) for reply in server.replies((f"198.51.100.{number}", 5060)))
    refused = asked(server, number=7)
    assert refused.status == 480 and 10 <= int(refused.get("retry-after")) < 15
    assert asked(server, to="alice").get("retry-after") is None
    server.advance(10)
    assert asked(server).get("retry-after") is None
    assert [event["account"] for event in reported(server, "AorLimited")] == ["bob@example.com"]


def test_who_knows_no_password_uses_nothing_up(listed):
    server = listed("aor_rate = 0.1\naor_burst = 2")
    assert {asked(server, number=number, password=False).status for number in range(9)} == {401}
    assert {asked(server, "REGISTER", "", number=number, password=False).status for number in range(9)} == {401}
    assert asked(server).get("retry-after") is None
    assert asked(server, "REGISTER", "").status == 200


def test_a_phone_that_registers_all_the_time_is_told_when_to_come_again(listed):
    server = listed("aor_rate = 0.1\naor_burst = 2")
    assert [asked(server, "REGISTER", "").status for _ in range(3)] == [200, 200, 503]
    assert asked(server, to="carol", user="carol").get("retry-after") is None  # what others ask is counted apart


OPEN = "".join(f'[endpoint.{name}]\nauth = []\naors = ["{name}"]\n[aor.{name}]\n' for name in ("dave", "erin"))


@pytest.mark.parametrize(("own", "other", "proves"), [("bob", "carol", True), ("dave", "erin", False)])
def test_whatever_others_ask_of_an_address_its_own_phone_stays_registered(listed, own, other, proves):
    server = listed("aor_rate = 0.1\naor_burst = 2\n" + OPEN)
    for method in ("MESSAGE", "REGISTER", "REGISTER"):  # these the registrar refuses
        asked(server, method, own, other, password=proves, headers=[("To", f"<sip:{own}@example.com>")])
    assert asked(server, to=own, user=other, password=proves).get("retry-after")
    secret = {"password": f"{own}'s"} if proves else {}
    assert server.request("REGISTER", "", from_=own, source=INSIDE, **secret).status == 200


def test_trunks_count_only_if_that_is_wanted_and_apart_from_who_proves_himself(sip):
    trunk = '[endpoint.trunk]\nauth = []\ntrust_from = true\n[identify.trunk]\nendpoint = "trunk"\nmatch = ["198.51.100.0/24"]\n'
    for wanted, third in (("true", True), ("false", False)):
        server = sip(
            f"[plugin.security]\naor_rate = 0.1\naor_burst = 2\naor_trunks = {wanted}\n{trunk}" + '[user.bob]\npassword = "b"\n',
            intercept=["identify", "security", "auth"],
        )
        answers = [server.request("OPTIONS", "bob", from_="x", source=OUTSIDE) for _ in range(3)]
        assert [bool(answer.get("retry-after")) for answer in answers] == [False, False, third]
        own = server.request("OPTIONS", "bob", from_="bob", password="b", source=INSIDE)
        assert own.status == 480 and own.get("retry-after") is None


def test_without_an_option_no_address_is_counted(listed):
    server = listed()
    for _ in range(40):
        asked(server, "REGISTER", "")
    assert not server.plugin("security")._aors._proved._ends


# -- events and lines ------------------------------------------------------------------------------------------------

EVERYTHING = (
    'log = ["FailedACL", "InvalidAccountID", "InvalidPassword", "ChallengeResponseFailed", "RequestNotAllowed", "RequestBadFormat",'
    ' "ChallengeSent", "SuccessfulAuth", "AuthMethodNotAllowed", "RequestNotSupported", "UnexpectedAddress", "SessionLimit"]\nlog_file = "security.log"\n'
)


def names(server):
    return [event.fields["event"] for event in server.told("security.event")]


def test_events_have_asterisk_s_names(listed):
    server = listed(EVERYTHING)
    server.request("REGISTER", from_="carol", password="carol's")
    assert names(server) == ["ChallengeSent", "SuccessfulAuth"]
    server.request("REGISTER", from_="carol", password="x")
    server.request("REGISTER", from_="nobody", password="x")
    server.request("REGISTER", "bob", from_="carol", username="carol", password="carol's", headers=[("To", "<sip:bob@example.com>")])
    server.send(b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1\r\nTo: x\r\n\r\n")
    server.request("REGISTER", from_="alice", source=OUTSIDE)
    assert [name for name in names(server)[2:] if name != "ChallengeSent"] == [
        "InvalidPassword",
        "InvalidAccountID",
        "SuccessfulAuth",
        "RequestNotAllowed",
        "RequestBadFormat",
        "FailedACL",
    ]
    event = next(event.fields for event in server.told("security.event") if event.fields["event"] == "InvalidPassword")
    assert event["account"] == "carol" and event["severity"] == "Error" and event["proved"]
    assert (event["local"], event["remote"]) == ("IPV4/UDP/10.0.0.1/5060", "IPV4/UDP/10.0.0.9/5060")


LINE = (
    r'\S+ SecurityEvent="InvalidPassword",EventTV="20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000",Severity="Error",Service="SIP",EventVersion="1",'
    r'AccountID="carol",SessionID="call-\d+@test",LocalAddress="IPV4/UDP/10\.0\.0\.1/5060",RemoteAddress="IPV4/UDP/10\.0\.0\.9/5060",'
    r'Proved="yes",RequestType="REGISTER",Challenge="[0-9a-f]{48}",Reason="auth\.carol: the response does not fit the password",'
    r'ReceivedChallenge="[0-9a-f]{48}",ReceivedHash="[0-9a-f]{32}"'
)


def test_a_line_has_the_documented_fields_in_their_order(listed, tmp_path):
    server = listed(EVERYTHING)
    server.request("REGISTER", from_="carol", password="x")
    last = (tmp_path / "security.log").read_text().splitlines()[-1]
    assert re.fullmatch(LINE, last), last


def reported(server, name):
    return [event.fields for event in server.told("security.event") if event.fields["event"] == name]


def test_a_method_that_nobody_serves_is_an_event(listed):
    server = listed(EVERYTHING)
    assert server.request("FETCH", from_="carol", password="carol's", uri="sip:example.com").status == 501
    (event,) = reported(server, "RequestNotSupported")
    assert (event["request"], event["account"], event["proved"]) == ("FETCH", "carol", True)


def test_a_response_that_may_be_right_is_in_no_event(listed, tmp_path):
    server = listed(EVERYTHING)
    challenge = digest.parse_challenge(server.request("REGISTER", from_="carol").get("www-authenticate"))
    for offer in ({"qop": ()}, {"algorithm": "SHA-256"}):
        right = digest.answer(challenge._replace(**offer), "REGISTER", "sip:example.com", username="carol", password="carol's", cnonce="1")
        server.send(server.message("REGISTER", from_="carol", headers=[("Authorization", right)]))
        server.replies()
        assert digest.parse_credentials(right).response not in str([event.fields for event in server.told("security.event")])
    assert [event["method"] for event in reported(server, "AuthMethodNotAllowed")] == ["MD5", "SHA-256 auth"]
    wrong = digest.answer(challenge._replace(qop=()), "REGISTER", "sip:example.com", username="carol", password="x", cnonce="1")
    server.send(server.message("REGISTER", from_="carol", headers=[("Authorization", wrong)]))
    server.replies()
    (event,) = reported(server, "InvalidPassword")
    assert event["received_challenge"] == challenge.nonce and "received_hash" not in event  # without a cnonce it could be tried against


def test_no_message_can_forge_a_line_or_a_field(listed, tmp_path):
    server = listed(EVERYTHING)
    call_id = 'x",RemoteAddress="IPV4/UDP/192.0.2.1/5060",Proved="yes'
    server.send(server.message("REGISTER", from_="carol", headers=[("Call-ID", call_id)]))
    server.replies()
    for text in (tmp_path / "security.log").read_text().splitlines():
        assert text.count("RemoteAddress=") - text.count("\\x22,RemoteAddress=") == 1
        assert text.count('Proved="') == 1


def test_no_line_tells_the_password_of_a_uri():
    told = {"event": "RequestNotAllowed", "severity": "Error", "reason": "sip:a:5ec4e7@b is not his"}
    assert line(told, 0.0).endswith('Reason="sip:a:***@b is not his"')


def test_lines_are_bounded_and_what_is_missing_is_told(listed, tmp_path):
    server = listed(EVERYTHING + "log_lines = 5")
    for _ in range(20):
        server.send(server.message("REGISTER", from_="carol"))
    server.replies()
    assert len((tmp_path / "security.log").read_text().splitlines()) == 5
    server.advance(1)
    server.send(server.message("REGISTER", from_="carol"))
    server.replies()
    assert 'SecurityEvent="Suppressed"' in (tmp_path / "security.log").read_text().splitlines()[5]

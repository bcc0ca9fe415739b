"""Messages between phones, through the server: relayed, kept, delivered once and in order. RFC 3428."""

import pytest

from pipeline.conformance.marks import rfc
from pipeline.core import Fate, Text

LISTED = {
    "intercept": ["identify", "auth"],
    "application": ["registrar", "messages", "options"],
    "integration": ["memory", "toml", "messages"],
}
PLAN = """
[dal]
message = ["memory"]
"""


class House:
    """A server with messages, and phones."""

    def __init__(self, sip, toml=PLAN, **stages):
        users = "\n".join(f'[user.{name}]\npassword = "{name}\'s"\n' for name in ("alice", "bob", "carol"))
        self.server = sip(users + toml, **{**LISTED, **stages})
        self.advance = self.server.advance

    def phone(self, name, online=True, **more):
        phone = self.server.phone(name, **more)
        return phone.online() if online else phone

    def wait(self, attempt, seconds=60.0):
        return self.server.wait(attempt, seconds)

    @property
    def messages(self):
        return self.server.engine.core.messages

    def clean(self):
        self.advance(70)
        assert [event.fields for event in self.server.told("step.failed")] == []
        assert not self.messages.open
        assert not len(self.messages.lines)
        assert not self.messages.keeping.flying
        assert self.server.engine.bus.failures == {}


@pytest.fixture
def house(sip):
    return House(sip)


def say(phone, to, text="hello", headers=(), body=None):
    fields = [("Content-Type", "text/plain"), *headers]
    return phone.request("MESSAGE", f"sip:{to}@example.com", headers=fields, body=text.encode() if body is None else body)


def heard(phone):
    return [message.body.decode() for message in phone.received if message.method == "MESSAGE"]


@rfc("3428", "7")
def test_a_message_goes_to_the_recipients_phone_and_is_answered_with_its_200(house):
    alice, bob = house.phone("alice"), house.phone("bob")
    assert house.wait(say(alice, "bob", headers=[("Subject", "lunch")])).status == 200
    (message,) = bob.received
    assert message.body == b"hello"
    assert message.uri_text == bob.contact
    assert message.get("subject") == "lunch"
    assert message.from_.uri.text == "sip:alice@example.com"
    assert message.get("to") == "<sip:bob@example.com>"
    assert message.max_forwards == 69
    assert message.get("p-asserted-identity") == "<sip:alice@example.com>"
    assert "authorization" not in message
    assert "contact" not in message
    assert message.get("date").endswith(" GMT")
    house.clean()


def test_a_date_that_is_there_stays(house):
    alice, bob = house.phone("alice"), house.phone("bob")
    date = "Sat, 13 Nov 2010 23:29:00 GMT"
    assert house.wait(say(alice, "bob", headers=[("Date", date)])).status == 200
    assert bob.received[0].all("date") == [date]


@rfc("3428", "6")
def test_every_phone_of_the_recipient_gets_it_and_the_first_2xx_wins(house):
    alice = house.phone("alice")
    bobs = [house.phone("bob"), house.phone("bob")]
    bobs[0].phone.script["MESSAGE"] = []
    attempt = house.wait(say(alice, "bob"))
    assert attempt.status == 200
    assert [heard(phone) for phone in bobs] == [["hello"], ["hello"]]
    assert len(house.messages.keeping) == 0
    house.clean()


def test_nobody_of_that_name_is_404_with_a_tag(house):
    alice = house.phone("alice")
    attempt = house.wait(say(alice, "nobody"))
    assert attempt.status == 404
    assert attempt.response.to.tag


@rfc("3428", "7")
def test_a_message_for_who_is_not_there_is_kept_and_delivered_when_he_registers(house):
    alice, bob = house.phone("alice"), house.phone("bob", online=False)
    assert [house.wait(say(alice, "bob", text)).status for text in ("one", "two", "three")] == [202, 202, 202]
    assert len(house.messages.keeping) == 3
    bob.online()
    house.advance(1)
    assert heard(bob) == ["one", "two", "three"]
    assert len(house.messages.keeping) == 0
    bob.online()
    house.advance(40)
    assert heard(bob) == ["one", "two", "three"]
    assert [event.fields["author"] for event in house.server.told("message.delivered")] == ["<sip:alice@example.com>"] * 3
    house.clean()


def test_a_phone_that_does_not_answer_makes_it_202_after_ten_seconds_and_a_late_2xx_undoes_that(house):
    alice, bob = house.phone("alice"), house.phone("bob")
    bob.phone.script["MESSAGE"] = []
    attempt = say(alice, "bob")
    house.advance(9.5)
    assert not attempt.done
    house.advance(1)
    assert attempt.status == 202
    assert len(house.messages.keeping) == 1
    bob.phone.passages[-1].reply(200)
    house.advance(1)
    assert len(house.messages.keeping) == 0
    bob.phone.script["MESSAGE"] = [200]
    bob.online()
    house.advance(5)
    assert heard(bob) == ["hello"]
    house.clean()


def test_what_comes_while_others_are_waiting_goes_behind_them(house):
    alice, bob = house.phone("alice"), house.phone("bob")
    bob.phone.script["MESSAGE"] = []
    first, second = say(alice, "bob", "one"), None
    house.advance(11)
    second = house.wait(say(alice, "bob", "two"))
    assert (first.status, second.status) == (202, 202)
    assert heard(bob) == ["one"]
    bob.phone.script["MESSAGE"] = [200]
    bob.phone.passages[-1].reply(200)
    house.advance(1)
    assert heard(bob) == ["one", "two"]
    assert house.wait(say(alice, "bob", "three")).status == 200
    house.clean()


def test_an_unanswered_message_is_not_shown_twice_by_a_phone_that_has_it(house):
    alice, bob = house.phone("alice"), house.phone("bob")
    bob.phone.script["MESSAGE"] = []
    assert house.wait(say(alice, "bob")).status == 202
    house.advance(25)  # 64*T1 are over: nobody answered
    assert len(house.messages.keeping) == 1
    bob.phone.script["MESSAGE"] = [200]
    bob.online()
    house.advance(2)
    assert len(house.messages.keeping) == 0


def test_without_a_store_nobody_there_is_480_or_202_as_the_option_says(sip):
    for option, status in (("", 480), ("[plugin.messages]\nabsent = 202\n", 202)):
        house = House(sip, option)
        alice = house.phone("alice")
        assert house.wait(say(alice, "bob")).status == status


def test_a_refusal_is_handed_back(house):
    alice, bob = house.phone("alice"), house.phone("bob")
    bob.phone.script["MESSAGE"] = [603]
    assert house.wait(say(alice, "bob")).status == 603
    bob.phone.script["MESSAGE"] = [(401, "", [("WWW-Authenticate", 'Digest realm="evil", nonce="1"')])]
    attempt = house.wait(say(alice, "bob"))
    assert attempt.status == 403
    assert len(house.messages.keeping) == 0
    house.clean()


def test_other_types_pass_and_415_is_a_policy(sip, house):
    alice, bob = house.phone("alice"), house.phone("bob")
    composing = b'<?xml version="1.0"?><isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>active</state></isComposing>'
    kind = "application/im-iscomposing+xml"
    bob.phone.script["MESSAGE"] = [200]
    assert house.wait(alice.request("MESSAGE", "sip:bob@example.com", headers=[("Content-Type", kind)], body=composing)).status in (
        200,
        415,
    )
    strict = House(sip, PLAN + '[plugin.messages]\ntypes = ["text/plain"]\n')
    alice, bob = strict.phone("alice"), strict.phone("bob")
    refused = strict.wait(alice.request("MESSAGE", "sip:bob@example.com", headers=[("Content-Type", kind)], body=composing))
    assert refused.status == 415
    assert refused.response.get("accept") == "text/plain"
    assert strict.wait(say(alice, "bob")).status == 200


@rfc("3428", "8")
def test_more_than_1300_octets_go_by_a_stream_alone(house):
    long = "x" * 1400
    alice, bob = house.phone("alice", transport="TCP"), house.phone("bob")
    assert house.wait(say(alice, "bob", long)).status == 200  # bob's phone takes TCP too
    assert heard(bob) == [long]
    assert (
        house.server.request("MESSAGE", "bob", body=long.encode(), headers=[("Content-Type", "text/plain")], password="alice's").status
        == 513
    )


@rfc("3428", "8")
@pytest.mark.parametrize("online", [True, False])
def test_a_long_message_is_kept_when_the_phone_drops_the_connection_and_comes_when_it_takes_it(house, online):
    long = "x" * 1400
    alice, bob = house.phone("alice", transport="TCP"), house.phone("bob", online=online)
    if not online:
        assert house.wait(say(alice, "bob", long)).status == 202
    listener = next(each for (host, port), each in house.server.network.listeners.items() if f"@{host}:{port}" in bob.contact)
    listener.on_connection, takes = (lambda stream: setattr(stream, "on_data", lambda _: stream.reset())), listener.on_connection
    if online:
        assert house.wait(say(alice, "bob", long)).status == 202
    else:
        bob.online()
        house.advance(1)
    assert heard(bob) == [] and len(house.messages.keeping) == 1
    listener.on_connection = takes
    house.advance(60)
    bob.online()
    house.advance(5)
    assert heard(bob) == [long]
    assert len(house.messages.keeping) == 0
    house.clean()


@rfc("3428", "8")
def test_a_long_message_is_kept_for_a_phone_of_which_nothing_is_heard(house):
    long = "x" * 1400
    alice, bob = house.phone("alice", transport="TCP"), house.phone("bob")
    network = house.server.network
    network.filter = lambda _data, _source, destination: f"@{destination[0]}:{destination[1]}" not in bob.contact
    assert house.wait(say(alice, "bob", long)).status == 202
    assert heard(bob) == []
    network.filter = None
    house.advance(60)
    bob.online()
    house.advance(5)
    assert heard(bob) == [long]
    house.clean()


def test_a_body_above_the_limit_is_413(sip):
    house = House(sip, PLAN + "[plugin.messages]\nmax_bytes = 5000\n")
    alice = house.phone("alice", transport="TCP")
    house.phone("bob")
    assert house.wait(say(alice, "bob", "x" * 6000)).status == 413


def test_quota_and_expiry_of_what_is_kept(sip):
    house = House(sip, PLAN + "[plugin.messages]\nkeep_count = 2\n")
    alice, bob = house.phone("alice"), house.phone("bob", online=False)
    assert [house.wait(say(alice, "bob", text)).status for text in ("one", "two", "three")] == [202, 202, 480]
    assert house.wait(say(alice, "carol", "short", headers=[("Expires", "30")])).status == 202
    house.advance(100)
    carol = house.phone("carol")
    house.advance(2)
    assert heard(carol) == []
    assert [event.fields["recipient"] for event in house.server.told("message.expired")] == ["carol@example.com"]
    bob.online()
    house.advance(2)
    assert heard(bob) == ["one", "two"]
    house.clean()


def test_who_sends_too_many_is_told_when_he_may_again(sip):
    house = House(sip, PLAN + "[plugin.messages]\nsender_rate = 1\nsender_burst = 2\n")
    alice = house.phone("alice")
    house.phone("bob")
    attempts = [say(alice, "bob", str(number)) for number in range(4)]
    assert sorted(house.wait(attempt).status for attempt in attempts) == [200, 200, 480, 480]
    assert [attempt.response.get("retry-after") for attempt in attempts if attempt.status == 480]
    house.advance(2)
    assert house.wait(say(alice, "bob")).status == 200


def test_the_senders_other_phones_get_a_copy_if_that_is_wanted(sip):
    house = House(sip, PLAN + "[plugin.messages]\ncopy_to_sender = true\n")
    here, there, bob = house.phone("alice"), house.phone("alice"), house.phone("bob")
    assert house.wait(say(here, "bob")).status == 200
    house.advance(1)
    assert [heard(phone) for phone in (here, there, bob)] == [[], ["hello"], ["hello"]]
    assert there.received[0].get("to") == "<sip:bob@example.com>"
    house.clean()


def test_phones_that_come_late_get_what_others_have_if_that_is_wanted(sip):
    house = House(sip, PLAN + "[plugin.messages]\nlate_seconds = 3600\n")
    alice, first = house.phone("alice"), house.phone("bob")
    assert house.wait(say(alice, "bob", "one")).status == 200
    house.advance(1)
    second = house.phone("bob")
    house.advance(2)
    assert (heard(first), heard(second)) == (["one"], ["one"])
    assert house.wait(say(alice, "bob", "two")).status == 200
    house.advance(2)
    first.online()
    second.online()
    house.advance(2)
    assert (heard(first), heard(second)) == (["one", "two"], ["one", "two"])
    house.advance(4000)
    house.phone("bob")
    house.advance(5)
    assert len(house.messages.keeping) == 0
    house.clean()


def test_kept_messages_outlive_a_restart(sip):
    house = House(sip, '[dal]\nmessage = ["sqlite"]\ncontact = ["sqlite"]\n', integration=["sqlite", "toml", "messages"])
    alice, bob = house.phone("alice"), house.phone("bob", online=False)
    assert [house.wait(say(alice, "bob", text)).status for text in ("one", "two")] == [202, 202]
    house.server.stop()
    house.server.start()
    assert len(house.messages.keeping) == 2
    bob.online()
    house.advance(3)
    assert heard(bob) == ["one", "two"]
    assert len(house.messages.keeping) == 0


def test_what_is_under_way_when_the_server_stops_is_kept_and_delivered_after_it(sip):
    house = House(sip, '[dal]\nmessage = ["sqlite"]\ncontact = ["sqlite"]\n', integration=["sqlite", "toml", "messages"])
    alice, bob = house.phone("alice"), house.phone("bob")
    bob.phone.script["MESSAGE"] = []
    attempt = say(alice, "bob")
    house.advance(1)
    house.server.stop()
    assert attempt.status == 202
    bob.phone.script["MESSAGE"] = [200]
    house.server.start()
    house.advance(40)
    bob.online()
    house.advance(3)
    assert len(house.messages.keeping) == 0


def test_the_server_writes_itself(house):
    bob = house.phone("bob")
    receipt = house.server.run(_of(house.messages.post("bob", "dinner is ready", author="Kitchen <kitchen>")))
    assert receipt.fate is Fate.DELIVERED
    (message,) = bob.received
    assert message.from_.display == "Kitchen"
    assert message.from_.uri.text == "sip:kitchen@example.com"
    assert message.get("to") == "<sip:bob@example.com>"
    later = house.server.run(_of(house.messages.post("carol", "you too")))
    assert later.fate is Fate.ACCEPTED
    carol = house.phone("carol")
    house.advance(2)
    assert heard(carol) == ["you too"]
    assert house.server.run(_of(house.messages.post("nobody", "?"))).fate is Fate.UNKNOWN
    house.clean()


async def _of(pending):
    return await pending


@rfc("3261", "16.3")
def test_a_message_that_has_no_hops_left_is_483(house):
    house.phone("bob")
    alice = house.phone("alice")
    raw = house.server.request(
        "MESSAGE", "bob", password="alice's", headers=[("Max-Forwards", "0"), ("Content-Type", "text/plain")], body=b"x"
    )
    assert raw.status == 483
    del alice


def test_a_message_of_somebody_elses_name_is_refused(house):
    house.phone("bob")
    answer = house.server.request(
        "MESSAGE", "bob", from_="carol", username="alice", password="alice's", headers=[("Content-Type", "text/plain")], body=b"x"
    )
    assert answer.status in (401, 403)


def test_claims_of_who_is_not_trusted_do_not_travel(house):
    alice, bob = house.phone("alice"), house.phone("bob")
    lies = [
        ("P-Asserted-Identity", "<sip:boss@example.com>"),
        ("Remote-Party-ID", "<sip:boss@example.com>"),
        ("Route", "<sip:10.0.0.1;lr>"),
    ]
    assert house.wait(say(alice, "bob", headers=lies)).status == 200
    (message,) = bob.received
    assert message.all("p-asserted-identity") == ["<sip:alice@example.com>"]
    assert "remote-party-id" not in message
    assert "route" not in message


def test_an_anonymous_author_is_nobody(house):
    alice, bob = house.phone("alice"), house.phone("bob")
    assert house.wait(say(alice, "bob", headers=[("Privacy", "id"), ("User-Agent", "Alice's own")])).status == 200
    (message,) = bob.received
    assert message.from_.uri.host == "anonymous.invalid"
    assert "alice" not in message.encode().decode().lower()
    house.clean()


def test_a_message_to_a_gruu_goes_to_that_phone_also_when_it_comes_later(sip):
    house = House(sip, intercept=[])
    server = house.server
    places = {}
    for number, source in enumerate((("10.0.0.21", 5060), ("10.0.0.22", 5060)), 1):
        instance = f'+sip.instance="<urn:uuid:00000000-0000-1000-8000-00000000000{number}>"'

        def register(source=source, instance=instance, expires="3600"):
            contact = f"<sip:bob@{source[0]}:5060>;{instance}"
            fields = [("Contact", contact), ("Supported", "gruu"), ("Expires", expires)]
            return server.request("REGISTER", "bob", from_="bob", source=source, headers=fields)

        answer = register()
        gruu = next(each.params["pub-gruu"].strip('"') for each in answer.contacts if each.uri.host == source[0])
        places[number] = (source, gruu, register)

    def came(source):
        return len({each.call_id for each in server.replies(source) if each.is_request and each.method == "MESSAGE"})

    def answers(source):
        last = [each for each in server.replies(source) if each.is_request and each.method == "MESSAGE"][-1]
        lines = [f"{name}: {last.get(name)}" for name in ("via", "from", "to", "call-id", "cseq")]
        server.send("\r\n".join(["SIP/2.0 200 OK", *lines, "Content-Length: 0", "", ""]), source)
        server.advance(1)

    (one, gruu, register), (two, _, _) = places[1], places[2]
    message = {"body": b"hi", "headers": [("Contact", ""), ("Content-Type", "text/plain")]}
    server.send(server.message("MESSAGE", uri=gruu, **message))
    server.advance(1)
    assert (came(one), came(two)) == (1, 0)
    answers(one)
    assert len(house.messages.keeping) == 0
    server.advance(40)
    register(expires="0")
    assert server.request("MESSAGE", uri=gruu, **message).status == 202
    assert (came(one), came(two)) == (1, 0)
    register()
    server.advance(1)
    assert (came(one), came(two)) == (2, 0)
    answers(one)
    assert len(house.messages.keeping) == 0


NOBODY = "sip:bob@example.com;gr=urn:uuid:00000000-0000-1000-8000-0000deadbeef"


@rfc("5627", "6.1")
@pytest.mark.parametrize("uri", [NOBODY, "sips:bob@example.com"])
def test_what_no_phone_of_a_user_can_get_silences_him_for_nobody(house, uri):
    alice, bob = house.phone("alice"), house.phone("bob")
    messages, waiting = house.messages, []
    if uri == NOBODY:
        assert house.wait(alice.request("MESSAGE", uri, headers=[("Content-Type", "text/plain")], body=b"never")).status == 202
    else:  # as it comes over TLS
        messages.send(Text("bob@example.com", b"never", narrow=uri, technology="sip", details="Content-Length: 5\r\n\r\n"), waiting.append)
        assert [receipt.fate for receipt in waiting] == [Fate.ACCEPTED]
    assert house.wait(say(alice, "bob", "one")).status == 200
    bob.online()
    assert house.wait(say(alice, "bob", "two")).status == 200
    assert heard(bob) == ["one", "two"]
    assert len(messages.keeping) == 1
    house.clean()


def test_message_to_a_sips_uri_needs_tls(house):
    answer = house.server.request(
        "MESSAGE", uri="sips:bob@example.com", body=b"x", headers=[("Contact", ""), ("Content-Type", "text/plain")]
    )
    assert answer.status in (401, 403)


def test_a_message_goes_where_a_3xx_says_to_each_place_once(house):
    alice, bob, carol = house.phone("alice"), house.phone("bob"), house.phone("carol")
    bob.phone.script["MESSAGE"] = [(302, "", [("Contact", "<sip:carol@example.com>"), ("Contact", f"<{bob.contact}>")])]
    assert house.wait(say(alice, "bob")).status == 200
    assert (heard(bob), heard(carol)) == (["hello"], ["hello"])
    carol.phone.script["MESSAGE"] = [(302, "", [("Contact", "<sip:bob@example.com>")])]
    assert house.wait(say(alice, "bob", "round")).status == 480
    assert (heard(bob), heard(carol)) == (["hello", "round"], ["hello", "round"])
    house.clean()


def test_a_trunk_gets_its_own_from_and_answers_that_we_prove_ourselves(sip):
    house = House(
        sip,
        PLAN
        + """
[endpoint.carrier]
auth = []
aors = ["carrier"]
from_user = "4711"
from_domain = "carrier.example"
send_pai = false
outbound_auth = ["carrier"]
[aor.carrier]
contact = ["sip:gw@10.0.0.77:5060"]
[auth.carrier]
username = "us"
password = "secret"
""",
    )
    server = house.server
    gateway = ("10.0.0.77", 5060)
    server.send("OPTIONS sip:example.com SIP/2.0\r\n\r\n", gateway)  # opens the socket
    alice = house.phone("alice")
    attempt = say(alice, "carrier")
    server.advance(0.2)

    def answer(status, *fields):
        last = [each for each in server.replies(gateway) if each.is_request and each.method == "MESSAGE"][-1]
        lines = [f"{name}: {last.get(name)}" for name in ("via", "from", "to", "call-id", "cseq")]
        server.send("\r\n".join([f"SIP/2.0 {status}", *lines, *fields, "Content-Length: 0", "", ""]), gateway)
        server.advance(0.2)
        return last

    first = answer("401 Unauthorized", 'WWW-Authenticate: Digest realm="carrier", nonce="abc", algorithm=MD5')
    assert first.from_.uri.text == "sip:4711@carrier.example"
    assert "p-asserted-identity" not in first
    second = answer("200 OK")
    assert 'username="us"' in second.get("authorization")
    assert second.cseq.number == first.cseq.number + 1
    assert "alice" not in second.get("authorization")
    assert house.wait(attempt).status == 200
    house.clean()

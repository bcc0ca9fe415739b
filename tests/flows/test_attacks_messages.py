"""What nobody should be able to do with messages: loops, floods, forged fields, reflected answers, bodies that fill the memory."""

from pipeline.sip.parser import parse

LISTED = {"application": ["registrar", "messages", "options"], "integration": ["memory", "toml", "messages"]}
OPEN = '[dal]\nmessage = ["memory"]\n'


def registered(server, user="bob", contact="", source=("10.0.0.8", 5060)):
    contact = contact or f"<sip:{user}@{source[0]}:{source[1]}>"
    assert server.request("REGISTER", user, from_=user, headers=[("Contact", contact)], source=source).status == 200
    return source


def message(server, to="bob", body=b"hello", headers=(), **more):
    return server.message("MESSAGE", to, body=body, headers=[("Contact", ""), ("Content-Type", "text/plain"), *headers], **more)


def came(server, source):
    """The MESSAGEs that came to a bare socket, without their copies."""
    found = {each.via.branch: each for each in server.replies(source) if each.is_request and each.method == "MESSAGE"}
    return list(found.values())


def test_every_type_passes_byte_for_byte(sip):
    server = sip(OPEN, **LISTED)
    phone = registered(server)
    cpim = (
        b"From: Alice <im:alice@example.com>\r\nTo: Bob <im:bob@example.com>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: 34jk324j\r\n"
        b"imdn.Disposition-Notification: positive-delivery\r\n\r\nContent-Type: text/plain\r\n\r\nHello \xff\x00"
    )
    server.send(
        server.message(
            "MESSAGE", "bob", body=cpim, headers=[("Contact", ""), ("Content-Type", "message/cpim;charset=utf-8"), ("X-Own", "é")]
        )
    )
    server.advance(0.1)
    (passed,) = came(server, phone)
    assert passed.body == cpim
    assert passed.get("content-type") == "message/cpim;charset=utf-8"
    assert passed.get("x-own") == "é"


def test_a_contact_that_is_the_server_itself_makes_no_loop(sip):
    server = sip(OPEN, **LISTED)
    registered(server, contact="<sip:bob@10.0.0.1:5060>")
    answer = server.request("MESSAGE", "bob", body=b"round and round", headers=[("Contact", ""), ("Content-Type", "text/plain")])
    assert answer.status in (480, 482, 483)
    server.advance(120)
    assert server.engine.counts["dropped.out"] == 0
    assert len([event for event in server.events if event.name == "message.delivered"]) == 0
    assert not server.engine.core.messages.open


def test_two_addresses_that_are_each_others_contacts_make_no_loop(sip):
    server = sip(OPEN, **LISTED)
    registered(server, "bob", "<sip:alice@10.0.0.1:5060>")
    registered(server, "alice", "<sip:bob@10.0.0.1:5060>", ("10.0.0.7", 5060))
    answer = server.request("MESSAGE", "bob", body=b"ping pong", headers=[("Contact", ""), ("Content-Type", "text/plain")])
    assert answer.status >= 400
    server.advance(200)
    assert not server.engine.core.messages.open
    assert len(server.engine.core.messages.keeping) <= 1


def test_no_field_of_a_hop_or_a_proof_is_handed_on(sip):
    server = sip(OPEN, **LISTED)
    phone = registered(server)
    secret = [
        ("Authorization", 'Digest username="alice", realm="example.com", nonce="n", uri="sip:bob@example.com", response="0"'),
        ("Proxy-Authorization", 'Digest username="alice", realm="other", nonce="n", uri="sip:bob@example.com", response="0"'),
        ("P-Asserted-Identity", "<sip:boss@example.com>"),
        ("Record-Route", "<sip:10.0.0.66;lr>"),
        ("Path", "<sip:10.0.0.66;lr>"),
        ("Diversion", "<sip:boss@example.com>"),
    ]
    server.send(message(server, headers=secret))
    server.advance(0.1)
    (passed,) = came(server, phone)
    for name, _ in secret:
        assert name.lower() not in passed, name
    assert len(passed.vias) == 1


def test_strangers_fill_no_more_than_their_share(sip):
    server = sip(OPEN + "[plugin.messages]\nkeep_by_sender = 5\nkeep_count = 50\n", **LISTED)
    answers = []
    for number in range(12):
        user = "alice" if number % 2 else "bob"
        answers.append(server.request("MESSAGE", user, body=b"x", headers=[("Contact", ""), ("Content-Type", "text/plain")]).status)
    assert answers == [202] * 5 + [480] * 7
    assert len(server.engine.core.messages.keeping) == 5
    other = server.request(
        "MESSAGE", "bob", body=b"x", headers=[("Contact", ""), ("Content-Type", "text/plain")], source=("10.0.0.10", 5060)
    )
    assert other.status == 202


def test_strangers_do_not_write_to_a_plugin_as_fast_as_they_like(sip, write):
    desk = write(
        "desk",
        """
        from pipeline.core import Fate, Receipt

        @plugin
        class Desk:
            taken: int = attrs.field(init=False, default=0)

            @hookimpl
            def route_message(self, text):
                self.taken += 1
                return Receipt(Fate.ACCEPTED)
        """,
    )
    server = sip(OPEN + desk, **{**LISTED, "integration": [*LISTED["integration"], "desk"]})
    asked = {"body": b"x", "headers": [("Contact", ""), ("Content-Type", "text/plain")]}
    answers = [server.request("MESSAGE", "ops", **asked) for _ in range(100)]
    assert [answer.status for answer in answers] == [202] * 60 + [480] * 40
    assert answers[-1].get("retry-after")
    assert server.plugin("desk").taken == 60


def test_a_flood_for_who_is_not_there_stays_within_his_quota(sip):
    server = sip(OPEN + "[plugin.messages]\nkeep_count = 20\nkeep_bytes = 10000\nrecipient_rate = 0\nkeep_by_sender = 10000\n", **LISTED)
    for number in range(300):
        server.send(message(server, body=b"x" * 500), (f"10.0.{1 + number // 200}.{1 + number % 200}", 5060))
        if number % 50 == 0:
            server.advance(0.01)
    server.advance(1)
    keeping = server.engine.core.messages.keeping
    assert len(keeping) <= 20
    assert keeping.queues["bob@example.com"].octets <= 10000


def test_a_line_break_makes_no_field(sip):
    server = sip(OPEN, **LISTED)
    phone = registered(server)
    server.send(message(server).replace(b"Content-Type: text/plain", b"Content-Type: text/plain\rX-Evil: 1"))
    server.advance(0.1)
    assert came(server, phone) == []
    receipts = []
    server.engine.core.messages.post("bob", "x", kind="text/plain\r\nX-Evil: 1").then(lambda done: receipts.append(done.value().fate.value))
    server.advance(0.1)
    assert came(server, phone) == []
    assert receipts == ["failed"]
    assert not server.engine.core.messages.open
    assert len(server.engine.core.messages.lines) == 0


def test_a_body_without_a_type_is_400(sip):
    server = sip(OPEN, **LISTED)
    registered(server)
    assert server.request("MESSAGE", "bob", body=b"x", headers=[("Contact", "")]).status == 400
    assert server.request("MESSAGE", "bob", headers=[("Contact", ""), ("Expires", "never")]).status == 400


def test_an_answer_of_another_call_id_counts_for_nothing(sip):
    server = sip(OPEN, **LISTED)
    phone = registered(server)
    server.send(message(server))
    server.advance(0.1)
    (passed,) = came(server, phone)
    forged = passed.encode().decode().split("\r\n")
    answer = "\r\n".join(["SIP/2.0 200 OK", *(line for line in forged if line.startswith(("Via", "From", "To", "Call-ID", "CSeq")))])
    server.send(answer.replace("z9hG4bK", "z9hG4bKx") + "\r\nContent-Length: 0\r\n\r\n", phone)
    server.advance(0.1)
    assert not [each for each in server.replies() if not each.is_request and each.status == 200]
    server.send(answer + "\r\nContent-Length: 0\r\n\r\n", phone)
    server.advance(0.1)
    assert [each for each in server.replies() if not each.is_request and each.status == 200 and each.cseq.method == "MESSAGE"]
    assert parse(passed.encode()).body == b"hello"

"""Digest authentication and rights. RFC 7616, RFC 8760, RFC 3261 22."""

from __future__ import annotations

import re

import attrs
import pytest

from pipeline.config import Problems
from pipeline.conformance.marks import rfc
from pipeline.sip import digest
from pipeline.sip.parser import parse

HERE = ("10.0.0.9", 5060)
ALL = '[domain."example.com"]\nalgorithms = ["SHA-512-256", "SHA-256", "MD5"]\n'
MIXED = """
[user.alice]
password = "alice's"
[user.bob]
password = "bob's"
[endpoint.door]
auth = []
aors = ["door"]
[aor.door]
[endpoint.trunk]
auth = ["trunk"]
trust_from = true
[auth.trunk]
password = "trunk's"
[identify.trunk]
endpoint = "trunk"
match = ["192.0.2.1"]
"""


@pytest.fixture
def server(sip):
    return sip(intercept=["identify", "auth"])


@pytest.fixture
def start(sip):
    def start(toml="", **more):
        return sip(toml, **{"intercept": ["identify", "auth"], **more})

    return start


def challenge(server, algorithm="", source=HERE, **more):
    """Get challenged, and return the challenge."""
    response = server.request("REGISTER", from_="alice", source=source, **more)
    assert response.status == 401
    found = [digest.parse_challenge(value) for value in response.all("www-authenticate")]
    return next(each for each in found if not algorithm or each.algorithm == algorithm)


def answer(
    server,
    challenge,
    *,
    password="alice's",
    username="alice",
    nc=1,
    uri="",
    method="REGISTER",
    source=HERE,
    edit=lambda value: value,
    cseq=2,
    body=b"",
    **more,
):
    """Send a request that answers a challenge, and return the response to it."""
    request = parse(
        server.message(method, more.pop("to", ""), from_=more.pop("from_", "alice"), source=source, cseq=cseq, body=body, **more)
    )
    value = digest.answer(
        challenge, method, uri or request.uri_text, username=username, password=password, cnonce="0a4f113b", nc=nc, body=body
    )
    request.set("authorization", edit(value))
    before = len(server.replies(source))
    server.send(request.encode(), source)
    return server._final(before, source, method)


def digested(server, *, source=HERE, username="alice", password="alice's", **more):
    """Ask for an INVITE to bob, answering the challenge."""
    first = server.request("INVITE", "bob", source=source, **more)
    assert first.status == 401
    found = digest.parse_challenge(first.get("www-authenticate"))
    return answer(server, found, method="INVITE", to="bob", source=source, username=username, password=password, **more)


def refused(response, *, stale=False):
    """Tell whether this is a 401 with a challenge that says so."""
    return response.status == 401 and {digest.parse_challenge(value).stale for value in response.all("www-authenticate")} == {stale}


def reasons(server, name="auth.failed"):
    return [event.fields["reason"] for event in server.told(name)]


# -- challenges -------------------------------------------------------------------------------------------------------


@rfc("3261", "22.1", "22.2")
def test_a_request_without_credentials_is_challenged_for_the_realm_of_its_domain(server):
    response = server.request("REGISTER", from_="alice")
    assert response.status == 401
    (value,) = response.all("www-authenticate")
    assert re.fullmatch('Digest realm="example.com", nonce="[0-9a-f]{48}", algorithm=MD5, qop="auth"', value)


@rfc("3261", "22.2")
@rfc("7616", "3.4")
def test_the_right_password_registers(server):
    assert answer(server, challenge(server)).status == 200
    assert server.contacts("alice")
    fields = server.told("auth.succeeded")[0].fields
    assert fields.pop("passage").identity == "alice"
    assert fields == {"user": "alice", "realm": "example.com", "source": "10.0.0.9", "transport": "UDP"}


@rfc("3261", "22.1")
@rfc("7616", "3.3")
def test_a_wrong_password_is_challenged_anew_and_not_as_stale(server):
    first = challenge(server)
    response = answer(server, first, password="guessed")
    assert refused(response)
    assert digest.parse_challenge(response.get("www-authenticate")).nonce != first.nonce
    assert reasons(server) == ["auth.alice: the response does not fit the password"]
    assert not server.contacts("alice")


def test_a_challenge_leaves_no_state_and_comes_again_for_a_retransmission(server):
    data = server.message("REGISTER", from_="alice")
    server.send(data)
    server.send(data)
    one, two = server.replies()
    assert one.status == two.status == 401
    assert one.to.tag == two.to.tag
    assert not len(server.engine.transactions)


@rfc("8760", "2.6")
def test_one_challenge_per_algorithm_the_preferred_on_top_with_one_nonce(start):
    response = start(ALL).request("REGISTER", from_="alice")
    found = [digest.parse_challenge(value) for value in response.all("www-authenticate")]
    assert [each.algorithm for each in found] == ["SHA-512-256", "SHA-256", "MD5"]
    assert len({each.nonce for each in found}) == 1


@pytest.mark.parametrize("algorithm", digest.ALGORITHMS)
def test_any_algorithm_that_is_offered_can_be_answered(start, algorithm):
    server = start(ALL)
    assert answer(server, challenge(server, algorithm)).status == 200


def test_an_algorithm_that_is_not_offered_is_refused(server):
    downgraded = challenge(server)._replace(algorithm="SHA-256")
    assert refused(answer(server, downgraded))
    assert reasons(server) == ["domain.example.com: the algorithm SHA-256 is none of its algorithms"]


@rfc("8760", "2.1")
@pytest.mark.parametrize("algorithm", ["MD5-sess", "SHA3-512", "md5"])
def test_an_algorithm_is_known_by_its_name_in_either_case(server, algorithm):
    response = answer(server, challenge(server), edit=lambda value: value.replace("algorithm=MD5", f"algorithm={algorithm}"))
    assert (response.status == 200) == (algorithm == "md5")


@rfc("7616", "3.3")
def test_without_an_algorithm_it_is_md5(server):
    assert answer(server, challenge(server), edit=lambda value: value.replace(", algorithm=MD5", "")).status == 200


def test_each_domain_has_its_realm(start):
    server = start(
        '[pipeline]\ndomains = ["example.com", "second.example"]\n[domain."second.example"]\nrealm = "The Second"\nalgorithms = ["SHA-256"]\n'
    )
    value = server.request("REGISTER", uri="sip:second.example", from_="alice").get("www-authenticate")
    assert value.startswith('Digest realm="The Second", ')
    assert "SHA-256" in value
    value = server.request("INVITE", "bob", headers=[("From", "<sip:x@second.example>;tag=1")]).get("www-authenticate")
    assert value.startswith('Digest realm="The Second", ')
    value = server.request("INVITE", "bob", headers=[("From", "<sip:x@elsewhere.example>;tag=1")]).get("www-authenticate")
    assert value.startswith('Digest realm="example.com", ')
    value = server.request("INVITE", uri="sip:x@third.example", headers=[("From", "<tel:+49301>;tag=1"), ("To", "<tel:+49302>")]).get(
        "www-authenticate"
    )
    assert value.startswith('Digest realm="example.com", ')


def test_a_stored_hash_stands_for_the_password(start):
    hashes = [f'"{name}:{digest.hash_of(name, "alice", "example.com", "secret")}"' for name in digest.ALGORITHMS]
    server = start(f"{ALL}[user.alice]\npassword_digest = [{', '.join(hashes)}]\n")
    for number, algorithm in enumerate(digest.ALGORITHMS):
        assert answer(server, challenge(server, algorithm), password="secret", cseq=number + 2, headers=[("Call-ID", "one")]).status == 200
    assert refused(answer(server, challenge(server, "MD5"), password="other"))


# -- nobody learns who exists -----------------------------------------------------------------------------------------


def shape(response):
    """What of an answer does not vary from one request to the next."""
    text = re.sub(r'nonce="[0-9a-f]{48}"', "nonce", response.head)
    return re.sub(r"(?m)^(Via|From|To|Call-ID|CSeq): .*\r\n", "", text)


@rfc("3261", "26.3.2.4")
@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS", "MESSAGE"])
def test_known_and_unknown_users_get_the_same_answers(server, method):
    one, other = (server.request(method, "bob", from_=name) for name in ("alice", "mallory"))
    assert one.status == 401
    assert shape(one) == shape(other)
    one, other = (server.request(method, "bob", from_=name, password="guessed") for name in ("alice", "mallory"))
    assert one.status == 401
    assert shape(one) == shape(other)


def test_the_same_hashes_are_computed_for_known_and_unknown_users(server, monkeypatch):
    from pipeline.plugins.auth import proof

    calls = []
    monkeypatch.setattr(proof, "expected", lambda *args: calls.append(args) or digest.expected(*args))
    for name in ("alice", "mallory", "alice"):
        server.request("REGISTER", from_=name, password="guessed")
    assert len(calls) == 3


def test_the_hash_that_stands_for_nobody_opens_nothing(server):
    given = challenge(server)
    for username in ("", "mallory", "alice"):
        assert refused(answer(server, given, username=username, password="", from_="mallory"))


def test_a_user_of_another_endpoint_is_as_unknown(server):
    assert refused(answer(server, challenge(server), username="bob", password="bob's"))
    assert reasons(server) == ["endpoint.alice: none of its auth has the user name bob"]


# -- nonces -----------------------------------------------------------------------------------------------------------


@rfc("7616", "3.4", "5.5")
def test_a_nonce_is_used_again_with_the_next_count_and_never_with_the_same(server):
    given = challenge(server)
    call = [("Call-ID", "one")]
    assert answer(server, given, nc=1, cseq=2, headers=call).status == 200
    assert answer(server, given, nc=3, cseq=3, headers=call).status == 200
    assert answer(server, given, nc=2, cseq=4, headers=call).status == 200
    assert refused(answer(server, given, nc=2, cseq=5, headers=call), stale=True)
    assert reasons(server, "auth.stale") == ["auth.alice: is right, but this count of the nonce was used before, or is too old to tell"]


def test_a_retransmission_is_no_replay(server):
    given = challenge(server)
    request = parse(server.message("REGISTER", from_="alice", cseq=2))
    request.set("authorization", digest.answer(given, "REGISTER", request.uri_text, username="alice", password="alice's", cnonce="c"))
    before = len(server.replies())
    for _ in range(3):
        server.send(request.encode())
    assert [reply.status for reply in server.replies()[before:]] == [200, 200, 200]
    assert len(server.told("auth.succeeded")) == 1


@rfc("7616", "3.3")
def test_an_old_nonce_is_stale_when_the_password_is_right_and_only_then(server):
    given = challenge(server)
    server.advance(301)
    assert refused(answer(server, given, password="guessed"), stale=False)
    assert refused(answer(server, given), stale=True)


@rfc("7616", "5.4")
def test_a_nonce_of_another_address_is_stale(server):
    assert refused(answer(server, challenge(server), source=("10.0.0.10", 5060)), stale=True)


def test_a_nonce_goes_on_when_nat_moves_the_port(server):
    assert answer(server, challenge(server), source=("10.0.0.9", 5062)).status == 200


def test_a_made_up_nonce_is_stale_when_the_password_is_right(server):
    assert refused(answer(server, challenge(server)._replace(nonce="made up")), stale=True)


def test_who_guesses_by_nonces_that_are_none_of_ours_learns_of_five_whether_they_are_right(server):
    made_up = challenge(server)._replace(nonce="made up")
    for _ in range(5):
        assert refused(answer(server, made_up, password="guessed"), stale=False)
    assert refused(answer(server, made_up, password="guessed"), stale=True)
    assert refused(answer(server, made_up), stale=True)
    assert refused(answer(server, challenge(server), password="guessed"), stale=False)  # to a nonce of ours a wrong one is a wrong one
    server.advance(61)
    assert refused(answer(server, made_up, password="guessed"), stale=False)


@pytest.mark.parametrize("password", ["alice's", "guessed"])
def test_nor_does_who_writes_it_beside_an_answer_to_a_nonce_of_ours(server, password):
    given = challenge(server)

    def beside(real, nc):
        request = parse(server.message("REGISTER", from_="alice", cseq=nc + 1))
        for each, word, count in ((given._replace(nonce="made up"), password, 1), (given, real, nc)):
            value = digest.answer(each, "REGISTER", request.uri_text, username="alice", password=word, cnonce="c", nc=count)
            request.add("authorization", value)
        before = len(server.replies())
        server.send(request.encode())
        return server.replies()[before]

    assert refused(beside("wrong", 1))
    assert reasons(server) == ["auth.alice: the response does not fit the password"]
    assert beside("alice's", 2).status == 200


def test_nonces_outlive_a_restart(server):
    given = challenge(server)
    server.stop()
    server.start()
    assert answer(server, given).status == 200
    assert refused(answer(server, given, cseq=3), stale=True)


def test_a_nonce_count_begins_with_1(server):
    assert refused(answer(server, challenge(server), nc=0))


# -- what the response covers -----------------------------------------------------------------------------------------


@rfc("7616", "3.4.3")
def test_auth_int_covers_the_body(start):
    server = start('[plugin.auth]\nqop = ["auth", "auth-int"]\n')
    given = challenge(server)
    assert given.qop == ("auth", "auth-int")
    given = given._replace(qop=("auth-int",))
    headers = [("Content-Type", "text/plain"), ("Contact", ""), ("Content-Disposition", "x;handling=optional")]
    assert answer(server, given, body=b"hello", headers=headers).status == 200
    request = parse(server.message("REGISTER", from_="alice", cseq=3, body=b"HELLO", headers=headers))
    request.set(
        "authorization",
        digest.answer(given, "REGISTER", request.uri_text, username="alice", password="alice's", cnonce="c", nc=2, body=b"hello"),
    )
    before = len(server.replies())
    server.send(request.encode())
    assert refused(server.replies()[before])


@rfc("7616", "3.4")
def test_less_protection_than_was_offered_is_refused(start):
    server = start('[plugin.auth]\nqop = ["auth-int"]\n')
    asked = challenge(server)
    assert refused(answer(server, asked._replace(qop=("auth",))))
    assert reasons(server) == ["qop: auth was not offered, for it protects no body (RFC 7616 3.4)"]
    assert answer(server, asked, cseq=3).status == 200


def test_more_protection_than_was_offered_is_taken(start):
    server = start('[plugin.auth]\nqop = ["auth"]\n')
    assert answer(server, challenge(server)._replace(qop=("auth-int",))).status == 200


def test_where_bodies_must_be_protected_a_response_without_qop_is_refused_whatever_the_option_says(start):
    server = start('[plugin.auth]\nqop = ["auth-int"]\nrequire_qop = false\n')
    assert refused(answer(server, challenge(server)._replace(qop=())))
    assert reasons(server) == ["qop: the response was made without qop, which protects no body as auth-int does"]


def test_a_response_without_qop_is_refused_unless_the_option_says_so(start):
    server = start()
    assert refused(answer(server, challenge(server)._replace(qop=())))
    assert reasons(server) == ["require_qop: the response was made without qop"]


def test_without_qop_a_nonce_is_good_for_one_request(start):
    server = start("[plugin.auth]\nrequire_qop = false\n")
    given = challenge(server)._replace(qop=())
    call = [("Call-ID", "one")]
    assert answer(server, given, headers=call).status == 200
    assert refused(answer(server, given, cseq=3, headers=call), stale=True)


@pytest.mark.parametrize("uri", ["sip:example.com", "sip:alice@example.com", "sip:10.0.0.1:5060", "sips:EXAMPLE.com."])
def test_a_digest_uri_of_a_domain_of_ours_will_do(server, uri):
    assert answer(server, challenge(server), uri=uri).status == 200


@rfc("7616", "3.4.6")
@pytest.mark.parametrize("uri", ["sip:elsewhere.example", "sip:alice@elsewhere.example", "tel:+49301", "example.com", "x y"])
def test_a_digest_uri_of_nobody_here_is_refused(server, uri):
    assert refused(answer(server, challenge(server), uri=uri))
    assert reasons(server) == [f"strict_uri: the uri {uri} of the credentials is not that of the request, or of no domain of ours"]


def test_strict_uri_wants_the_request_uri(start):
    server = start("[plugin.auth]\nstrict_uri = true\n")
    given = challenge(server)
    assert refused(answer(server, given, uri="sip:alice@example.com"))
    assert answer(server, given).status == 200


# -- odd Authorization fields -----------------------------------------------------------------------------------------


@rfc("3261", "22.4")
@rfc("4475", "3.3.7")
def test_another_scheme_is_ignored(server):
    assert refused(server.request("REGISTER", from_="alice", headers=[("Authorization", "NoOneKnowsThisScheme opaque-data=here")]))


def test_another_realm_is_challenged_for_ours(server):
    assert refused(answer(server, challenge(server)._replace(realm="elsewhere.example")))
    assert not server.told("auth.failed")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("Digest", "Bad Authorization: no realm"),
        ('Digest realm="example.com", nonce="n', "Bad Authorization: unterminated quoted string"),
        ('Digest realm="a", realm="b"', "Bad Authorization: the same parameter twice"),
    ],
)
def test_an_authorization_that_cannot_be_read_is_a_400_that_says_why(server, value, reason):
    response = server.request("REGISTER", from_="alice", headers=[("Authorization", value)])
    assert (response.status, response.reason) == (400, reason)


def test_of_several_authorizations_the_one_of_our_realm_counts(server):
    given = challenge(server)
    request = parse(server.message("REGISTER", from_="alice", cseq=2))
    good = digest.answer(given, "REGISTER", request.uri_text, username="alice", password="alice's", cnonce="c")
    wrong = digest.answer(given, "REGISTER", request.uri_text, username="alice", password="guessed", cnonce="c")
    for value in (good.replace("example.com", "elsewhere.example"), wrong, good):
        request.add("authorization", value)
    before = len(server.replies())
    server.send(request.encode())
    assert server.replies()[before].status == 200


def test_only_a_few_authorizations_are_tried(server):
    given = challenge(server)
    request = parse(server.message("REGISTER", from_="alice", cseq=2))
    good = digest.answer(given, "REGISTER", request.uri_text, username="alice", password="alice's", cnonce="c")
    for value in ["Basic YTpi"] * 4 + [good]:
        request.add("authorization", value)
    before = len(server.replies())
    server.send(request.encode())
    assert refused(server.replies()[before])


# -- what is not challenged -------------------------------------------------------------------------------------------


@rfc("3261", "22.1")
def test_an_ack_and_a_cancel_are_never_challenged(server):
    server.send(server.message("ACK", "bob"))
    assert server.replies() == []
    assert server.request("CANCEL", "bob").status == 481


def test_options_to_the_server_itself_is_not_challenged_unless_the_option_says_so(start):
    server = start()
    assert server.request("OPTIONS", uri="sip:10.0.0.1", from_="mallory").status == 200
    assert server.request("OPTIONS", "alice", from_="mallory").status == 401
    assert start("[plugin.auth]\nchallenge_options = true\n").request("OPTIONS", uri="sip:10.0.0.1").status == 401


def test_a_request_of_no_dialog_is_481_for_everybody(server):
    assert server.request("BYE", "bob", headers=[("To", "<sip:bob@example.com>;tag=gone")]).status == 481


@pytest.fixture
def dialog(start):
    def made(toml="", peer="alice"):
        server = start(toml)

        class Usage:
            endpoint = server.engine.dal.get("endpoint", peer)
            source = ("UDP", "10.0.0.9")
            flow_id = ""

            def request(self, message, passage):
                passage.reply(200)

        server.engine.dialogs.add("d@test", "ours", "theirs", Usage())
        headers = [("From", "<sip:alice@example.com>;tag=theirs"), ("To", "<sip:bob@example.com>;tag=ours"), ("Call-ID", "d@test")]
        return lambda host, cseq=1: server.request("BYE", "bob", headers=headers, source=(host, 5060), cseq=cseq).status

    return made


def test_a_request_of_a_dialog_is_challenged_when_it_does_not_come_from_its_source(dialog):
    bye = dialog()
    assert bye("10.0.0.10") == 401
    assert bye("10.0.0.9") == 200


def test_no_password_proves_the_peer_of_a_dialog_with_a_stranger(dialog):
    bye = dialog(peer="nobody")
    assert bye("10.0.0.10") == 403
    assert bye("10.0.0.9") == 200


def test_requests_of_a_dialog_may_be_challenged_always_or_never(dialog):
    assert dialog('[plugin.auth]\nin_dialog = "always"\n')("10.0.0.9") == 401
    assert dialog('[plugin.auth]\nin_dialog = "never"\n')("10.0.0.10") == 200


def test_an_endpoint_that_says_so_is_let_in_without_credentials(start):
    server = start(MIXED)
    assert server.request("REGISTER", from_="door").status == 200
    assert server.request("INVITE", "bob", from_="door").status == 480


# -- rights -----------------------------------------------------------------------------------------------------------


@rfc("3261", "10.3-4")
def test_alice_may_not_register_bob(server):
    response = answer(server, challenge(server), headers=[("To", "<sip:bob@example.com>")])
    assert response.status == 403
    assert not server.contacts("bob")


def test_bob_may_not_speak_as_alice(server):
    """The digest user must belong to the endpoint that From names."""
    assert digested(server, username="bob", password="bob's").status == 401


def test_the_unproved_door_may_register_only_itself(start):
    server = start(MIXED)
    assert server.request("REGISTER", from_="door", headers=[("To", "<sip:bob@example.com>")]).status == 403
    assert server.request("REGISTER", from_="door", headers=[("To", "<tel:+49301>")]).status == 403


def test_a_trunk_may_use_any_from_and_others_may_not(start):
    toml = MIXED + '[identify.alice]\nendpoint = "alice"\nmatch = ["192.0.2.2"]\n[plugin.identify]\norder = ["ip"]\n'
    server = start(toml)
    trunk, alice = ("192.0.2.1", 5060), ("192.0.2.2", 5060)
    assert digested(server, from_="mallory", username="trunk", password="trunk's", source=trunk).status == 480
    assert digested(server, from_="bob", username="alice", password="alice's", source=alice).status == 403
    assert digested(server, from_="alice", username="alice", password="alice's", source=alice).status == 480
    headers = [("From", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1')]
    assert digested(server, headers=headers, username="alice", password="alice's", source=alice).status == 480
    headers = [("From", "<sip:alice@elsewhere.example>;tag=1")]
    assert digested(server, headers=headers, username="alice", password="alice's", source=alice).status == 403


def test_an_endpoint_may_speak_in_its_own_name_without_an_aor(start):
    server = start('[endpoint.hall]\nauth = ["hall"]\n[auth.hall]\npassword = "x"\n[user.bob]\npassword = "bob\'s"\n')
    assert server.request("INVITE", "bob", from_="hall", password="x").status == 480


def test_a_guest_is_served_who_claims_nobody_of_ours(start):
    server = start(MIXED + '[plugin.identify]\nanonymous = "door"\n')
    assert server.request("INVITE", "bob", headers=[("From", "<sip:me@elsewhere.example>;tag=1")]).status == 480
    assert server.request("INVITE", "bob", from_="mallory").status == 401


# -- stores -----------------------------------------------------------------------------------------------------------


SLOW = """
from pipeline import Unavailable
from pipeline.dal import TYPES, Backend, Table

class Tables(Backend):
    writable = False
    mode = "slow"
    asked = 0

    def __init__(self, engine):
        self.engine = engine

    def serve(self, kind, durability):
        self.table = Table(TYPES[kind], self.name)
        for stored in self.engine.plan.objects:
            if stored.kind == kind:
                self.table.load(stored)

    def get(self, kind, ident, /):
        self.asked += 1
        if self.mode == "down":
            raise Unavailable("the disk is gone")
        pending = Pending()
        if self.mode == "failing":
            self.engine.clock.call_later(0.1, pending.fail, Unavailable("the line is cut"))
        else:
            self.engine.clock.call_later(0.1, pending.resolve, self.table.objects.get(ident))
        return pending

    def find(self, kind, /, **fields):
        return self.table.find(fields)

    def watch(self, fn):
        self.changed = fn

@plugin
class Slow:
    stage: ClassVar[str] = "integration"
    stores: ClassVar[tuple] = ("auth",)
    writable: ClassVar[bool] = False

    @hookimpl
    def store(self, engine):
        return Tables(engine)
"""


@pytest.fixture
def slow(start, write):
    """A server whose credentials are in a slow database."""
    server = start(write("slow", SLOW) + '[dal]\nauth = ["slow"]\n', integration=["memory", "toml", "slow"])
    return server, server.engine.dal.backends["slow"]


def test_credentials_are_looked_up_once_and_never_for_a_request_without_any(slow):
    server, database = slow
    given = challenge(server)
    assert database.asked == 0
    assert answer(server, given, headers=[("Call-ID", "one")]).status == 200
    assert database.asked == 1
    assert answer(server, given, nc=2, cseq=3, headers=[("Call-ID", "one")]).status == 200
    assert database.asked == 1


def test_who_does_not_exist_waits_as_long_as_who_does(slow):
    server, database = slow
    given = challenge(server)
    begin = server.loop.time()
    assert refused(answer(server, given, password="guessed"))
    known, begin = server.loop.time() - begin, server.loop.time()
    assert refused(answer(server, given, username="mallory", from_="mallory"))
    assert server.loop.time() - begin == pytest.approx(known, abs=0.02)
    assert database.asked == 2
    assert refused(answer(server, given, username="mallory", from_="mallory"))
    assert database.asked == 2


@rfc("3261", "21.5.4")
@pytest.mark.parametrize("mode", ["down", "failing"])
def test_a_database_that_fails_is_a_503_and_never_a_401(slow, mode):
    server, database = slow
    given = challenge(server)
    database.mode = mode
    assert answer(server, given).status == 503
    assert answer(server, given, username="mallory", from_="mallory").status == 503
    database.mode = "slow"
    assert answer(server, given).status == 200


def test_a_changed_password_counts_at_once(slow):
    server, database = slow
    given = challenge(server)
    assert answer(server, given, headers=[("Call-ID", "one")]).status == 200
    objects = database.table.objects
    objects["alice"] = attrs.evolve(objects["alice"], password="another")
    database.changed("auth", "changed", None)
    assert refused(answer(server, given, nc=2, cseq=3, headers=[("Call-ID", "one")]))
    assert answer(server, given, nc=2, cseq=3, password="another", headers=[("Call-ID", "one")]).status == 200


def test_without_identify_nobody_gets_in(start):
    server = start(intercept=["auth"])
    assert refused(server.request("REGISTER", from_="alice", password="alice's"))
    assert reasons(server, "auth.challenged") == ["auth: nobody asked whose request this is; list 'identify' before 'auth'"]


@pytest.mark.parametrize(
    ("toml", "text"),
    [
        ('qop = ["auth-ext"]', "qop holds 'auth-ext'"),
        ("qop = []", 'qop is empty: write ["auth"]'),
        ("nonce_lifetime = 0", "nonce_lifetime"),
        ("nonces = 10", "nonces"),
        ('in_dialog = "sometimes"', "in_dialog"),
        ("requireqop = true", "did you mean 'require_qop'"),
    ],
)
def test_a_wrong_option_is_told(start, toml, text):
    with pytest.raises(Problems) as problems:
        start(f"[plugin.auth]\n{toml}\n")
    assert text in str(problems.value)

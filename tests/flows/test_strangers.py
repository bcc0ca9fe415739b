"""Strangers who guess names and passwords, against the plugins of the usual pipeline.toml with the options that they come with."""

from __future__ import annotations

import re

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip import digest
from pipeline.testing.server import CALLS

ALLOWED = '[user.alice]\npassword = "alice\'s"\n[user.bob]\npassword = "bob\'s"\n'
STEP = 1 / 64
"""Seconds for an answer to come; a power of two, so that times add up exactly."""
WITH_LISTS = ALLOWED.replace("[user.bob]", 'permit = ["192.0.2.0/24"]\n[user.bob]')


@pytest.fixture
def usual(sip):
    def usual(toml=ALLOWED, **more):
        return sip(toml, transport=["shield", "udp", "tcp"], intercept=["identify", "security", "auth"], **more)

    return usual


def ask(server, source, user, challenge=None, *, password="wrong", to=""):
    """Send a REGISTER, with an answer to a challenge if one is given; return what came back for it, or None."""
    headers = []
    if challenge is not None:
        value = digest.answer(
            digest.parse_challenge(challenge), "REGISTER", "sip:example.com", username=user, password=password, cnonce=server.engine.token()
        )
        headers = [("Authorization", value)]
    before = len(server._replies.get(source, ()))
    server.send(server.message("REGISTER", to, from_=user, source=source, headers=headers), source)
    server.advance(STEP)
    return next(iter(server._replies[source][before:]), None)


def shape(response):
    """What of an answer does not vary from one request to the next."""
    text = re.sub(r'nonce="[0-9a-f]{48}"', "nonce", response.head)
    return re.sub(r"(?m)^(Via|From|To|Call-ID|CSeq): .*\r\n", "", text)


def seen(server, user, sources, seconds, tries=100):
    """Give what a stranger sees who tries one name: from each source in turn a request, then a wrong password."""
    sight = []
    for number in range(tries):
        source = sources[number % len(sources)]
        asked = ask(server, source, user)
        refused = ask(server, source, user, asked.get("www-authenticate")) if asked is not None else None
        sight.append([None if each is None else shape(each) for each in (asked, refused)])
        server.advance(seconds)
    return sight


@rfc("3261", "26.3.2.4")
@pytest.mark.parametrize("seconds", [0.25, 1.25, 5.0])
def test_no_user_can_be_told_by_when_who_guesses_his_password_is_banned(usual, seconds):
    server = usual()
    sights = [
        seen(server, user, [(f"198.51.100.{number}", 5060)], seconds) for number, user in enumerate(("alice", "bob", "nobody", "zzz"))
    ]
    assert sights[0][0][1] is not None and sights[0][-1] == [None, None]
    assert sights[0] == sights[1] == sights[2] == sights[3]
    assert len(server.told("shield.banned")) == 4


@rfc("3261", "26.3.2.4")
def test_no_user_with_lists_can_be_told_by_when_guesses_from_many_addresses_are_held_up(usual):
    server = usual(WITH_LISTS)
    sights = [
        seen(server, user, [(f"198.51.{100 + net}.{number}", 5060) for number in range(40)], 0.125, tries=40)
        for net, user in enumerate(("alice", "bob", "nobody"))
    ]
    assert sights[0][0][1] is not None and sights[0][-1][1] is None
    assert sights[0] == sights[1] == sights[2]


def test_who_has_proved_himself_gets_the_same_403_for_any_address_that_is_not_his(usual):
    server = usual()
    answers = []
    for to in ("bob", "nobody"):
        challenge = ask(server, ("192.0.2.7", 5060), "alice").get("www-authenticate")
        answers.append(ask(server, ("192.0.2.7", 5060), "alice", challenge, password="alice's", to=to))
    assert [answer.status for answer in answers] == [403, 403]
    assert shape(answers[0]) == shape(answers[1])


# -- how many answers they get ---------------------------------------------------------------------------------------

SCANNER, PHONE = ("198.51.100.9", 5062), ("198.51.100.9", 6000)
FORGED = 'Digest realm="example.com", nonce="00", qop="auth", algorithm=MD5'


def svcrack(asked, challenges):
    """A try for each challenge, and a request without one in between."""
    return challenges.pop() if challenges else None


def svwar(asked, challenges):
    """Nothing but names."""


def reuses(asked, challenges):
    """A try with the newest nonce each time."""
    return challenges[-1] if challenges else None


def saves(asked, challenges):
    """Twenty challenges, and then the tries."""
    return challenges[-1] if challenges and asked >= 20 else None


def forges(asked, challenges):
    """Tries with a nonce that is none of ours."""
    return FORGED


def attack(server, tactic, seconds, beside=None):
    """Ask sixty times a second; give when each request went and when each answer came. What is `beside` is done once a second."""
    asked, answers, challenges, begin = [], [], [], server.loop.time()
    while server.loop.time() - begin < seconds:
        asked.append(server.loop.time())
        answer = ask(server, SCANNER, ("alice", "nobody")[len(asked) % 2], tactic(len(asked) - 1, challenges), password=f"p{len(asked)}")
        if answer is not None:
            assert answer.status == 401
            answers.append(asked[-1])
            challenges.append(answer.get("www-authenticate"))
        if beside is not None and len(asked) % 60 == 0:
            beside()
    return asked, answers


def excess(answers, begin):
    """Return by how many the answers after `begin` were more than one a second, in the worst stretch of time."""
    late = [at for at in answers if at > begin]
    stretches = ((late[last] - late[first], last - first) for first in range(len(late)) for last in range(first, len(late)))
    return max((count - seconds for seconds, count in stretches), default=0.0)


@rfc("3261", "26.3.2.4")
@pytest.mark.parametrize("tactic", [svcrack, svwar, reuses, saves, forges])
def test_who_guesses_gets_one_answer_a_second_after_twenty_requests_whatever_he_asks(usual, tactic):
    server = usual()
    asked, answers = attack(server, tactic, 40)
    assert len([at for at in answers if at <= asked[19]]) == 10
    assert excess(answers, asked[19]) <= 2  # two tries at once, and then the pause for them
    assert bool(server.told("shield.banned")) == (tactic in (svcrack, reuses, saves))


@rfc("3261", "26.3.2.4")
@pytest.mark.parametrize("tactic", [svcrack, svwar, reuses, saves, forges])
def test_so_he_does_beside_a_phone_which_notices_nothing(usual, tactic):
    server = usual('[context.default.extensions]\n600 = ["answer", "echo"]\n' + ALLOWED, **CALLS)
    phone = server.phone("alice", address=PHONE).online()

    def goes_on():
        begin = server.loop.time()
        phone.online()
        phone.call("600").until("up").hangup()
        assert server.loop.time() - begin < 0.1

    asked, answers = attack(server, tactic, 40, goes_on)
    assert excess(answers, asked[19]) <= 2
    assert len(answers) >= 30  # held up, and not banned: a phone is bound there
    assert not server.told("shield.banned")


# -- the phones of an office -----------------------------------------------------------------------------------------

OFFICE = "".join(f'[user.p{number}]\npassword = "p{number}\'s"\n' for number in range(50))


def office(server, first_port, wrong, seconds=100):
    """Fifty phones behind one address begin at once, one of them with a wrong password; give how long it took each to be registered.

    Each sends its request again until it is answered (RFC 3261 17.1.2.2); who is refused begins anew after 30 s.
    """
    begin = server.loop.time()
    todo = {f"p{number}": [(SCANNER[0], first_port + number), None, begin, 0.5] for number in range(50)}
    registered = {}
    while server.loop.time() - begin < seconds:
        due = [name for name, phone in todo.items() if phone[2] <= server.loop.time()]
        for name in due:
            source, challenge, _, pause = todo[name]
            headers = []
            if challenge is not None:
                password = "wrong" if name == wrong else f"{name}'s"
                headers = [
                    ("Authorization", digest.answer(challenge, "REGISTER", "sip:example.com", username=name, password=password, cnonce="c"))
                ]
            server._replies.setdefault(source, []).clear()
            server.send(server.message("REGISTER", from_=name, source=source, headers=headers), source)
            todo[name][2:] = server.loop.time() + pause, min(2 * pause, 4.0)
        server.advance(STEP)
        for name in due:
            phone = todo[name]
            for reply in server._replies[phone[0]]:
                if reply.status == 200:
                    registered[name] = server.loop.time() - begin
                    del todo[name]
                elif phone[1] is not None:
                    phone[1:] = None, server.loop.time() + 30.0, 0.5
                else:
                    phone[1:] = digest.parse_challenge(reply.get("www-authenticate")), server.loop.time(), 0.5
    assert list(todo) == [wrong]
    assert not server.told("shield.banned")
    return registered


@pytest.mark.parametrize("wrong", ["p0", "p30"])
def test_an_office_that_begins_anew_at_once_registers_without_delay_though_one_password_is_wrong(usual, wrong):
    server = usual(OFFICE)
    first = office(server, 6000, wrong)
    assert max(first.values()) < 2.0  # nobody of them is known yet: with their first two retransmissions
    again = office(server, 7000, wrong)  # by other ports
    assert max(again.values()) == 2 * STEP

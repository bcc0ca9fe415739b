"""Strangers who guess names and passwords, against the plugins of the usual pipeline.toml with the options that they come with."""

from __future__ import annotations

import re

import pytest

from pipeline.conformance.marks import rfc
from pipeline.sip import digest

ALLOWED = '[user.alice]\npassword = "alice\'s"\n[user.bob]\npassword = "bob\'s"\n'
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
    before = len(server.replies(source))
    server.send(server.message("REGISTER", to, from_=user, source=source, headers=headers), source)
    return next(iter(server.replies(source)[before:]), None)


def shape(response):
    """What of an answer does not vary from one request to the next."""
    text = re.sub(r'nonce="[0-9a-f]{48}"', "nonce", response.head)
    return re.sub(r"(?m)^(Via|From|To|Call-ID|CSeq): .*\r\n", "", text)


def seen(server, user, sources, seconds, tries=40):
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
@pytest.mark.parametrize("seconds", [0.2, 1.3, 5.0])
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
        seen(server, user, [(f"198.51.{100 + net}.{number}", 5060) for number in range(40)], 0.1)
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

"""Allow and deny lists by source."""

from __future__ import annotations

import pytest

from pipeline.config import Problems

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
    fields = {"source": "192.0.2.7", "transport": "UDP", "because": "deny: 192.0.2.0/24 holds 192.0.2.7"}
    assert [event.fields for event in server.told("security.refused")] == [fields]
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

"""Overload: what is looked at, when new work is refused, and that what has begun goes on."""

from types import SimpleNamespace

import pytest

from pipeline.conformance.marks import rfc
from pipeline.overload import LAG_HIGH, resident
from pipeline.testing.server import CALLS


@pytest.fixture
def look(sip):
    def look(server, *, late=0.0, memory=None):
        overload = server.engine.overload
        if memory is not None:
            overload.memory = lambda: memory
        overload._look(server.engine.clock.now() - late)
        return server.engine.overloaded

    return look


def test_one_pause_of_the_machine_is_no_overload_two_looks_in_a_row_are(sip, look):
    server = sip()
    assert not look(server, late=LAG_HIGH + 1)
    assert not look(server)
    assert not look(server, late=LAG_HIGH + 1)
    assert look(server, late=LAG_HIGH + 1)
    assert look(server, late=0.7)  # between the two marks nothing changes
    assert not look(server, late=0.1)
    assert [(event.name, event.fields["what"]) for event in server.told("overload")] == [
        ("overload.begun", "lag"),
        ("overload.ended", "lag"),
    ]


def test_datagrams_that_wait_in_the_kernel_are_overload_until_a_socket_is_empty_again(sip, look, plugin_of):
    server = sip()
    udp, now = plugin_of(server, "udp"), server.engine.clock.now()
    for since, overloaded in ((now - 0.4, False), (now - 0.6, True), (0.0, False)):
        udp._endpoints[:] = [SimpleNamespace(full_since=0.0), SimpleNamespace(full_since=since)]
        assert look(server) == overloaded
    assert [(event.name, event.fields["what"]) for event in server.told("overload")] == [
        ("overload.begun", "waiting"),
        ("overload.ended", "waiting"),
    ]


def test_memory_has_a_mark_above_and_one_below(sip, look):
    server = sip('[pipeline]\ndomains = ["example.com"]\nmemory_limit = 1000\n')
    assert not look(server, memory=1000)
    assert look(server, memory=1001)
    assert look(server, memory=960)
    assert not look(server, memory=940)


def test_without_a_limit_memory_is_not_looked_at(sip, look):
    assert not look(sip(), memory=1 << 50)


def test_the_memory_that_is_resident_is_known():
    assert resident() > 1 << 20


def test_the_backlog_of_servants_has_a_mark_above_and_one_below(sip, look):
    server = sip('[pipeline]\ndomains = ["example.com"]\nbacklog = 100\n')
    server.engine.lanes.backlog = 101
    assert look(server)
    server.engine.lanes.backlog = 95
    assert look(server)
    server.engine.lanes.backlog = 89
    assert not look(server)


@rfc("3261", "21.5.4", "20.33")
def test_new_work_gets_503_and_does_not_all_come_back_at_once(sip, look):
    server = sip('[pipeline]\ndomains = ["example.com"]\nmemory_limit = 1000\n')
    look(server, memory=2000)
    answers = []
    for _ in range(40):
        server.send(server.message("REGISTER", from_="alice"))
    answers = server.replies()
    assert {answer.status for answer in answers} == {503}
    seconds = {int(answer.get("retry-after")) for answer in answers}
    assert len(seconds) > 3 and min(seconds) >= 5 and max(seconds) < 15


@rfc("3261", "21.5.4")
def test_a_call_that_has_begun_goes_on_and_ends(sip, look):
    server = sip('[pipeline]\ndomains = ["example.com"]\nmemory_limit = 1000\n[context.default]\nusers = true\n', **CALLS)
    alice, bob = server.phone("alice"), server.phone("bob")
    for phone in (alice, bob):
        phone.online()
    call = alice.call("bob").until("up")
    server.advance(1)
    look(server, memory=2000)
    call.hold()
    server.advance(0.4)
    assert bob.calls[0].direction == "recvonly"
    call.hangup()
    call.until("ended")
    assert call.why == "hung up"
    look(server, memory=2000)
    assert alice.call("bob").until("ended").statuses[-1] == 503

"""The tables of the four machines, held to the figures of RFC 3261 and RFC 6026, and to the rules that no figure shows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sip.timers import End, Make, Send, Start, Stop, Tell, Timers
from pipeline.sip.transaction import TABLES, Machine, _action
from pipeline.sip.transaction_client import InviteClient, NonInviteClient
from pipeline.sip.transaction_server import InviteServer, NonInviteServer

FIGURES = {
    # machine: (state, state) of every arrow, RFC 6026 figures 5 and 7, RFC 3261 figures 6 and 8
    "INVITE client": "Calling>Calling Calling>Proceeding Calling>Completed Calling>Accepted Calling>Terminated Proceeding>Proceeding "
    "Proceeding>Completed Proceeding>Accepted Completed>Completed Completed>Terminated Accepted>Accepted Accepted>Terminated",
    "INVITE server": "Proceeding>Proceeding Proceeding>Completed Proceeding>Accepted Completed>Completed Completed>Confirmed "
    "Completed>Terminated Confirmed>Terminated Accepted>Accepted Accepted>Terminated",
    "client": "Trying>Trying Trying>Proceeding Trying>Completed Trying>Terminated Proceeding>Proceeding Proceeding>Completed "
    "Proceeding>Terminated Completed>Terminated",
    "server": "Trying>Proceeding Trying>Completed Proceeding>Proceeding Proceeding>Completed Completed>Completed Completed>Terminated",
}
BEYOND = {
    # arrows that other texts add, each with its reason
    ("INVITE client", "Proceeding>Terminated"): "RFC 3261 9.1: no final response 64*T1 after the CANCEL",
    ("server", "Trying>Trying"): "RFC 6026 8.8: an error of the transport keeps the state",
    ("server", "Trying>Terminated"): "RFC 4320 4.2: nothing is sent after the client's Timer F",
    ("server", "Proceeding>Terminated"): "RFC 4320 4.2: nothing is sent after the client's Timer F",
}


@pytest.mark.parametrize("name", FIGURES)
def test_the_arrows_of_the_tables_are_those_of_the_figures(name):
    arrows = {f"{state}>{after}" for (state, _), (after, _) in TABLES[name].items() if state}
    assert arrows == set(FIGURES[name].split()) | {arrow for machine, arrow in BEYOND if machine == name}


@pytest.mark.parametrize("name", FIGURES)
def test_every_timer_that_a_table_starts_has_a_row_where_it_leads_and_the_other_way_round(name):
    table, seconds = TABLES[name], Timers().durations(False)
    started = {
        word.partition(" ")[2]
        for _, words in table.values()
        for word in words.split(", ")
        if word.split()[0] in ("start", "again", "slow", "stop")
    }
    fired = {event for _, event in table if event in seconds}
    assert started == fired
    for after, words in table.values():
        for word in words.split(", "):
            if word.startswith("start "):
                assert any((state, word[6:]) in table for state in {after, "Proceeding"})


@pytest.mark.parametrize("name", FIGURES)
def test_a_machine_that_was_not_started_moves_as_a_started_one_but_stops_nothing(name):
    table = TABLES[name]
    started = table["", "start"][0]
    for (state, event), (after, words) in table.items():
        if state == "" and event != "start" and (started, event) in table:
            later, same = table[started, event]
            assert after == later
            wanted = [w for w in same.split(", ") if not w.startswith("stop")]
            assert [w for w in words.split(", ") if w != "start limit"] == wanted


def test_an_unknown_word_in_a_table_is_refused():
    with pytest.raises(ValueError, match="no such word in a transaction table: shout"):
        _action("shout", "", Timers(), False)


def test_machines_of_the_same_timers_share_one_compiled_table():
    timers = Timers()
    assert InviteServer(timers, False).rows is InviteServer(timers, False).rows
    assert InviteServer(timers, False).rows is not InviteServer(timers, True).rows
    assert InviteServer(timers, False).rows is not InviteServer(Timers(t1=1), False).rows


@pytest.mark.parametrize("kind", [InviteServer, NonInviteServer, InviteClient, NonInviteClient])
def test_a_machine_is_small(kind):
    machine = kind(Timers(), False)
    assert not hasattr(machine, "__dict__")
    assert machine.__sizeof__() <= 64


# --- random walks ---

EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("response"), st.sampled_from([100, 180, 183, 200, 202, 302, 404, 408, 487, 503, 600])),
        st.tuples(st.sampled_from(["again", "ack", "cancel", "error", "keep"]), st.just(0)),
        st.tuples(st.just("wait"), st.sampled_from([0.05, 0.3, 1, 4, 10, 40])),
    ),
    max_size=40,
)


class Driver:
    """Does what a machine says, on a clock of its own; notes what must never be."""

    def __init__(self, machine: Machine):
        self.machine, self.now, self.timers, self.sent, self.told, self.ended_at, self.made = machine, 0.0, {}, [], [], None, []

    def do(self, actions):
        assert self.ended_at is None or actions == (), "a terminated machine does nothing"
        for place, action in enumerate(actions):
            match action:
                case Send(data):
                    self.sent.append((self.now, data))
                case Start(name, seconds):
                    assert seconds > 0, "a timer of no seconds acts at once"
                    self.timers[name] = self.now + seconds
                case Stop(name):
                    self.timers.pop(name, None)
                case Tell(event):
                    self.told.append(event)
                case Make(what):
                    self.made.append(what)
                case End():
                    assert place == len(actions) - 1
                    assert self.machine.ended
                    self.ended_at = self.now
        assert self.machine.ended == (self.ended_at is not None)

    def wait(self, seconds):
        until = self.now + seconds
        while self.ended_at is None and self.timers and (due := min(self.timers.items(), key=lambda t: t[1]))[1] <= until:
            self.now = due[1]
            del self.timers[due[0]]
            self.do(self.machine.fire(due[0]))
        self.now = until

    def step(self, kind, value):
        machine = self.machine
        if kind == "wait":
            self.wait(value)
        elif kind == "error":
            self.do(machine.transport_error())
        elif isinstance(machine, InviteServer | NonInviteServer):
            if kind == "response":
                self.do(machine.respond(value, b"%d" % value))
            elif kind == "again":
                self.do(machine.request())
            elif kind == "ack" and isinstance(machine, InviteServer):
                self.do(machine.ack())
        elif kind == "response":
            self.do(machine.response(value))
        elif kind == "cancel" and isinstance(machine, InviteClient):
            self.do(machine.cancel())
        elif kind == "keep" and "ACK" in self.made and isinstance(machine, InviteClient) and machine.state == "Completed":
            machine.keep_ack(b"ACK")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([InviteServer, NonInviteServer, InviteClient, NonInviteClient]), st.booleans(), st.booleans(), EVENTS)
def test_whatever_happens_a_machine_ends_and_is_silent_afterwards(kind, reliable, started, events):
    machine = kind(Timers(), reliable)
    driver = Driver(machine)
    if isinstance(machine, InviteClient | NonInviteClient):
        driver.do(machine.start(b"request"))
    elif started:
        driver.do(machine.start())
    for event in events:
        driver.step(*event)
    # The owner does its part at last: it answers, or cancels.
    if isinstance(machine, InviteServer | NonInviteServer):
        driver.step("response", 500)
    else:
        driver.step("cancel", 0)
    left = driver.now
    driver.wait(1000)
    assert driver.machine.ended, (machine.state, driver.timers)
    assert driver.ended_at <= left + 2 * 32, "64*T1 to give up, and 64*T1 to absorb what is still under way"
    count = len(driver.sent)
    for event in [*events, ("response", 200), ("again", 0), ("ack", 0), ("cancel", 0), ("error", 0)]:
        driver.step(*event)
    for timer in Timers().durations(False):
        driver.do(machine.fire(timer))
    assert len(driver.sent) == count
    assert driver.told.count("timeout") <= 1


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([InviteServer, NonInviteServer, InviteClient, NonInviteClient]), st.booleans(), EVENTS)
def test_a_reliable_transport_never_gets_the_same_bytes_by_a_timer(kind, started, events):
    machine = kind(Timers(), True)
    driver = Driver(machine)
    if isinstance(machine, InviteClient | NonInviteClient):
        driver.do(machine.start(b"request"))
    elif started:
        driver.do(machine.start())
    for kind_, value in events:
        before = len(driver.sent)
        driver.step(kind_, value)
        if kind_ == "wait":
            assert len(driver.sent) == before


@settings(max_examples=200, deadline=None)
@given(EVENTS)
def test_what_rfc_4320_forbids_never_leaves(events):
    driver = Driver(NonInviteServer(Timers(), False))
    driver.do(driver.machine.start())
    for event in events:
        driver.step(*event)
    for at, data in driver.sent:
        assert data[:1] != b"1" or data == b"100"
        assert data != b"408"
        assert data != b"100" or at >= 3.5
        first = next(data for _, data in driver.sent if data != b"100") if data != b"100" else data
        assert data == first, "one final response only"
    finals = [at for at, data in driver.sent if data != b"100"]
    assert not finals or finals[0] < 32

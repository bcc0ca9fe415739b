"""The four transactions of RFC 3261 section 17, with the states and timers of RFC 6026 and the rules of RFC 4320: as tables.

Rules:
- Everything that decides what a transaction does stands in the four tables below. The classes (transaction_server.py,
  transaction_client.py) only name the event.
- A row is  (state, event): (next state, what to do).  No row: the event is ignored, whatever it is. So a timer that fires late,
  a second final response of the owner and a stray ACK need no care.
- States carry the RFC's names. "" is a machine that has not been started: a server that answers before `start()` never asks for
  a timer that it would have to stop.
- Events: what came from the network (INVITE, request, ACK, 1xx ...), what the owner wants (start, 1xx, 2xx, final, cancel), a timer
  by its letter, error (the flow could not send).
- Words: `send` the request or response that is kept; `start X` a timer, `again X` the same with the doubled interval (not above T2,
  but for A), `slow X` at T2; `stop X`; `tell` the owner; `make` a message that the stack itself sends; `end`.
- Nothing is sent in or after Terminated. Every state but Proceeding of an INVITE has a timer that leads to Terminated; out of
  that one lead the owner's answer (server) or its CANCEL, whose timer is `guard` (client).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .timers import End, Make, Send, Start, Stop, Tell

if TYPE_CHECKING:
    from .timers import Action, Rows, Timers

__all__ = ["INVITE_CLIENT", "INVITE_SERVER", "NON_INVITE_CLIENT", "NON_INVITE_SERVER", "Machine", "Table"]

Table = dict[tuple[str, str], tuple[str, str]]

# RFC 6026 8.6, figure 7. An error of the transport keeps the state: retransmissions must still be absorbed.
# A request that comes again before anything was answered gets its 100 at once: it is there to quench retransmissions (17.2.1).
INVITE_SERVER: Final[Table] = {
    ("", "start"): ("Proceeding", "start trying"),
    ("", "1xx"): ("Proceeding", "send"),
    ("", "2xx"): ("Accepted", "send, start L"),
    ("", "300-699"): ("Completed", "send, start G, start H"),
    ("Proceeding", "trying"): ("Proceeding", "make 100"),
    ("Proceeding", "INVITE, unanswered"): ("Proceeding", "stop trying, make 100"),
    ("Proceeding", "INVITE"): ("Proceeding", "send"),
    ("Proceeding", "1xx"): ("Proceeding", "send, stop trying"),
    ("Proceeding", "2xx"): ("Accepted", "send, stop trying, start L"),
    ("Proceeding", "300-699"): ("Completed", "send, stop trying, start G, start H"),
    ("Proceeding", "error"): ("Proceeding", "tell transport error"),
    ("Completed", "INVITE"): ("Completed", "send"),
    ("Completed", "G"): ("Completed", "send, again G"),
    ("Completed", "H"): ("Terminated", "tell timeout, end"),
    ("Completed", "ACK"): ("Confirmed", "stop G, stop H, start I"),
    ("Completed", "error"): ("Completed", "tell transport error"),
    ("Confirmed", "I"): ("Terminated", "end"),
    ("Accepted", "2xx"): ("Accepted", "send"),
    ("Accepted", "ACK"): ("Accepted", "tell ACK"),
    ("Accepted", "L"): ("Terminated", "end"),
    ("Accepted", "error"): ("Accepted", "tell transport error"),
}

# RFC 3261 17.2.2, figure 8. RFC 4320: a 100 goes out when the client's Timer E has reached T2 and not before, but at any time on a
# reliable transport ("100, reliable" is a row there only); no other 1xx, no 408, nothing after the client has given up ("limit").
# An error keeps the state: RFC 6026 8.8 rewrites 17.2.4 for both servers.
NON_INVITE_SERVER: Final[Table] = {
    ("", "start"): ("Trying", "start E at T2, start limit"),
    ("", "final"): ("Completed", "send, start J"),
    ("", "100, reliable"): ("Proceeding", "send, start limit"),
    ("Trying", "100, reliable"): ("Proceeding", "send, stop E at T2"),
    ("Trying", "E at T2"): ("Proceeding", "make 100"),
    ("Trying", "final"): ("Completed", "send, stop E at T2, stop limit, start J"),
    ("Trying", "limit"): ("Terminated", "tell timeout, end"),
    ("Trying", "error"): ("Trying", "tell transport error"),
    ("Proceeding", "100"): ("Proceeding", "send"),
    ("Proceeding", "request"): ("Proceeding", "send"),
    ("Proceeding", "final"): ("Completed", "send, stop limit, start J"),
    ("Proceeding", "limit"): ("Terminated", "tell timeout, end"),
    ("Proceeding", "error"): ("Proceeding", "tell transport error"),
    ("Completed", "request"): ("Completed", "send"),
    ("Completed", "J"): ("Terminated", "end"),
    ("Completed", "error"): ("Completed", "tell transport error"),
}

# RFC 6026 8.4, figure 5. CANCEL waits for the first 1xx (RFC 3261 9.1); after it the INVITE may last 64*T1, 487 or not.
# In Proceeding nothing is being sent: an error there is news for the owner, not the end.
INVITE_CLIENT: Final[Table] = {
    ("", "start"): ("Calling", "send, start A, start B"),
    ("Calling", "A"): ("Calling", "send, again A"),
    ("Calling", "B"): ("Terminated", "tell timeout, end"),
    ("Calling", "error"): ("Terminated", "tell transport error, end"),
    ("Calling", "1xx"): ("Proceeding", "stop A, stop B, tell provisional"),
    ("Calling", "1xx, cancelled"): ("Proceeding", "stop A, stop B, tell provisional, make CANCEL, start guard"),
    ("Calling", "2xx"): ("Accepted", "stop A, stop B, start M, tell final"),
    ("Calling", "300-699"): ("Completed", "stop A, stop B, make ACK, start D, tell final"),
    ("Proceeding", "1xx"): ("Proceeding", "tell provisional"),
    ("Proceeding", "1xx, cancelled"): ("Proceeding", "tell provisional"),
    ("Proceeding", "cancel"): ("Proceeding", "make CANCEL, start guard"),
    ("Proceeding", "guard"): ("Terminated", "tell timeout, end"),
    ("Proceeding", "2xx"): ("Accepted", "stop guard, start M, tell final"),
    ("Proceeding", "300-699"): ("Completed", "stop guard, make ACK, start D, tell final"),
    ("Proceeding", "error"): ("Proceeding", "tell transport error"),
    ("Completed", "300-699"): ("Completed", "send"),  # what is kept by now is the ACK
    ("Completed", "300-699, no ACK yet"): ("Completed", "make ACK"),
    ("Completed", "D"): ("Terminated", "end"),
    ("Completed", "error"): ("Terminated", "tell transport error, end"),
    ("Accepted", "2xx"): ("Accepted", "tell final"),  # each one: of a fork, or repeated because the ACK was lost
    ("Accepted", "M"): ("Terminated", "end"),
}

# RFC 3261 17.1.2, figure 6.
NON_INVITE_CLIENT: Final[Table] = {
    ("", "start"): ("Trying", "send, start E, start F"),
    ("Trying", "E"): ("Trying", "send, again E"),
    ("Trying", "F"): ("Terminated", "tell timeout, end"),
    ("Trying", "error"): ("Terminated", "tell transport error, end"),
    ("Trying", "1xx"): ("Proceeding", "tell provisional"),
    ("Trying", "final"): ("Completed", "stop E, stop F, start K, tell final"),
    ("Proceeding", "E"): ("Proceeding", "send, slow E"),
    ("Proceeding", "F"): ("Terminated", "tell timeout, end"),
    ("Proceeding", "error"): ("Terminated", "tell transport error, end"),
    ("Proceeding", "1xx"): ("Proceeding", "tell provisional"),
    ("Proceeding", "final"): ("Completed", "stop E, stop F, start K, tell final"),
    ("Completed", "K"): ("Terminated", "end"),
}

TABLES: Final = {
    "INVITE server": INVITE_SERVER,
    "server": NON_INVITE_SERVER,
    "INVITE client": INVITE_CLIENT,
    "client": NON_INVITE_CLIENT,
}

SEND: Final = Send(b"")  # stands in a compiled row for what the machine keeps
AGAIN: Final = Start("", 0.0)  # ... for the timer that just fired, with a doubled interval


class Machine:
    """A transaction: where it stands and what it would send again. Small, because a server keeps one for 32 s after each request."""

    __slots__ = ("kept", "rows", "state")
    name = ""

    def __init__(self, timers: Timers, reliable: bool) -> None:
        self.rows = timers.tables.get((self.name, reliable)) or _compile(self.name, timers, reliable)
        self.state = ""
        self.kept: Send | None = None

    @property
    def ended(self) -> bool:
        """Whether it is Terminated."""
        return self.state == "Terminated"

    def fire(self, timer: str) -> tuple[Action, ...]:
        """A timer that was started has run out."""
        return self._on(timer)

    def transport_error(self) -> tuple[Action, ...]:
        """The flow could not send, or has gone while something was being sent."""
        return self._on("error")

    def _on(self, event: str) -> tuple[Action, ...]:
        row = self.rows.get((self.state, event))
        if row is None:
            return ()
        self.state, actions, open_ = row
        if open_:
            return tuple([self._fill(a, event) for a in actions if a is not SEND or self.kept is not None])
        return actions

    def _fill(self, action: Action, event: str) -> Action:
        if action is SEND:
            return self.kept or SEND
        return action if action is not AGAIN else self._doubled(event)

    def _doubled(self, timer: str) -> Start:
        raise NotImplementedError


def _compile(name: str, timers: Timers, reliable: bool) -> Rows:
    """Turn a table's words into actions for these durations. A timer of zero seconds has its own row folded in."""
    table, seconds = TABLES[name], timers.durations(reliable)
    rows: Rows = {}
    for (state, event), (next_state, words) in table.items():
        if event.endswith(", reliable"):
            if not reliable:
                continue
            event = event.removesuffix(", reliable")
        actions: list[Action] = []
        for word in words.split(", "):
            verb, _, what = word.partition(" ")
            if verb == "start" and seconds[what] == 0.0:
                next_state, rest = table[next_state, what]
                assert rest == "end", rest
            elif verb not in ("start", "again", "slow", "stop") or seconds[what] is not None:
                actions.append(_action(verb, what, timers, reliable))
        if next_state == "Terminated":
            actions = [*(a for a in actions if not isinstance(a, Stop | End)), End()]
        rows[state, event] = (next_state, tuple(actions), SEND in actions or AGAIN in actions)
    timers.tables[name, reliable] = rows
    return rows


def _action(verb: str, what: str, timers: Timers, reliable: bool) -> Action:
    match verb:
        case "send":
            return SEND
        case "start":
            return Start(what, timers.durations(reliable)[what] or 0.0)
        case "slow":
            return Start(what, timers.t2)
        case "again":
            return AGAIN
        case "stop":
            return Stop(what)
        case "tell":
            return Tell(what)
        case "make":
            return Make(what)
        case "end":
            return End()
    raise ValueError(f"no such word in a transaction table: {verb}")

"""How often one address of record is asked for something new, by all together: so many phones may ring only so often.

Rule: who has to prove himself is counted when he has, so that nobody who knows no password can use up what others may ask; who need not
(strangers, where they are let in, trunks known by their address) has a budget of its own, and so have the registrations of its own
endpoint: nobody who asks for an address can keep its phones from it. Within a dialog nothing is new. It is refused with 480, as one who
is not there now, and a REGISTER with 503, each with Retry-After (RFC 3261 20.33).
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

from pipeline import Malformed, Reply
from pipeline.core.rates import Rate

if TYPE_CHECKING:
    from pipeline import Passage
    from pipeline.engine import Pipeline
    from pipeline.events import Event

PAUSE = 60.0
"""Seconds for which the same address is not told again."""
OWN = 1 << 17
"""Addresses whose own registrations are remembered: they exist, and after a power cut all come at once; as many as peers of `shield`."""
SPREAD = 5
"""Seconds over which those who are refused at once are spread."""


class Aors:
    """The addresses of record that are asked for something new. Lives in the engine's state, beyond a reload."""

    def __init__(self, engine: Pipeline) -> None:
        self._engine = engine
        self._proved, self._others, self._told = Rate(0, 1), Rate(0, 1), Rate(1 / PAUSE, 1)
        self._own, self._own_unproved = Rate(0, 1, OWN), Rate(0, 1, OWN)
        """Registrations of an address by its own endpoint: of one that proves itself, and of one that need not."""
        self._rate, self._trunks = 0.0, False
        self.limited = 0
        """Requests that were refused."""
        self._stop = engine.bus.listen("auth.succeeded", self._succeeded)

    def serve(self, rate: float, burst: int, *, trunks: bool) -> None:
        """Take the options of this reading of the file."""
        self._rate, self._trunks = rate, trunks
        for each in (self._proved, self._others, self._own, self._own_unproved):
            each.configure(rate, burst)

    def refusal(self, request: Any, passage: Passage) -> Reply | None:
        """Return the answer to a request that is one too many; count it, if nobody will ask its sender for a proof."""
        aor = self._aor(request, passage)
        if not aor:
            return None
        engine, endpoint = self._engine, passage.endpoint
        now = engine.clock.now()
        proves = engine.authenticates and (endpoint is None or bool(endpoint.auth))
        own = _own(request, passage, aor)
        if proves:
            wait = (self._own if own else self._proved).wait(aor, now)
        else:
            wait = (self._own_unproved if own else self._others).take(aor, now)
        if not wait:
            return None
        self.limited += 1
        because = f"aor_rate: {aor} is asked too often"
        if not self._told.take(aor, now):
            engine.tell("security.limited", aor=aor, reason=because, passage=passage)
        later = (("Retry-After", str(ceil(wait) + engine.identifiers.below(SPREAD))),)
        return Reply(503 if request.method == "REGISTER" else 480, headers=later, because=because, stateless=True)

    def _aor(self, request: Any, passage: Passage) -> str:
        """Return whose address is asked for something new; "": nobody's of ours, or it does not count."""
        endpoint = passage.endpoint
        if passage.dialog is not None or request.method in ("ACK", "CANCEL"):
            return ""
        if endpoint is not None and endpoint.trust_from and not self._trunks:
            return ""
        try:
            to = request.to
            if to.params.get("tag"):
                return ""
            return self._engine.aor_of(to.uri if request.method == "REGISTER" else request.uri, passage.flow) or ""
        except Malformed:
            return ""  # whoever needs it says 400

    def _succeeded(self, event: Event) -> None:
        if self._rate:
            passage = event.fields["passage"]
            if aor := self._aor(passage.message, passage):
                (self._own if _own(passage.message, passage, aor) else self._proved).take(aor, self._engine.clock.now())

    def stop(self) -> None:
        """Listen no more."""
        self._stop()


def _own(request: Any, passage: Passage, aor: str) -> bool:
    """Tell whether an endpoint registers its own address. Who it is may not be proved yet: what is not is not counted."""
    return request.method == "REGISTER" and passage.endpoint is not None and aor in passage.endpoint.aors

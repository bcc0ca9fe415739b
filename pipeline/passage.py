"""One message's trip through the house, and the verdicts a step may give about it.

A Packet is what a transport received. A Passage is the trip of one message, in or out: each step leaves there what it
found, for the steps behind it. `passage.cause` links what goes out to what caused it, so that two legs of a call, and
the answer to "why", connect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from pipeline.clock import Clock
    from pipeline.dal import Endpoint
    from pipeline.engine import Pipeline
    from pipeline.flow import Flow
    from pipeline.pending import Pending
    from pipeline.sip.message import Message


BELIEVED = "contact"
"""As a `reach`: the Contact leads to its sender, whatever else may speak against it."""


class Packet:
    """Bytes as a transport handed them over: one datagram, or one message cut from a stream."""

    __slots__ = ("data", "flow")

    def __init__(self, data: bytes, flow: Flow) -> None:
        self.data = data
        self.flow = flow


class Reply:
    """Answer the request with `status`.

    `headers` are (name, value) pairs. `because` says what decided: the name of an option of the deciding plugin or an
    object ("auth.alice"), then ": " and a sentence; the trace turns its first word into file and line.
    `stateless=True` creates no transaction (RFC 3261 8.2.7); the bytes are kept where authentication has proved who asks.
    """

    __slots__ = ("because", "body", "headers", "reason", "stateless", "status")

    def __init__(
        self,
        status: int,
        reason: str = "",
        headers: Iterable[tuple[str, str]] = (),
        *,
        body: bytes = b"",
        because: str = "",
        stateless: bool = False,
    ) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body
        self.because = because
        self.stateless = stateless

    def __repr__(self) -> str:
        return f"Reply({self.status}{', ' + self.because if self.because else ''})"


class Drop:
    """Say nothing and end the message's trip (and its transaction, if one has begun)."""

    __slots__ = ("because",)

    def __init__(self, because: str = "") -> None:
        self.because = because

    def __repr__(self) -> str:
        return f"Drop({self.because})"


class Claim:
    """Take the request: `job(passage)` runs in the lane of `key`, in order with the other jobs of that lane.

    The job is a plain function that answers with `passage.reply(...)`, at once or later; it may return a Pending, and the
    lane goes on when that is done. It may be `async def` where it must wait for more than one thing.
    """

    __slots__ = ("because", "job", "key", "servant")

    def __init__(self, servant: str, key: str, job: Callable[[Passage], Any], because: str = "") -> None:
        self.servant = servant
        self.key = key
        self.job = job
        self.because = because

    def __repr__(self) -> str:
        return f"Claim({self.servant} {self.key})"


class Wait:
    """Wait for `pending`; then `then(result)` gives this step's verdict and the walk goes on behind this step.

    The result is the Pending's value. When it failed, `otherwise(error)` gives the verdict; without one the answer is 503
    (a backend's failure is never "not found", and never 401).
    """

    __slots__ = ("because", "otherwise", "pending", "then")

    def __init__(
        self,
        pending: Pending,
        then: Callable[[Any], Verdict | None],
        otherwise: Callable[[BaseException], Verdict | None] | None = None,
        because: str = "",
    ) -> None:
        self.pending = pending
        self.then = then
        self.otherwise = otherwise
        self.because = because

    def __repr__(self) -> str:
        return f"Wait({self.because})"


Verdict = Reply | Drop | Claim | Wait


class Passage:
    """The trip of one message.

    No `__slots__`, on purpose: two passages are made per message and most of these stay at their defaults, which as class
    attributes cost nothing; setting twenty slots took longer than the SIP grammar takes for a Via.
    """

    message: Message = None  # type: ignore[assignment]  # the protocol stage sets it before anybody reads it
    endpoint: Endpoint | None = None
    """Whose request this is, as `identify` found it."""
    identified: bool | None = None
    """None: nobody asked; False: asked and not found; True: `endpoint` is set."""
    refused = ""
    """Why an endpoint may not ask this, with `identified` False: it is told so (403) once it has proved itself, and nobody else is."""
    identity = ""
    """The user that authentication has proved; empty: none."""
    sourced = False
    """Whether a request of a dialog that came another way than before comes from an address or certificate of the dialog's endpoint."""
    dialog: Any = None
    """The owner of the dialog that a request is inside of."""
    transaction: Any = None
    key = ""
    """The key of its server transaction (RFC 3261 17.2.3)."""
    merge = 0
    final = False
    """Whether the request has got its final answer."""
    tag = ""
    """Our To-tag, where it is settled before the answer."""
    reach = ""
    """Where requests to the sender of this message really go (a flow's id), when that is not what its Contact says; BELIEVED: if that is an
    address, it is."""
    symmetric = False
    """Whether answers go back to the port the request came from, also where its Via does not ask for that (RFC 3581 4)."""
    cause: Passage | None = None
    outgoing = False
    made_by_stack = False
    """The stack made this message itself (100, CANCEL, ACK to non-2xx, 481, 487...)."""
    decided: Any = None
    """(stage, plugin, verdict) that ended the walk, for the trace."""
    spans: list[tuple[str, str, Any, float]] | None = None
    """While traced: (stage, plugin, verdict or exception, seconds) of each step."""
    state: dict[str, Any] | None = None

    def __init__(self, pipeline: Pipeline, packet: Packet | None, flow: Flow, arrived: float) -> None:
        self.pipeline = pipeline
        self.packet = packet
        self.flow = flow
        """The flow it came by, or goes by."""
        self.arrived = arrived
        """Seconds on the pipeline's monotonic clock."""

    @property
    def clock(self) -> Clock:
        """The pipeline's clock."""
        return self.pipeline.clock

    @property
    def now(self) -> datetime:
        """The local time of day."""
        return self.pipeline.clock.local()

    def keep(self, name: str, value: Any) -> None:
        """Leave something for other steps of this trip under a plugin's name."""
        if self.state is None:
            self.state = {}
        self.state[name] = value

    def reply(
        self,
        status: int,
        reason: str = "",
        headers: Iterable[tuple[str, str]] = (),
        *,
        body: bytes = b"",
        because: str = "",
    ) -> None:
        """Answer the request. May be called later, and for provisional answers more than once.

        A final answer after the first one is ignored and counted; so is one to a transaction that has ended.
        """
        self.pipeline.respond(self, Reply(status, reason, headers, body=body, because=because))

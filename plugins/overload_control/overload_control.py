"""The plugin `overload_control`: RFC 7339 in both directions, by parameters of the Via between two neighbours.

Rules: a server that has too much to do tells those who sent it requests, in the Via that they wrote, what per cent of them to leave out; a
client of such a server leaves them out itself, where a refusal costs nobody anything. Only the loss-based scheme is spoken, which everybody
must. It is spoken with `neighbours` alone: who could say that he is overloaded could have us send nothing, and who hears of our load knows
when to strike (5.2, 11). What it is told is believed only of a server that was asked something, and only of that. It belongs before
`security`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Drop, Malformed, hookimpl, option, plugin
from pipeline.dal.acls import networks
from pipeline.prefixes import Prefixes, network

from .downstream import Downstream

if TYPE_CHECKING:
    from pipeline import Flow, Message, Passage, Request, Response
    from pipeline.config.checked import Checked
    from pipeline.engine import Pipeline

ASKED = ';oc;oc-algo="loss"'
FIRST = 20
"""Per cent to leave out when overload begins; it grows by half and `STEP` with each look until it is over, and is halved then."""
STEP = 10
LOOK = 0.5
"""Seconds between two looks, as the engine's own (pipeline.overload)."""
IMPORTANT = ("emergency", "esnet", "wps", "ets")
"""Priority (RFC 3261 20.26) and namespaces of Resource-Priority (RFC 4412, RFC 7135) of requests that go on (RFC 7339 5.10.1)."""
OC, VALIDITY, SEQUENCE = 4, 9, 20
"""Digits that are read of each parameter."""


@plugin
class OverloadControl:
    """Tells who sends us too much to send less, and sends less to who says so. RFC 7339."""

    stage: ClassVar[str] = "intercept"
    after: ClassVar[tuple[str, ...]] = ("logging",)

    validity: int = option(
        2000, unit="ms", validator=attrs.validators.in_(range(1, 60001)), help="how long what an answer says counts (oc-validity)"
    )
    neighbours: list[str] = option(
        factory=list,
        validator=networks,
        help='networks of the servers with whom it is spoken, as "192.0.2.0/24": they are believed, and told our load; [] = nobody',
    )
    secure_only: bool = option(False, help="whether it is spoken only over TLS, where nobody else can say it in their name (RFC 7339 11)")

    _trusted: Any = attrs.field(init=False, default=None)
    _engine: Any = attrs.field(init=False, default=None)
    _state: Any = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._trusted = Prefixes([(network(text), True) for text in self.neighbours])

    @hookimpl
    def check(self, file: Checked) -> None:
        """Say that without neighbours it does nothing."""
        if not self.neighbours:
            message = "`neighbours` is empty, so overload control is spoken with nobody"
            file.warning(("plugin", file.name), message, 'write neighbours = ["192.0.2.10"]: the servers that may tell us to send less')

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Take over what servers have asked for, if this is a reload."""
        self._engine = engine
        self._state = engine.state(self, lambda: State(engine))

    @hookimpl
    def intercept(self, message: Message, passage: Passage) -> None:
        """Hear what the server that answers asks for."""
        if message.is_request or "oc=" not in message.first.get("via", "") or not self._speaks(passage.flow):
            return
        asked = self._engine.clients.way_of(message)
        if asked is None or asked.peer != passage.flow.peer:
            return
        params = message.via.params
        loss, sequence = _number(params.get("oc"), OC), _fraction(params.get("oc-seq"))
        validity = _number(params.get("oc-validity") or "500", VALIDITY)  # 4.3
        if loss is None or validity is None or sequence is None or (params.get("oc-algo") or '"loss"').strip('"') != "loss":
            return
        self._state.downstream.told(passage.flow.peer, loss, sequence, validity / 1000)

    @hookimpl
    def intercept_out(self, message: Message, passage: Passage) -> Drop | None:
        """Say that we speak it, or what we want; leave out what is to be left out."""
        if not self._speaks(passage.flow):
            return None
        if message.is_request:
            return self._request(message, passage)  # type: ignore[arg-type]
        self._response(message, passage)  # type: ignore[arg-type]
        return None

    def _speaks(self, flow: Flow) -> bool:
        """Tell whether who is at the other end is a neighbour."""
        return self._trusted.find(flow.peer[0]) is not None and (flow.secure or not self.secure_only)

    def _request(self, message: Request, passage: Passage) -> Drop | None:
        via = message.via
        if "oc" not in via.params:
            _write(message, via.text + ASKED)
        if message.method in ("ACK", "CANCEL") or passage.made_by_stack:
            return None
        new = not message.to.tag and not _important(message)
        if self._state.downstream.spares(passage.flow.peer, new=new):
            self._engine.counts["spared.overload"] += 1
            return Drop(f"overload_control: {passage.flow.peer[0]} has asked for less (RFC 7339)")
        return None

    def _response(self, message: Response, passage: Passage) -> None:
        cause: Any = passage.cause
        request = None if cause is None else cause.message
        if request is None or "oc" not in request.first.get("via", ""):
            return
        try:
            via = message.via
        except Malformed:  # a 400 says so
            return
        if "oc" not in via.params or "loss" not in (via.params.get("oc-algo") or '"loss"'):
            return
        loss = self._state.loss(self._engine.overloaded)
        validity = self.validity if loss else 0
        params = {name: value for name, value in via.params.items() if name not in ("oc", "oc-algo", "oc-validity", "oc-seq")}
        tail = "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())
        sequence = f"{self._engine.clock.time():.3f}"
        head = via.text.partition(";")[0].rstrip(" \t")
        _write(message, f'{head}{tail};oc={loss};oc-algo="loss";oc-validity={validity};oc-seq={sequence}')


class State:
    """What outlives a reload: what servers have asked for, and what we ask for."""

    __slots__ = ("_clock", "_looked", "_loss", "downstream")

    def __init__(self, engine: Pipeline) -> None:
        self.downstream = Downstream(engine.clock.now, engine.identifiers.below)
        self._clock = engine.clock
        self._loss = 0
        self._looked = float("-inf")

    def loss(self, overloaded: bool) -> int:
        """Return the per cent of requests to be left out now: more with each look while there is too much to do, less when there is not."""
        now = self._clock.now()
        looks = min(int((now - self._looked) / LOOK), 10) if self._looked > float("-inf") else 1
        if looks:
            self._looked = now
        for _ in range(looks):
            if not overloaded:
                self._loss //= 2
            else:
                self._loss = min(100, self._loss * 3 // 2 + STEP) if self._loss else FIRST
        return self._loss


def _write(message: Message, via: str) -> None:
    message.set("via", ", ".join([via, *message.values("via")[1:]]), by="overload_control")


def _important(message: Request) -> bool:
    words = f"{message.get('priority') or ''},{message.get('resource-priority') or ''}".lower().replace(" ", "")
    return any(word.partition(".")[0] in IMPORTANT for word in words.split(",")) or message.uri_text[:8].lower() == "urn:serv"


def _number(text: str | None, digits: int) -> int | None:
    return int(text) if text and len(text) <= digits and text.isascii() and text.isdigit() else None


def _fraction(text: str | None) -> float | None:
    """Read an oc-seq: a number, with a fraction or without (RFC 7339 9)."""
    whole, _, rest = (text or "").partition(".")
    if len(whole) > SEQUENCE or len(rest) > SEQUENCE or not f"{whole}{rest}".isdigit() or not (text or "").isascii():
        return None
    return float(f"{whole or 0}.{rest or 0}")

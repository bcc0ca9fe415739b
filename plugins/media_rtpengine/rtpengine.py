"""Relays through rtpengine: each description is handed to it on its way to the other leg, and comes back with its addresses.

Rule: the order of offers and answers is pipeline/core/passing.py's, here is only what rtpengine is asked. A call has one id there and
one tag a side, the channel's; it lives on one instance. What it cannot do now ends as media.Unavailable (the call is refused, 503), never
as silence: when a change was refused by a phone, rtpengine is told again what holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Pending, hookimpl, option, plugin
from pipeline.core import Unacceptable, Unavailable
from pipeline.core.passing import Passing
from pipeline.dal import StorageError
from pipeline.pending import settle, walk

from .ng import Ng
from .wishes import answered_to, offered_to

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from pipeline.clock import Clock
    from pipeline.core import Channel
    from pipeline.core.passing import Exchanged, Side
    from pipeline.dal import Endpoint
    from pipeline.engine import Pipeline

    from .ng import Instance

PORT = 2223
"""Where Debian's rtpengine listens for ng commands."""


class Through(Passing):
    """A relay whose media flow through rtpengine."""

    def __init__(self, plugin: MediaRtpengine, channels: tuple[Channel, Channel]) -> None:
        super().__init__(plugin.name, channels)
        self._plugin = plugin
        self._ng: Ng = plugin.ng
        self._call: str = plugin.engine.token(12)
        self._instance: Instance | None = None
        self._under_way: dict[str, Any] | None = None
        """The offer under way, as rtpengine was asked."""
        self._agreed: tuple[dict[str, Any], dict[str, Any]] | None = None
        """The offer and the answer that hold, as rtpengine was asked."""
        self._ended = False

    def forth(self, side: Side, offer: bytes) -> bytes | Pending:
        """Have rtpengine rewrite an offer for the other side."""
        found: bytes | Pending = walk(self._offer(side, offer))
        return found

    def back(self, side: Side, answer: bytes, final: bool) -> bytes | Pending:
        """Have rtpengine rewrite an answer of `side` for the offerer."""
        found: bytes | Pending = walk(self._answer(side, answer, final))
        return found

    def _offer(self, side: Side, offer: bytes) -> Generator[Any, Any, bytes]:
        wanted = yield self._plugin.wanted(side.other.channel, offered_to)
        command = {
            "command": "offer",
            "call-id": self._call,
            "from-tag": side.channel.id,
            "sdp": offer,
            **wanted,
        }
        if self._agreed is not None:
            command["to-tag"] = side.other.channel.id
        self._under_way = command
        if self._instance is not None:
            return _sdp((yield self._ng.ask(self._instance, command)))
        failure: Exception = Unavailable("no rtpengine")
        for instance in self._ng.choose():
            try:
                answer = yield self._ng.ask(instance, command)
            except Unavailable as error:
                failure = error
                continue
            self._on(instance)
            return _sdp(answer)
        raise failure

    def _on(self, instance: Instance) -> None:
        self._instance = instance
        instance.calls += 1
        if self._ended:  # the call ended while its first command was under way
            self._delete()

    def _answer(self, side: Side, answer: bytes, final: bool) -> Generator[Any, Any, bytes]:
        if self._instance is None:
            raise Unavailable("an answer to what rtpengine does not know")
        wanted = yield self._plugin.wanted(side.other.channel, answered_to)
        command = {
            "command": "answer",
            "call-id": self._call,
            "from-tag": side.other.channel.id,
            "to-tag": side.channel.id,
            "sdp": answer,
            **wanted,
        }
        given = _sdp((yield self._ng.ask(self._instance, command)))
        if final and self._under_way is not None:
            self._agreed, self._under_way = (self._under_way, command), None
        return given

    def withdrawn(self, exchanged: Exchanged) -> None:
        """Tell rtpengine again what holds: it has taken the refused offer for good."""
        self._under_way = None
        if self._agreed is not None and self._instance is not None and not self._ended:
            settled = walk(self._restore(self._instance, self._agreed))
            if isinstance(settled, Pending):
                settled.then(self._plugin.noted)

    def _restore(self, instance: Instance, agreed: tuple[dict[str, Any], dict[str, Any]]) -> Generator[Any, Any, None]:
        offer, answer = agreed
        yield self._ng.ask(instance, {**offer, "to-tag": answer["to-tag"]})
        yield self._ng.ask(instance, answer)

    def over(self) -> None:
        """Have rtpengine forget the call."""
        if not self._ended:
            self._ended = True
            if self._instance is not None:
                self._delete()

    def _delete(self) -> None:
        instance = self._instance
        assert instance is not None
        instance.calls -= 1
        self._ng.ask(instance, {"command": "delete", "call-id": self._call, "delete-delay": 0}).then(self._plugin.noted)

    def record(self, path: Path) -> Kept:
        """Have rtpengine record both sides, into the folder of its recording-dir; our name for it is in its metadata."""
        if self._instance is None or self._ended:
            raise Unavailable("rtpengine knows nothing of this call yet")
        return Kept(self._ng, self._instance, self._call, path, self._plugin.engine.clock)

    def shown(self, side: Side) -> dict[str, Any]:
        """Say which instance it is."""
        return {"instance": self._instance.name if self._instance is not None else "", "call": self._call}


class Kept:
    """A recording that rtpengine makes."""

    def __init__(self, ng: Ng, instance: Instance, call: str, path: Path, clock: Clock) -> None:
        self.done = Pending()
        """Has the length in seconds; fails with Unavailable or Unacceptable."""
        self._ng, self._instance, self._call, self._clock = ng, instance, call, clock
        self._since = clock.now()
        self._ask({"command": "start recording", "metadata": f"path:{path}"}).then(self._begun)

    def end(self) -> None:
        """Have it end."""
        if not self.done.done:
            self._ask({"command": "stop recording"}).then(self._over)

    def _ask(self, command: dict[str, Any]) -> Pending:
        return self._ng.ask(self._instance, {**command, "call-id": self._call})

    def _begun(self, pending: Pending) -> None:
        try:
            pending.value()
        except (Unavailable, Unacceptable) as error:
            if not self.done.done:
                self.done.fail(error)

    def _over(self, pending: Pending) -> None:
        if self.done.done:
            return
        try:
            pending.value()
        except (Unavailable, Unacceptable) as error:
            self.done.fail(error)
        else:
            self.done.resolve(self._clock.now() - self._since)


def _sdp(answer: dict[str, Any]) -> bytes:
    found = answer.get("sdp")
    if not isinstance(found, bytes):
        raise Unavailable("rtpengine gave no description")
    return found


def _instances(_: Any, attribute: attrs.Attribute[Any], value: list[str]) -> None:
    if not value:
        raise ValueError(f"{attribute.name} must name one rtpengine at least")
    for text in value:
        host, port = _place(text)
        if not host or not 0 < port < 65536:
            raise ValueError(f'{attribute.name}: {text!r} must be an address or a name and a port, as "127.0.0.1:2223"')


def _place(text: str) -> tuple[str, int]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    return host, int(port) if port.isascii() and port.isdigit() and len(port) < 6 else PORT if not port else 0


@plugin
class MediaRtpengine:
    """Media through rtpengine: SRTP, DTLS and ICE on either side, WebRTC, many calls."""

    stage: ClassVar[str] = "integration"
    after: ClassVar[tuple[str, ...]] = ("qualify",)

    instances: list[str] = option(
        factory=lambda: [f"127.0.0.1:{PORT}"],
        validator=_instances,
        help='where rtpengine listens for ng commands (its listen-ng), as "127.0.0.1:2223"; calls are spread over several',
    )
    timeout: float = option(
        0.5, unit="s", validator=attrs.validators.gt(0), help="how long an answer is waited for before a command is sent again"
    )
    tries: int = option(3, validator=attrs.validators.ge(1), help="how often a command is sent before the instance is taken for down")
    check: float = option(10.0, unit="s", validator=attrs.validators.gt(0), help="time between two looks at whether an instance is there")

    name: str = attrs.field(init=False, default="media_rtpengine")
    engine: Any = attrs.field(init=False, default=None)
    ng: Any = attrs.field(init=False, default=None)

    @hookimpl
    async def start(self, engine: Pipeline) -> None:
        """Find the instances, and see which of them are there. Raises OSError when a name is not known or no route leads there."""
        self.engine = engine
        self.name = engine.name_of(self)
        self.ng = Ng(engine, self.name, self.timeout, self.tries, self.check)
        for text in self.instances:
            host, port = _place(text)
            addresses = await engine.network.resolve(host)
            self.ng.add(text, (addresses[0], port))
        self.ng.watch()

    @hookimpl
    def stop(self) -> None:
        """Ask nothing more; after a reload, for no new calls."""
        if self.ng is None:
            return
        if self.engine.draining:
            self.ng.close()
        else:
            self.ng.retire()

    @hookimpl
    def media(self, need: str, channels: tuple[Channel, ...]) -> Through | None:
        """Give the relay of two channels when one of them wants it. Raises Unavailable when no rtpengine is there."""
        if need not in ("relay", "recording") or len(channels) != 2:
            return None
        if all(channel.variables.get("media", "") != self.name for channel in channels):
            return None
        self.ng.well()
        return Through(self, (channels[0], channels[1]))

    def wanted(self, channel: Channel, wishes: Callable[[Endpoint | None], dict[str, Any]]) -> Any:
        """Return what rtpengine is asked for what goes to this channel, by its endpoint's options; or a Pending of it."""
        if not channel.endpoint:
            return wishes(None)
        try:
            return settle(self.engine.dal.get("endpoint", channel.endpoint), wishes)
        except StorageError as error:
            raise Unavailable(f"storage: {error}") from None

    def noted(self, pending: Pending) -> None:
        """Count what nobody waits for and has failed."""
        try:
            pending.value()
        except (Unavailable, Unacceptable):
            self.engine.counts["rtpengine.failed"] += 1

    def stats(self) -> dict[str, int]:
        """Return the counters that `sipline show stats` shows."""
        instances = self.ng.instances if self.ng is not None else []
        return {
            "instances_down": sum(1 for instance in instances if instance.down),
            "calls": sum(instance.calls for instance in instances),
            "commands": sum(instance.sent for instance in instances),
            "timeouts": sum(instance.timeouts for instance in instances),
            "errors": sum(instance.errors for instance in instances),
        }

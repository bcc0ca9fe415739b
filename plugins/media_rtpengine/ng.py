"""The ng control protocol: a command in a datagram, an answer with the same cookie; several instances of rtpengine.

Rule: a command that is not answered is sent again with its cookie, so that rtpengine repeats its answer instead of doing it twice. After
`tries` it has failed: the instance is taken for down until a `ping` is answered, and what may go elsewhere is asked of the next one. Only
the first command of a call may: afterwards its ports are where they are.
https://rtpengine.readthedocs.io/en/latest/ng_control_protocol.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import Pending
from pipeline.clock import Fifo
from pipeline.core import Unacceptable, Unavailable

from .bencode import decode, encode

if TYPE_CHECKING:
    from pipeline.engine import Pipeline
    from pipeline.flow import Address
    from pipeline.network import Endpoint

REFUSALS = (b"sdp", b"codec", b"media type", b"protocol")
"""What an error's reason speaks of when the description is at fault and not rtpengine."""


LONGEST = 65507
"""Bytes of a UDP datagram over IPv4."""


class Instance:
    """One rtpengine."""

    __slots__ = ("address", "calls", "down", "errors", "name", "sent", "socket", "timeouts")

    def __init__(self, name: str, address: Address, socket: Endpoint) -> None:
        self.name = name
        self.address = address
        self.socket = socket
        self.down = ""
        """Why no call is given to it; empty: it is well."""
        self.calls = 0
        """Calls of ours that it carries."""
        self.sent = 0
        """Commands, their repetitions too."""
        self.timeouts = 0
        self.errors = 0


class Command:
    """A command that has not been answered yet."""

    __slots__ = ("cookie", "data", "instance", "pending", "tries")

    def __init__(self, cookie: str, instance: Instance, data: bytes) -> None:
        self.cookie = cookie
        self.instance = instance
        self.data = data
        self.tries = 0
        self.pending = Pending()


class Ng:
    """The instances and what is asked of them."""

    def __init__(self, engine: Pipeline, name: str, seconds: float, tries: int, check: float) -> None:
        self._engine = engine
        self._name = name
        self._tries = tries
        self._check = check
        self._open: dict[str, Command] = {}
        self._late: Fifo[str] = Fifo(engine.clock, seconds, self._unanswered)
        self._sockets: dict[str, Endpoint] = {}
        self._turn = 0
        self._closed = False
        self._timer: Any = None
        self.instances: list[Instance] = []

    def add(self, name: str, address: Address) -> None:
        """Take an instance into use, from the local address of the route to it. Raises OSError."""
        local = self._engine.network.local_for(address)
        socket = self._sockets.get(local)
        if socket is None:
            socket = self._sockets[local] = self._engine.network.datagram(local, 0, self._came)
        self.instances.append(Instance(name, address, socket))

    def watch(self) -> None:
        """Ask every instance whether it is there, now and every `check` seconds."""
        for instance in self.instances:
            self.ask(instance, {"command": "ping"}).then(lambda pending, instance=instance: self._pinged(instance, pending))  # type: ignore[misc]
        self._timer = self._engine.clock.call_later(self._check, self.watch)

    def retire(self) -> None:
        """Look after the calls that there are, and close when they have ended: after a reload another gives calls to rtpengine."""
        if self._timer is not None:
            self._timer.cancel()
        if self._open or any(instance.calls for instance in self.instances):
            self._timer = self._engine.clock.call_later(self._check, self.retire)
        else:
            self.close()

    def close(self) -> None:
        """Ask nothing more; whoever waits is told that it is unavailable."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._late.clear()
        for command in tuple(self._open.values()):
            self._fail(command, "the server stops")
        for socket in self._sockets.values():
            socket.close()
        self._sockets.clear()

    # -- asking --------------------------------------------------------------------------------------------------------

    def well(self) -> list[Instance]:
        """Return the instances that calls may be given to. Raises Unavailable when there is none."""
        well = [instance for instance in self.instances if not instance.down]
        if not well:
            reasons = "; ".join(f"{instance.name}: {instance.down}" for instance in self.instances)
            raise Unavailable(f"no rtpengine is there: {reasons}")
        return well

    def choose(self) -> list[Instance]:
        """Return them in the order in which to try them: each call begins with the next one. Raises Unavailable."""
        well = self.well()
        self._turn += 1
        place = self._turn % len(well)
        return well[place:] + well[:place]

    def ask(self, instance: Instance, command: dict[str, Any]) -> Pending:
        """Return the answer (a dict) that is to come; fails with Unavailable or Unacceptable."""
        if self._closed:
            return Pending.failed(Unavailable("the server stops"))
        cookie: str = self._engine.token(8)
        data = f"{cookie} ".encode() + encode(command)
        if len(data) > LONGEST:  # refused here: it says nothing about rtpengine, which would be taken for down
            return Pending.failed(Unacceptable(f"a description of {len(command.get('sdp', b''))} bytes is too long for rtpengine"))
        asked = self._open[cookie] = Command(cookie, instance, data)
        self._send(asked)
        return asked.pending

    def _send(self, command: Command) -> None:
        instance = command.instance
        command.tries += 1
        instance.sent += 1
        error = instance.socket.send(command.data, instance.address)
        if error is not None and command.tries >= self._tries:
            self._lost(command, str(error))
        else:
            self._late.add(command.cookie)

    def _unanswered(self, cookie: str) -> None:
        command = self._open.get(cookie)
        if command is None:
            return
        if command.tries < self._tries:
            self._send(command)
        else:
            self._lost(command, "no answer")

    def _lost(self, command: Command, why: str) -> None:
        instance = command.instance
        instance.timeouts += 1
        if not instance.down:
            self._engine.tell("rtpengine.down", plugin=self._name, instance=instance.name, reason=why)
        instance.down = why
        self._fail(command, f"rtpengine {instance.name}: {why}")

    def _fail(self, command: Command, why: str) -> None:
        self._open.pop(command.cookie, None)
        command.pending.fail(Unavailable(why))

    # -- answers -------------------------------------------------------------------------------------------------------

    def _came(self, data: bytes, source: Address, local: Address) -> None:
        cookie, _, text = data.partition(b" ")
        command = self._open.get(cookie.decode("ascii", "replace"))
        if command is None or source[:2] != command.instance.address[:2]:
            self._engine.counts["rtpengine.stray"] += 1  # an answer to what was repeated, or nobody's
            return
        del self._open[command.cookie]
        try:
            answer = decode(text)
            result = answer["result"]
        except (ValueError, KeyError, TypeError) as error:
            command.instance.errors += 1
            command.pending.fail(Unavailable(f"rtpengine {command.instance.name} answers nonsense: {error}"))
            return
        if result in (b"ok", b"pong"):
            command.pending.resolve(answer)
            return
        command.instance.errors += 1
        reason = answer.get("error-reason") or answer.get("message") or result
        text = reason if isinstance(reason, bytes) else repr(reason).encode()
        why = f"rtpengine {command.instance.name}: {text.decode('utf-8', 'replace')}"
        about = result == b"error" and any(word in text.lower() for word in REFUSALS)
        command.pending.fail(Unacceptable(why) if about else Unavailable(why))

    def _pinged(self, instance: Instance, pending: Pending) -> None:
        try:
            pending.value()
        except (Unavailable, Unacceptable):
            return  # `_lost` has noted it; who answers a ping with an error, whatever that speaks of, is not up again
        if instance.down:
            instance.down = ""
            self._engine.tell("rtpengine.up", plugin=self._name, instance=instance.name)

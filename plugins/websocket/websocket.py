"""SIP over WebSocket: who comes is a browser, and is reached by the connection that it keeps open, and by no other. RFC 7118.

Rule: with `certificates` the instance speaks wss, without them ws; who wants both lists it twice. Only a GET that asks for the sub-protocol
`sip` becomes a WebSocket (RFC 7118 4.1). We never open one ourselves: a browser has no address.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Pending, hookimpl, option, plugin
from pipeline.bind import binds
from pipeline.clock import Fifo
from pipeline.tls.transport import SecureTransport

from .flow import WsFlow, WssFlow
from .opening import Opening
from .pages import answer, file_of, health

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline import Flow, Target
    from pipeline.config.checked import Checked
    from pipeline.engine import Pipeline
    from pipeline.network import Stream
    from pipeline.sources import Place
    from pipeline.stream_flow import StreamFlow

ORIGIN = re.compile(r"(https?://[^/\s]+|null)\Z")
ROOM = 65536
"""Of what may wait for a slow reader: the part that a file leaves free."""


def origins(_instance: Any, attribute: attrs.Attribute[Any], value: list[str]) -> None:
    """Validate `origins`: as browsers write them (RFC 6454 7)."""
    for text in value:
        if not ORIGIN.match(text):
            raise ValueError(f'{attribute.name} holds {text!r}: write it as browsers do, "https://phone.example.com", without a path')


@plugin
class Websocket(SecureTransport):
    """SIP over WebSocket."""

    after: ClassVar[tuple[str, ...]] = ("tls",)
    default_port: ClassVar[int] = 443

    bind: list[str] = option(
        factory=lambda: ["0.0.0.0:8088"],
        validator=binds,
        help='addresses to listen on, as "0.0.0.0:8088" or "[::]:443"; IPv6 listeners take no IPv4',
    )
    origins: list[str] = option(
        factory=list,
        validator=origins,
        help='web sites whose pages may connect, as "https://phone.example.com"; [] = all; who sends no Origin is no browser and is let in',
    )
    ping: float = option(
        30.0,
        unit="s",
        validator=attrs.validators.ge(0),
        help="time between two pings; a client that answers none is gone (RFC 6455 5.5.2); 0 = none are sent",
    )
    folder: str = option(
        "",
        path=True,
        help="folder whose files are served over HTTP at the same port, as a web phone's page, from this file's folder; \"\" = none; files"
        " larger than write_bytes are not",
    )

    _folder: Any = attrs.field(init=False, default=None)
    _pings: Any = attrs.field(init=False, default=None)

    @property
    def via(self) -> str:
        """The transport as in a Via."""
        return "WSS" if self.certificates else "WS"

    @hookimpl
    def check(self, file: Checked) -> None:
        """See that what is named is there."""
        super().check(file)
        if self.folder and not (file.folder / self.folder).is_dir():
            file.error(("plugin", file.name, "folder"), f"{file.folder / self.folder}: there is no such folder")

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Take over the connections that are open."""
        super().start(engine)
        if self._pings is not None:
            self._pings.clear()
            self._pings = None
        if self.ping:
            self._pings = Fifo(engine.clock, self.ping, self._ping, grain=0.5)
            for flow in self._open.flows.values():
                self._pings.add(flow)

    def _prepare(self, folder: Path) -> None:
        self._folder = folder / self.folder if self.folder else None

    # -- from a connection to a WebSocket ----------------------------------------------------------------------------

    def _admitted(self, stream: Stream, source: Place) -> None:
        most = self.head_bytes + self.body_bytes
        allowed = [*self.origins, None] if self.origins else None
        opening = Opening(stream, allowed, most, partial(self._opened, source), self._page)
        stream.on_closed = partial(self._unopened, opening, source)
        source.shaking = opening

    def _opened(self, source: Place, opening: Opening, protocol: Any, rest: bytes) -> None:
        self._shaken(source)
        owner: Any = self._open.owner
        flow = owner._keep(opening.stream, source, protocol)
        if rest:
            flow.came(rest)

    def _keep(self, stream: Stream, source: Place, protocol: Any) -> StreamFlow:
        flow = (WssFlow if self.certificates else WsFlow)(self._open, self._engine, stream, source, protocol)
        self._enter(flow)
        if self._pings is not None:
            self._pings.add(flow)
        return flow

    def _unopened(self, opening: Opening, source: Place, reason: str) -> None:
        self._shaken(source)
        source.goodbye = None
        if not reason.startswith("answered over HTTP"):
            self._open.failed += 1
            self._engine.tell("flow.refused", transport=self.via, peer=opening.stream.peer, reason=reason)

    def _cut(self, shaking: Any) -> None:
        if not isinstance(shaking, Opening):
            super()._cut(shaking)
        elif not shaking.stream.closed:
            shaking.stream.close(f"handshake_seconds: no WebSocket within {self.handshake_seconds:g} s")

    def _page(self, path: str) -> Any:
        engine = self._engine
        if path.partition("?")[0] == "/health":
            well = not (engine.draining or engine.overloaded)
            facts = {"status": "ok" if well else "busy", "name": engine.plan.name, "connections": len(self._open.flows)}
            return health(facts, well=well)
        if self._folder is not None:
            return file_of(self._folder, path, self.write_bytes - ROOM)
        return answer(426, b"this is a SIP server: connect with a WebSocket and its sub-protocol sip (RFC 7118)\n")

    # -- open WebSockets ---------------------------------------------------------------------------------------------

    @hookimpl
    def connect(self, target: Target) -> Flow | Pending | None:
        """Give the WebSocket of a client that is connected; there is no other way to it."""
        if target.transport != self.via:
            return None
        known: StreamFlow | None = self._open.by_peer.get((target.host, target.port))
        if known is not None and not known.closed:
            return known
        return Pending.failed(ConnectionError(f"{target}: a WebSocket client is reached by its own connection only (RFC 7118 5.4)"))

    def _ping(self, flow: WsFlow) -> None:
        if flow.closed or self._open.owner is not self:
            return
        if flow.awaited:
            self._open.closed += 1
            flow.close(f"ping: no answer within {self.ping:g} s")
        else:
            flow.ping()
            self._pings.add(flow)

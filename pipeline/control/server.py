"""The protocol of the control socket: JSON lines, one question per line.

    {"do": "show", "what": "contacts"}                            -> {"row": {...}} ..., {"end": true}
    {"do": "server"}                                              -> {"row": {"file": ...}} of which pipeline.toml, {"end": true}
    {"do": "users.add", "users": [...]}                           -> {"row": {"name": ..., "error": ...}} ..., {"end": true}
    {"do": "users.remove", "name": "alice", "force": false}       -> {"row": {...}} of each object; likewise users.list
    {"do": "reload"}                                              -> {"row": {"change": ...}} ... | {"row": {"problems": ...}}, {"end"}
    {"do": "originate", "target": "alice", "to": "bob"}           -> {"row": {...}} of each channel when both have answered
    {"do": "hangup", "id": "3f2a"}                                -> {"row": {...}} of each channel that was ended
    {"do": "record", "id": "3f2a", "on": true, "name": ""}        -> {"row": {...}} with the path of the recording
    {"do": "message", "to": "bob", "text": "...", "from": "alice"} -> {"row": {"result": "delivered"}}, {"end": true}
    {"do": "bans.add", "source": "192.0.2.7", "seconds": 600}     -> {"row": {...}}, {"end": true}
    {"do": "bans.remove", "source": "192.0.2.7" or "all"}         -> {"row": {...}} of each that was lifted, {"end": true}
    {"do": "mailboxes.show", "name": "alice"}                     -> {"row": {...}} of it and of each message; likewise mailboxes.list
    {"do": "mailboxes.count", "name": "alice", "new": 3}          -> {"row": {...}}, {"end": true}
    {"do": "mailboxes.set", "name": "alice", "values": {...}}     -> {"row": {...}}, {"end": true}
    {"do": "mailboxes.rescan"}                                    -> {"row": {...}} of each whose numbers were others, {"end": true}
    {"do": "held", "objects": [["aor", "a@b"], ...]}              -> {"row": {"type": ..., "id": ..., "there": true}} ..., {"end": true}
    {"do": "trace", "depth": ..., "filter": {...}, "data": ...}   -> {"record": {...}} | {"gap": n} | {"turn": true}, until he goes
    anything else, and whatever goes wrong                        -> {"error": "a sentence"}

Rule: a question never holds the loop for long: rows are written in handfuls, and a viewer that does not read misses records.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from typing import TYPE_CHECKING, Any

from pipeline.config.problems import Problems
from pipeline.control import accounts, bans, calls, events, mailboxes, messages, shows
from pipeline.dal import StorageError
from pipeline.sip.passwords import passwordless
from pipeline.stages.integration import held
from pipeline.trace import Filter, Viewer, watch
from pipeline.trace.record import DEPTHS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pipeline.control.place import Lock
    from pipeline.engine import Pipeline
    from pipeline.trace.record import Record

MAILBOXES: dict[str, Callable[[Pipeline, dict[str, Any]], Awaitable[Iterable[dict[str, Any]]]]] = {
    "mailboxes.list": lambda engine, _: mailboxes.listed(engine),
    "mailboxes.show": lambda engine, asked: mailboxes.messages(engine, str(asked.get("name"))),
    "mailboxes.count": mailboxes.count,
    "mailboxes.set": mailboxes.change,
    "mailboxes.rescan": lambda engine, _: mailboxes.rescan(engine),
}
HANDFUL = 200
"""Rows written before the loop has its turn: some 2 ms."""
LONGEST_LINE = 1 << 20
UNREAD = 1 << 22
"""Octets that may wait for a viewer before it misses records."""


LOOK = 0.5
"""Seconds between two looks whether a subscription of ours has ended for good."""
SAID = (accounts.Refused, calls.NotPlaced, messages.NotSent, events.NotDone)
"""What was asked and could not be done, as a sentence."""


class Control:
    """The control socket of a running pipeline."""

    def __init__(self, engine: Pipeline, lock: Lock, reload: Callable[[], Awaitable[list[str]]] | None = None) -> None:
        self._engine = engine
        self._lock = lock
        self._reload = reload
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.lag = shows.Lag(engine.clock)

    async def start(self) -> None:
        """Bind the socket and listen."""
        self._server = await asyncio.start_unix_server(self._client, sock=self._lock.bind(), limit=LONGEST_LINE)
        self.lag.start()

    async def close(self) -> None:
        """Hang up on everybody."""
        self.lag.stop()
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            while line := await reader.readline():
                await self._answer(line, reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        except ValueError:
            with contextlib.suppress(ConnectionError):
                _write(writer, {"error": f"a question is one line of at most {LONGEST_LINE} octets"})
        finally:
            if task is not None:
                self._tasks.discard(task)
            writer.close()

    async def _answer(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = json.loads(line)
            what = asked["do"]
        except (ValueError, TypeError, KeyError):
            _write(writer, {"error": 'a question is a JSON object with "do"'})
            return
        try:
            if what == "trace":
                await self._trace(asked, reader, writer)
            elif what == "show":
                await self._rows(await shows.show(self._engine, str(asked.get("what")), self.lag), writer)
            elif what == "server":
                await self._rows([{"file": str(self._engine.plan.path.resolve())}], writer)
            elif what == "reload" and self._reload is not None:
                await self._rows(await self._reloaded(self._reload), writer)
            elif what == "originate":
                await self._rows(await calls.originate(self._engine, asked), writer)
            elif what == "hangup":
                await self._rows(calls.hangup(self._engine, str(asked.get("id"))), writer)
            elif what == "record":
                await self._rows(await calls.record(self._engine, asked), writer)
            elif what == "message":
                await self._rows(await messages.send(self._engine, asked), writer)
            elif what == "held":
                objects = [(str(kind), str(ident)) for kind, ident in asked.get("objects") or []]
                await self._rows(await held(self._engine.plan, self._engine.dal, objects), writer)
            elif what == "notify":
                await self._rows(await events.notify(self._engine, asked), writer)
            elif what == "subscribe":
                await self._subscribe(asked, reader, writer)
            elif what == "bans.add":
                await self._rows(await bans.add(self._engine, asked), writer)
            elif what == "bans.remove":
                await self._rows(await bans.remove(self._engine, str(asked.get("source"))), writer)
            elif what in MAILBOXES:
                await self._rows(await MAILBOXES[what](self._engine, asked), writer)
            elif what == "users.add":
                await self._rows(await accounts.add(self._engine, asked.get("users") or []), writer)
            elif what == "users.remove":
                await self._rows(await accounts.remove(self._engine, str(asked.get("name")), force=bool(asked.get("force"))), writer)
            elif what == "users.list":
                await self._rows(await accounts.listed(self._engine), writer)
            else:
                _write(writer, {"error": f"there is no question {what!r}"})
        except (*SAID, StorageError, LookupError, ValueError, TypeError) as error:
            _write(writer, {"error": str(error)})
        await writer.drain()

    async def _rows(self, rows: Iterable[dict[str, Any]], writer: asyncio.StreamWriter) -> None:
        for number, row in enumerate(rows, 1):
            _write(writer, {"row": {name: passwordless(value) if type(value) is str else value for name, value in row.items()}})
            if number % HANDFUL == 0:
                await writer.drain()
                await asyncio.sleep(0)
        _write(writer, {"end": True})

    @staticmethod
    async def _reloaded(reload: Callable[[], Awaitable[list[str]]]) -> list[dict[str, Any]]:
        try:
            return [{"change": line} for line in await reload()]
        except Problems as problems:
            return [{"problems": str(problems)}]

    async def _subscribe(self, asked: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Watch something until the client goes, or it ends for good."""

        def heard(row: dict[str, Any]) -> None:
            if writer.transport.get_write_buffer_size() <= UNREAD and not writer.is_closing():
                _write(writer, {"heard": row})

        made = events.subscribe(self._engine, asked, heard)
        deaf = self._engine.bus.listen("subscribe.failed", lambda event: heard(row) if (row := events.failed(made, event)) else None)
        _write(writer, {"watching": made.uri})
        gone = asyncio.ensure_future(reader.read(1))
        try:
            while not gone.done() and made.state != "terminated":
                await asyncio.wait((gone,), timeout=LOOK)
        finally:
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone
            deaf()
            made.stop()
        if made.state == "terminated" and not writer.is_closing():
            _write(writer, {"end": True})

    async def _trace(self, asked: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        depth = str(asked.get("depth", "lines"))
        if depth not in DEPTHS:
            raise ValueError(f"depth is one of {', '.join(DEPTHS)}, not {depth!r}")
        viewer = Viewer(Distant(writer, turns=depth == "ladder"), Filter.of(asked.get("filter") or {}), depth, bool(asked.get("data")))
        stop = watch(self._engine, viewer)
        try:
            _write(writer, {"watching": self._engine.plan.name})
            await reader.read(1)  # until the client goes
        finally:
            stop()


class Distant:
    """A viewer at the other end of the control socket."""

    def __init__(self, writer: asyncio.StreamWriter, *, turns: bool = False) -> None:
        self._writer = writer
        self._missed = 0
        self._turns = turns
        """Whether it wants to know when a turn is over: what belongs together is drawn together then."""
        self._open = False

    def show(self, record: Record) -> None:
        """Send one record, or count it when the client does not read."""
        if self._writer.transport.get_write_buffer_size() > UNREAD or self._writer.is_closing():
            self._missed += 1
            return
        self._tell()
        self._open = self._turns
        if "data" in record:
            record = {**record, "data": base64.b64encode(record["data"]).decode()}
        _write(self._writer, {"record": record})

    def gap(self, count: int) -> None:
        """Count what is missing; it is told with the next record, or the next turn."""
        self._missed += count

    def flush(self) -> None:
        """Tell what is missing, and that the turn is over."""
        self._tell()
        if self._open and not self._writer.is_closing():
            self._open = False
            _write(self._writer, {"turn": True})

    def _tell(self) -> None:
        """Tell what is missing, when there is room again."""
        if self._missed and self._writer.transport.get_write_buffer_size() <= UNREAD and not self._writer.is_closing():
            _write(self._writer, {"gap": self._missed})
            self._missed = 0

    def close(self) -> None:
        """The connection is closed by who serves it."""


def _write(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    writer.write(json.dumps(answer, default=str).encode() + b"\n")

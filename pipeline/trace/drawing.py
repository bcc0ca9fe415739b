"""The ladder of one call, as rows of text: where the lifelines stand, what an arrow says, what states and timers look like.

Rule: the rows of a call are as wide as the terminal and no wider. The first party stands left, the server beside it, the others right in
the order in which they were called; those for whom there is no room share the last lifeline, and are named on it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import attrs
from rich.text import Text

from pipeline.plain import plain
from pipeline.trace import words
from pipeline.trace.canvas import Canvas, cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.trace.record import Record

PREFIX, OFFSET = 4, 9
LEAST, MOST = 13, 32
"""Between two lifelines: "─ re-INVITE →" has room, and a wide terminal is not crossed by long lines that say little."""
EDGE = 8
"""Left and right of the outer lifelines: half a name."""
MOMENT = 0.05
"""Seconds within which states and bridges are told in one row."""
COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red")
STATES = {"NEW": "dim", "DIALING": "", "RINGING": "yellow", "EARLY": "cyan", "UP": "bold green", "ENDED": "bold red"}
DETAIL = 24
"""Least room right of the ladder for what an arrow does not say."""


@attrs.define(eq=False)
class Column:
    """A party of the call."""

    key: str
    name: str
    address: str = ""
    shown: bool = False


@attrs.define(eq=False)
class Moment:
    """States and bridges that are told together."""

    time: float
    states: dict[str, list[str]] = attrs.field(factory=dict)
    bridges: dict[tuple[str, str], list[str]] = attrs.field(factory=dict)


class Drawing:
    """The ladder of one call."""

    def __init__(self, call: str) -> None:
        self.call = call
        self.colour = COLOURS[sum(call.encode()) % len(COLOURS)]
        self._columns: dict[str, Column] = {}
        self._began = 0.0
        self._width = 0
        self._room = 0
        self._places: list[int] = []
        """Of the lifelines: the first party, the server, the others."""
        self._moment: Moment | None = None
        self._new = False

    # -- a turn --------------------------------------------------------------------------------------------------------

    def rows(self, records: Sequence[Record], width: int, *, again: bool) -> Iterator[Text]:
        """Draw records; `again`: something else was drawn since, so that the names are to be said."""
        call = str(records[-1]["call"])
        if call != self.call and self._began:
            yield self._line(Text(f"is {plain(call)[:PREFIX]} from here on: the call has been let in", "dim"))
        self.call = call
        for record in records:
            self._meet(record)
        if not self._began:
            self._began = records[0]["time"]
            yield self._title(records[0], width)
        elif again and any(record.get("event") != "call.ended" for record in records):
            self._lay(width)
            yield self._names(dim=True)
        for record in records:
            yield from self._draw(record, width)
        yield from self._tell()

    def _meet(self, record: Record) -> None:
        """Know who takes part."""
        key = record.get("call_id") or record.get("channel")
        if not key:
            return
        column = self._columns.get(key)
        if column is None:
            column = self._columns[key] = Column(key, "")
            self._new = True
        if record.get("party") and column.name != plain(record["party"]):
            column.name = plain(record["party"])
            self._new = True
        if "peer" in record and not column.address:
            column.address = f"{record['transport'].lower()} {plain(record['peer'])}"

    def _draw(self, record: Record, width: int) -> Iterator[Text]:
        if self._new or width != self._width:
            self._new = False
            self._lay(width)
            yield self._names()
            if any(column.address and not column.shown for column in self._columns.values()):
                yield self._addresses()
        event = record.get("event")
        if event is None:
            yield from self._tell()
            yield self._arrow(record)
            if "session" in record:
                session = record["session"]
                yield self._note(record, f"timer: session of {session['seconds']} s, refreshed by {session['refresher'] or 'sipline'}")
            return
        if self._moment is not None and record["time"] - self._moment.time > MOMENT:
            yield from self._tell()
        if event == "call.ended":
            yield from self._tell()
            yield from self._end(record, width)
        elif event.startswith("bridge."):
            moment = self._at(record["time"])
            name = f"conference {record['name']}" if record["of"] == "mix" and record["name"] else f"bridge {record['bridge'][:PREFIX]}"
            moment.bridges.setdefault((event[7:], plain(name)), []).append(self._key(record))
        elif "state" in record:
            said = record["state"] + (f" {record['cause']}" if "cause" in record else "")
            if timer := record.get("timer"):
                yield from self._tell()
                yield self._note(record, f"timer: {record['party']}: {timer}")
            self._at(record["time"]).states.setdefault(self._key(record), []).append(said)
        else:
            yield from self._tell()
            yield self._note(record, words.happened(record))

    def _key(self, record: Record) -> str:
        return record.get("call_id") or record.get("channel") or ""

    def _at(self, time: float) -> Moment:
        if self._moment is None:
            self._moment = Moment(time)
        return self._moment

    def _tell(self) -> Iterator[Text]:
        """Draw the states and bridges that wait."""
        moment, self._moment = self._moment, None
        if moment is None:
            return
        if moment.states:
            canvas = self._lifelines()
            taken: set[int] = set()
            for key, states in moment.states.items():
                if self._place(key) in taken:  # of those who share a lifeline each has a row
                    yield self._row(moment.time, canvas)
                    canvas = self._lifelines()
                    taken.clear()
                taken.add(self._place(key))
                text = "→".join(states)
                at, room = self._place(key), self._gap()
                if not self._alone(key):
                    text = f"{self._columns[key].name} {text}"
                style = STATES.get(states[-1].partition(" ")[0], "")
                room += EDGE if at in (self._places[0], self._places[-1]) else 0
                if len(text) > room - 2 and len(states) > 1:
                    text = states[-1]
                canvas.centred(at, f"[{cut(text, room - 2)}]", style)
            yield self._row(moment.time, canvas)
        for (verb, name), keys in moment.bridges.items():
            yield self._bridge(moment.time, verb, name, keys)

    # -- where things stand --------------------------------------------------------------------------------------------

    def _lay(self, width: int) -> None:
        """Place the lifelines."""
        self._width = width
        self._room = max(width - PREFIX - OFFSET - 2, 3 * LEAST)
        lines = max(3, len(self._columns) + 1)
        lines = min(lines, max(3, (self._room - 2 * EDGE) // LEAST + 1))
        gap = min(MOST, (self._room - 2 * EDGE) // (lines - 1))
        self._places = [EDGE + i * gap for i in range(lines)]

    def _gap(self) -> int:
        return self._places[1] - self._places[0]

    def _index(self, key: str) -> int:
        """Return which lifeline is a party's."""
        order = list(self._columns).index(key)
        return 0 if order == 0 else min(order + 1, len(self._places) - 1)

    def _place(self, key: str) -> int:
        return self._places[self._index(key)]

    def _alone(self, key: str) -> bool:
        """Tell whether a party has a lifeline of its own."""
        index = self._index(key)
        return sum(self._index(each) == index for each in self._columns) == 1

    def _lifelines(self) -> Canvas:
        canvas = Canvas(self._room)
        for key in self._columns:
            canvas.put(self._place(key), "│", "dim")
        canvas.put(self._places[1], "║", "dim")
        return canvas

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _row(self, time: float | None, canvas: Canvas, detail: str = "") -> Text:
        row = self._line(Text(), time)
        canvas.onto(row)
        free = self._width - self._places[-1] - EDGE - PREFIX - OFFSET - 2
        if detail and free >= DETAIL:
            width = PREFIX + OFFSET + 2 + self._places[-1] + 4
            row.pad_right(max(width - len(row.plain), 0))
            row.append(cut(detail, free), "dim")
        return row

    def _line(self, text: Text, time: float | None = None) -> Text:
        offset = "" if time is None else f"+{max(time - self._began, 0):.3f}"
        return (
            Text()
            .append(plain(self.call)[:PREFIX].ljust(PREFIX), self.colour)
            .append(f"{offset:>{OFFSET}}", "dim")
            .append("  ")
            .append(text)
        )

    def _title(self, record: Record, width: int) -> Text:
        stamp = datetime.fromtimestamp(record["time"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
        first = next(iter(self._columns.values()), None)
        who = first.name if first is not None else ""
        what = f"{who} calls {plain(record['uri'])}" if record.get("kind") == "received" and "uri" in record else f"sipline calls {who}"
        if record.get("before"):
            what = f"{who} is in a call"
        what = cut(what, max(width - PREFIX - 18 - len(self.call[:16]), 20))
        return Text().append(plain(self.call)[:PREFIX].ljust(PREFIX), self.colour).append(
            f" {stamp} ", "dim").append(what, "bold").append(f" · {plain(self.call)[:16]}", "dim")  # fmt: skip

    def _names(self, *, dim: bool = False) -> Text:
        canvas = Canvas(self._room)
        canvas.centred(self._places[1], "sipline", "dim" if dim else "bold", self._gap())
        shared: dict[int, list[str]] = {}
        for key, column in self._columns.items():
            shared.setdefault(self._index(key), []).append(column.name)
        for index, names in shared.items():
            room = self._gap() + (EDGE if index == 0 else 0)
            canvas.centred(self._places[index], "/".join(names), "dim" if dim else f"bold {self.colour}", room - 1)
        return self._row(None, canvas)

    def _addresses(self) -> Text:
        canvas = Canvas(self._room)
        for key, column in self._columns.items():
            column.shown = bool(column.address)
            if self._alone(key):
                address = column.address if len(column.address) < self._gap() else column.address.partition(" ")[2]
                canvas.centred(self._place(key), address, "dim", self._gap() - 1)
        return self._row(None, canvas)

    def _arrow(self, record: Record) -> Text:
        canvas = self._lifelines()
        key, kind = self._key(record), record["kind"]
        ours, theirs = self._places[1], self._place(key)
        low, high = sorted((ours, theirs))
        again = bool(record.get("again"))
        rightward = (kind == "received") is (theirs < ours)
        lost = kind in ("not sent", "ended") or (not again and words.dropped(record))
        canvas.put(low + 1, ("╌" if again else "┄" if lost else "─") * (high - low - 1), "dim" if again or lost else "")
        head = "✗" if lost else "→" if rightward else "←"
        name = "" if self._alone(key) else f"{self._columns[key].name}: "
        gap = self._gap()
        labels = [name + text for text in words.labels(record)]
        near = theirs - gap // 2 if theirs > ours else theirs + gap // 2
        text = next((label for label in labels if len(label) <= gap - 5), "")
        if text:
            canvas.centred(near, f" {text} ", words.style(record, again=again))
        else:
            text = next((label for label in labels if len(label) <= high - low - 5), labels[-1])
            canvas.centred((low + high) // 2, f" {cut(text, high - low - 5)} ", words.style(record, again=again))
        canvas.put(high - 1 if rightward else low + 1, head, "bold red" if lost else "dim" if again else "bold")
        return self._row(record["time"], canvas, words.detail(record))

    def _bridge(self, time: float, verb: str, name: str, keys: Iterable[str]) -> Text:
        canvas = self._lifelines()
        places = [self._place(key) for key in keys] + [self._places[1]]
        low, high = min(places), max(places)
        canvas.put(low, "╞" + ("═" if verb == "entered" else "╌") * (high - low - 1) + "╡", "blue")
        texts = [name] if verb == "entered" else [f"{name} left", f"left {name.partition(' ')[0]}", "left"]
        text = next((each for each in texts if len(each) <= high - low - 4), texts[-1])
        canvas.centred((low + high) // 2, f" {cut(text, high - low - 3)} ", "bold blue" if verb == "entered" else "blue")
        return self._row(time, canvas)

    def _note(self, record: Record, text: str) -> Text:
        canvas = self._lifelines()
        canvas.centred(self._places[1], f" {plain(text)} ", "magenta")
        return self._row(record["time"], canvas)

    def _end(self, record: Record, width: int) -> Iterator[Text]:
        """Say how it ended: when, why, who, and for how long they talked."""
        parts = words.reasons(record)
        style = "red" if record["unanswered"] else "green" if record["how"] == "hung up" else "yellow"
        row = self._line(Text(f"╰ ended after {record['seconds']:.3f} s: ", "bold"))
        for i, part in enumerate(plain(part) for part in parts):
            if i and len(row.plain) + len(part) + 3 > width:
                yield row
                row = self._line(Text("  "))
            elif i:
                row.append(" · ", "dim")
            row.append(part, style)
        yield row

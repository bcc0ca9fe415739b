"""Records on a terminal, with rich: one line per message, the walk as a tree below it, the message itself below that.

Rule: what came from the network is shown as text: control characters cannot reach the terminal. Nothing here knows the engine, so
that `sipline trace` draws in its own process what the server sends it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rich.text import Text

from pipeline.plain import plain

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.trace.record import Record


PEER, WHAT, WHO, VERDICT = 26, 34, 46, 26
"""Columns. A line is 132 wide, the width of a VT100's other mode: longer parts are cut, but for what decided."""

ARROWS = {"received": "→", "sent": "←", "sent again": "↺", "not sent": "⊘", "ended": "┄"}
BY_CLASS = {1: "dim", 2: "green", 3: "blue", 4: "yellow", 5: "bold red", 6: "bold red"}
LEAD = " " * 13


class Screen:
    """Draws records on a console, as deep as `depth` says."""

    def __init__(self, console: Console, depth: str = "lines") -> None:
        self._console = console
        self._depth = depth

    def show(self, record: Record) -> None:
        """Draw one record."""
        text = line(record)
        if self._depth != "lines":
            tree(record, text)
        elif (tail := outcome(record)) is not None:
            text.append("  ").append(tail)
        if self._depth == "full" and "message" in record:
            full(record, text)
        self._console.print(text, soft_wrap=True, highlight=False)

    def gap(self, count: int) -> None:
        """Say that messages are missing here."""
        self._console.print(Text(f"{LEAD}⋯ {count} message{'s' if count != 1 else ''} not shown", "bold magenta"), soft_wrap=True)

    def flush(self) -> None:
        """Everything is on the screen already."""

    def close(self) -> None:
        """The console is its owner's."""


def line(record: Record) -> Text:
    """Draw a message in one line."""
    stamp = datetime.fromtimestamp(record["time"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    kind = record["kind"]
    text = Text()
    text.append(stamp, "dim").append(" ")
    text.append(_column(f"{record['transport'].lower()} {record['peer']}", PEER), "cyan").append(" ")
    text.append(ARROWS.get(kind, "?"), "bold green" if kind == "received" else "bold blue" if kind == "sent" else "dim").append(" ")
    what, style = _what(record)
    text.append(_column(what, WHAT), "dim" if kind == "sent again" else style).append(" ")
    text.append(_column(_who(record), WHO)).append(" ")
    text.append(f"{record['size']:>5} B", "dim").append(" ")
    text.append(f"{duration(record['us']):>8}" if "us" in record else " " * 8, "dim")
    return text


def _what(record: Record) -> tuple[str, str]:
    if "method" in record:
        return f"{record['method']} {record['uri']}", "bold"
    if "status" in record:
        cseq = record.get("cseq", "").rpartition(" ")[2]
        return f"{record['status']} {record['reason']} ({cseq})", BY_CLASS.get(record["status"] // 100, "")
    return f"“{record['start']}”" if record.get("start") not in ("", "keepalive") else record.get("start", ""), "red"


def _who(record: Record) -> str:
    one, other = record.get("from", ""), record.get("to", "")
    return one if one == other else f"{one} ⇢ {other}" if one or other else ""


def _column(value: str, width: int) -> str:
    value = plain(value)
    return value.ljust(width) if len(value) <= width else value[: width - 1] + "…"


def duration(us: float) -> str:
    """Write microseconds as a reader likes them."""
    if us < 1000:
        return f"{us:.0f} µs" if us >= 10 else f"{us:.1f} µs"
    return f"{us / 1000:.1f} ms" if us < 1_000_000 else f"{us / 1e6:.1f} s"


def outcome(record: Record) -> Text | None:
    """Say in the line itself why a message was dropped, failed or refused."""
    decided = record.get("decided")
    if decided is None:
        return None
    verdict = decided["verdict"]
    if record["kind"] != "sent" and (verdict == "Drop" or verdict.startswith("failed")):
        return Text(f"✗ {decided['plugin']} {verdict}: ", "red").append(plain(_because(decided)))
    if record["kind"] == "sent" and record.get("status", 0) >= 300:
        return Text(decided["plugin"], "dim")
    return None


def _because(decided: Record) -> str:
    what, sentence = decided["what"], decided["because"]
    return f"{what}: {sentence}" if what and sentence else what or sentence


def tree(record: Record, text: Text) -> None:
    """Draw the walk below the line: stage, plugin, verdict, microseconds; and what decided, with its place."""
    rows: list[tuple[Text, bool]] = []
    before = ""
    decided = record.get("decided")
    told = False
    for step in record.get("steps", ()):
        row = Text()
        row.append(f"{step['stage'] if step['stage'] != before else '':<12}", "dim")
        row.append(f"{plain(step['plugin']):<14}", "bold" if step["verdict"] else "")
        row.append(_column(step["verdict"] or "·", VERDICT), _verdict_style(step["verdict"]))
        row.append(f"{duration(step['us']):>8}", "dim")
        if step.get("decided") and decided is not None:
            told = True
            _reason(decided, row)
        elif "error" in step:
            row.append(f"  {plain(step['error'])}", "red")
        rows.append((row, bool(step["verdict"])))
        before = step["stage"]
    # Who decided outside any step (the stack, a servant's answer) has a row of its own; an answer does not repeat its request's.
    if decided is not None and not told and (record["kind"] != "sent" or not decided.get("told")):
        row = Text()
        row.append(f"{decided['stage'] if decided['stage'] != before else '':<12}", "dim")
        row.append(f"{plain(decided['plugin']):<14}", "bold")
        row.append(_column(decided["verdict"], VERDICT), _verdict_style(decided["verdict"])).append(" " * 8)
        _reason(decided, row)
        rows.append((row, True))
    for by, verb, name in record.get("edits", ()):
        rows.append((Text(f"{'':<12}{plain(by) or '?'} edits: {verb} {plain(name)}", "magenta"), False))
    if record.get("cause"):
        rows.append((Text(f"{'':<12}caused by Call-ID {plain(record['cause'])}", "dim"), False))
    for position, (row, _) in enumerate(rows):
        text.append(f"\n{LEAD}{'└─' if position == len(rows) - 1 else '├─'} ", "dim").append(row)


def _verdict_style(verdict: str) -> str:
    if verdict.startswith("Reply"):
        return BY_CLASS.get(int(verdict[6:7] or 0), "")
    if verdict.startswith(("Drop", "failed", "Malformed")):
        return "red"
    return "green" if verdict else "dim"


def _reason(decided: Record, row: Text) -> None:
    if decided["place"]:
        row.append(f"  {decided['place']}", "bold cyan")
    if because := _because(decided):
        row.append(f"  {plain(because)}")


def full(record: Record, text: Text) -> None:
    """Draw the message itself, its secrets masked."""
    head, gap, body = plain(record["message"]).partition("\n\n")
    start, _, fields = head.partition("\n")
    shown = Text().append(start, "bold" if "method" in record else BY_CLASS.get(record.get("status", 0) // 100, "bold"))
    if fields:
        coloured = Text("\n" + fields)
        coloured.highlight_regex(r"(?m)^[^\s:]+[ \t]*:", "cyan")
        coloured.highlight_regex(r"\*\*\*", "bold magenta")
        coloured.highlight_regex(r"<[^>\n]*>", "green")
        coloured.highlight_regex(r"\b(?:tag|branch|received|rport|expires|q|nonce|nc|qop|algorithm|stale)(?==)", "yellow")
        shown.append(coloured)
    if gap and body.strip():
        content = Text("\n\n" + body.rstrip("\n"))
        content.highlight_regex(r"(?m)^[a-z]=", "cyan")
        content.highlight_regex(r"\*\*\*", "bold magenta")
        shown.append(content)
    for row in shown.split("\n", allow_blank=True):
        text.append(f"\n{LEAD}│ ", "dim").append(row)

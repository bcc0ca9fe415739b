"""What a ladder says in words: on an arrow, beside it, of what happened, and how a call ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.plain import plain
from pipeline.trace.screen import BY_CLASS

if TYPE_CHECKING:
    from pipeline.trace.record import Record


def labels(record: Record) -> list[str]:
    """Return what an arrow can say, the longest first."""
    mark = "↺ " if record.get("again") else ""
    direction = record.get("sdp", "")
    sdp = [f" SDP {direction}", " SDP"] if direction not in ("", "sendrecv") else [" SDP"] if direction else [""]
    if "method" in record:
        name = plain(record["method"])
        if record.get("within") and name == "INVITE":
            name = "re-INVITE"
        if record.get("refresh"):
            return [f"{mark}{name} refresh{sdp[-1]}", f"{mark}{name} refresh", mark + name]
        return [mark + name + text for text in sdp] + [mark + name]
    if "status" in record:
        method = plain(record.get("cseq", "").rpartition(" ")[2])
        of = "" if method == "INVITE" else f" ({method})"
        status = str(record["status"])
        long = [f"{mark}{status} {plain(record['reason'])}{of}{text}" for text in sdp]
        return [*long, f"{mark}{status}{of}{sdp[-1]}", f"{mark}{status}{of}", f"{mark}{status} {method}" if of else mark + status]
    return [mark + plain(record.get("start", "?"))]


def style(record: Record, *, again: bool) -> str:
    """Return the colour of what an arrow says."""
    if again:
        return "dim"
    return BY_CLASS.get(record["status"] // 100, "") if "status" in record else "bold"


def dropped(record: Record) -> bool:
    """Tell whether a message came to nothing; the ACK of a refusal has no further to go, and is not lost."""
    decided = record.get("decided")
    return record["kind"] == "received" and decided is not None and decided["verdict"] == "Drop" and record.get("method") != "ACK"


def detail(record: Record) -> str:
    """Return what stands beside an arrow where there is room."""
    decided = record.get("decided")
    if decided is not None and (record.get("status", 0) >= 300 or dropped(record)):
        return plain(": ".join(part for part in (decided["what"] or decided["plugin"], decided["because"]) if part))
    if record.get("method") == "INVITE" and not record.get("within") and not record.get("again"):
        return plain(record["uri"])
    return ""


def happened(record: Record) -> str:
    """Say what an event of a leg is."""
    party, event = record["party"], record["event"]
    if event == "channel.hold":
        return f"{party} holds" if record["on"] else f"{party} is back"
    if event == "channel.digit":
        return f"{party} sent a digit"
    if event == "media.timeout":
        return f"timer: {party}: no media for {record['seconds']:g} s"
    if event == "transaction.timeout":
        return f"timer: {party}: nobody answered the {record['method']} in 64*T1"
    return f"{party}: {event}"


def reasons(record: Record) -> list[str]:
    """Say how a call ended, part by part."""
    parts = []
    if record["cause"]:
        parts.append(f"{record['cause']} ({record['number']})")
    if record["code"]:
        parts.append(f"{record['code']} {record['text']}".strip())
    elif record["text"]:
        parts.append(record["text"])
    parts.append("a timer ran out" if record["how"] == "timer" else f"{record['by'] or 'sipline'} {record['how']}")
    if record["talked"]:
        parts.append(f"up for {record['talked']:.1f} s")
    parts += [f"unanswered: {what}" for what in record["unanswered"]]
    return parts

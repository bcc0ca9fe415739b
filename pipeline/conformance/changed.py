"""A message of changed.toml: an honest OPTIONS with something else in it.

Rule: what is not said is as it should be, so that a case says what it is about and nothing else.
"""

from __future__ import annotations

from typing import Any

USUAL = (
    "Via: SIP/2.0/UDP {me};branch=z9hG4bK{serial};rport",
    "Max-Forwards: 70",
    "From: <sip:conformance@{domain}>;tag=1",
    "To: <sip:{domain}>",
    "Call-ID: {serial}",
    "CSeq: 1 {method}",
    "Contact: <sip:conformance@{me}>",
)


def changed(case: dict[str, Any]) -> str:
    """Write the message: `line` first, `fields` in place of those of their name or behind them, without those in `without`."""
    line: str = case.get("line", "OPTIONS sip:{domain} SIP/2.0")
    fields = list(case.get("fields", ()))
    others = {name_of(field) for field in fields} | {name.lower() for name in case.get("without", ())}
    kept = [field.replace("{method}", line.partition(" ")[0]) for field in USUAL if name_of(field) not in others]
    length = [] if others & {"content-length", "l"} else ["Content-Length: {length}"]
    body: str = case.get("body", "")
    return "\n".join([line, *kept, *fields, *length]) + "\n\n" + body


def name_of(field: str) -> str:
    """Return the name of a field in lower case."""
    return field.partition(":")[0].strip().lower()

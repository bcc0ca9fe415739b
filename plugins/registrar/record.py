"""The record of one binding: what RFC 3261 10.3 has kept (Call-ID, CSeq), what was said (URI, parameters), and how it came.

Rule: what was said is kept as it was written. There are many of these: a text that a refresh repeats is the old record's, so that it is
stored once, and what many share (listener, user agent, node) is shared by the type itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.dal import Contact

from .bindings import without_expires
from .reach import reach_of

if TYPE_CHECKING:
    from pipeline import Address, Passage
    from pipeline.dal import Aor


class Record:
    """Makes the records of one REGISTER: `make(address, old, seconds)`."""

    __slots__ = ("_aor", "_call_id", "_cseq", "_endpoint", "_now", "_passage", "_path", "_user_agent")

    def __init__(self, passage: Passage, aor: Aor, path: tuple[str, ...], now: float) -> None:
        message: Any = passage.message
        self._passage = passage
        self._aor = aor.id
        self._path = path
        self._now = now
        first = message.first
        self._call_id: str = first["call-id"]
        self._cseq: int = message.cseq.number
        self._user_agent = first.get("user-agent", "")
        self._endpoint = passage.endpoint.id if passage.endpoint is not None else ""

    def make(self, address: Address, old: Contact | None, seconds: int) -> Contact:
        """Make the record of a binding that lasts `seconds` from now; `old` is the one whose place it takes."""
        passage, params = self._passage, address.params
        uri, call_id, ident = address.uri.text, self._call_id, ""
        if old is not None:
            ident = old.id
            uri = old.uri if old.uri == uri else uri
            call_id = old.call_id if old.call_id == call_id else call_id
        q = address.q if "q" in params else None
        return Contact(
            ident or passage.pipeline.token(),
            self._aor,
            uri,
            without_expires(address.tail) if address.tail else "",
            1.0 if q is None else q,
            self._now + seconds,
            call_id,
            self._cseq,
            self._path,
            reach_of(address.uri, passage.message, passage),
            passage.flow.listener,
            params.get("+sip.instance") or "",
            _reg_id(params.get("reg-id")),
            self._user_agent,
            self._endpoint,
            passage.pipeline.plan.name,
        )


def _reg_id(text: str | None) -> int:
    """Read a reg-id (RFC 5626 4.2: 1 to 2**31-1); 0 when it is none."""
    return int(text) if text and len(text) < 10 and text.isascii() and text.isdigit() else 0

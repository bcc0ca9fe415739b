"""The record of one binding: what RFC 3261 10.3 has kept (Call-ID, CSeq), what was said (URI, parameters), and how it came.

Rule: what was said is kept as it was written. There are many of these: a text that a refresh repeats is the old record's, so that it is
stored once, and what many share (listener, user agent, node) is shared by the type itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import Uri
from pipeline.dal import Contact, maker

from .bindings import without_expires
from .outbound import reg_id_of
from .reach import reach_of

if TYPE_CHECKING:
    from pipeline import Address, Passage
    from pipeline.dal import Aor


made = maker(Contact)


class Record:
    """Makes the records of one REGISTER: `make(address, old, seconds)`."""

    __slots__ = ("_aor", "_call_id", "_cseq", "_endpoint", "_flow", "_now", "_passage", "_path", "_user_agent")

    def __init__(self, passage: Passage, aor: Aor, path: tuple[str, ...], now: float, *, flow: bool = False) -> None:
        message: Any = passage.message
        self._passage = passage
        self._aor = aor.id
        self._path = path
        self._flow = flow
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
        return made(  # type: ignore[no-any-return]
            ident or passage.pipeline.token(),
            self._aor,
            uri,
            without_expires(address.tail) if address.tail else "",
            1.0 if q is None else q,
            self._now + seconds,
            call_id,
            self._cseq,
            self._path,
            self._flow_reach(address) if self._flow else reach_of(address.uri, passage.message, passage),
            passage.flow.listener,
            params.get("+sip.instance") or "",
            reg_id_of(address) if self._flow else 0,
            self._user_agent,
            self._endpoint,
            passage.pipeline.plan.name,
        )

    def _flow_reach(self, address: Address) -> str:
        """Return where requests to a binding go: a flow is its connection itself, or leads through its Path (RFC 5626 5.3, 6)."""
        if reg_id_of(address):
            return "" if self._path else self._passage.flow.id
        return reach_of(address.uri, self._passage.message, self._passage)


def renewed(passage: Passage, old: Contact, until: float) -> Contact:
    """Make the record of a binding that is granted again, with the same words, until `until` (UTC seconds)."""
    message: Any = passage.message
    first = message.first
    call_id = first["call-id"]
    endpoint = passage.endpoint
    return made(  # type: ignore[no-any-return]
        old.id,
        old.aor,
        old.uri,
        old.params,
        old.q,
        until,
        old.call_id if old.call_id == call_id else call_id,
        message.cseq[0],
        (),
        reach_of(Uri.parse(old.uri), message, passage),
        passage.flow.listener,
        old.instance,
        0,
        first.get("user-agent", ""),
        "" if endpoint is None else endpoint.id,
        passage.pipeline.plan.name,
    )

r"""The line of a message. Its format is an interface, which filters (fail2ban) and scripts read: what is here stays.

    TIME DIRECTION FLOW WHAT FROM -> TO CALL-ID CSEQ SIZE ENDPOINT

    2026-11-22T10:11:12.345Z in udp:192.0.2.1:5060 REGISTER alice@example.com -> alice@example.com a84b4c76e66710 1/REGISTER 512 -
    2026-11-22T10:11:12.345Z out udp:192.0.2.1:5060 401 alice@example.com -> alice@example.com a84b4c76e66710 1/REGISTER 488 alice

Eleven words with one blank between them. TIME is UTC. WHAT is the method of a request, the status of a response. SIZE is octets. "-"
stands for what is not there; on the way in the endpoint is not known where `logging` is listed before `identify`.

Rule: no message can forge a line or a word. In what a message said, blanks, backslashes, control and invisible characters are written
\xHH or \uHHHH, and a word ends after 256 characters with "...". No field that could carry a credential is shown, nor a URI's password.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline import Malformed

if TYPE_CHECKING:
    from pipeline import Message, Passage

WORD = 256
BLANKS = 10


class Writer:
    """Makes lines; remembers how the present second is written."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def line(self, seconds: float, message: Message, passage: Passage, *, out: bool) -> str:
        """Return the line of a message, without a line end."""
        second = int(seconds)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        subject: Any = message
        if message.is_request:
            what = subject.method
        else:
            what = str(subject.status)
            if out and passage.cause is not None and passage.cause.message is not None:
                subject = passage.cause.message  # of the same From, To, Call-ID and CSeq, and read already
        endpoint = passage.endpoint or (passage.cause.endpoint if passage.cause is not None else None)
        packet = passage.packet
        words = (
            f"{self._text}{int(seconds % 1 * 1000):03}Z",
            "out" if out else "in",
            passage.flow.id,
            what,
            _who(subject, "from"),
            "->",
            _who(subject, "to"),
            subject.get("call-id") or "-",
            _cseq(subject),
            str(len(message.encode()) if out or packet is None else len(packet.data)),
            endpoint.id if endpoint is not None else "-",
        )
        line = " ".join(words)
        if line.isascii() and line.isprintable() and line.count(" ") == BLANKS and "\\" not in line and len(line) < WORD:
            return line
        return " ".join(map(word, words))


def word(text: str) -> str:
    """Write a text as one word that ends where it ends."""
    if len(text) > WORD:
        text = text[:WORD] + "..."
    if text.isascii() and text.isprintable() and " " not in text and "\\" not in text:
        return text
    return "".join(char if char.isprintable() and char not in " \\" else _escaped(ord(char)) for char in text)


def _escaped(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # an octet that was no UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _who(message: Any, which: str) -> str:
    try:
        uri = (message.from_ if which == "from" else message.to).uri
    except Malformed:
        return "?"
    if uri.host:
        return f"{uri.user}@{uri.host}" if uri.user else uri.host
    return f"{uri.scheme}:{uri.user}" if uri.user else f"{uri.scheme}:"


def _cseq(message: Any) -> str:
    try:
        number, method = message.cseq
    except Malformed:
        return "?"
    return f"{number}/{method}"

"""What every SIP value is made of: tokens, quoted strings, lists, numbers; and the one error.

Rule: nothing here knows a header. Text is str decoded as UTF-8 with surrogateescape, so every octet survives a round trip.
RFC 3261 section 25.1 (basic rules), 7.3.1 (lists).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .message import Message

TOKEN_CHARS = r"A-Za-z0-9\-.!%*_+`'~"  # noqa: S105 (a token of the grammar)
TOKEN = re.compile(rf"[{TOKEN_CHARS}]++")

# qdtext is any octet from 0x20 but the quote and the backslash (and a tab, as LWS); a quoted pair may hold any ASCII but CR and LF.
# The possessive quantifiers keep each pattern linear: nobody can make us backtrack. A run of one class is quicker than a choice.
_QDTEXT = r'[^"\\\x00-\x08\x0a-\x1f\x7f]*+'
QUOTED_TEXT = rf"{_QDTEXT}(?>(?:\\[^\r\n\x80-\U0010ffff]{_QDTEXT})*)"
QUOTED = re.compile(rf'"{QUOTED_TEXT}"')
PAIR = re.compile(r"\\(.)", re.DOTALL)

ITEM = re.compile(rf'(?>(?:[^,"<]++|"{QUOTED_TEXT}"|<[^<>]*+>)*)')

SECONDS = 2**32 - 1  # delta-seconds fit 32 bits: RFC 3261 section 20.19
CSEQ = 2**31 - 1  # a CSeq number is below 2**31: RFC 3261 section 8.1.1.5
HOPS = 255  # Max-Forwards is 0 to 255: RFC 3261 section 20.22
PORT = 65535


class Malformed(ValueError):  # noqa: N818 (what it says of a message)
    """A message, or a part of one, that RFC 3261 does not allow.

    `reason` is fit to be the reason phrase of the answer, `why` is the same without "Bad Header: ", `status` the answer to give,
    `message` the request so far as it could be read when it can be answered, else None (what cannot be answered is dropped).
    """

    def __init__(self, reason: str, *, header: str = "", status: int = 400, message: Message | None = None, why: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.why = why or reason
        self.header = header
        self.status = status
        self.message = message


def bad(header: str, why: str, status: int = 400) -> Malformed:
    """The error of one value: "Bad From: unterminated quoted string"."""
    return Malformed(f"Bad {header}: {why}", header=header, status=status, why=why)


def missing(header: str) -> Malformed:
    """The error of a mandatory field that is not there."""
    return Malformed(f"Missing {header}", header=header)


def is_token(text: str) -> bool:
    """Say whether the text is one token (25.1)."""
    return TOKEN.fullmatch(text) is not None


def unquote(text: str) -> str:
    r"""The text a quoted string stands for: quotes and backslashes removed. What is not quoted is returned as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return PAIR.sub(r"\1", inner) if "\\" in inner else inner


def quote(text: str) -> str:
    """The quoted string that stands for the text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def split_commas(text: str, header: str = "list") -> list[str]:
    """The elements of a comma-separated list, stripped; commas in quoted strings and in <> do not count. Empty elements stay."""
    if "," not in text:
        return [text.strip(" \t")]
    if '"' not in text and "<" not in text:
        return [item.strip(" \t") for item in text.split(",")]
    items = []
    place = 0
    while True:
        found = ITEM.match(text, place)
        end = found.end() if found else place
        items.append(text[place:end].strip(" \t"))
        if end == len(text):
            return items
        if text[end] != ",":
            raise bad(header, "unterminated quoted string" if text[end] == '"' else "'<' without '>'")
        place = end + 1


def number(text: str, limit: int, header: str) -> int:
    """A decimal number from 0 to limit, leading zeros allowed ("0068"). Longer digits are never converted."""
    if not (text.isascii() and text.isdigit()):
        raise bad(header, "not a number")
    if len(text) > 10:
        text = text.lstrip("0") or "0"
    if len(text) > 10 or (value := int(text)) > limit:
        raise bad(header, f"larger than {limit}")
    return value

"""What the fields of a message mean: typed properties, each parsed when first read and then kept.

Rule: a property raises Malformed with its header's name; whoever reads a request may let it fly, the engine answers 400 with the reason.
RFC 3261 section 20.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .address import Address
from .fields import Fields
from .grammar import CSEQ, HOPS, SECONDS, TOKEN_CHARS, bad, missing, number, split_commas
from .headers import spelled
from .multipart import media_type
from .once import once
from .remembered import remembered
from .via import Via

__all__ = ["STAR", "Cseq", "Message"]

CSEQ_FORM = re.compile(rf"([0-9]++)[ \t]++([{TOKEN_CHARS}]++)")


class Cseq(NamedTuple):
    """The number and method of a CSeq."""

    number: int
    method: str


@remembered(4096)
def cseq_of(value: str) -> Cseq:
    """Read a CSeq. Remembered: phones count from 1, so the same few values come all the time."""
    digits, _, method = value.partition(" ")
    if not (digits.isascii() and digits.isdigit() and method.isalpha() and method.isascii()):
        form = CSEQ_FORM.fullmatch(value)
        if form is None:
            raise bad("CSeq", "it must be a number and a method")
        digits, method = form.groups()
    return Cseq(number(digits, CSEQ, "CSeq"), method)


def hops_of(value: str) -> int:
    """Read a Max-Forwards."""
    return number(value, HOPS, "Max-Forwards")


class _Star(list[Address]):
    """`Contact: *`: an empty list that is known by being this very object."""

    def __repr__(self) -> str:
        return "STAR"


STAR: list[Address] = _Star()


class Message(Fields):
    """What requests and responses share."""

    is_request = False
    parsed = ("via", "vias", "from_", "to", "call_id", "cseq", "contacts", "uri")

    def _need(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise missing(spelled(name))
        return value

    @once
    def via(self) -> Via:
        """The top Via value."""
        value = self._need("via")
        return Via.parse(split_commas(value, "Via")[0] if "," in value else value)

    @once
    def vias(self) -> list[Via]:
        """Every Via value, topmost first."""
        return [Via.parse(item) for value in self.all("via") for item in split_commas(value, "Via")]

    @once
    def from_(self) -> Address:
        """From."""
        return Address.parse(self._need("from"), "From")

    @once
    def to(self) -> Address:
        """The To."""
        return Address.parse(self._need("to"), "To")

    @once
    def call_id(self) -> str:
        """Call-ID."""
        return self._need("call-id")

    @once
    def cseq(self) -> Cseq:
        """CSeq."""
        return cseq_of(self._need("cseq"))

    @once
    def contacts(self) -> list[Address]:
        """Every Contact; STAR (compare with `is`) for the lone `*` of a REGISTER (10.2.2)."""
        lone = self.get("contact") == "*" and "contact" not in self._more
        return STAR if lone else self._addresses("contact")

    def _addresses(self, name: str) -> list[Address]:
        header = spelled(name)
        value = self.get(name)
        if value is None:
            return []
        if name not in self._more:
            return Address.parse_many(value, header)
        return [address for value in self._more[name] for address in Address.parse_many(value, header)]

    @property
    def routes(self) -> list[Address]:
        """Every Route, topmost first."""
        return self._addresses("route")

    @property
    def record_routes(self) -> list[Address]:
        """Every Record-Route, topmost first."""
        return self._addresses("record-route")

    @property
    def paths(self) -> list[Address]:
        """Every Path, topmost first (RFC 3327)."""
        return self._addresses("path")

    def _number(self, name: str, limit: int) -> int | None:
        value = self.get(name)
        return None if value is None else number(value, limit, spelled(name))

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards, 0 to 255, None when absent."""
        value = self.get("max-forwards")
        return None if value is None else hops_of(value)

    @property
    def content_length(self) -> int | None:
        """Content-Length, None when absent."""
        return self._number("content-length", SECONDS)

    @property
    def expires(self) -> int | None:
        """Expires in seconds, None when absent."""
        return self._number("expires", SECONDS)

    @property
    def content_type(self) -> str:
        """The type of the body in lower case, without parameters; "" when absent."""
        return media_type(self.get("content-type") or "")

    @property
    def require(self) -> list[str]:
        """The option tags of Require."""
        return self.values("require")

    @property
    def proxy_require(self) -> list[str]:
        """The option tags of Proxy-Require."""
        return self.values("proxy-require")

    @property
    def supported(self) -> list[str]:
        """The option tags of Supported."""
        return self.values("supported")

    @property
    def allow(self) -> list[str]:
        """The methods of Allow."""
        return self.values("allow")

"""Via: where a message was sent from, and where its response goes.

Rule: blanks may stand around "/", ":", ";" and "=" (RFC 4475 section 3.1.1.1); an unknown transport is no error (3.1.1.10).
RFC 3261 sections 18.2, 20.42, 25.1; rport in RFC 3581; received with or without [] in RFC 5118 section 4.5.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import params as parameters
from .grammar import PORT, TOKEN_CHARS, Malformed, bad, number
from .host import host_key, hostport
from .value import value_class

if TYPE_CHECKING:
    from collections.abc import Mapping

KNOWN = {name: name for name in ("UDP", "TCP", "TLS", "WS", "WSS", "SCTP", "TLS-SCTP")}
FORM = re.compile(
    rf"([{TOKEN_CHARS}]++)[ \t]*+/[ \t]*+([{TOKEN_CHARS}]++)[ \t]*+/[ \t]*+([{TOKEN_CHARS}]++)[ \t]++"
    r"([^ \t;:\[\]]++|\[[^\]]*+\])[ \t]*+(?>(?::[ \t]*+([0-9]++)[ \t]*+)?)(;.*+)?",
    re.DOTALL,
)
USUAL = re.compile(rf"SIP/2\.0/(UDP|TCP|TLS|WSS?) ([^ \t;,]++)(?>(;rport)?);branch=([{TOKEN_CHARS}]++)(?>(;rport)?)")
FIRST = re.compile(r"[^,;\s]+[^,;]*")


@value_class(eq=False, repr=False, order=False)
class Via:
    """One Via value. `transport` is upper case; `rport` is None when absent, "" when asked for, else the port."""

    transport: str
    host: str
    port: int | None
    params: Mapping[str, str | None]
    text: str

    @staticmethod
    def parse(text: str) -> Via:
        """Parse one Via value."""
        usual = USUAL.fullmatch(text)
        if usual is not None:  # hot: what nearly every client sends, in one look
            transport, where, before, branch, behind = usual.groups()
            try:
                host, port = hostport(where)
            except Malformed:
                return _careful(text)
            if before:
                return Via(transport, host, port, {"rport": None, "branch": branch}, text) if not behind else _careful(text)
            return Via(transport, host, port, {"branch": branch, "rport": None} if behind else {"branch": branch}, text)
        if text.startswith("SIP/2.0/"):
            word, _, rest = text[8:].partition(" ")
            transport = KNOWN.get(word)
            where, semicolon, tail = rest.partition(";")
            if transport is not None and where and where[0] not in " \t" and where[-1] not in " \t":
                try:
                    host, port = hostport(where)
                except Malformed:
                    return _careful(text)
                return Via(transport, host, port, parameters.parse(";" + tail, "Via") if semicolon else {}, text)
        return _careful(text)

    @staticmethod
    def recover(text: str) -> Via | None:
        """What can still be read of a malformed Via, so that the one who sent it can be told (400); None when not even a host."""
        found = FIRST.match(text)
        try:
            return _careful(found[0].rstrip(" \t")) if found else None
        except Malformed:
            return None

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Via {self.text}>"

    @property
    def branch(self) -> str:
        """The branch parameter; "" when there is none (RFC 2543 peers)."""
        return self.params.get("branch") or ""

    @property
    def received(self) -> str:
        """The received parameter without brackets; "" when absent."""
        return (self.params.get("received") or "").strip("[]")

    @property
    def rport(self) -> int | str | None:
        """None: absent; "": the client asks for the port (RFC 3581); else the port."""
        if "rport" not in self.params:
            return None
        value = self.params["rport"]
        return "" if value is None else number(value, PORT, "Via rport")

    @property
    def maddr(self) -> str:
        """The maddr parameter without brackets; "" when absent."""
        return (self.params.get("maddr") or "").strip("[]")

    @property
    def ttl(self) -> int | None:
        """The ttl parameter of multicast, None when absent."""
        value = self.params.get("ttl")
        return None if value is None else number(value, 255, "Via ttl")

    def stamped(self, host: str, port: int) -> Via:
        """Write the source address in: RFC 3261 section 18.2.1, RFC 3581 section 4.

        received is added when the source differs from sent-by or rport was asked for; what the sender claimed itself is replaced.
        """
        host = host.partition("%")[0]
        asked = "rport" in self.params
        if not asked and "received" not in self.params and host_key(self.host) == host_key(host):
            return self
        if len(self.params) == 2 and asked and self.params["rport"] is None and "branch" in self.params and self.text.endswith(";rport"):
            text = f"{self.text}={port};received={host}"  # the form of nearly every client
        else:
            kept = {name: value for name, value in self.params.items() if name != "received"}
            if asked:
                kept["rport"] = str(port)
            kept["received"] = host
            text = self.text.partition(";")[0].rstrip(" \t") + parameters.text_of(kept)
            return Via(self.transport, self.host, self.port, kept, text)
        return Via(self.transport, self.host, self.port, {**self.params, "rport": str(port), "received": host}, text)


def _careful(text: str) -> Via:
    """Parse any form, saying what is wrong."""
    found = FORM.fullmatch(text.strip(" \t"))
    if found is None:
        raise bad("Via", "it must be SIP/2.0/TRANSPORT, a blank, host and port")
    protocol, _version, transport, host, digits, tail = found.groups()
    if protocol.upper() != "SIP":
        raise bad("Via", "the protocol must be SIP")
    try:
        host, port = hostport(host if digits is None else f"{host}:{digits}")
    except Malformed as error:
        raise bad("Via", error.why) from None
    return Via(transport.upper(), host, port, parameters.parse(tail or "", "Via"), text)

"""What goes in the place of an answer that the network cannot carry: the same answer's place in its transaction, and nothing else.

Rule: cut out of the octets as they are. What is too large for a datagram is too large for the parser too.
"""

from __future__ import annotations

__all__ = ["shortened"]

KEPT = frozenset((b"via", b"v", b"from", b"f", b"to", b"t", b"call-id", b"i", b"cseq"))
"""RFC 3261 8.2.6.2: what an answer has of its request, and our To tag."""
STATUS = b"SIP/2.0 513 Answer Too Large"
"""RFC 3261 21.5.7: "the message length exceeded its capabilities". Over TCP, which the same request may come by, nothing is too large."""


def shortened(data: bytes) -> bytes | None:
    """Return a 513 in the place of a final answer; None for anything else, and where it would not be shorter."""
    start, *lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    if start[:8] != b"SIP/2.0 " or start[8:9] < b"2":
        return None
    found = [STATUS]
    keeps = False
    for line in lines:
        if line[:1] not in (b" ", b"\t"):  # else the field before goes on (7.3.1)
            keeps = line.partition(b":")[0].strip().lower() in KEPT
        if keeps:
            found.append(line)
    short = b"\r\n".join((*found, b"Content-Length: 0", b"", b""))
    return short if len(short) < len(data) else None

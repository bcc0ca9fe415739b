"""A filter in the kernel that lets no datagram through which can be no SIP, no STUN and no keepalive: such a flood costs us nothing.

Rule: it errs on the side of letting in: what it lets through is looked at as before. It is a classic BPF program (socket(7),
SO_ATTACH_FILTER; no privilege is needed) over the UDP header and what is behind it. A SIP message begins with a method or with "SIP/2.0"
(RFC 3261 7), perhaps behind empty lines (7.5): its first eight octets are printable ASCII. STUN has its cookie (RFC 8489 5) and fits into
any path (6.1). What is
shorter than eight octets and begins with no line end is no message, and no keepalive that is answered. The kernel counts what it drops
here among the drops of the socket.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys

from pipeline.sip.stun import LARGEST

SO_ATTACH_FILTER = 26
BEHIND = 8
"""Octets of the UDP header, which the filter sees."""
PRINTED = 8
"""Octets that are looked at: of random octets one datagram in three thousand passes."""
LOAD_OCTET, LOAD_WORD, LOAD_LENGTH, EQUAL, AT_LEAST, ABOVE, GIVE = 0x30, 0x20, 0x80, 0x15, 0x35, 0x25, 0x06
ALL = 0x40000
COOKIE = 0x2112A442

Instruction = tuple[int, int, int, int]


def program() -> list[Instruction]:
    """Return the instructions: (code, jump if true, jump if not, value)."""
    checks: list[Instruction] = []
    drop = 3 * PRINTED  # where the octets' checks end: accept, then drop
    for at in range(PRINTED):
        place = 3 * at
        checks += [
            (LOAD_OCTET, 0, 0, BEHIND + at),
            (AT_LEAST, 0, drop - place - 1, 0x20),
            (ABOVE, drop - place - 2, 0, 0x7E),
        ]
    begin: list[Instruction] = [
        (LOAD_OCTET, 0, 0, BEHIND),
        (EQUAL, 7, 0, 0x0D),  # to the accept behind the cookie
        (EQUAL, 6, 0, 0x0A),
        (AT_LEAST, 6, 0, 0x04),  # to the checks
        (LOAD_WORD, 0, 0, BEHIND + 4),
        (EQUAL, 0, 2, COOKIE),
        (LOAD_LENGTH, 0, 0, 0),
        (ABOVE, 0, 1, BEHIND + LARGEST),
        (GIVE, 0, 0, 0),
        (GIVE, 0, 0, ALL),
    ]
    return [*begin, *checks, (GIVE, 0, 0, ALL), (GIVE, 0, 0, 0)]


def attach(sock: socket.socket) -> bool:
    """Filter what comes to a UDP socket from now on; False where the system cannot (it is not Linux)."""
    if sys.platform != "linux":
        return False
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program())
    buffer = ctypes.create_string_buffer(code)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(code) // 8, ctypes.addressof(buffer)))
    except OSError:
        return False
    return True

"""A message as text that may be shown: credentials, answers to nonces and media keys are replaced by ***.

What is masked: in Authorization and its kin `response`, `cnonce`, `rspauth`, and everything of a scheme other than Digest (RFC 7616 3.4);
passwords in SIP URIs (RFC 3261 19.1.1); in SDP `k=` (RFC 8866 5.12), `a=crypto` keys (RFC 4568), `a=key-mgmt` (RFC 4567) and
`a=ice-pwd` (RFC 8839). Rule: this works on lines, not on a parsed message: what cannot be parsed must not leak either; and no octet is
looked at more than a few times: a line of 60 kB may be made to be slow.
"""

from __future__ import annotations

import re

MASK = "***"

_CREDENTIALS = re.compile(r"(?i)^((?:proxy-)?authorization[ \t]*:[ \t]*)(\S+)(.*)$", re.DOTALL)
_INFO = re.compile(r"(?i)^(?:proxy-)?authentication-info[ \t]*:")
_ANSWERS = re.compile(r"""(?i)(\b(?:response|cnonce|rspauth)[ \t\r\n]*=[ \t\r\n]*)("(?:[^"\\]|\\.)*"?|[^\s,"]+)""")
_URI_END = re.compile(r"([\s@<>\"])")
_USER = re.compile(r"(?i)\bsips?:[^:;]++:(?=.)")
"""Up to the password, in a piece between two of _URI_END. The runs of two matches that fail cannot overlap: each ends at a colon."""
_CRYPTO = re.compile(r"(?i)\b(inline:)[^\s|;]+")
_BREAK = re.compile(r"\r\n|\n|\r")


def masked(data: bytes) -> str:
    """Return a message as text without its secrets; lines end with a line feed."""
    text = data.decode("utf-8", "backslashreplace")
    head, gap, body = text.partition("\r\n\r\n")
    if not gap:
        head, gap, body = text.partition("\n\n")
    head, body = head.removesuffix("\r\n"), body.removesuffix("\r\n")
    # A field may go on in folded lines: the mask looks at the field as a whole, the folds stay.
    fields: list[list[str]] = []
    for line in _BREAK.split(head):
        if line[:1] in (" ", "\t") and fields:
            fields[-1].append(line)
        else:
            fields.append([line])
    shown = "\n".join(_line("\n".join(lines)) for lines in fields)
    if not gap:
        return shown
    return shown + "\n\n" + "\n".join(_line(line) for line in _BREAK.split(body))


def _line(line: str) -> str:
    """Mask a field or a line of a body: either may stand where the other belongs, in a message that is broken."""
    return _sdp(_field(line))


def _field(line: str) -> str:
    found = _CREDENTIALS.match(line)
    if found is not None:
        name, scheme, rest = found.groups()
        if scheme.lower() != "digest":
            return f"{name}{scheme} {MASK}"
        return name + scheme + _ANSWERS.sub(rf'\1"{MASK}"', rest)
    if _INFO.match(line):
        return _ANSWERS.sub(rf'\1"{MASK}"', line)
    return _passwords(line)


def _passwords(line: str) -> str:
    """Mask sip:user:password@. Cut into pieces first: a pattern that looks ahead for the @ would do so from every "sip:" anew."""
    if "@" not in line:
        return line
    pieces = _URI_END.split(line)
    for at in range(0, len(pieces) - 1, 2):
        if pieces[at + 1] == "@" and (found := _USER.search(pieces[at])) is not None:
            pieces[at] = pieces[at][: found.end()] + MASK
    return "".join(pieces)


def _sdp(line: str) -> str:
    lower = line[:12].lower()
    if lower.startswith("k="):
        method, colon, _ = line[2:].partition(":")
        return f"{line[:2]}{method}:{MASK}" if colon else line
    if lower.startswith("a=crypto"):
        return _CRYPTO.sub(rf"\1{MASK}", line) if _CRYPTO.search(line) else f"{line.partition(':')[0]}:{MASK}"
    if lower.startswith(("a=ice-pwd", "a=key-mgmt")):
        return f"{line.partition(':')[0]}:{MASK}"
    return line

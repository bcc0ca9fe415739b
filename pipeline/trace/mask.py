"""A message as text that may be shown: credentials, answers to nonces and media keys are replaced by ***.

What is masked: in Authorization and its kin `response`, `cnonce`, `rspauth`, and everything of a scheme other than Digest (RFC 7616 3.4);
passwords in URIs (RFC 3261 19.1.1, RFC 3986 3.2.1); in SDP `k=` (RFC 8866 5.12), `a=crypto` keys (RFC 4568), `a=key-mgmt` (RFC 4567) and
`a=ice-pwd` (RFC 8839). Rule: this works on lines, not on a parsed message: what cannot be parsed must not leak either. But parameters
are cut as those who check them do, or a name in quotes could be taken for another; and no octet is looked at more than a few times: a
line of 60 kB may be made to be slow.
"""

from __future__ import annotations

import re
from typing import Any

from pipeline.plain import readable
from pipeline.sip.digest_read import PARAM
from pipeline.sip.passwords import MASK, passwordless

ANSWERS = ("response", "cnonce", "rspauth")

_NAME = re.compile(r"(?i)[ \t]*+(?:(?:proxy-)?authorization|((?:proxy-)?authentication-info))[ \t\n]*+:[ \t\n]*+")
_FIELD = re.compile(r"[!-9;-~]++[ \t]*+:")
_SCHEME = re.compile(r"[^ \t\n]++")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,30}")
_ANSWER = re.compile(r"(?i)response|cnonce|rspauth")
_ANYWHERE = re.compile(r"""(?is)\b((?:response|cnonce|rspauth)[ \t\n]*+=[ \t\n]*+)("(?>(?:[^"\\]|\\.)*)"?|[^\s,"]++)""")
_CRYPTO = re.compile(r"(?i)\b(inline:)[^\s|;]+")
_BREAK = re.compile(r"\r\n|\n|\r")


def masked(data: bytes) -> str:
    """Return a message as text without its secrets; lines end with a line feed."""
    text = data.decode("utf-8", "surrogateescape")
    head, gap, body = text.partition("\r\n\r\n")
    if not gap:
        head, gap, body = text.partition("\n\n")
    shown = _part(head)
    return readable(f"{shown}\n\n{_part(body)}" if gap else shown)


def shareable(value: Any) -> Any:
    """Return what may leave the house as JSON: every text in it readable and without the passwords of URIs."""
    if isinstance(value, str):
        return readable(passwordless(value))
    if isinstance(value, dict):
        return {key: shareable(each) for key, each in value.items()}
    return [shareable(each) for each in value] if isinstance(value, list | tuple) else value


def _part(text: str) -> str:
    """Mask a head or a body: a field may stand where a line of a body belongs, in a message in a message, or that is broken."""
    # A field may go on in folded lines: the mask looks at the field as a whole, the folds stay.
    fields: list[list[str]] = []
    for line in _BREAK.split(text.removesuffix("\r\n")):
        if fields and _goes_on(line, fields[-1][0]):
            fields[-1].append(line)
        else:
            fields.append([line])
    return "\n".join(_sdp(line) for lines in fields for line in _field("\n".join(lines)).split("\n"))


def _goes_on(line: str, field: str) -> bool:
    """Tell whether a line belongs to the field before: it is folded; or it is no field, and those were credentials, broken in two."""
    return line[:1] in (" ", "\t") if line[:1] in ("", " ", "\t") or _FIELD.match(line) else _NAME.match(field) is not None


def _field(field: str) -> str:
    found = _NAME.match(field)
    if found is None:
        return _ANYWHERE.sub(rf'\1"{MASK}"', passwordless(field))
    name, value = found[0], field[found.end() :]
    if found[1]:
        return name + _params(value)
    scheme = _SCHEME.match(value)
    if scheme is None:
        return field
    if scheme[0].lower() == "digest":
        return name + scheme[0] + passwordless(_params(value[scheme.end() :]))
    return f"{name}{scheme[0]} {MASK}" if scheme.end() < len(value) and _WORD.fullmatch(scheme[0]) else name + MASK


def _params(text: str) -> str:
    """Mask the answers among parameters; what follows the name of one, where they cannot be told apart."""
    pieces, end = [], 0
    for found in PARAM.finditer(text.rstrip(" \t\n,")):
        if found[4] is not None:
            answer = _ANSWER.search(text)
            return text if answer is None else f"{text[: answer.end()]}={MASK}"
        if found[1].lower() in ANSWERS:
            quoted = found.start(2) >= 0
            at, until = (found.start(2) - 1, found.end(2) + 1) if quoted else found.span(3)
            pieces += [text[end:at], f'"{MASK}"']
            end = until
    return "".join(pieces) + text[end:]


def _sdp(line: str) -> str:
    lower = line.lstrip(" \t")[:12].lower()
    if lower.startswith("k="):
        method, colon, _ = line.partition(":")
        return f"{method}:{MASK}" if colon else line
    if lower.startswith("a=crypto"):
        return _CRYPTO.sub(rf"\1{MASK}", line) if _CRYPTO.search(line) else f"{line.partition(':')[0]}:{MASK}"
    if lower.startswith(("a=ice-pwd", "a=key-mgmt")):
        return f"{line.partition(':')[0]}:{MASK}"
    return line

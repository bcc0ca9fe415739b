"""How the state of a list is written: multipart/related with application/rlmi+xml first. RFC 4662 5, RFC 2387.

Rule: values in, bytes out. Parts are named by Content-IDs of the house; a nested list is a part that is itself such a multipart (5.5).
"""

from __future__ import annotations

import attrs

from pipeline.pubsub.xml import Document, add

SPACE = "urn:ietf:params:xml:ns:rlmi"
RLMI = "application/rlmi+xml"


@attrs.frozen
class Part:
    """The state of one resource of a list."""

    uri: str
    name: str
    id: str
    """Of the instance; one stands for each resource."""
    state: str
    """active, pending or terminated."""
    reason: str = ""
    content_type: str = ""
    body: bytes = b""


def written(uri: str, name: str, version: int, parts: list[Part], mark: str, *, full: bool) -> tuple[str, bytes]:
    """Return (Content-Type, body). `mark` is a random token that stands in no part: boundary and Content-IDs are made of it."""
    document = Document("list", SPACE, uri=uri, version=str(version), fullState="true" if full else "false")
    if name:
        add(document.root, "name", name)
    first = f"rlmi.{mark}@list"
    pieces: list[tuple[str, str, bytes]] = []
    for number, part in enumerate(parts):
        resource = add(document.root, "resource", uri=part.uri)
        if part.name:
            add(resource, "name", part.name)
        ident = f"{number}.{mark}@list" if part.body else None
        add(resource, "instance", id=part.id, state=part.state, reason=part.reason or None, cid=ident)
        if ident:
            pieces.append((ident, part.content_type, part.body))
    boundary = f"sipline-{mark}"
    chunks = [_piece(boundary, first, f'{RLMI};charset="UTF-8"', document.write())]
    chunks += [_piece(boundary, *piece) for piece in pieces]
    body = b"".join(chunks) + f"--{boundary}--\r\n".encode()
    return f'multipart/related;type="{RLMI}";start="<{first}>";boundary="{boundary}"', body


def _piece(boundary: str, ident: str, kind: str, body: bytes) -> bytes:
    head = f"--{boundary}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{ident}>\r\nContent-Type: {kind}\r\n\r\n"
    return head.encode() + body + b"\r\n"

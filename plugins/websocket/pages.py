"""What a GET that is no WebSocket gets: /health, and the files of one folder. RFC 9110.

Rule: nothing outside the folder is ever read, links that lead out of it included; a name that begins with a dot is no file of ours. One
answer, then the connection is closed.
"""

from __future__ import annotations

import json
import mimetypes
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from websockets.datastructures import Headers
from websockets.http11 import Response

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["answer", "file_of", "health"]

INDEX = "index.html"


def answer(status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> Response:
    """Make a whole answer."""
    headers = Headers(
        [
            ("Date", formatdate(usegmt=True)),
            ("Connection", "close"),
            ("Content-Length", str(len(body))),
            ("Content-Type", kind),
            ("Cache-Control", "no-cache"),
            ("X-Content-Type-Options", "nosniff"),
        ]
    )
    return Response(status, HTTPStatus(status).phrase, headers, body)


def health(facts: Mapping[str, Any], *, well: bool) -> Response:
    """Say how we are, in JSON: 200, or 503 while no new work is taken, so that a load balancer turns away."""
    return answer(200 if well else 503, json.dumps(facts).encode() + b"\n", "application/json")


def file_of(folder: Path, target: str, most: int) -> Response:
    """Answer with the file that a request target names, at most `most` bytes of it; 404 when there is none such."""
    missing = answer(404, b"not found\n")
    parts = [part for part in unquote(target.partition("?")[0].partition("#")[0]).split("/") if part]
    if any(part.startswith(".") or "\0" in part or "\\" in part for part in parts):
        return missing
    try:
        root = folder.resolve()
        path = root.joinpath(*parts).resolve()
        if path.is_dir():
            path /= INDEX
            path = path.resolve()
        if not path.is_relative_to(root) or not path.is_file():
            return missing
        if path.stat().st_size > most:
            return answer(404, b"too large to be served here\n")
        body = path.read_bytes()
    except OSError:
        return missing
    kind, _ = mimetypes.guess_type(path.name)
    kind = kind or "application/octet-stream"
    return answer(200, body, f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)

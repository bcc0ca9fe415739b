"""What a user may be called, in pipeline.toml and on the command line: what a URI and a digest hold without an escape or a quote."""

from __future__ import annotations

USER_NAMES = "letters, digits and . - _ + will do"


def is_user_name(user: str) -> bool:
    """Whether this can be the user part of an address of record and the username of its credentials."""
    return bool(user) and user.isprintable() and not any(mark in user for mark in ' \t@:;<>"\\,/')

"""Advice in one line each, which `sipline check` prints of a file that is right: stronger digests and passwords, a name that lasts.

`sipline user` gives that of passwords too, when it takes them.

Rule: of passwords names are said, never a password nor its length; only those in the clear can be judged.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pipeline.config.problems import listed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as Table

    from pipeline.config.discover import Found
    from pipeline.config.options import PipelineOptions
    from pipeline.config.stored import Store
    from pipeline.dal.layer import Mapping

__all__ = ["hints", "weak"]

SHORTEST = 8
"""Characters that a password chosen by its user has at least (NIST SP 800-63B 5.1.1.2)."""
NAMED = 3
"""Users that are named; the rest is counted."""


def hints(
    options: PipelineOptions, classes: Table[str, Found], objects: list[Any], mapping: Table[str, Mapping], stores: Table[str, Store]
) -> list[str]:
    """Give all advice there is."""
    found = _digests(objects, classes) + _passwords(objects)
    kept = "subscription" in mapping and any(stores[name].keeps for name in mapping["subscription"].backends)
    if kept and not options.name and any("SUBSCRIBE" in getattr(plugin.cls, "methods", ()) for plugin in classes.values()):
        write = f'[pipeline] name = "{os.uname().nodename}"'
        found.append(f"subscriptions are kept under the name of this host, and lost when it changes; a name that stays: {write}")
    return found


def _digests(objects: Iterable[Any], classes: Table[str, Found]) -> list[str]:
    if not any(found.kind == "auth" for found in classes.values()):
        return []
    return [
        f'{domain.id} offers MD5 alone, which every phone knows; stronger: [domain."{domain.id}"] algorithms = ["SHA-256", "MD5"]'
        for domain in objects
        if domain.kind == "domain" and tuple(domain.algorithms) == ("MD5",)
    ]


def _passwords(objects: Iterable[Any]) -> list[str]:
    return weak((stored.id, stored.username, stored.password) for stored in objects if stored.kind == "auth" and stored.password)


def weak(passwords: Iterable[tuple[str, str, str]]) -> list[str]:
    """Say of whom the password is the user name, and of whom it is short; each is (id, user name or "", password)."""
    same: list[str] = []
    short: list[str] = []
    for ident, username, password in passwords:
        if password.casefold() in {name.casefold() for name in (username, ident, ident.partition("@")[0])}:
            same.append(ident)
        elif len(password) < SHORTEST:
            short.append(ident)
    found = []
    if same:
        found.append(f"{_of(same)} the user name, which scanners try first: choose another")
    if short:
        found.append(f"{_of(short)} shorter than {SHORTEST} characters, and soon guessed: choose a longer one")
    return found


def _of(ids: list[str]) -> str:
    shown = [f"'{ident}'" for ident in ids[:NAMED]] + ([f"{len(ids) - NAMED} more"] if len(ids) > NAMED else [])
    return f"the password of {listed(shown)} is"

"""Whose a mailbox is, and which one somebody means.

Rule: stored mailboxes first; who has none owns the one that is named like his address of record, with every option at its default. What
is returned always says its owners (`aor`). Each function gives its value at once, or a Pending of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from pipeline.dal import Mailbox
from pipeline.pending import walk

if TYPE_CHECKING:
    from collections.abc import Generator

    from pipeline.engine import Pipeline

__all__ = ["aors_of", "chosen", "mailbox_id", "mailbox_named", "mailbox_of", "owns"]


def mailbox_id(engine: Pipeline, aor: str) -> str:
    """Return the name of the mailbox of an address of record: "alice" in the first domain, "alice@example.net" in another."""
    user, _, domain = aor.rpartition("@")
    return user if domain == engine.domains.first.id else aor


def aors_of(engine: Pipeline, mailbox: Mailbox) -> tuple[str, ...]:
    """Return the addresses of record that a mailbox belongs to."""
    if mailbox.aor:
        return mailbox.aor
    return (mailbox.id if "@" in mailbox.id else f"{mailbox.id}@{engine.domains.first.id}",)


def mailbox_named(engine: Pipeline, ident: str) -> Any:
    """Return the mailbox of this name, None, or a Pending of either. A user's own needs not be stored."""
    return walk(_named(engine, ident))


def mailbox_of(engine: Pipeline, aor: str) -> Any:
    """Return the mailbox of an address of record, None, or a Pending of either."""
    return walk(_of(engine, aor))


def chosen(engine: Pipeline, digits: str) -> Any:
    """Return the mailbox whose number this is, or whose name, None, or a Pending of either."""
    return walk(_chosen(engine, digits))


def owns(engine: Pipeline, endpoint: Any, mailbox: Mailbox) -> bool:
    """Whether an endpoint has an address of record that the mailbox belongs to."""
    return endpoint is not None and not set(endpoint.aors).isdisjoint(aors_of(engine, mailbox))


def _named(engine: Pipeline, ident: str) -> Generator[Any, Any, Mailbox | None]:
    dal = engine.dal
    if not ident:
        return None
    stored: Mailbox | None = (yield dal.get("mailbox", ident)) if dal.stores("mailbox") else None
    if stored is not None:
        return attrs.evolve(stored, aor=aors_of(engine, stored))
    plain = Mailbox(id=ident)
    (aor,) = aors_of(engine, plain)
    if not dal.stores("aor") or (yield dal.get("aor", aor)) is None:
        return None
    return attrs.evolve(plain, aor=(aor,))


def _of(engine: Pipeline, aor: str) -> Generator[Any, Any, Mailbox | None]:
    if engine.dal.stores("mailbox"):
        found: tuple[Mailbox, ...] = yield engine.dal.find("mailbox", aor=aor)
        if found:
            return min(found, key=lambda mailbox: mailbox.id)
    mailbox: Mailbox | None = yield mailbox_named(engine, mailbox_id(engine, aor))
    return mailbox if mailbox is not None and aor in mailbox.aor else None


def _chosen(engine: Pipeline, digits: str) -> Generator[Any, Any, Mailbox | None]:
    if digits and engine.dal.stores("mailbox"):
        found: tuple[Mailbox, ...] = yield engine.dal.find("mailbox", number=digits)
        if found:
            mailbox = min(found, key=lambda mailbox: mailbox.id)
            return attrs.evolve(mailbox, aor=aors_of(engine, mailbox))
    named: Mailbox | None = yield mailbox_named(engine, digits)
    return named

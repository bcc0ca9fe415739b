"""Lists, compiled: those of the plugin's own options, of an endpoint, and `acl` objects by name.

Rule: an address must pass every list that is asked. A list that is named and does not exist refuses everybody, as Asterisk's does: who
misspells a name shall not open the door. What was read of the store is kept until it changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.pending import gather, settle
from pipeline.prefixes import Prefixes, network

from .kinds import Kinds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.dal import Acl, Endpoint, Layer

KEPT = 16384
"""Endpoints whose lists are kept compiled."""
LISTS = (
    *("acl", "permit", "deny", "contact_acl", "contact_permit", "contact_deny"),
    *("allow_user_agents", "deny_user_agents", "allow_methods", "deny_methods"),
)
"""The options of an endpoint that are lists."""


class Rules:
    """Two lists of networks, and what they are called when they refuse."""

    __slots__ = ("_lists", "_only")

    def __init__(self, permit: Iterable[str], deny: Iterable[str], names: tuple[str, str] = ("permit", "deny")) -> None:
        permit, deny = tuple(permit), tuple(deny)
        self._only = names[0] if permit else ""
        denied = [(network(text), (False, f"{names[1]}: {text}")) for text in deny]
        permitted = [(network(text), (True, "")) for text in permit]
        self._lists: Prefixes[tuple[bool, str]] = Prefixes([*denied, *permitted])

    def refusal(self, host: str) -> str:
        """Say why this address does not pass; "" when it does."""
        found = self._lists.find(host)
        if found is None:
            return f"{self._only}: no network of the list holds {host}" if self._only else ""
        return "" if found[0] else f"{found[1]} holds {host}"


class Missing:
    """Stands for a list that does not exist."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def refusal(self, host: str) -> str:
        """Refuse."""
        return f"acl.{self._name} does not exist: {host} is refused"


class Own:
    """The lists of one endpoint: for its source, its Contacts, its methods and user agents."""

    __slots__ = ("contact", "kinds", "source")

    def __init__(self, endpoint: Endpoint) -> None:
        at = f"endpoint.{endpoint.id}: "
        self.source = self.contact = None
        if endpoint.permit or endpoint.deny:
            self.source = Rules(endpoint.permit, endpoint.deny, (at + "permit", at + "deny"))
        if endpoint.contact_permit or endpoint.contact_deny:
            self.contact = Rules(endpoint.contact_permit, endpoint.contact_deny, (at + "contact_permit", at + "contact_deny"))
        self.kinds = Kinds(endpoint, at)


class Lists:
    """The `acl` objects of the store and the lists of endpoints. Lives in the engine's state, beyond a reload."""

    def __init__(self, dal: Layer) -> None:
        self._dal = dal
        self._named: dict[str, Rules | Missing] = {}
        self._endpoints: dict[str, tuple[Endpoint, Own | None]] = {}
        self._stop = dal.watch("acl", lambda *_: self._named.clear()) if dal.stores("acl") else None

    def close(self) -> None:
        """Follow the store no more."""
        if self._stop is not None:
            self._stop()

    def named(self, names: Iterable[str]) -> Any:
        """Return the lists of these names, or a Pending of them."""
        return gather([self._one(name) for name in names])

    def _one(self, name: str) -> Any:
        known = self._named.get(name)
        if known is not None:
            return known
        if not self._dal.stores("acl"):
            return Missing(name)

        def keep(acl: Acl | None) -> Rules | Missing:
            rules = Missing(name) if acl is None else Rules(acl.permit, acl.deny, (f"acl.{name}: permit", f"acl.{name}: deny"))
            self._named[name] = rules
            return rules

        return settle(self._dal.get("acl", name), keep)

    def of(self, endpoint: Endpoint) -> Own | None:
        """Return an endpoint's own lists; None when it has none. Hot: asked for each request."""
        known = self._endpoints.get(endpoint.id)
        if known is not None and known[0] is endpoint:
            return known[1]
        if len(self._endpoints) >= KEPT:
            self._endpoints.clear()
        own = Own(endpoint) if has_lists(endpoint) else None
        self._endpoints[endpoint.id] = (endpoint, own)
        return own


def has_lists(endpoint: Endpoint) -> bool:
    """Tell whether an endpoint has any list."""
    return any(getattr(endpoint, name) for name in LISTS)


def first_refusal(lists: Iterable[Rules | Missing | None], host: str) -> str:
    """Return why an address does not pass these lists; "" when it passes all."""
    for rules in lists:
        if rules is not None and (why := rules.refusal(host)):
            return why
    return ""

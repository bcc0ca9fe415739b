"""Who asks, and whether he may: watch (event_watched), publish (event_publisher). RFC 6665 6.2, RFC 3903 14.

Rule: closed unless somebody opens it. A plugin's word comes first, then the endpoint's own options, then the option of `pubsub`. Who has
proved nothing is a stranger, whatever his From says; where nobody is asked who he is (no `identify` listed), his From is believed, as
the registrar does there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.destinations.identity import user_text
from pipeline.location import called
from pipeline.pubsub import Resource, Watcher

if TYPE_CHECKING:
    from pipeline import Flow, Passage, Uri
    from pipeline.engine import Pipeline

    from .topics import Topics

POLICIES = ("users", "owner", "all", "none")
VERDICTS = frozenset({"active", "pending", "rejected", "waiting"})
DISPLAY = 128
"""Characters of a display name that are kept."""


def bare(uri: Uri) -> str:
    """Return a URI without parameters and headers."""
    text: str = uri.text
    for mark in ";?":
        at = text.find(mark, text.rfind("@") + 1)
        if at >= 0:
            text = text[:at]
    return text


def resource_of(event: str, aor: str) -> Resource:
    """Return the resource of an address of record."""
    user, _, domain = aor.rpartition("@")
    return Resource(event, aor, f"sip:{user_text(user)}@{domain}" if user else f"sip:{domain}")


def named(engine: Pipeline, uri: Uri, flow: Flow | None) -> str | None:
    """Return the address of record that somebody wants to watch by a URI; None: none of ours.

    Nor is a temporary GRUU: each document says whose it is, and whoever has given it to somebody wants him not to know (RFC 5627 3.1.2).
    """
    if "gr" not in uri.params:
        return engine.aor_of(uri, flow)
    who = called(engine, uri, flow)
    return None if who is None or who.hides else who.aor


def watcher_of(engine: Pipeline, uri: Uri, passage: Passage) -> Watcher:
    """Return who sent a request whose From has this URI, and his address of record when it is proved.

    In a dialog it is the URI that the dialog was made with: what a later request says there nobody has proved.
    """
    own = engine.aor_of(uri, passage.flow) if uri.scheme in ("sip", "sips") else None
    endpoint = passage.endpoint
    if endpoint is None:
        return Watcher(bare(uri), own or "" if passage.identified is None else "")
    aor = ""
    if own is not None and (own in endpoint.aors or endpoint.trust_from):
        aor = own
    elif endpoint.aors and not endpoint.trust_from:
        aor = endpoint.aors[0]
    return Watcher(bare(uri), aor, endpoint.id)


def may_watch(topics: Topics, resource: Resource, watcher: Watcher, policy: str, *, allowed: bool, owned: tuple[str, ...]) -> str:
    """Return "active", "pending", "waiting" or "rejected". `allowed` is the endpoint's option, `owned` its addresses of record."""
    if not allowed:
        return "rejected"
    said = topics.watched(resource, watcher)
    if said is not None:
        return said if said in VERDICTS else "rejected"
    return "active" if _fits(policy, resource.aor, watcher, owned) else "rejected"


def may_publish(said: bool | None, resource: Resource, publisher: Watcher, policy: str, *, allowed: bool, owned: tuple[str, ...]) -> bool:
    """Say whether somebody may publish about a resource. `said` is what the plugins say."""
    if not allowed:
        return False
    return said if said is not None else _fits(policy, resource.aor, publisher, owned)


def _fits(policy: str, aor: str, who: Watcher, owned: tuple[str, ...]) -> bool:
    if policy == "all":
        return True
    if policy == "users":
        return who.aor != ""
    return policy == "owner" and (who.aor == aor or aor in owned)

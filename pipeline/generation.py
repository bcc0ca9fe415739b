"""A generation: the compiled chains and the options of one reading of pipeline.toml.

Rule: a generation owns nothing that lasts. Sockets, flows, transactions, stores, lanes and timers belong to the engine; a
reload builds a new generation beside the old one and swaps one reference. Passages under way keep theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

from pipeline import hookspecs
from pipeline.chain import Chain, compile_hook, traced
from pipeline.stages.application import Offer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.config.plan import Listing, Plan

COMPILED = {
    "transport": "transport",
    "connect": "transport",
    "protocol": "protocol",
    "intercept": "intercept",
    "intercept_out": "intercept",
    "application": "application",
    "invite_reply": "application",
}
"""The hooks a message meets, and the stage each belongs to: the others are called once, through pluggy."""
SESSION = dict.fromkeys(
    ("session_begin", "session_request", "session_response", "session_request_out", "session_response_out", "session_end"), "application"
)
"""The hooks that a message of a session meets; whoever owns the session walks their steps. None: an empty tuple."""
CALLS = dict.fromkeys(("route_call", "channel_request", "media", "mailbox_message"), "integration")
"""The hooks that calls ask: who walks them takes the first result that is not None (of `mailbox_message` none: all hear of it)."""
MESSAGES = {"route_message": "integration", "message_request": "application"}
"""The hooks that every message asks, likewise."""
EVENTS = dict.fromkeys(("event_package", "event_body", "event_published", "event_watched", "event_publisher"), "application")
"""The hooks of pub/sub; who walks them takes the first result that is not None."""
UNTRACED = frozenset({"connect"}) | frozenset(SESSION) | frozenset(CALLS) | frozenset(MESSAGES) | frozenset(EVENTS)
"""They are walked by their owners, who say themselves what they did."""
COMPILED |= SESSION | CALLS | MESSAGES | EVENTS


class Generation:
    """The chains that a message walks, the plugins behind them, and what they offer together."""

    __slots__ = (
        "application", "channel_request", "connect", "event_body", "event_package", "event_published", "event_publisher", "event_watched",
        "hooks",
        "intercept", "intercept_out", "invite_reply", "mailbox_message", "media", "message_request", "offer", "on_error", "plan",
        "protocol", "route_call", "route_message", "session_begin", "session_end", "session_request", "session_request_out",
        "session_response", "session_response_out", "transport",
    )  # fmt: skip

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.hooks: dict[str, Any] = {}
        """Stage -> pluggy's hook relay over the plugins of that stage, in list order."""
        for stage in hookspecs.STAGES:
            manager = pluggy.PluginManager(hookspecs.PROJECT)
            manager.add_hookspecs(hookspecs)
            # pluggy calls the last registered first: registering in reverse makes its order the file's order.
            for listing in reversed(plan.stages[stage]):
                manager.register(listing.plugin, listing.name)
            self.hooks[stage] = manager.hook
        for hook, stage in COMPILED.items():
            setattr(self, hook, compile_hook(getattr(self.hooks[stage], hook), stage))
        out: Chain = self.intercept_out
        self.intercept_out = Chain(out.stage, out.steps[::-1], out.names[::-1])
        self.offer = Offer([listing.plugin for listing in plan.stages["application"]])
        self.on_error = {listing.name: listing.on_error for listing in self.listings()}

    transport: Chain
    connect: Chain
    protocol: Chain
    intercept: Chain
    intercept_out: Chain
    application: Chain
    invite_reply: Chain
    session_begin: Chain
    session_request: Chain
    session_response: Chain
    session_request_out: Chain
    session_response_out: Chain
    session_end: Chain
    route_call: Chain
    channel_request: Chain
    media: Chain
    message_request: Chain
    route_message: Chain
    mailbox_message: Chain
    event_package: Chain
    event_body: Chain
    event_published: Chain
    event_watched: Chain
    event_publisher: Chain
    offer: Offer
    on_error: dict[str, str]

    def listings(self) -> list[Listing]:
        """Every listed plugin once, in the order in which a message meets them."""
        seen: dict[str, Listing] = {}
        for stage in hookspecs.STAGES:
            for listing in self.plan.stages[stage]:
                seen.setdefault(listing.name, listing)
        return list(seen.values())

    def traced(self, now: Callable[[], float]) -> Generation:
        """Return the twin of this generation that leaves a span for every step."""
        twin: Generation = object.__new__(Generation)
        for name in self.__slots__:
            value = getattr(self, name)
            setattr(twin, name, traced(value, now) if isinstance(value, Chain) and name not in UNTRACED else value)
        return twin

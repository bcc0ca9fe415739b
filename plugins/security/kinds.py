"""Lists of methods and of texts in User-Agent, those of the plugin's own options and those of an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline import Request

FOLLOWING = frozenset({"ACK", "BYE", "CANCEL", "PRACK"})
"""What belongs to an INVITE that was let in (RFC 3261 9, 13.2.2.4, 15; RFC 3262): a call that has begun can go on and end."""


class Kinds:
    """What may be asked, and by which programs; and what these lists are called when they refuse."""

    __slots__ = ("_agents", "_allowed", "_at", "_denied", "_no_agents")

    def __init__(self, lists: Any, at: str = "") -> None:
        """Compile; `lists` is whoever has the four options."""
        self._at = at
        self._allowed, self._denied = frozenset(lists.allow_methods), frozenset(lists.deny_methods)
        self._agents = tuple(map(str.lower, lists.allow_user_agents))
        self._no_agents = tuple(map(str.lower, lists.deny_user_agents))

    def __bool__(self) -> bool:
        return bool(self._allowed or self._denied or self._agents or self._no_agents)

    def method(self, method: str) -> str:
        """Say why a method is refused; "" when it is not."""
        if method in self._denied:
            return f"{self._at}deny_methods: {method}"
        if self._allowed and method not in self._allowed:
            return f"{self._at}allow_methods: {method} is none of them"
        return ""

    def agent(self, request: Request, *, within: bool = False) -> str:
        """Say why the User-Agent of a request is refused; "" when it is not. `within` a dialog it may be missing: its first had it."""
        if not self._agents and not self._no_agents:
            return ""
        said = request.get("user-agent")
        if said is None and within:
            return ""
        agent = (said or "").lower()
        for text in self._no_agents:
            if text in agent:
                return f"{self._at}deny_user_agents: {text}"
        if self._agents and not any(text in agent for text in self._agents):
            return f"{self._at}allow_user_agents: User-Agent holds none of them"
        return ""

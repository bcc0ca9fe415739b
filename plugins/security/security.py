"""Let in or refuse by source address, before anybody identifies or authenticates. RFC 3261 26.1.5 (denial of service).

Rule: of all networks in both lists that hold the source, the longest decides; of two equal ones `deny`. With an `allow` list,
who is in neither list is refused; without one, let in. A refused message is dropped in silence, so that a scanner learns
nothing, or answered 403.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Drop, Reply, hookimpl, option, plugin
from pipeline.prefixes import Prefixes, network

if TYPE_CHECKING:
    from pipeline import Message, Passage, Verdict

UNANSWERED = frozenset({"ACK", "CANCEL"})
"""No answer of ours may follow these: an ACK has none (RFC 3261 17), and a CANCEL is answered by who has its INVITE (9.2)."""

NOBODY = "allow: no network of the list holds {}"


def networks(_instance: Any, attribute: attrs.Attribute[Any], value: list[str]) -> None:
    """Validate a list of networks."""
    for text in value:
        try:
            network(text)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{attribute.name}: {error}") from None


@plugin
class Security:
    """Allow and deny lists by source."""

    stage: ClassVar[str] = "intercept"
    after: ClassVar[tuple[str, ...]] = ("logging",)

    allow: list[str] = option(
        factory=list,
        validator=networks,
        help='networks that may send to us, as "192.0.2.0/24"; [] = all but those of `deny`, else who is in neither list is refused',
    )
    deny: list[str] = option(
        factory=list, validator=networks, help="networks that may not; the longest network decides, of two equal ones this list"
    )
    action: str = option(
        "drop", validator=attrs.validators.in_(("drop", "reject")), help='"drop" refuses in silence, "reject" answers requests with 403'
    )

    _lists: Prefixes[tuple[bool, str]] = attrs.field(init=False, factory=Prefixes)

    def __attrs_post_init__(self) -> None:
        denied = [(network(text), (False, f"deny: {text}")) for text in self.deny]
        allowed = [(network(text), (True, f"allow: {text}")) for text in self.allow]
        self._lists = Prefixes([*denied, *allowed])

    @hookimpl
    def intercept(self, message: Message, passage: Passage) -> Verdict | None:
        """Refuse what comes from a source that may not send."""
        source = passage.flow.peer[0]
        found = self._lists.find(source)
        if found is None:
            if not self.allow:
                return None
            because = NOBODY.format(source)
        elif found[0]:
            return None
        else:
            because = f"{found[1]} holds {source}"
        passage.pipeline.tell("security.refused", source=source, transport=passage.flow.transport, because=because)
        request: Any = message
        if self.action == "drop" or not message.is_request or request.method in UNANSWERED:
            return Drop(because)
        return Reply(403, because=because, stateless=True)

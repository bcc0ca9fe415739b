"""Descriptions passed from one leg to the other: the phones send to each other, we hear nothing of it.

Rule: what one phone describes reaches the other as it is: video, T.38, SRTP keys, candidates and whatever will be invented. Only an
endpoint's `codecs` take something away. The order of offers and answers stands in pipeline/core/passing.py, our o= line and the places of
the m= lines in pipeline/sip/sdp_ledger.py, which each leg keeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Malformed, Pending, hookimpl, plugin
from pipeline.core import Unacceptable, Unavailable
from pipeline.core.passing import Passing
from pipeline.dal import StorageError
from pipeline.pending import gather, settle
from pipeline.sip import sdp
from pipeline.sip.negotiation import restrict

if TYPE_CHECKING:
    from pipeline.core import Channel
    from pipeline.core.passing import Side
    from pipeline.engine import Pipeline


class Direct(Passing):
    """A relay that passes descriptions."""

    def __init__(self, plugin: MediaDirect, channels: tuple[Channel, Channel]) -> None:
        super().__init__(plugin.name, channels)
        self._plugin = plugin

    def forth(self, side: Side, offer: bytes) -> bytes | Pending:
        """Offer no codec that one of the two endpoints may not use."""
        found = self._plugin.codecs(side.channel, side.other.channel)
        if found is NO_LISTS:
            return offer
        result: bytes | Pending = settle(found, lambda lists: _restricted(offer, lists))
        return result

    def same(self, one: bytes, other: bytes) -> bool:
        """Tell whether two descriptions differ in nothing but their o= lines."""
        return one == other or sdp.parse(one).same(sdp.parse(other))

    def shown(self, side: Side) -> dict[str, Any]:
        """Say where the media of this side's peer are, as it has described them."""
        now = self.now
        if now is None:
            return {}
        described = now.offer if now.offerer is side else now.answer
        if not isinstance(described, bytes):
            return {}
        try:
            media = sdp.parse(described).media
        except Malformed:
            return {}
        return {"streams": [f"{one.kind} {one.address}:{one.port} {one.direction}" for one in media if one.port]}


@plugin
class MediaDirect:
    """Media between the phones themselves: the default for two that can reach each other."""

    stage: ClassVar[str] = "integration"
    after: ClassVar[tuple[str, ...]] = ("media_rtpengine",)

    name: str = attrs.field(init=False, default="media_direct")
    _engine: Any = attrs.field(init=False, default=None)

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Remember the pipeline."""
        self._engine = engine
        self.name = engine.name_of(self)

    @hookimpl
    def media(self, need: str, channels: tuple[Channel, ...]) -> Direct | None:
        """Give the relay of two channels neither of which wants another provider."""
        if need != "relay" or len(channels) != 2:
            return None
        if any(channel.variables.get("media", "") not in ("", self.name) for channel in channels):
            return None
        return Direct(self, (channels[0], channels[1]))

    def codecs(self, *channels: Channel) -> Any:
        """Return the lists of codecs that these channels' endpoints have, or a Pending of them. Raises Unavailable."""
        names = [channel.endpoint for channel in channels if channel.endpoint]
        if not names:
            return NO_LISTS
        try:
            found = gather([self._engine.dal.get("endpoint", name) for name in names])
        except StorageError as error:
            raise Unavailable(f"storage: {error}") from None
        if isinstance(found, Pending):
            return settle(found, _lists)
        return _lists(found)


NO_LISTS: list[tuple[str, ...]] = []
"""What says that nothing is restricted, as nearly always."""


def _lists(endpoints: list[Any]) -> list[tuple[str, ...]]:
    return [endpoint.codecs for endpoint in endpoints if endpoint is not None and endpoint.codecs] or NO_LISTS


def _restricted(offer: bytes, lists: list[tuple[str, ...]]) -> bytes:
    if not lists:
        return offer
    try:
        description: sdp.Description | None = sdp.parse(offer)
    except Malformed as error:
        raise Unacceptable(error.reason) from None
    for allowed in lists:
        if description is not None:
            description = restrict(description, allowed)
    if description is None:
        raise Unacceptable("no codec that both endpoints may use is on offer")
    return description.encode()

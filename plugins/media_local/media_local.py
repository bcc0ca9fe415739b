"""The plugin: its options, and who is served. Sound and conferences always; a relay when it is asked for, or when nobody else passes media.

Rule: a channel's wish stands in its variable `media` (its endpoint's option); "" is no wish.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import attrs

from pipeline import hookimpl, option, plugin
from pipeline.bind import reachable
from pipeline.core.media import Unavailable

from . import player
from .codecs import ALIASES, CODECS
from .mixer import Mixer
from .relay import Relay
from .room import Room
from .sound import Sound

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.core.channel import Channel
    from pipeline.engine import Pipeline

DIRECT = "media_direct"


def _ports(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not dash or not first.strip().isdigit() or not last.strip().isdigit():
        raise ValueError(f'"{text}" is no range of ports: write it as "16384-32767"')
    low, high = int(first), int(last)
    if not 1024 <= low < high <= 65535 or high - low < 3:
        raise ValueError(f'"{text}": ports are 1024 to 65535, the lower first, four at least')
    return low, high


def _valid_ports(_instance: Any, _attribute: attrs.Attribute[Any], value: str) -> None:
    _ports(value)


def _valid_codecs(_instance: Any, attribute: attrs.Attribute[Any], value: list[str]) -> None:
    known = {*CODECS, *ALIASES}
    unknown = [name for name in value if name.lower() not in known]
    if unknown or not value:
        raise ValueError(f"{attribute.name}: {', '.join(unknown) or 'none'} cannot be spoken here; there are {', '.join(CODECS)}")


@plugin
class MediaLocal:
    """Media built in: RTP, G.711 and L16, sounds, recordings, digits, conferences, a relay between codecs."""

    stage: ClassVar[str] = "integration"
    after: ClassVar[tuple[str, ...]] = ("media_direct",)

    ports: str = option("16384-32767", validator=_valid_ports, help='range of UDP ports for media, as "16384-32767"; each stream takes two')
    bind: list[str] = option(
        factory=list, help="our addresses for media, one per address family; [] = the address from which the peer is reached"
    )
    advertise: str = option(
        "", validator=reachable, help='address that peers are told to send to, where a NAT stands between; "" = the bound one'
    )
    codecs: list[str] = option(
        factory=lambda: ["ulaw", "alaw", "l16"], validator=_valid_codecs, help=f"codecs offered, the best first, of {', '.join(CODECS)}"
    )
    sounds: list[str] = option(
        factory=list,
        path=True,
        help="folders where played sounds are looked for by name, from this file's folder; after them those that come with Sipline:"
        ' "welcome", "menu"',
    )
    hold_music: str = option("hold", help='what a relay plays to whom the other side has put on hold; "" = what the other side sends')
    symmetric: bool = option(
        default=True, help="whether media go to where they come from (RFC 4961), not to where the peer says that it is"
    )
    strict: Literal["no", "strangers", "yes"] = option(
        "strangers",
        help="who is sent nothing outside the network that his signalling comes from (/24, in IPv6 /64) before something has come from"
        ' where he says that he is, so that nobody has media sent to others. "strangers": callers that are no endpoint of ours, or the'
        ' `anonymous` one; "yes": everybody; "no": nobody, for callers that wait to be sent to first',
    )
    rtp_timeout: float = option(
        60.0, unit="s", validator=attrs.validators.ge(0), help="a call from whose peer no packet came for so long is dead; 0 = never"
    )
    rtp_timeout_hold: float = option(
        0.0, unit="s", validator=attrs.validators.ge(0), help="the same while the peer has put the other side on hold; 0 = never"
    )
    inband: bool = option(default=True, help="whether digits are heard as tones from peers that do not offer them as events (RFC 4733)")

    _room: Room | None = attrs.field(init=False, default=None)
    _passes: bool = attrs.field(init=False, default=True)

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Make ready; no port is bound before a call needs it."""
        folder = engine.generation.plan.document.folder
        listings = list(engine.generation.listings())
        self._passes = DIRECT not in {listing.name for listing in listings}
        # Whoever identifies callers gives those that nobody knows an endpoint of this name.
        strangers = frozenset({"", *(str(getattr(listing.plugin, "anonymous", "")) for listing in listings)})
        self._room = Room(
            engine,
            engine.name_of(self),
            ports=_ports(self.ports),
            codecs=",".join(self.codecs),
            sounds=self._folders(folder),
            home=folder,
            advertise=self.advertise,
            bind=tuple(self.bind),
            symmetric=self.symmetric,
            strict=self.strict,
            strangers=strangers,
            timeout=self.rtp_timeout,
            timeout_hold=self.rtp_timeout_hold,
            hold_music=self.hold_music,
            inband=self.inband,
        )
        if self.hold_music:
            self.find_sound(self.hold_music, folder)

    def find_sound(self, name: str, folder: Path) -> None:
        """Look whether there is a sound of this name, as `sipline check` does for dialplans; raises OSError when there is none.

        `folder` is that of pipeline.toml.
        """
        if name == player.SILENCE or name.startswith("tone:"):
            return
        player.find(name, self._folders(folder), folder)

    def sound_names(self, folder: Path) -> set[str]:
        """Return the names of all sounds that are files, for whoever has misspelt one. `folder` as above."""
        places = [place for place in (*self._folders(folder), player.OURS) if place.is_dir()]
        return {str(file.relative_to(place).with_suffix("")) for place in places for file in place.rglob("*.wav")}

    def _folders(self, folder: Path) -> tuple[Path, ...]:
        return tuple(folder / name for name in self.sounds)

    @hookimpl
    def media(self, need: str, channels: tuple[Channel, ...]) -> Sound | Relay | Mixer | None:
        """Provide."""
        room = self._room
        if room is None:
            raise Unavailable("the server is stopping")
        if need == "sound":
            return Sound(room, channels[0])
        if need == "mix":
            return Mixer(room)
        wishes = {channel.variables.get("media", "") for channel in channels}
        if need not in ("relay", "recording") or wishes - {"", DIRECT, room.provider}:
            return None
        return Relay(room, channels) if self._passes or need == "recording" or room.provider in wishes else None

    def stats(self) -> dict[str, int]:
        """Return the counters that `sipline show stats` shows."""
        room = self._room
        if room is None:
            return {}
        return {"streams": room.ports.used, "paced": len(room.pace), "beats_missed": room.pace.skipped}

    @hookimpl
    def stop(self) -> None:
        """Nothing new; what is open its channels close."""
        self._room = None

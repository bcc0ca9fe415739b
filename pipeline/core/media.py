"""Media as the core sees them: who makes and takes session descriptions for a channel, and what sound can be asked for.

Rule: a description is bytes. The core hands it on and never looks into it; the providers (hook `media`) do.

A channel has one Terminal at a time: the house's end of the offer/answer exchange that its leg holds with its peer. Applications put a
Sound there (playing, recording, digits); a bridge of two channels puts the two sides of a Relay there, a conference those of a Mixer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.core.causes import Hangup
    from pipeline.core.channel import Channel
    from pipeline.pending import Pending


class Unacceptable(Exception):  # noqa: N818  errors are named by what they say
    """The offer has nothing that this side can take; the far side is told that it is not acceptable here."""


class Unavailable(Exception):  # noqa: N818
    """The provider cannot serve now (its peer is down, its ports are used up): the call is refused as unavailable, never silent."""


class Refused(Exception):  # noqa: N818
    """The far side refused an offer of ours; what was agreed before goes on."""

    def __init__(self, hangup: Hangup) -> None:
        super().__init__(hangup.text or str(hangup.cause))
        self.hangup = hangup


class Terminal(Protocol):
    """The house's end of one channel's media.

    `offer`, `answer` and `accept` may give their value at once or as a Pending; they raise, or fail with, Unacceptable, Unavailable or
    Refused. `close` comes once, before or after the `close` of a relay that it is a side of.
    """

    provider: str
    """The plugin that made it."""

    def offer(self) -> bytes | Pending | None:
        """Return the description to offer to the peer; None: let the peer make the offer."""

    def answer(self, offer: bytes) -> bytes | Pending:
        """Return the answer to the peer's offer: its first one, or a change of what was agreed."""

    def accept(self, answer: bytes) -> Pending | None:
        """Take the peer's answer to what `offer` gave."""

    def reject(self, hangup: Hangup) -> None:
        """Learn that the peer refused what `offer` gave: what was agreed before stands."""

    def withdraw(self) -> None:
        """Learn that the peer no longer waits for the answer to its offer: what was agreed before stands, on every side."""

    def early(self, answer: bytes) -> bool:
        """Take a description that the peer sent before it answered the call; True: there is something to be heard."""

    def close(self) -> None:
        """Let go of ports, files and timers; called once, nothing is asked afterwards."""

    def show(self) -> dict[str, Any]:
        """Return what `sipline show channels` says about the media, plain values only."""


class Sound(Terminal, Protocol):
    """A Terminal that ends in the house: applications play to it and listen to it. Digits that it hears go to `Channel.told_digit`."""

    def play(self, source: str | Path, *, repeat: bool = False) -> Pending:
        """Play a WAV file, "tone:FREQ[+FREQ][*ON/OFF]..." (Hz, ms) or "silence".

        Done when it has been played or `quiet` was called; fails with OSError.
        """

    def quiet(self) -> None:
        """Stop playing."""

    def record(self, path: Path, *, seconds: float = 0, silence: float = 0) -> Pending:
        """Record what the peer says to a WAV file until `end_recording`, `seconds` (0: no limit) or so much `silence`.

        Gives the length in seconds.
        """

    def end_recording(self) -> None:
        """End the recording and close its file."""

    def echo(self, on: bool) -> None:
        """Send back to the peer what it says, or cease to."""

    def send_digit(self, digit: str, milliseconds: int) -> None:
        """Send a digit (0-9 * # A-D)."""


class Tape(Protocol):
    """A recording of a relay or a mixer."""

    @property
    def done(self) -> Pending:
        """Has the length in seconds when it is over; fails with OSError, Unavailable or Unacceptable."""

    def end(self) -> None:
        """End it: its file is complete."""


class Relay(Protocol):
    """What joins the media of two channels. One whose media pass through us may have `record(path) -> Tape` too: of both sides."""

    provider: str

    def terminal(self, channel: Channel) -> Terminal:
        """Return the side of this relay that faces `channel`; asked once for each of the two."""

    def join(self) -> Pending:
        """Bring two channels together that are both up already, by new offers to both; done when both have agreed, fails with Refused."""

    def close(self) -> None:
        """Let go of both sides."""


class Mixer(Protocol):
    """What lets several channels hear each other: each all the others, nobody himself. It may have `record(path) -> Tape` too."""

    provider: str

    def terminal(self, channel: Channel) -> Terminal:
        """Return the seat of `channel`; it is a Sound, so that one member can be played to."""

    def leave(self, channel: Channel) -> None:
        """Free the seat of `channel`."""

    def play(self, source: str | Path, *, repeat: bool = False) -> Pending:
        """Play something that all hear."""

    def close(self) -> None:
        """End it."""

"""What a leg's descriptions keep from the first to the last, whoever provides its media: our o= line, its version, the places of m= lines.

    ledger = Ledger(session, address)         one per leg (dialog), with a number of ours for the session
    ledger.offer(description) -> bytes        to be sent as our offer; what comes back goes through `ledger.answered`
    ledger.answered(answer) -> bytes          the far side's answer, as whoever made the offer expects it
    ledger.offered(offer) -> bytes            the far side's offer has come; as it is to be answered
    ledger.answer(description) -> bytes       to be sent as our answer
    ledger.refused()                          the open offer, ours or the far side's, came to nothing

Rules:
- The far side sees one describer: o= has our session number, and a version that rises by one exactly when what is described differs from
  what it was sent last (RFC 3264 8). So a repeated answer, or an offer that only refreshes, is known as such.
- Within a session an m= line is never taken away nor moved (RFC 3264 8). When other media come to the leg, its offer gets the places
  that the session has: same kind to same kind, what is missing is refused with port 0, what is new follows. `answered` puts it back.
- The usual call never needs a place moved, and is not parsed for it.
"""

from __future__ import annotations

from .grammar import bad
from .sdp import Origin, parse

__all__ = ["Ledger"]

NOBODYS = b"o=- 0 0 IN IP4 0.0.0.0\r\n"


class Ledger:
    """The descriptions of one leg."""

    __slots__ = ("_address", "_agreed", "_before", "_last", "_open", "_places", "_session", "_told", "version")

    def __init__(self, session: int, address: str) -> None:
        self._session = session
        self._address = address
        self._last: tuple[bytes, bytes] | None = None
        self._told: tuple[bytes, bytes] | None = None
        """What was on the wire last, refused or not: `version` is its own."""
        self._before: tuple[bytes, bytes] | None = None
        """What was sent before our open offer, and holds if that is refused."""
        self._agreed = b""
        """The offer of the last exchange that was completed: its m= lines are the session's."""
        self._open = b""
        """The offer, as it was on the wire, that is not answered yet."""
        self._places: list[int] | None = None
        """Where the media of our open offer went, when not where they stood."""
        self.version = 0
        """Of the description that was sent last; 0: none was."""

    @property
    def sent(self) -> bytes:
        """What was sent last and not refused; empty: nothing was."""
        return b"" if self._last is None else self._stamped(self._last)

    @property
    def plain(self) -> bytes:
        """The same without a session and a version of its own: to be compared, and to be offered again one day."""
        return b"" if self._last is None else self._last[0] + NOBODYS + self._last[1]

    def offer(self, description: bytes) -> bytes:
        """Return what to send as our offer. Raises Malformed."""
        self._places = None
        if self._agreed and _kinds(description)[: len(known := _kinds(self._agreed))] != known:
            description = self._placed(description)
        before = self._last
        self._open = self._stamp(description)
        self._before = before
        return self._open

    def answered(self, answer: bytes) -> bytes:
        """Take the far side's answer to our offer; return it with its media where they stood in what `offer` was given."""
        self._agreed, self._open = self._open or self._agreed, b""
        self._before = None
        places, self._places = self._places, None
        return answer if places is None else self._back(answer, places)

    def early(self, answer: bytes) -> bytes:
        """Return a preview of the answer to our offer with its media where they stood; the offer stays open."""
        return answer if self._places is None else self._back(answer, self._places)

    def offered(self, offer: bytes) -> bytes:
        """Take the far side's offer; return it as whoever answers it gets it."""
        self._open = offer
        self._before = None
        return offer

    def answer(self, description: bytes) -> bytes:
        """Return what to send as our answer, also as a preview of it; with too few m= lines it refuses the rest. Raises Malformed."""
        offer = self._open or self._agreed
        if len(_kinds(description)) < len(_kinds(offer)):
            found = parse(description)
            rest = parse(offer).media[len(found.media) :]
            description = found.with_media((*found.media, *(media.refused() for media in rest))).encode()
        self._agreed = offer
        return self._stamp(description)

    def refused(self) -> None:
        """The open offer was refused, or withdrawn: what was agreed before stands."""
        if self._before is not None:
            self._last, self._before = self._before, None
        self._open = b""
        self._places = None

    # -- within --------------------------------------------------------------------------------------------------------

    def _stamp(self, description: bytes) -> bytes:
        start = description.find(b"\no=") + 1
        if not start:
            raise bad("session description", "o= is missing")
        end = description.find(b"\n", start) + 1 or len(description)
        rest = (description[:start], description[end:])
        if rest != self._told:
            self.version += 1
            self._told = rest
        self._last = rest
        return self._stamped(rest)

    def _stamped(self, rest: tuple[bytes, bytes]) -> bytes:
        return rest[0] + f"o={Origin('-', str(self._session), str(self.version), self._address)}\r\n".encode() + rest[1]

    def _placed(self, description: bytes) -> bytes:
        found, before = parse(description), parse(self._agreed)
        slots = [media.refused() for media in before.media]
        free = list(range(len(slots)))
        places = []
        for media in found.media:
            place = next((place for place in free if slots[place].kind == media.kind), None)
            if place is None:
                place = len(slots)
                slots.append(media)
            else:
                free.remove(place)
                slots[place] = media
            places.append(place)
        self._places = places
        return found.with_media(slots).encode()

    @staticmethod
    def _back(answer: bytes, places: list[int]) -> bytes:
        found = parse(answer)
        return found.with_media(found.media[place] for place in places if place < len(found.media)).encode()


def _kinds(description: bytes) -> list[bytes]:
    return [section[: section.find(b" ")] for section in description.split(b"\nm=")[1:]]

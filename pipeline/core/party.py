"""Who somebody is, as the other side may be told."""

from __future__ import annotations

from enum import Enum

import attrs


class Presentation(Enum):
    """Whether a name and number may be shown."""

    ALLOWED = "allowed"
    RESTRICTED = "restricted"
    UNAVAILABLE = "unavailable"


@attrs.frozen(slots=True)
class Party:
    """A caller or a connected party."""

    name: str = ""
    """For a display; UTF-8."""
    number: str = ""
    """What one dials to reach him: a number or the user part of an address."""
    domain: str = ""
    """Where that number means something; empty: here."""
    presentation: Presentation = Presentation.ALLOWED

    def __str__(self) -> str:
        number = f"{self.number}@{self.domain}" if self.domain else self.number
        return f"{self.name} <{number}>" if self.name else number

"""What a step plays, by its name: a few that are tones have names here; all others the provider of media looks for in its folders.

"welcome"             a WAV file in the provider's folders ([plugin.media_local] sounds), or a path
"tone:425*1000/4000"  a tone: Hz, then milliseconds on and off
"ring" "busy" …       see NAMED
"silence"             nothing
"""

from __future__ import annotations

from pipeline.core.voice import INFORMATION

__all__ = ["NAMED", "sound_of"]

NAMED = {
    "ring": "tone:425*1000/4000",  # ITU-T E.180 supplement 2: most of Europe
    "busy": "tone:425*480/480",
    "congestion": "tone:425*240/240",
    "information": INFORMATION,
}
"""Sounds that need no file."""


def sound_of(name: str) -> str:
    """Give what `Sound.play` takes for a name."""
    return NAMED.get(name, name)

"""The channel core: channels, bridges, calls, media, records of calls. Technology-neutral; drivers and providers are plugins.

causes, party, wanted (values), leg and media (what drivers and providers implement), channel, bridge, conference, call, dial, core.
The names that plugins import are re-exported here.
"""

from pipeline.core.bridge import Bridge
from pipeline.core.call import Call
from pipeline.core.causes import Cause, Hangup
from pipeline.core.channel import Channel, State
from pipeline.core.core import Core
from pipeline.core.dial import Outcome
from pipeline.core.leg import Leg
from pipeline.core.media import Mixer, Refused, Relay, Sound, Terminal, Unacceptable, Unavailable
from pipeline.core.party import Party, Presentation
from pipeline.core.wanted import Dialed, Ended, Script, Unroutable, Wanted

__all__ = [
    "Bridge",
    "Call",
    "Cause",
    "Channel",
    "Core",
    "Dialed",
    "Ended",
    "Hangup",
    "Leg",
    "Mixer",
    "Outcome",
    "Party",
    "Presentation",
    "Refused",
    "Relay",
    "Script",
    "Sound",
    "State",
    "Terminal",
    "Unacceptable",
    "Unavailable",
    "Unroutable",
    "Wanted",
]

"""The channel core: channels, bridges, calls, media, records of calls. Technology-neutral; drivers and providers are plugins.

causes, party, wanted (values), leg and media (what drivers and providers implement), channel, bridge, conference, call, dial, core.
Messages: text (values), messages, delivery (to all devices of a recipient), keeping (until he can be reached), rates.
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
from pipeline.core.messages import Messages, Policy
from pipeline.core.party import Party, Presentation
from pipeline.core.text import Fate, Place, Reached, Receipt, Text, Undeliverable
from pipeline.core.wanted import Dialed, Ended, Script, Unroutable, Wanted

__all__ = [
    "Bridge",
    "Call",
    "Cause",
    "Channel",
    "Core",
    "Dialed",
    "Ended",
    "Fate",
    "Hangup",
    "Leg",
    "Messages",
    "Mixer",
    "Outcome",
    "Party",
    "Place",
    "Policy",
    "Presentation",
    "Reached",
    "Receipt",
    "Refused",
    "Relay",
    "Script",
    "Sound",
    "State",
    "Terminal",
    "Text",
    "Unacceptable",
    "Unavailable",
    "Undeliverable",
    "Unroutable",
    "Wanted",
]

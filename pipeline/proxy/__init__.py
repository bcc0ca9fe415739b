"""Passing requests on and their answers back, as a stateful proxy does. RFC 3261 16.

Who decides where a request goes is a plugin (`edge`); what every proxy has to do with it stands here: `screen` looks before (16.3),
`onward` makes the copy (16.6), `Forwarding` sends it and relays what comes back (16.7). One request goes to one place: nothing here forks.
"""

from .forwarding import Forwarding, Passing
from .onward import onward, stripped, withheld
from .screen import mark_of, screen

__all__ = ["Forwarding", "Passing", "mark_of", "onward", "screen", "stripped", "withheld"]

"""The stored type `hint`: what a watcher of a name sees that is no address of record, or more than that: phones, a conference.

Rule: the word is Asterisk's. Event packages read it (pipeline/pubsub/lookout.py); who is called by that name is the dialplan's affair.
"""

from typing import ClassVar

import attrs

from pipeline.option import option

from .stored import Stored, register, strings
from .stored import origin as origin_field
from .stored import version as version_field


@attrs.frozen(eq=False, weakref_slot=False)
class Hint(Stored):
    """A name that can be watched: the calls of some endpoints, the people in a conference."""

    in_file: ClassVar[bool] = True

    id: str = option(help='what is watched: "600" in the first domain, or "600@example.com"')
    endpoints: tuple[str, ...] = option(
        default=(), converter=strings, refers="endpoint", help="endpoints whose calls its watchers see, all together"
    )
    conference: str = option(default="", help='name of a conference whose members its watchers see; "" = none')
    name: str = option(default="", help='what it is called, for displays; "" = nothing is said')
    origin: str = origin_field()
    version: int = version_field()


register("hint", Hint)

"""Records of calls: what remains of a call when it is over. One for each call, written at its end.

Rule: only where [dal] names a backend for `cdr`; a line there, or none, is the whole decision. Written behind unless [dal] says
otherwise: no call waits for a disk.
"""

from typing import ClassVar

import attrs

from pipeline.option import option

from .objects import Stored, register


@attrs.frozen(eq=False, weakref_slot=False)
class Cdr(Stored):
    """A call that is over."""

    on_demand: ClassVar[bool] = True
    durability: ClassVar[str] = "behind"

    id: str = option(help="id of the call")
    begun_at: float = option(default=0.0, unit="s", help="when it came or was placed, seconds since 1970 (UTC)")
    answered_at: float = option(default=0.0, unit="s", help="when it was answered; 0 = never")
    ended_at: float = option(default=0.0, unit="s", help="when it ended")
    duration: float = option(default=0.0, unit="s", help="from its begin to its end")
    billed: float = option(default=0.0, unit="s", help="from the answer to the end")
    disposition: str = option(default="", help='"answered", "busy", "no answer", "cancelled" or "failed"')
    cause: int = option(default=0, help="why it ended, cause of ITU-T Q.850")
    text: str = option(default="", help="the same in words, where somebody said some")
    technology: str = option(default="", help="the technology of the first channel")
    code: int = option(default=0, help="what that technology said; 0 = nothing")
    placed: bool = option(default=False, help="whether the house placed it itself (originate)")
    caller_name: str = option(default="", help="display name of the first party")
    caller_number: str = option(default="", help="number of the first party")
    caller_endpoint: str = option(default="", help="endpoint of the first party")
    context: str = option(default="", help="where the extension was looked up")
    dialed: str = option(default="", help="what was dialled")
    answerer_name: str = option(default="", help="display name of who answered")
    answerer_number: str = option(default="", help="number of who answered")
    answerer_endpoint: str = option(default="", help="endpoint of who answered")
    application: str = option(default="", help="what was last done with the first channel")
    origin: str = option(default="", help="the backend that holds this object; stamped by it")
    version: int = option(default=0, help="changes with every write; stamped by the backend")


register("cdr", Cdr)

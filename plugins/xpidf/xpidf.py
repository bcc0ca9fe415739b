"""The plugin `xpidf`: presence in application/xpidf+xml and application/cpim-pidf+xml, which phones from before RFC 3863 ask for.

Both are the drafts of that RFC (draft-rosenberg-impp-pidf-00, draft-ietf-impp-cpim-pidf); Asterisk and FreeSWITCH answer both with the
former, which is what those phones read: Windows Messenger, Polycom SoundPoint, Snom, Aastra. Three states are all there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pipeline import hookimpl, plugin
from pipeline.pubsub.states import Presence
from pipeline.pubsub.xml import Document, add

if TYPE_CHECKING:
    from pipeline.pubsub import Form, Resource

TYPES = ("application/xpidf+xml", "application/cpim-pidf+xml")
DOCTYPE = '<!DOCTYPE presence PUBLIC "-//IETF//DTD RFCxxxx XPIDF 1.0//EN" "xpidf.dtd">'
BUSY = frozenset(("on-the-phone", "busy", "meeting", "presentation", "appointment", "performance", "working"))
"""Activities of RFC 4480 3.2 in which one does not answer."""


@plugin
class Xpidf:
    """Writes presence for old phones."""

    stage: ClassVar[str] = "application"
    after: ClassVar[tuple[str, ...]] = ("presence",)
    bodies: ClassVar[dict[str, tuple[str, ...]]] = {"presence": TYPES}

    @hookimpl
    def event_body(self, resource: Resource, state: Any, form: Form) -> bytes | None:
        """Write a state of the event presence."""
        if form.content_type not in TYPES or not isinstance(state, Presence):
            return None
        return xpidf(state)


def xpidf(state: Presence) -> bytes:
    """Return the document: open, inuse or closed."""
    activities = state.person.activities if state.person is not None else ()
    if not state.open:
        status, substatus = "closed", "offline"
    elif not BUSY.isdisjoint(activities):
        status, substatus = "inuse", "onthephone"
    else:
        status, substatus = "open", "online"
    document = Document("presence", "")
    add(document.root, "presentity", uri=f"{state.entity};method=SUBSCRIBE")
    atom = add(document.root, "atom", id="atom")
    address = add(atom, "address", uri=f"{state.entity};user=ip", priority="0.800000")
    add(address, "status", status=status)
    add(address, "msnsubstatus", substatus=substatus)
    return document.write(DOCTYPE)

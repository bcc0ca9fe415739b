"""Whether a REGISTER makes a flow, and which binding that flow takes the place of. RFC 5626 6.

Rule: pure. A flow is a binding of (instance, reg-id), whatever its URI: the same pair from another port is the same phone whose connection
broke. What is no flow is compared as ever (RFC 3261 10.3). The flow is the connection itself when the phone is next to us, and leads
through the edge proxy's Path when one stands between, which must know how (`ob` in its URI).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import Malformed, Reply
from pipeline.sip.message import STAR

from .interval import asked_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline import Address, Message
    from pipeline.dal import Contact

REQUIRED = ("Require", "outbound")
LARGEST = 2**31 - 1
"""The largest reg-id: RFC 5626 4.2."""
LACKS = "First Hop Lacks Outbound Support"


def flow_of(message: Message) -> Reply | bool:
    """Tell whether the bindings of a REGISTER are flows; a Reply refuses it. Raises Malformed."""
    contacts = message.contacts
    if contacts is STAR:
        return False
    flows = [each for each in contacts if reg_id_of(each) and each.params.get("+sip.instance")]
    if not flows:
        return False
    if len(message.vias) > 1 and not _edge(message):
        if "outbound" in [tag.lower() for tag in message.supported]:
            return Reply(439, LACKS, because="the first hop put in no Path with ob, so no flow would be kept to this phone (RFC 5626 6)")
        return False
    lasting = [each for each in contacts if asked_of(each, message) != 0]
    if len(lasting) > 1:
        return Reply(400, "One Flow Only", because="a REGISTER with reg-id registers one flow: one Contact that lasts (RFC 5626 6)")
    return True


def place_of(bindings: Sequence[Contact], address: Address) -> int | None:
    """Find the binding whose flow a contact takes over; None: it is no flow, or there is none yet and its URI may decide."""
    instance, reg_id = address.params.get("+sip.instance"), reg_id_of(address)
    if not instance or not reg_id:
        return None
    name = instance.lower()
    for place, contact in enumerate(bindings):
        if contact.reg_id == reg_id and contact.instance.lower() == name:
            return place
    return None


def reg_id_of(address: Address) -> int:
    """Read a reg-id (RFC 5626 4.2: 1 to 2**31-1); 0 when it is none."""
    text = address.params.get("reg-id")
    if not (text and len(text) <= len(str(LARGEST)) and text.isascii() and text.isdigit()):
        return 0
    number = int(text)
    return number if number <= LARGEST else 0


def _edge(message: Message) -> bool:
    """Tell whether the phone's first hop keeps flows: its Path has `ob` (RFC 5626 5.1). The RFC looks at the first URI, which is that of
    the hop next to us; the phone's own first hop wrote the last one. Either is enough.
    """
    try:
        paths = message.paths
    except Malformed:
        return False
    return bool(paths) and ("ob" in paths[0].uri.params or "ob" in paths[-1].uri.params)

"""The states of the standard event packages: what their `event_package` gives and every body generator for them reads.

Rule: values only, with the words of the RFCs; how they are written as XML or text is the generators' affair.
"""

import enum

import attrs

__all__ = [
    "Binding",
    "Conference",
    "Dialog",
    "Dialogs",
    "Member",
    "Messages",
    "Note",
    "Person",
    "Presence",
    "Progress",
    "Registration",
    "Tuple",
    "Waiting",
    "Watched",
    "Watching",
]


# -- presence (RFC 3856, RFC 3863, RFC 4480) ---------------------------------------------------------------------------


@attrs.frozen
class Note:
    """Something for a person to read (RFC 3863 4.1.6)."""

    text: str
    lang: str = ""
    """xml:lang; empty: not said."""


@attrs.frozen
class Tuple:
    """One way to communicate with a presentity (RFC 3863 4.1.2)."""

    id: str
    open: bool | None
    """The basic status; None: not said."""
    contact: str = ""
    priority: float | None = None
    """0 to 1; None: not said."""
    notes: tuple[Note, ...] = ()
    timestamp: float = 0.0
    """Seconds since 1970; 0: not said."""
    extra: bytes = b""
    """XML of further elements inside the tuple, verbatim (they were published; well-formed, with their namespaces)."""
    status_extra: bytes = b""
    """The same inside its status (RFC 3863 4.2.5)."""


@attrs.frozen
class Person:
    """The person behind it (RFC 4479 3.1, RFC 4480)."""

    activities: tuple[str, ...] = ()
    """Names of RFC 4480 3.2: "on-the-phone", "away", "busy" ..."""
    id: str = ""
    """Empty: it was not published."""
    notes: tuple[Note, ...] = ()
    extra: bytes = b""
    """XML of further elements, verbatim."""
    timestamp: float = 0.0
    """Seconds since 1970; 0: not said."""


@attrs.frozen
class Presence:
    """State of the event "presence": composed of what was published and of what the house sees (registrations, calls)."""

    entity: str
    tuples: tuple[Tuple, ...] = ()
    person: Person | None = None
    notes: tuple[Note, ...] = ()
    extra: bytes = b""
    """XML of further elements of the document (devices, other namespaces), verbatim."""

    @property
    def open(self) -> bool:
        """Whether any way is open: what old phones are told."""
        return any(each.open for each in self.tuples)


# -- dialog (RFC 4235) -------------------------------------------------------------------------------------------------


@attrs.frozen
class Dialog:
    """One call that somebody is in."""

    id: str
    state: str
    """trying, proceeding, early, confirmed, terminated (4235 3.7.1)."""
    direction: str = ""
    """initiator or recipient; empty: not said."""
    call_id: str = ""
    local_tag: str = ""
    remote_tag: str = ""
    """Of the dialog with the watched phone, seen from that phone; what a call pickup (RFC 3891) names."""
    local_name: str = ""
    local_uri: str = ""
    remote_name: str = ""
    remote_uri: str = ""
    """Empty when it is not to be shown."""
    remote_target: str = ""
    held: bool = False
    """Whether the watched phone has it on hold (its target says +sip.rendering=no)."""
    duration: float = attrs.field(default=0.0, eq=False)
    """Seconds when the state was read, not compared; 0: not said."""
    event: str = ""
    """Why it is terminated: cancelled, rejected, replaced, local-bye, remote-bye, error, timeout (4235 3.7.1)."""
    code: int = 0


@attrs.frozen
class Dialogs:
    """State of the event "dialog"; no dialogs: idle."""

    entity: str
    dialogs: tuple[Dialog, ...] = ()


# -- message-summary (RFC 3842) ----------------------------------------------------------------------------------------


@attrs.frozen
class Messages:
    """How many messages of one class there are (3842 5.2)."""

    new: int = 0
    old: int = 0
    urgent_new: int = 0
    urgent_old: int = 0


@attrs.frozen
class Waiting:
    """State of the event "message-summary"."""

    account: str
    """URI of the mailbox, for Message-Account: what the phone dials to hear it."""
    classes: tuple[tuple[str, Messages], ...] = ()
    """By context class (RFC 3458), as ("voice-message", Messages(...)); in the order told."""

    @property
    def waiting(self) -> bool:
        """Whether the lamp is lit."""
        return any(counted.new for _, counted in self.classes)


# -- reg (RFC 3680) ----------------------------------------------------------------------------------------------------


@attrs.frozen
class Binding:
    """A contact of a registration (3680 5.3)."""

    id: str
    uri: str
    state: str
    """active or terminated."""
    event: str
    """registered, created, refreshed, shortened, expired, deactivated, probation, unregistered, rejected (3680 5.3)."""
    expires: int | None = attrs.field(default=None, eq=False)
    """Seconds left when the state was read; not compared: it changes every second."""
    q: float | None = None
    call_id: str = ""
    cseq: int | None = None
    params: tuple[tuple[str, str], ...] = ()
    """Of the Contact, but for q and expires."""
    pub_gruu: str = ""
    """The public GRUU (RFC 5628); empty: it has none."""


@attrs.frozen
class Registration:
    """State of the event "reg"."""

    aor: str
    id: str
    state: str
    """init, active or terminated (3680 4.2)."""
    bindings: tuple[Binding, ...] = ()


# -- conference (RFC 4575) ---------------------------------------------------------------------------------------------


@attrs.frozen
class Member:
    """Somebody in a conference, by one endpoint of his."""

    id: str
    uri: str
    name: str = ""
    endpoint: str = ""
    status: str = "connected"
    """pending, dialing-out, dialing-in, alerting, on-hold, connected, muted-via-focus, disconnecting, disconnected (4575 5.7.3)."""
    joined: str = ""
    """dialed-in or dialed-out."""
    joined_at: float = 0.0


@attrs.frozen
class Conference:
    """State of the event "conference"."""

    entity: str
    name: str = ""
    active: bool = False
    members: tuple[Member, ...] = ()


# -- refer (RFC 3515) --------------------------------------------------------------------------------------------------


@attrs.frozen
class Progress:
    """State of the event "refer": how what was referred to goes (message/sipfrag)."""

    status: int
    reason: str
    over: bool
    """Whether nothing more is to come: the NOTIFY says Subscription-State: terminated;reason=noresource (3515 2.4.4)."""
    headers: tuple[tuple[str, str], ...] = ()


# -- winfo (RFC 3857, RFC 3858) ----------------------------------------------------------------------------------------


class Watching(enum.Enum):
    """Status of a watcher (3857 4.7.1)."""

    INIT = "init"
    PENDING = "pending"
    ACTIVE = "active"
    WAITING = "waiting"
    TERMINATED = "terminated"


@attrs.frozen
class Watched:
    """State of the event "presence.winfo": (id, URI, display name, status, event of 3857 4.7.1) of each watcher."""

    entity: str
    package: str
    watchers: tuple[tuple[str, str, str, Watching, str], ...] = ()

"""The stages and their hooks, in the order in which a message meets them. Each docstring is the hook's manual page.

A plugin may be listed under a stage of pipeline.toml when it implements a hook of that stage's family; a hook of another
family is an error there: a listing is a permission. `sipline check` reads the families from this file.

Stage hooks are plain functions. They never wait: what must wait is a servant's job (`Claim`) or a `Wait`. Only `start`
and `stop` may be `async def`. There is no priority but the order written in pipeline.toml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.config.checked import Checked
    from pipeline.core import Channel, Dialed, Hangup, Mixer, Reached, Receipt, Relay, Script, Sound, Text, Wanted
    from pipeline.dal import Backend, Mailbox
    from pipeline.engine import Pipeline
    from pipeline.flow import Flow, Target
    from pipeline.mailboxes import Message as VoiceMessage
    from pipeline.passage import Packet, Passage, Verdict
    from pipeline.pending import Pending
    from pipeline.pubsub import Form, Publication, Resource, Watcher
    from pipeline.session import Session
    from pipeline.sip.message import Message, Request, Response

PROJECT = "sipline"

STAGES = ("transport", "protocol", "intercept", "application", "integration")

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a method as the implementation of the hook of that name."""


# -- transport: bytes in and out -------------------------------------------------------------------------------------


@hookspec
def listen(engine: Pipeline) -> None:
    """Open the listeners. Called once at start, for every transport, in list order; at a reload on the new instance, before the swap.

    Take each socket from `engine.sockets.take(self, host, port, open)`: at a reload it gives the one that is open already. Raise OSError
    when an address cannot be bound: the start, or the reload, ends with one clear line. Whatever arrives goes to
    `engine.receive(data, flow)`; a listener is announced with `engine.listening(self, transport, local, advertised)`. The engine closes
    what nobody listens with any more.
    """


@hookspec(firstresult=True)
def connect(target: Target) -> Flow | Pending | None:
    """Give the flow that reaches `target` (a transport name, address and port), or a Pending of it; None: not mine."""


@hookspec(firstresult=True)
def transport(packet: Packet, passage: Passage) -> Verdict | None:
    """See each packet before a byte of it is parsed, STUN too. `Drop` refuses it silently; None passes it on."""


# -- protocol: bytes become messages, transactions, dialogs ----------------------------------------------------------


@hookspec(firstresult=True)
def protocol(packet: Packet, passage: Passage) -> Verdict | None:
    """Parse `packet.data` into `passage.message` and find its dialog and transaction.

    It only *matches* transactions: a retransmission is answered with the stored bytes and goes no further (Drop).
    Syntax errors are answered here (400, 505).
    """


# -- intercept: every message, before any application ----------------------------------------------------------------


@hookspec(firstresult=True)
def intercept(message: Message, passage: Passage) -> Verdict | None:
    """See every request and response before any application: observe, answer, refuse, wait. The first verdict wins."""


@hookspec
def intercept_out(message: Message, passage: Passage) -> Verdict | None:
    """See every message on its way out, in the reverse of the listed order. May edit it; `Drop` refuses to send it.

    A request of ours that was challenged comes by once more, with the credentials and with what was edited in it before.
    """


# -- application: the first to claim a request does the work ---------------------------------------------------------


@hookspec(firstresult=True)
def application(message: Message, passage: Passage) -> Verdict | None:
    """Take a request that is outside any dialog: Reply, Claim, Wait, Drop; None leaves it to the next plugin.

    Called only for requests whose method some listed plugin declares in `methods`, after the checks of RFC 3261 8.2.
    """


@hookspec(firstresult=True)
def invite_reply(message: Message, passage: Passage) -> Verdict | None:
    """Tell how an INVITE to the Request-URI of `message` would be answered, without doing it (RFC 3261 11.2)."""


# -- application, events: what can be watched, and how it is written (pipeline.pubsub) -------------------------------------


@hookspec(firstresult=True)
def event_package(resource: Resource, published: tuple[Publication, ...]) -> Any:
    """Give the state of `resource` in the package `resource.event`, or a Pending of it; None: not my package.

    A value that can be compared (`pipeline.pubsub.states`). `published` is what others published about it, the oldest first. Raises, or
    fails with, `pubsub.NoSuchResource` (404) or `pubsub.Refused`. Called for each SUBSCRIBE and each `state.changed`: it has to be cheap.
    """


@hookspec(firstresult=True)
def event_body(resource: Resource, state: Any, form: Form) -> bytes | None:
    """Write a state in `form.content_type`; None: not mine. Declared in the class: `bodies = {"presence": ("application/xpidf+xml",)}`."""


@hookspec(firstresult=True)
def event_published(resource: Resource, publication: Publication, publisher: Watcher) -> bool | None:
    """Take a document that was published, or raise `pubsub.Unpublishable`; True: taken, None: not my package. It is kept by `pubsub`."""


@hookspec(firstresult=True)
def event_watched(resource: Resource, watcher: Watcher) -> str | None:
    """Say who may watch whom: "active", "pending", "rejected", or "waiting" (polite block: he is told that nothing goes on; of a
    list, that nobody is in it).

    None: not my say. Asked in list order; when nobody says anything, the option of `pubsub` does. For PUBLISH see `event_publisher`.
    """


@hookspec(firstresult=True)
def event_publisher(resource: Resource, publisher: Watcher) -> bool | None:
    """Say who may publish about whom; None: not my say. When nobody says anything: the owner of the address alone."""


@hookspec(firstresult=True)
def message_request(text: Text) -> Reached | Pending | None:
    """Say where the recipient of a message is: a `core.Place` for each of his devices, or a Pending of that; None: nobody is called so.

    Nothing is sent before `place.deliver()`. Raises, or fails with, `core.Undeliverable` when he is known and can get no message.
    """


# -- application, within a session: supplements that add a header or veto a call in ten lines ------------------------


@hookspec(firstresult=True)
def session_begin(session: Session, message: Request, passage: Passage) -> Verdict | None:
    """See the INVITE that begins a session, before it is routed. A `Reply` refuses the call; None lets it go on."""


@hookspec(firstresult=True)
def session_request(session: Session, message: Request, passage: Passage) -> Verdict | None:
    """See a request inside a session (re-INVITE, UPDATE, INFO, BYE...), before the session acts. A `Reply` answers it instead."""


@hookspec
def session_response(session: Session, message: Response) -> None:
    """See a response to a request of the session, before the session acts."""


@hookspec
def session_request_out(session: Session, message: Request) -> None:
    """See, and edit, a request that the session is about to send: its INVITE too."""


@hookspec
def session_response_out(session: Session, message: Request, status: int) -> Iterable[tuple[str, str]] | None:
    """Give header fields (name, value) to add to the answer with `status` that the session is about to give to `message`."""


@hookspec
def session_end(session: Session, hangup: Hangup) -> None:
    """See that a session has ended, and why."""


# -- integration: what is not SIP ------------------------------------------------------------------------------------


@hookspec
def store(engine: Pipeline) -> Backend | None:
    """Give a backend of the data access layer; `[dal]` in pipeline.toml names it by the plugin's name."""


@hookspec
def integration(engine: Pipeline) -> None:
    """Connect something that is not SIP to the events of a pipeline that has just started."""


@hookspec(firstresult=True)
def credentials(realm: str, passage: Passage) -> tuple[str, dict[str, str]] | None:
    """Give (username, {algorithm: hash of username:realm:password}) for a challenge that one of our requests got.

    `{"": password}` stands for a password in the clear. None: not mine.
    """


@hookspec(firstresult=True)
def route_call(dialed: Dialed) -> Script | Pending | None:
    """Give what is to be done with a call: an `async def script(channel)`, or a Pending of it; None: not mine.

    It only decides and changes nothing: it is also asked what a call would get (RFC 3261 11.2). The call ends when the script returns.
    """


@hookspec(firstresult=True)
def route_message(text: Text) -> Receipt | Pending | None:
    """Be the recipient of a message: take it, and give the Receipt or a Pending of it; None: not mine, it goes to whoever is called so.

    Asked before anybody looks for the recipient's devices, so he need not be known. ACCEPTED says that it was taken over, DELIVERED that
    it has arrived; what raises is a fault (503).
    """


@hookspec(firstresult=True)
def channel_application(name: str) -> Script | None:
    """Give the step of that name for the `dialplan`: an `async def step(channel, argument)`; None: not mine."""


@hookspec(firstresult=True)
def channel_request(target: str, wanted: Wanted) -> list[Channel] | Pending | None:
    """Turn a target's name into new outgoing channels, one for each place where it can be reached; None: not mine.

    Nothing is sent before `channel.leg.call()`. Raises, or fails with, `core.Unroutable` when the target is known but cannot be called.
    With `wanted.only_asked` no channels are made: [] says that it can.
    """


@hookspec(firstresult=True)
def media(need: str, channels: tuple[Channel, ...]) -> Sound | Relay | Mixer | None:
    """Provide media: need is "sound" (one channel), "relay" (two) or "mix" (a conference). None: not mine; raises media.Unavailable."""


@hookspec
def mailbox_message(mailbox: Mailbox, message: VoiceMessage) -> None:
    """Hear of a message that somebody has just left in a mailbox: `message.path` is its WAV file, `message.about()` who called and when.

    Called in the turn in which the caller hangs up: what takes time (sending it somewhere) goes to a task or a thread.
    """


# -- no family: allowed in every stage -------------------------------------------------------------------------------


@hookspec
def start(engine: Pipeline) -> Any:
    """Called once, before the listeners open. May be `async def`.

    At a reload each plugin has a new instance, which starts beside the old one while that serves; what is to last is kept in
    `engine.state(self, factory)` and taken over here. Whoever does so may be started once more: when the reload failed after a successor
    had started, so that he takes his state back. Raising refuses the start, or the reload, which then has changed nothing. A class names
    the options that cannot change while the server runs in `fixed`.
    """


@hookspec
def check(file: Checked) -> None:
    """Say what is wrong with this plugin's part of pipeline.toml: `file.error(keys, what, what instead)`.

    Called when a file is read (`sipline check`, start, reload), before anything starts. May not wait. `file.reads(path)` notes a file that
    is read at each start: a reload says when it has changed.
    """


@hookspec
def stop(engine: Pipeline) -> Any:
    """Called once, when the work has drained: at the end of the server, or of the plugin when a reload takes it out of the file.

    At a reload also on an instance that is replaced, but not when it keeps something in `engine.state`: that goes on with its successor,
    whose `stop` ends it one day. May be `async def`.
    """


FAMILIES: dict[str, frozenset[str]] = {
    "transport": frozenset({"listen", "connect", "transport"}),
    "protocol": frozenset({"protocol"}),
    "intercept": frozenset({"intercept", "intercept_out"}),
    "application": frozenset(
        {
            "application",
            "invite_reply",
            "message_request",
            "event_package",
            "event_body",
            "event_published",
            "event_watched",
            "event_publisher",
            "session_begin",
            "session_request",
            "session_response",
            "session_request_out",
            "session_response_out",
            "session_end",
        }
    ),
    "integration": frozenset(
        {
            "store",
            "integration",
            "credentials",
            "route_call",
            "route_message",
            "channel_application",
            "channel_request",
            "media",
            "mailbox_message",
        }
    ),
}
NO_FAMILY = frozenset({"start", "stop", "check"})
"""Hooks that may be implemented wherever a plugin is listed."""
WAITING = frozenset({"start", "stop"})
"""Hooks that may be `async def`."""

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
    from pipeline.dal import Backend
    from pipeline.engine import Pipeline
    from pipeline.flow import Flow, Target
    from pipeline.passage import Packet, Passage, Verdict
    from pipeline.pending import Pending
    from pipeline.sip.message import Message

PROJECT = "sipline"

STAGES = ("transport", "protocol", "intercept", "application", "integration")

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a method as the implementation of the hook of that name."""


# -- transport: bytes in and out -------------------------------------------------------------------------------------


@hookspec
def listen(engine: Pipeline) -> None:
    """Open the listeners. Called once at start, for every transport, in list order.

    Raise OSError when an address cannot be bound: the start ends with one clear line. Whatever arrives goes to
    `engine.receive(data, flow)`; a listener is announced with `engine.listening(flow_kind, local, advertised)`.
    """


@hookspec(firstresult=True)
def connect(target: Target) -> Flow | Pending | None:
    """Give the flow that reaches `target` (a transport name, address and port), or a Pending of it; None: not mine."""


@hookspec(firstresult=True)
def transport(packet: Packet, passage: Passage) -> Verdict | None:
    """See each packet before a byte of it is parsed. `Drop` refuses it silently; None passes it on."""


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
    """See every message on its way out, in the reverse of the listed order. May edit it; `Drop` refuses to send it."""


# -- application: the first to claim a request does the work ---------------------------------------------------------


@hookspec(firstresult=True)
def application(message: Message, passage: Passage) -> Verdict | None:
    """Take a request that is outside any dialog: Reply, Claim, Wait, Drop; None leaves it to the next plugin.

    Called only for requests whose method some listed plugin declares in `methods`, after the checks of RFC 3261 8.2.
    """


@hookspec(firstresult=True)
def invite_reply(message: Message, passage: Passage) -> Verdict | None:
    """Tell how an INVITE to the Request-URI of `message` would be answered, without doing it (RFC 3261 11.2)."""


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


# -- no family: allowed in every stage -------------------------------------------------------------------------------


@hookspec
def start(engine: Pipeline) -> Any:
    """Called once, before the listeners open. May be `async def`."""


@hookspec
def stop(engine: Pipeline) -> Any:
    """Called once, after the listeners have closed and work has drained. May be `async def`."""


FAMILIES: dict[str, frozenset[str]] = {
    "transport": frozenset({"listen", "connect", "transport"}),
    "protocol": frozenset({"protocol"}),
    "intercept": frozenset({"intercept", "intercept_out"}),
    "application": frozenset({"application", "invite_reply"}),
    "integration": frozenset({"store", "integration", "credentials"}),
}
NO_FAMILY = frozenset({"start", "stop"})
"""Hooks that may be implemented wherever a plugin is listed; these two alone may be `async def`."""

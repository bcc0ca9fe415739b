"""A scripted user agent: registers, refreshes, retries, answers and calls, as a phone does. RFC 3261 10.2, 13, 15.

    alice, bob = server.phone("alice").online(), server.phone("bob").online()
    bob.answers(after=2.0)
    call = alice.call("bob").until("up")
    assert call.mirrors(bob.calls[-1])
    call.hangup()

It is a pipeline of its own (transports, stack, the `Phone` plugin) on a host of the virtual network, so that both ends of a
test run the real code. What it believes is what the last answer it got told it: `bindings` after a 200 to REGISTER.
"""

from __future__ import annotations

import random as randomness
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.client import Final, Provisional
from pipeline.config import Document, build
from pipeline.engine import Pipeline
from pipeline.flow import Target
from pipeline.sip.grammar import unquote
from pipeline.sip.message import Request
from pipeline.testing.answering import Answering
from pipeline.testing.attempt import Attempt
from pipeline.testing.calls import Call
from pipeline.testing.descriptions import Media
from pipeline.testing.invited import Invited
from pipeline.testing.inviting import Inviting
from pipeline.testing.merged import merged
from pipeline.testing.voice import FIRST_PORT, LAST_PORT

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable

    from pipeline.client import Outcome
    from pipeline.flow import Flow
    from pipeline.passage import Passage
    from pipeline.testing.loop import VirtualLoop
    from pipeline.testing.network import Host
    from pipeline.testing.phone import Phone

PLAN = """
[pipeline]
name = "phone"
domains = ["phone.invalid"]
[[stage]]
name = "transport"
plugins = ["udp", "tcp"]
[[stage]]
name = "protocol"
plugins = ["stack"]
[[stage]]
name = "intercept"
plugins = []
[[stage]]
name = "application"
plugins = ["phone"]
[[stage]]
name = "integration"
plugins = ["phone"]
[plugin.udp]
bind = ["{bind}"]
[plugin.tcp]
bind = ["{bind}"]
[plugin.stack]
t1 = {t1}
[plugin.phone]
load = "{phone}:Phone"
username = "{username}"
password = "{password}"
"""
RETRY = 4.0
"""Seconds before a request that got no final answer is sent anew: T2, as a phone that has lost its server does."""


class UserAgent:
    """A phone at an address of the virtual network."""

    def __init__(
        self,
        loop: VirtualLoop,
        host: Host,
        state: Path,
        *,
        name: str,
        domain: str,
        server: tuple[str, int],
        password: str = "",
        username: str = "",
        address: tuple[str, int] = ("", 5060),
        transport: str = "UDP",
        random: random.Random | None = None,
        t1: float = 0.5,
    ) -> None:
        self.loop = loop
        self.host = host
        self.name = name
        self.domain = domain
        self.t1 = t1
        self.random = randomness.Random(random.random() if random is not None else None)  # noqa: S311
        self.target = Target(server[0], server[1], transport)
        self.address = (address[0] or host.addresses[0], address[1])
        where = f"[{self.address[0]}]:{self.address[1]}" if ":" in self.address[0] else f"{self.address[0]}:{self.address[1]}"
        text = PLAN.format(bind=where, phone=Path(__file__).with_name("phone.py"), username=username or name, password=password, t1=t1)
        plan = build(Document(state / f"{name}.toml", text))
        plan.state = state / f"phone-{name}"
        self.engine = Pipeline(plan, loop, random=random, network=host)
        self.phone: Phone = plan.stages["application"][0].plugin
        loop.run_until_complete(self.engine.start())
        self.phone.on_invite = self._invited
        self.calls: list[Call] = []
        """Every call of either direction, oldest first."""
        self.media = Media()
        self.answering = Answering()
        self.reliable = "no"
        """100rel (RFC 3262): no, supported, required."""
        self.timers = 0
        """Session-Expires in seconds that our calls ask for (RFC 4028); 0: the extension is not supported."""
        self.refreshes = "INVITE"
        """The method that refreshes a session; empty: none does."""
        self.acks = True
        """Acknowledge a 2xx at once."""
        self.one_branch = True
        """Whether we may expect one far end, and so the same description in a 18x and the 2xx of one dialog."""
        self.updates = True
        """Allow UPDATE."""
        self.refuses: dict[str, int] = {}
        """Method -> the status that requests within a call get."""
        self.silent: set[str] = set()
        """Methods within a call that are never answered."""
        self.instance = ""
        """Its instance (RFC 5626 4.1), as "urn:uuid:…": when it is set, GRUUs are asked for and used (RFC 5627)."""
        self.gruus: list[str] = []
        """The public and the temporary GRUU that the last 200 to a REGISTER gave."""
        self._rtp = FIRST_PORT
        token = self.engine.token
        self._tag, self._call_id, self._cseq = token(), f"{token(12)}@{self.address[0]}", 0
        self.bindings: list[tuple[str, int]] = []
        """(URI, remaining seconds) of every binding, as the last 200 to a REGISTER told."""
        self.believes: bool | None = None
        """Whether it is registered; None: it cannot know yet."""

    @property
    def aor(self) -> str:
        """The address of record, as a URI."""
        return f"sip:{self.name}@{self.domain}"

    @property
    def contact(self) -> str:
        """Its Contact URI."""
        host, port = self.address
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return f"sip:{self.name}@{where}" + (";transport=tcp" if self.target.transport == "TCP" else "")

    @property
    def remote_target(self) -> str:
        """Its Contact in calls (RFC 5627 4.4): its own GRUU when it has one."""
        return self.gruus[0] if self.gruus else self.contact

    @property
    def received(self) -> list[Any]:
        """The requests that came, oldest first."""
        return self.phone.received

    # -- registering -------------------------------------------------------------------------------------------------

    def register(
        self, expires: int = 3600, contacts: Iterable[str] | None = None, *, retry: bool = False, headers: Iterable[tuple[str, str]] = ()
    ) -> Attempt:
        """Send a REGISTER (10.2); with `retry`, send it anew until a final answer comes."""
        named = f';+sip.instance="<{self.instance}>"' if self.instance else ""
        values = [f"<{self.contact}>{named}"] if contacts is None else list(contacts)
        fields = [*(("Contact", value) for value in values), ("Expires", str(expires)), *headers]
        if self.instance:
            fields.append(("Supported", "gruu"))
        attempt = Attempt()

        def ended(outcome: Outcome) -> None:
            if isinstance(outcome, Final) and outcome.response.status == 200:
                self.bindings = [(str(each.uri), each.expires or 0) for each in outcome.response.contacts]
                self.believes = any(uri == self.contact for uri, _ in self.bindings)
                own = [each.params for each in outcome.response.contacts if str(each.uri) == self.contact]
                self.gruus = [unquote(value) for params in own for name in ("pub-gruu", "temp-gruu") if (value := params.get(name))]
            elif retry and not (isinstance(outcome, Final) and outcome.response.status in (400, 403, 404, 423)):
                self.loop.call_later(RETRY, send)
                return
            attempt.outcome = outcome

        def send() -> None:
            self.believes = None
            attempt.tries += 1
            self._send(attempt, "REGISTER", f"sip:{self.domain}", self.aor, fields, b"", ended)

        send()
        return attempt

    def unregister(self, *, retry: bool = False) -> Attempt:
        """Remove our own binding (10.2.2)."""
        return self.register(0, retry=retry)

    def online(self, expires: int = 3600) -> UserAgent:
        """Register and wait for the 200."""
        attempt = self.register(expires)
        self.loop.run_until(lambda: attempt.done, 64)
        assert attempt.status == 200, f"{self.name} could not register: {attempt.outcome}"
        return self

    # -- calling -----------------------------------------------------------------------------------------------------

    @property
    def allow(self) -> str:
        """The methods that we allow within a call."""
        return "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, REFER, NOTIFY, MESSAGE" + (", UPDATE" if self.updates else "")

    def call(
        self,
        to: str = "",
        *,
        uri: str = "",
        sdp: bytes = b"",
        late: bool = False,
        reliable: str = "",
        timers: int | None = None,
        headers: Iterable[tuple[str, str]] = (),
        display: str = "",
        from_user: str = "",
        media: Media | None = None,
        cancel_after: float | None = None,
        target: Target | None = None,
    ) -> Call:
        """Place a call to a user of the server, or to a whole URI, and return at once.

        `late`: without an offer; `sdp`: this one instead of our own. `headers` replace the usual ones of their name, an empty value
        takes one away. `cancel_after`: seconds after which we give up unless it was answered.
        """
        where = uri or f"sip:{to}@{self.domain}"
        here = f"{f'{chr(34)}{display}{chr(34)} ' if display else ''}<sip:{from_user or self.name}@{self.domain}>;tag={self.engine.token()}"
        call = Call(self, caller=True, call_id=f"{self.engine.token(12)}@{self.address[0]}", here=here, there=f"<{where}>", media=media)
        seconds = self.timers if timers is None else timers
        reliable = reliable or self.reliable
        body = b"" if late else call.exchange.offer(sdp)
        supported = [tag for tag, has in (("100rel", reliable == "supported"), ("timer", seconds)) if has]
        fields = [
            ("Max-Forwards", "70"),
            ("From", here),
            ("To", f"<{where}>"),
            ("Call-ID", call.call_id),
            ("CSeq", f"{call.number()} INVITE"),
            ("Contact", f"<{self.remote_target}>"),
            ("Allow", self.allow),
            *([("Supported", ", ".join(supported))] if supported else []),
            *([("Require", "100rel")] if reliable == "required" else []),
            *([("Session-Expires", str(seconds))] if seconds else []),
            *([("Content-Type", "application/sdp")] if body else []),
        ]
        call.invite = Request.new("INVITE", where, merged(fields, headers), body)
        Inviting(call, initial=True).place(lambda _: call.invite, target or self.target, late=late)
        if cancel_after is not None:
            call.later(cancel_after, call.cancel)
        return call

    def answers(self, **how: Any) -> UserAgent:
        """Say how the calls are taken that come from now on; see `Answering`."""
        self.answering = Answering(**how)
        return self

    def _invited(self, passage: Passage) -> None:
        message: Any = passage.message
        under_way = sum(call.state != "ended" for call in self.calls)
        if "100rel" in message.require and self.reliable == "no":
            passage.reply(420, headers=[("Unsupported", "100rel")])
            return
        here = f"{message.get('to')};tag={passage.transaction.tag}"
        there = (
            message.get("from").partition(";tag=")[0] if ">" not in message.get("from") else message.get("from").rpartition(">")[0] + ">"
        )
        call = Call(self, caller=False, call_id=message.call_id, here=here, there=there)
        call.invite, call.remote_cseq = message, message.cseq.number
        call.keep(message)
        call.theirs = Invited(call, passage, initial=True)
        self.answering.take(call, under_way)

    def rtp_port(self) -> int:
        """Give the next even port for the media of a call."""
        self._rtp = self._rtp + 6 if self._rtp + 6 < LAST_PORT else FIRST_PORT
        return self._rtp

    # -- any request -------------------------------------------------------------------------------------------------

    def request(self, method: str, uri: str, *, to: str = "", headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Attempt:
        """Send a request outside any dialog."""
        attempt = Attempt()

        def ended(outcome: Outcome) -> None:
            attempt.outcome = outcome

        fields = list(headers)
        if method in ("INVITE", "SUBSCRIBE", "REFER") and not any(name.lower() == "contact" for name, _ in fields):
            fields.append(("Contact", f"<{self.contact}>"))
        self._send(attempt, method, uri, to or uri, fields, body, ended, call_id=f"{self.engine.token(12)}@{self.address[0]}")
        return attempt

    def _send(  # one caller each
        self,
        attempt: Attempt,
        method: str,
        uri: str,
        to: str,
        fields: list[tuple[str, str]],
        body: bytes,
        ended: Callable[[Outcome], None],
        call_id: str = "",
    ) -> None:
        self._cseq += 1
        number = self._cseq

        def told(outcome: Outcome) -> None:
            if isinstance(outcome, Provisional):
                attempt.responses.append(outcome.response)
                return
            if isinstance(outcome, Final):
                attempt.responses.append(outcome.response)
            if attempt.asking is not None and attempt.asking.branch is not None:
                self._cseq = max(self._cseq, attempt.asking.branch.message.cseq.number)
            ended(outcome)

        def made(_: Flow) -> Request:
            return Request.new(
                method,
                uri,
                [
                    ("Max-Forwards", "70"),
                    ("From", f"<{self.aor}>;tag={self._tag}"),
                    ("To", f"<{to}>"),
                    ("Call-ID", call_id or self._call_id),
                    ("CSeq", f"{number} {method}"),
                    *fields,
                ],
                body,
            )

        # A digest answer takes the next number: leave it free.
        self._cseq += 1
        attempt.asking = self.engine.request(made, self.target, told)

    def send_raw(self, text: str | bytes) -> None:
        """Send bytes as they are to the server over UDP, from our address."""
        data = text.encode() if isinstance(text, str) else text
        flow = self.engine.connect(Target(self.target.host, self.target.port, "UDP"))
        flow.send(data)  # type: ignore[union-attr]

    def stop(self) -> None:
        """Switch the phone off."""
        self.loop.run_until_complete(self.engine.stop(0))


__all__ = ["Attempt", "UserAgent"]

"""A scripted user agent: registers, refreshes, retries, answers and calls, as a phone does. RFC 3261 10.2, 13, 15.

It is a pipeline of its own (transports, stack, the `Phone` plugin) on a host of the virtual network, so that both ends of a
test run the real code. What it believes is what the last answer it got told it: `bindings` after a 200 to REGISTER.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.client import Final, Provisional
from pipeline.config import Document, build
from pipeline.engine import Pipeline
from pipeline.flow import Target
from pipeline.sip.message import Request

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable

    from pipeline.client import Asking, Outcome
    from pipeline.flow import Flow
    from pipeline.sip.message import Response
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


class Attempt:
    """One request of a user agent and what came of it."""

    def __init__(self) -> None:
        self.responses: list[Response] = []
        self.outcome: Outcome | None = None
        self.tries = 0
        self.asking: Asking | None = None

    @property
    def done(self) -> bool:
        """Tell whether it has ended: with a final response or with a failure."""
        return self.outcome is not None

    @property
    def response(self) -> Response:
        """The final response; raises AssertionError when there is none."""
        assert isinstance(self.outcome, Final), f"no final response, but {self.outcome}"
        return self.outcome.response

    @property
    def status(self) -> int:
        """The final status, 0 without one."""
        return self.outcome.response.status if isinstance(self.outcome, Final) else 0


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
        self.name = name
        self.domain = domain
        self.target = Target(server[0], server[1], transport)
        self.address = (address[0] or host.addresses[0], address[1])
        where = f"[{self.address[0]}]:{self.address[1]}" if ":" in self.address[0] else f"{self.address[0]}:{self.address[1]}"
        text = PLAN.format(bind=where, phone=Path(__file__).with_name("phone.py"), username=username or name, password=password, t1=t1)
        plan = build(Document(state / f"{name}.toml", text))
        plan.state = state / f"phone-{name}"
        self.engine = Pipeline(plan, loop, random=random, network=host)
        self.phone: Phone = plan.stages["application"][0].plugin
        loop.run_until_complete(self.engine.start())
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
    def received(self) -> list[Any]:
        """The requests that came, oldest first."""
        return self.phone.received

    # -- registering -------------------------------------------------------------------------------------------------

    def register(
        self, expires: int = 3600, contacts: Iterable[str] | None = None, *, retry: bool = False, headers: Iterable[tuple[str, str]] = ()
    ) -> Attempt:
        """Send a REGISTER (10.2); with `retry`, send it anew until a final answer comes."""
        values = [f"<{self.contact}>"] if contacts is None else list(contacts)
        fields = [*(("Contact", value) for value in values), ("Expires", str(expires)), *headers]
        attempt = Attempt()

        def ended(outcome: Outcome) -> None:
            if isinstance(outcome, Final) and outcome.response.status == 200:
                self.bindings = [(str(each.uri), each.expires or 0) for each in outcome.response.contacts]
                self.believes = any(uri == self.contact for uri, _ in self.bindings)
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

r"""A running pipeline in a test: real plugins, virtual time, a network in memory. What the fixture `sip` gives.

def test_a_call_outside_hours_is_refused(sip):
    server = sip("[plugin.curfew]\nopens = 0\ncloses = 0", intercept=["curfew"])
    assert server.request("INVITE", to="bob").status == 480
"""

from __future__ import annotations

import random as randomness
import re
import tomllib
from collections import Counter
from typing import TYPE_CHECKING, Any

from pipeline.clock import Clock
from pipeline.config import Document, build
from pipeline.engine import Pipeline
from pipeline.pending import Pending
from pipeline.sip.parser import parse
from pipeline.testing.loop import VirtualLoop
from pipeline.testing.network import Network
from pipeline.testing.user_agent import UserAgent

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pipeline.events import Event
    from pipeline.sip.message import Response

ADDRESS = "10.0.0.1"
EPOCH = 1_800_000_000.0
"""UTC at which every test begins; it passes with the virtual time, and with nothing else."""
STAGES: dict[str, list[str]] = {
    "transport": ["udp", "tcp"],
    "protocol": ["stack"],
    "intercept": [],
    "application": ["registrar", "redirect", "options"],
    "integration": ["memory", "toml"],
}
CALLS: dict[str, list[str]] = {
    "application": ["registrar", "channel", "options"],
    "integration": ["memory", "toml", "channel", "dialplan", "media_direct", "media_local"],
}
"""The stages of a server that calls pass through: `sip(toml, **CALLS)`."""
USERS = """
[user.alice]
password = "alice's"
[user.bob]
password = "bob's"
"""


def toml_of(toml: str, stages: dict[str, list[str]]) -> str:
    """Complete a test's TOML: stages that it does not list, addresses, a domain, two users when it has no objects of its own."""
    written = tomllib.loads(toml) if toml.strip() else {}
    parts = []
    if "pipeline" not in written:
        parts.append('[pipeline]\nname = "test"\ndomains = ["example.com"]\n')
    if "stage" not in written:
        listed = {**STAGES, **stages}.items()
        parts += [f'[[stage]]\nname = "{stage}"\nplugins = {plugins!r}\n'.replace("'", '"') for stage, plugins in listed]
    for name in ("udp", "tcp"):
        if name not in written.get("plugin", {}):
            parts.append(f'[plugin.{name}]\nbind = ["{ADDRESS}:5060"]\n')
    if not written.keys() & {"user", "endpoint"}:
        parts.append(USERS)
    return toml + "\n" + "\n".join(parts)


class Server:
    """A pipeline that runs in a test."""

    def __init__(
        self,
        toml: str,
        folder: Path,
        *,
        seed: int = 0,
        network: Network | None = None,
        loop: VirtualLoop | None = None,
        **stages: list[str],
    ) -> None:
        self.loop = loop or VirtualLoop()
        self.network = network or Network(seed, loop=self.loop)
        self.clock = Clock(self.loop, EPOCH)  # one for the server's life: its UTC goes on over a restart
        self.folder = folder
        self.random = randomness.Random(seed)  # noqa: S311  # the same seed must give the same test
        self.text = toml_of(toml, stages)
        self.host = self.network.host(ADDRESS, "fd00::1")
        self.events: list[Event] = []
        """Everything that was told on the bus."""
        self.engine: Pipeline
        self._phones: list[UserAgent] = []
        self._crashed: list[Pipeline] = []
        self._replies: dict[tuple[str, int], list[Response]] = {}
        self._endpoints: dict[tuple[str, int], Any] = {}
        self._serial = 0
        try:
            self.start()
        except BaseException:
            self.loop.close()
            raise

    # -- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the pipeline (again, after `stop` or `crash`: what its stores kept is there)."""
        plan = build(Document(self.folder / "pipeline.toml", self.text))
        self.engine = Pipeline(plan, self.loop, clock=self.clock, random=randomness.Random(self.random.random()), network=self.host)  # noqa: S311
        self.engine.bus.listen("", self.events.append)
        try:
            self.run(self.engine.start())
        except BaseException:
            self.run(self.engine.stop(0))  # as `sipline run` does: what it has opened is closed
            raise

    def stop(self) -> None:
        """Stop it as SIGTERM does."""
        self.run(self.engine.stop())
        self.host.close()

    def crash(self) -> None:
        """End it as a power cut does: nobody is told anything. What it has open is closed when the test ends."""
        self.host.close()
        self._crashed.append(self.engine)

    def close(self) -> None:
        """End the test: stop everything, close the loop."""
        for phone in self._phones:
            phone.stop()
        for engine in self._crashed:
            self.run(engine.stop(0))
        self.run(self.engine.stop(0))
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()

    def run(self, awaitable: Any) -> Any:
        """Run something asynchronous to its end."""
        return self.loop.run_until_complete(awaitable)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.loop.advance(seconds)

    def wait(self, attempt: Any, seconds: float = 200.0) -> Any:
        """Let time pass until a user agent's attempt is done."""
        self.loop.run_until(lambda: attempt.done, seconds)
        assert attempt.done, f"not done after {seconds:g} s"
        return attempt

    # -- asking it ---------------------------------------------------------------------------------------------------

    def phone(self, name: str, *, password: str | None = None, address: tuple[str, int] | None = None, **more: Any) -> UserAgent:
        """Plug in a phone of its own address; the default password is that of the default users."""
        number = len(self._phones) + 2
        where = address or (f"10.0.0.{number}", 5060)
        phone = UserAgent(
            self.loop,
            self.network.host(where[0]),
            self.folder,
            name=name,
            domain=self.engine.domains.first.id,
            server=(ADDRESS, 5060),
            password=f"{name}'s" if password is None else password,
            address=where,
            random=randomness.Random(self.random.random()),  # noqa: S311
            **more,
        )
        self._phones.append(phone)
        return phone

    def send(self, data: bytes | str, source: tuple[str, int] = ("10.0.0.9", 5060)) -> None:
        """Send one datagram to the server, as it is; a message in a triple-quoted string may be indented and have bare line ends."""
        if source not in self._endpoints:
            replies = self._replies.setdefault(source, [])
            host = self.network.host(source[0])
            self._endpoints[source] = host.datagram(source[0], source[1], lambda data, *_: replies.append(parse(data)))  # type: ignore[arg-type]
        if isinstance(data, str):
            lines = re.sub(r"\r?\n", "\r\n", re.sub(r"(?m)^[ \t]+(?=\S+:|[A-Z]+ sip|$)", "", data.lstrip())).encode()
            data = lines if b"\r\n\r\n" in lines else lines.rstrip() + b"\r\n\r\n"
        server = "fd00::1" if ":" in source[0] else ADDRESS
        error = self._endpoints[source].send(data, (server, 5060))
        assert error is None, error

    def replies(self, source: tuple[str, int] = ("10.0.0.9", 5060)) -> list[Response]:
        """Return what has come back to `source`, oldest first, having done what needs no time to pass."""
        self.loop.settle()
        self.loop.advance(0.01)
        return self._replies.setdefault(source, [])

    def message(
        self,
        method: str,
        to: str = "",
        *,
        uri: str = "",
        from_: str = "alice",
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        source: tuple[str, int] = ("10.0.0.9", 5060),
        cseq: int = 1,
    ) -> bytes:
        """Write a well-formed request; a `headers` pair replaces the usual field of that name, an empty value takes it away."""
        self._serial += 1
        domain = self.engine.domains.first.id
        target = uri or (f"sip:{domain}" if method == "REGISTER" or not to else f"sip:{to}@{domain}" if "@" not in to else f"sip:{to}")
        host = f"[{source[0]}]" if ":" in source[0] else source[0]
        fields = {
            "via": ("Via", f"SIP/2.0/UDP {host}:{source[1]};branch=z9hG4bKtest{self._serial};rport"),
            "max-forwards": ("Max-Forwards", "70"),
            "from": ("From", f"<sip:{from_}@{domain}>;tag=t{self._serial}"),
            "to": ("To", f"<{'sip:' + (to or from_) + '@' + domain if method == 'REGISTER' else target}>"),
            "call-id": ("Call-ID", f"call-{self._serial}@test"),
            "cseq": ("CSeq", f"{cseq} {method}"),
            "contact": ("Contact", f"<sip:{from_}@{host}:{source[1]}>"),
        }
        extra = []
        for name, value in headers:
            key = name.lower()
            if key in fields and fields[key][1] is not None:
                if value:
                    fields[key] = (name, value)
                else:
                    del fields[key]
            elif value:
                extra.append((name, value))
        lines = [f"{method} {target} SIP/2.0", *(f"{name}: {value}" for name, value in [*fields.values(), *extra])]
        if not any(name.lower() == "content-length" for name, _ in extra):
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body

    def request(
        self, method: str, to: str = "", *, password: str | None = None, source: tuple[str, int] = ("10.0.0.9", 5060), **more: Any
    ) -> Response:
        """Send a well-formed request and return its final answer; with `password`, answer one digest challenge."""
        if password is not None:
            return self._with_digest(method, to, password, source, more)
        before = len(self._replies.setdefault(source, []))
        self.send(self.message(method, to, source=source, **more), source)
        return self._final(before, source, method)

    def _final(self, before: int, source: tuple[str, int], what: str) -> Response:
        found: list[Response] = []

        def answered() -> bool:
            found[:] = [reply for reply in self._replies[source][before:] if not reply.is_request and reply.status >= 200]
            return bool(found)

        self.loop.run_until(answered, 64.0)
        assert found, f"no final answer to the {what} within 64 s"
        return found[0]

    def _with_digest(self, method: str, to: str, password: str, source: tuple[str, int], more: dict[str, Any]) -> Response:
        from pipeline.sip import digest  # noqa: PLC0415

        headers = list(more.pop("headers", ()))
        username = more.pop("username", more.get("from_", "alice"))
        challenged = self.request(method, to, source=source, headers=headers, **more)
        if challenged.status not in (401, 407):
            return challenged
        challenge = digest.choose(challenged.all("www-authenticate") + challenged.all("proxy-authenticate"), password)
        assert challenge is not None, "no challenge that we can answer"
        again = self.message(method, to, source=source, headers=headers, **{**more, "cseq": more.get("cseq", 1) + 1})
        request: Any = parse(again)
        value = digest.answer(
            challenge, method, request.uri_text, username=username, password=password, cnonce=self.engine.token(), body=request.body
        )
        request.set("authorization" if challenged.status == 401 else "proxy-authorization", value)
        before = len(self._replies[source])
        self.send(request.encode(), source)
        return self._final(before, source, method)

    # -- looking inside ----------------------------------------------------------------------------------------------

    def contacts(self, user: str) -> list[Any]:
        """Return the stored bindings of a user, expired ones left out."""
        found = self.engine.dal.owned("contact", user if "@" in user else f"{user}@{self.engine.domains.first.id}")
        if isinstance(found, Pending):
            found = self.run(_value(found))
        now = self.engine.clock.time()
        return [contact for contact in found if contact.expires_at > now]

    def plugin(self, name: str) -> Any:
        """Return the running plugin that is listed under a name. Raises LookupError when none is."""
        for listing in self.engine.generation.listings():
            if listing.name == name:
                return listing.plugin
        raise LookupError(f"no stage lists a plugin {name!r}")

    def told(self, name: str) -> list[Event]:
        """Return the events of that name, or below it."""
        return [event for event in self.events if event.name == name or event.name.startswith(name + ".")]

    def timers(self) -> Counter[str]:
        """Count the timers of the loop by what they call: compare before and after. Phones' timers are among them."""
        loop: Any = self.loop
        return Counter(name_of(handle) for handle in loop._scheduled if not handle.cancelled())

    def leftovers(self) -> dict[str, int]:
        """Count what calls have left behind: empty once all have ended and 64*T1 have passed."""
        engine: Any = self.engine
        core = getattr(engine, "core", None)
        found = {
            "channels": len(core.channels) if core is not None else 0,
            "bridges": len(core.bridges) if core is not None else 0,
            "calls": len(core.calls) if core is not None else 0,
            "dialogs": len(engine.dialogs),
            "server transactions": len(engine.transactions.at_work()),
            "merges": len(engine.transactions.merges),
            "client transactions": len(engine.clients),
            "lanes": len(engine.lanes),
            "tasks of lanes": len(engine.lanes._tasks),
            "held flows": sum(flow.held for flow in engine.flows.values() if hasattr(flow, "held")),
            "media ports": sum(address[1] != 5060 for address in self.network.datagrams if address[0] in self.host.addresses),
        }
        return {name: count for name, count in found.items() if count}


def name_of(handle: Any) -> str:
    """Name what a timer calls."""
    callback = handle._callback
    callback = getattr(callback, "func", callback)
    return f"{getattr(callback, '__module__', '')}.{getattr(callback, '__qualname__', repr(callback))}"


async def _value(pending: Pending) -> Any:
    return await pending

"""A pipeline under test: the user's own plan, on a network in memory and in virtual time; its state is a folder that is thrown away.

Rules: nothing real is touched: no socket, no file or database of the user's (virtual.py), no waiting. Every plugin is the one that is
listed, with its options, but for what is said in `notes`. One user, `conformance`, is added where a store can be written. Each check asks
by UDP where that is listed, else by TCP, and from an address of its own, so that limits per source do not add up: of those that the lists
of networks let in (sources.py).
"""

from __future__ import annotations

import random as randomness
import re
from typing import TYPE_CHECKING, Any

from pipeline.conformance.connection import Connection
from pipeline.conformance.sources import addresses, candidates
from pipeline.conformance.virtual import KEPT, PORT, virtual
from pipeline.control import accounts
from pipeline.engine import Pipeline
from pipeline.testing.server import ADDRESS, Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.config.plan import Plan
    from pipeline.events import Event
    from pipeline.sip.message import Response
    from pipeline.testing.user_agent import UserAgent

USER, OTHER, PASSWORD = "conformance", "conformance-callee", "conformance"  # of a store that is thrown away
REFUSED = "security.refused"
VIA = re.compile(rb"(SIP\s*/\s*2\.0\s*/)UDP(?=\s)")
APART = 60.0
"""Seconds between two checks where a list lets in few addresses: what counts per source has worn off by then, as far as it soon does."""


class Unsuitable(Exception):  # noqa: N818 (a sentence for the user)
    """Why a check cannot be made with this pipeline."""


class Wrong(Exception):  # noqa: N818 (a sentence for the user)
    """What was wrong."""


def must(right: object, otherwise: str) -> None:
    """Raise Wrong unless it is right. No `assert`: that may be switched off (python -O)."""
    if not right:
        raise Wrong(otherwise)


class Bench(Server):
    """The pipeline, and a client at an address of its own."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.notes = virtual(plan, folder)
        """What is not as it is listed: how -> which plugins or options."""
        listened = {getattr(type(listing.plugin), "listens", "") for listing in plan.stages["transport"]}
        self.transport = next((name.upper() for name in KEPT if name in listened), "")
        """By which the checks ask: UDP, TCP, or none."""
        self.user = False
        """Whether there is a user to log in as."""
        self.unsuitable = ""
        """Why nothing can be asked of this pipeline."""
        self.refusals: list[Event] = []
        """What lists have refused."""
        self._pair: tuple[UserAgent, UserAgent] | None = None
        self._connections: dict[tuple[str, int], Connection] = {}
        self._sources: Iterator[tuple[str, int]] = addresses("10.7.0.0/16")
        self.source = ("10.7.0.1", PORT)
        super().__init__("", folder)

    def start(self) -> None:
        """Start the plan that was given, add the user, and find out from where one may ask."""
        self.engine = Pipeline(
            self.plan,
            self.loop,
            clock=self.clock,
            random=randomness.Random(1),  # noqa: S311  # the same every time
            network=self.host,
        )
        self.engine.bus.listen(REFUSED, self.refusals.append)
        self.run(self.engine.start())
        try:
            self.run(self._add())
            self.user = True
        except accounts.Refused:
            pass
        self.unsuitable = self._seek() if self.transport else "neither udp nor tcp is listed, and others are not there in memory"

    def _seek(self) -> str:
        """Find addresses that are let in; say why there are none, else ""."""
        why = "nothing is answered, from whatever address"
        for network in candidates(self.plan):
            self._sources = addresses(network)
            self.source = next(self._sources, ("", 0))
            if not self.source[0]:
                continue
            for method in ("OPTIONS", "REGISTER"):  # the latter without a Contact: it binds nothing
                self.refusals.clear()
                if self.ask(self.message(method, headers=[("Contact", "")], source=self.source)) and not self.refusals:
                    return ""
                if self.refusals:
                    why = f"no address that could be tried is let in: {self.refusals[0].fields['because']}"
        return why

    async def _add(self) -> None:
        domain = self.engine.domains.first
        await accounts.add(self.engine, [accounts.account(name, domain, PASSWORD) for name in (USER, OTHER)])

    def pair(self) -> tuple[UserAgent, UserAgent]:
        """Give two phones, registered as the two users. Raises Unsuitable where that cannot be."""
        if not self.user:
            raise Unsuitable("no store can be written, so there is no user to ask as")
        if self._pair is None:
            made = [self.phone(name, password=PASSWORD, address=self._next(), transport=self.transport) for name in (USER, OTHER)]
            for phone in made:
                attempt = phone.register(7200)
                self.advance(40)
                if attempt.status != 200:
                    raise Unsuitable(f"a phone cannot register: {attempt.status}")
            self._pair = made[0], made[1]
        return self._pair

    def fresh(self) -> None:
        """Ask from another address from now on."""
        self.refusals.clear()
        self.source = self._next()

    def _next(self) -> tuple[str, int]:
        found = next(self._sources)
        if found[1] != PORT:  # by another port only: limits per source go on counting
            self.advance(APART)
        return found

    def send(self, data: bytes | str, source: tuple[str, int] = ("10.7.0.1", PORT)) -> None:
        """Send octets by the transport that is listed; the Via that says UDP says then what is true."""
        if self.transport != "TCP" or isinstance(data, str):
            super().send(data, source)
            return
        if source not in self._connections:
            heard = self._replies.setdefault(source, []).append
            self._connections[source] = Connection(self.network.host(source[0]), source, (ADDRESS, PORT), heard)
        self._connections[source].send(VIA.sub(rb"\1TCP", data, count=1))

    def ask(self, data: bytes, seconds: float = 1.0) -> list[Response]:
        """Send octets; return what comes back within some seconds."""
        before = len(self.replies(self.source))
        self.send(data, self.source)
        self.loop.settle()
        self.advance(seconds)
        return self.replies(self.source)[before:]

    def asked(self, method: str, to: str = "", **more: Any) -> Response:
        """Send a request as the user, answering a challenge; return its final answer. Raises Unsuitable without a user."""
        if not self.user:
            raise Unsuitable("no store can be written, so there is no user to ask as")
        return self.request(method, to, password=PASSWORD, from_=USER, source=self.source, **more)

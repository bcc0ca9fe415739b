"""A pipeline under test: the user's own plan, on a network in memory and in virtual time; its state is a folder that is thrown away.

Rules: nothing real is touched: no socket, no database of the user's, no waiting. Of the transports only UDP and TCP are there, at addresses
of the virtual network; every other plugin is the one that is listed, with its options. One user, `conformance`, is added where a store
can be written. Each check asks from an address of its own, so that limits per source do not add up.
"""

from __future__ import annotations

import random as randomness
from typing import TYPE_CHECKING, Any

from pipeline.control import accounts
from pipeline.engine import Pipeline
from pipeline.testing.server import ADDRESS, Server

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.config.plan import Listing, Plan
    from pipeline.sip.message import Response
    from pipeline.testing.user_agent import UserAgent

USER, OTHER, PASSWORD = "conformance", "conformance-callee", "conformance"  # of a store that is thrown away
KEPT = ("udp", "tcp")


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
        self.left_out = _virtual(plan, folder)
        """Transports that were left out."""
        self.user = False
        """Whether there is a user to log in as."""
        self._client = 0
        self._pair: tuple[UserAgent, UserAgent] | None = None
        self.source = ("10.7.0.1", 5060)
        super().__init__("", folder)

    def start(self) -> None:
        """Start the plan that was given, and add the user."""
        self.engine = Pipeline(
            self.plan,
            self.loop,
            clock=self.clock,
            random=randomness.Random(1),  # noqa: S311  # the same every time
            network=self.host,
        )
        self.run(self.engine.start())
        try:
            self.run(self._add())
        except accounts.Refused:
            return
        self.user = True

    async def _add(self) -> None:
        domain = self.engine.domains.first
        await accounts.add(self.engine, [accounts.account(name, domain, PASSWORD) for name in (USER, OTHER)])

    def pair(self) -> tuple[UserAgent, UserAgent]:
        """Give two phones, registered as the two users. Raises Unsuitable where that cannot be."""
        if not self.user:
            raise Unsuitable("no store can be written, so there is no user to ask as")
        if self._pair is None:
            made = [self.phone(name, password=PASSWORD, address=(f"10.8.0.{at}", 5060)) for at, name in enumerate((USER, OTHER), 1)]
            for phone in made:
                attempt = phone.register(7200)
                self.advance(40)
                if attempt.status != 200:
                    raise Unsuitable(f"a phone cannot register: {attempt.status}")
            self._pair = made[0], made[1]
        return self._pair

    def fresh(self) -> None:
        """Ask from another address from now on."""
        self._client += 1
        self.source = (f"10.7.{self._client >> 8}.{self._client & 255}", 5060)

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


def _virtual(plan: Plan, folder: Path) -> list[str]:
    """Move a plan to the virtual network and to a state of its own."""
    plan.state = folder / "state"
    left_out: list[str] = []
    kept: list[Listing] = []
    ports = dict.fromkeys(KEPT, 5060)
    for listing in plan.stages["transport"]:
        listens = getattr(type(listing.plugin), "listens", "")
        if listens in KEPT:
            listing.plugin.bind = [f"{ADDRESS}:{ports[listens]}"]
            listing.plugin.advertise = ""
            ports[listens] += 1
        elif listens:
            left_out.append(listing.name)
            continue
        kept.append(listing)
    plan.stages["transport"] = kept
    return left_out

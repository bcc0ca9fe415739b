"""INVITE -> 302 with the callee's contacts, the best first; 480 when there are none, 404 when nobody is called so. RFC 3261 8.3.

Rule: it answers and forgets. Session descriptions pass between the caller and the contacts, so a body is not looked into: the stage
has refused (415) what is no session description, and what is wrong inside one is the callee's to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Address, Malformed, Pending, Reply, Uri, Wait, hookimpl, plugin
from pipeline.dal import StorageError
from pipeline.location import Nowhere, called, is_secured, reached
from pipeline.pending import walk

if TYPE_CHECKING:
    from collections.abc import Generator

    from pipeline import Message, Passage, Request, Verdict
    from pipeline.dal import Aor, Contact
    from pipeline.engine import Pipeline

SDP = "application/sdp"


@plugin
class Redirect:
    """Tells a caller where the callee is (302), instead of calling. RFC 3261 8.3."""

    stage: ClassVar[str] = "application"
    after: ClassVar[tuple[str, ...]] = ("registrar",)
    methods: ClassVar[tuple[str, ...]] = ("INVITE",)
    accepts: ClassVar[tuple[str, ...]] = (SDP,)
    extensions: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("aor", "contact")

    _engine: Any = attrs.field(init=False, default=None)

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Remember the pipeline."""
        self._engine = engine

    @hookimpl
    def application(self, message: Request, passage: Passage) -> Verdict | None:
        """Answer an INVITE."""
        if message.method != "INVITE":
            return None
        if "accept" in message and not _takes_sdp(message):
            domain = self._engine.domains.first.id
            warning = f'399 {domain} "Only {SDP} is offered here"'
            return Reply(406, headers=(("Accept", SDP), ("Warning", warning)), because=f"Accept excludes {SDP} (RFC 4475 3.3.15)")
        return self._where(message, passage)

    @hookimpl
    def invite_reply(self, message: Request, passage: Passage) -> Verdict | None:
        """Say what an INVITE to this URI would get; the request at hand is none, so its Accept says nothing about a session."""
        return self._where(message, passage)

    def _where(self, message: Request, passage: Passage) -> Verdict:
        try:
            found = walk(self._look(message, passage))
        except StorageError as error:
            return _unavailable(error)
        if isinstance(found, Pending):
            return Wait(found, _itself, _unavailable, because="contact")
        verdict: Reply = found
        return verdict

    def _look(self, message: Request, passage: Passage) -> Generator[Any, Any, Reply]:
        engine, uri = self._engine, message.uri
        who = called(engine, uri, passage.flow)
        if who is None:
            return Reply(404, because=f"{uri} is no address of record of ours")
        name = who.aor
        aor = yield engine.dal.get("aor", name)
        if aor is None:
            return Reply(404, because=f"there is no address of record {name}")
        stored = yield engine.dal.owned("contact", name)
        now = engine.clock.time()
        static = [each for each in _static(aor) if not who.secure or is_secured(each[1])] if who.gruu is None else []
        try:
            live = [(contact.q, contact.uri, _written(contact, now)) for contact in reached(engine, who, stored)]
        except Nowhere as nowhere:
            if not static:
                return nowhere.reply
            live = []
        live += static
        if not live:
            return Reply(480, because=f"aor.{name}: it has no bindings now")
        others = [each for each in live if not _is(each[1], uri)]
        if not others:  # 8.3: a request is never redirected to the URI that it came to
            return Reply(404, because=f"aor.{name}: its only binding is {uri} itself")
        others.sort(key=_preference)
        headers = [("Contact", written) for _, _, written in others]
        return Reply(302, headers=headers, because=f"aor.{name}: {len(others)} bindings")


def _itself(verdict: Reply) -> Reply:
    return verdict


def _unavailable(error: BaseException) -> Reply:
    return Reply(503, headers=(("Retry-After", "5"),), because=f"storage: {error}")


def _preference(place: tuple[float, str, str]) -> float:
    return -place[0]


def _static(aor: Aor) -> list[tuple[float, str, str]]:
    """Return the contacts that the configuration knows, as (q, URI, how it is written); what cannot be read is left out."""
    found = []
    for text in aor.contact:
        try:
            address = Address.parse(text if "<" in text else f"<{text}>", "contact")
            q = 1.0 if address.q is None else address.q
        except Malformed:
            continue
        found.append((q, address.uri.text, f"<{address.uri.text}>;q={q:g}"))
    return found


def _written(contact: Contact, now: float) -> str:
    """Write a binding as RFC 3261 20.10 allows; what else its phone said about itself (instance, features) is for us alone."""
    return f"<{contact.uri}>;q={contact.q:g};expires={int(contact.expires_at - now + 0.999)}"


def _is(place: str, uri: Uri) -> bool:
    try:
        return Uri.same(Uri.parse(place), uri)
    except Malformed:
        return False


def _takes_sdp(message: Message) -> bool:
    """Tell whether an Accept that is there includes a session description (20.1)."""
    ranges = {item.partition(";")[0].replace(" ", "").lower() for item in message.values("accept")}
    return not ranges.isdisjoint((SDP, "application/*", "*/*"))

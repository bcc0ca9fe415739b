"""The plugin `registrar`: whose REGISTER it is (RFC 3261 10.3 steps 1 to 5), one at a time per address of record, and its answer.

Rules: a REGISTER is carried out whole or not at all, and the 200 leaves when the store has it. REGISTERs of one address of record
run in one lane, in the order in which they came. What steps 6 and 7 decide stands in bindings.py, which changes nothing itself.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Claim, Pending, Reply, Wait, hookimpl, option, plugin
from pipeline.dal import Conflict, StorageError, version_of
from pipeline.pending import follow, walk

from . import gruu
from .answer import Dates, fields
from .bindings import Change, again, decide, path_of
from .ledger import Ledger
from .outbound import REQUIRED, flow_of
from .record import Record, renewed

if TYPE_CHECKING:
    from collections.abc import Generator

    from pipeline import Passage, Request, Verdict
    from pipeline.dal import Aor, Contact
    from pipeline.engine import Pipeline


@plugin
class Registrar:
    """Takes REGISTER: phones tell where they are. RFC 3261 10.3, RFC 3327, RFC 5626."""

    stage: ClassVar[str] = "application"
    methods: ClassVar[tuple[str, ...]] = ("REGISTER",)
    accepts: ClassVar[tuple[str, ...]] = ()
    extensions: ClassVar[tuple[str, ...]] = ("path", "outbound", "gruu")
    needs: ClassVar[tuple[str, ...]] = ("aor", "contact")

    short: str = option(
        "refuse",
        validator=attrs.validators.in_(("refuse", "raise")),
        help='what happens to an interval below minimum_expiration: "refuse" answers 423, "raise" grants the minimum',
    )
    path_needs_support: bool = option(
        True, help="whether a Path is refused (420) when the phone does not say Supported: path, as RFC 3327 5.3 recommends"
    )
    drop_on_close: bool = option(
        True,
        help="whether a binding that only its connection leads to (a phone behind NAT, a browser) ends when that closes;"
        " one whose Contact can be connected to stays until it expires",
    )

    outbound: bool = option(
        True,
        help="whether phones may register flows (RFC 5626): bindings of (+sip.instance, reg-id) whatever their URI, reached by their"
        " connection alone; the role of an edge proxy is the plugin `edge`'s",
    )
    gruu: bool = option(
        True, help="whether phones that know what to do with them get addresses of their own, public and temporary ones (GRUUs, RFC 5627)"
    )

    _engine: Any = attrs.field(init=False, default=None)
    _ledger: Any = attrs.field(init=False, default=None)
    _dates: Dates = attrs.field(init=False, factory=Dates)
    _name: str = attrs.field(init=False, default="registrar")

    @hookimpl
    async def start(self, engine: Pipeline) -> None:
        """Take over the bindings that are stored."""
        self._engine = engine
        self._name = engine.name_of(self)
        made: list[Ledger] = []

        def make() -> Ledger:
            made.append(Ledger(engine))
            return made[0]

        ledger = self._ledger = engine.state(self, make)
        ledger.name, ledger.drop_on_close, ledger.reader = self._name, self.drop_on_close, self
        if made:
            await ledger.open()

    @hookimpl
    def stop(self) -> None:
        """Leave the bindings to the next start."""
        if self._ledger is not None and self._ledger.reader is self:
            self._ledger.close()

    @hookimpl
    def application(self, message: Request, passage: Passage) -> Verdict | None:
        """Find the address of record, and whether this endpoint may register it."""
        if message.method != "REGISTER":
            return None
        engine, flow = self._engine, passage.flow
        uri, to = message.uri, message.to.uri  # a user part in the Request-URI, which 10.2 forbids, harms nobody
        if to.scheme not in ("sip", "sips"):  # RFC 4475 3.3.4
            return Reply(
                400, f"Bad To: {to.scheme} names no address of record", because="an address of record is a sip or sips URI (RFC 3261 10.2)"
            )
        name = engine.domains.aor(to, flow.local[0]) if "gr" not in to.params else None  # a GRUU is no address of record
        if name is None or to.host != uri.host:
            domain = engine.domain_of(uri.host, flow)
            if domain is None:  # we are no proxy that could forward it (step 1), so 8.2.2.1 applies
                return Reply(404, because=f"domains: {uri.host or uri} is no domain of ours")
            if name is None or engine.domain_of(to.host, flow) is not domain:
                return Reply(404, because=f"{to} is no address of record of {domain.id} (RFC 3261 10.3 step 5)")
        endpoint = passage.endpoint
        if endpoint is not None and name not in endpoint.aors:  # step 4 comes before step 5: it tells nobody who there is
            return Reply(403, because=f"endpoint.{endpoint.id}: {name} is not among its aors")
        try:
            aor = engine.dal.get("aor", name)
        except StorageError as error:
            return self._unavailable(error)
        if isinstance(aor, Pending):
            return Wait(aor, partial(self._found, name), self._unavailable, because="aor")
        return self._found(name, aor)

    def _found(self, name: str, aor: Aor | None) -> Verdict:
        if aor is None:
            return Reply(404, because=f"there is no address of record {name}")
        if aor.max_contacts == 0:
            return Reply(403, because=f"aor.{name}: max_contacts is 0")
        return Claim("registrar", name, partial(self._job, aor))

    def _unavailable(self, error: BaseException) -> Reply:
        # RFC 3261 10.3: 500. The time is jittered, so that what was refused together does not come back together.
        seconds = str(5 + self._engine.identifiers.below(10))
        return Reply(500, headers=(("Retry-After", seconds),), because=f"storage: {error}")

    def _job(self, aor: Aor, passage: Passage) -> Any:
        """Run in the lane of the address of record; a Pending holds the lane until the store has written.

        Hot: the usual REGISTER (no Path, nothing ends, the store answers at once) goes straight through, without a generator. What is
        more than that begins anew in `_register`: nothing has been changed by then.
        """
        engine = self._engine
        message: Any = passage.message
        first = message.first
        if "path" in first or "reg-id" in first.get("contact", "") or ("supported" in first and self.gruu and gruu.wants(message)):
            return walk(self._register(aor, passage))
        now = engine.clock.time()
        try:
            stored = engine.dal.owned("contact", aor.id)
            if type(stored) is Pending:
                return walk(self._register(aor, passage))
            seconds = again(message, aor, stored, now)
            if seconds:
                puts: tuple[Contact, ...] = (renewed(passage, stored[0], now + seconds),)
                change = Change(puts)
                change.refreshed = puts
            elif "contact" in message.repeated():  # another field may have a reg-id
                return walk(self._register(aor, passage))
            else:
                decided = decide(message, aor, stored, now, Record(passage, aor, (), now).make, raises=self.short == "raise")
                if isinstance(decided, Reply):
                    engine.respond(passage, decided)
                    return None
                change = decided
                if change.gone or (stored and has_gruus(stored)):
                    return walk(self._register(aor, passage))
                puts = (*change.refreshed, *change.added)
            if puts:
                written = engine.dal.change("contact", aor.id, puts, (), version_of(stored))
                if type(written) is Pending:
                    done = Pending()
                    written.then(partial(self._written, aor, passage, change, now, done))
                    return done
        except Conflict:
            return walk(self._register(aor, passage, (True,)))
        except StorageError as error:
            engine.respond(passage, self._unavailable(error))
            return None
        self._accept(aor.id, passage, change, now, ())
        return None

    def _written(self, aor: Aor, passage: Passage, change: Change, now: float, done: Pending, written: Pending) -> None:
        """Answer when the store has written; begin anew after a conflict."""
        try:
            written.value()
        except Conflict:
            follow(walk(self._register(aor, passage, (True,))), done)
            return
        except StorageError as error:
            self._engine.respond(passage, self._unavailable(error))
        else:
            self._accept(aor.id, passage, change, now, ())
        done.resolve(None)

    def _accept(
        self, aor: str, passage: Passage, change: Change, now: float, path: tuple[str, ...], *, flow: bool = False, gruus: bool = False
    ) -> None:
        more = partial(self._gruus, passage) if gruus else None
        headers = fields(change.after, now, self._dates.at(now), passage.message, path, more)
        if flow:
            headers.append(REQUIRED)
        self._engine.respond(passage, Reply(200, "", headers))
        self._tell(aor, change)

    def _gruus(self, passage: Passage, contact: Contact) -> str:
        engine, to = self._engine, passage.message.to.uri
        domain = engine.domain_of(to.host, passage.flow)
        return gruu.parameters(contact, to, domain.id, engine.gruus, engine.identifiers)

    def _register(self, aor: Aor, passage: Passage, tries: tuple[bool, ...] = (False, True)) -> Generator[Any, Any, None]:
        engine = self._engine
        message: Any = passage.message
        path: Any = path_of(message, aor, needs_support=self.path_needs_support) if "path" in message.first else ()
        if type(path) is Reply:
            engine.respond(passage, path)
            return
        flow = flow_of(message) if self.outbound and "reg-id" in ",".join(message.all("contact")) else False
        if isinstance(flow, Reply):
            engine.respond(passage, flow)
            return
        wanted = self.gruu and gruu.wants(message)
        if wanted and (refused := gruu.refusal(message, aor.id, lambda uri: engine.aor_of(uri, passage.flow))) is not None:
            engine.respond(passage, refused)
            return
        for last in tries:
            now = engine.clock.time()
            try:
                stored = yield engine.dal.owned("contact", aor.id)
                make = Record(passage, aor, path, now, flow=flow).make
                change = decide(message, aor, stored, now, make, raises=self.short == "raise", flows=flow)
                if isinstance(change, Reply):
                    engine.respond(passage, change)
                    return
                touched = gruu.renew(change, stored, now, engine.identifiers, wanted=wanted)
                puts = (*touched, *change.refreshed, *change.added)
                if change.gone:
                    yield self._end_some(aor, change, puts, stored)
                elif puts:
                    yield engine.dal.change("contact", aor.id, puts, (), version_of(stored))
            except StorageError as error:
                if isinstance(error, Conflict) and not last:
                    continue  # somebody else wrote between: another process, or a sweep
                engine.respond(passage, self._unavailable(error))
                return
            self._accept(aor.id, passage, change, now, path, flow=flow, gruus=wanted)
            return

    def _end_some(self, aor: Aor, change: Change, puts: tuple[Contact, ...], stored: tuple[Contact, ...]) -> Any:
        """Write a change that ends bindings, so that the ledger does not take it for somebody else's."""
        ids = [contact.id for contact, _ in change.gone]
        return self._ledger.ending(ids, lambda: self._engine.dal.change("contact", aor.id, puts, ids, version_of(stored)))

    def _tell(self, aor: str, change: Change) -> None:
        tell = self._engine.tell
        for contact, reason in change.gone:
            if reason == "expired":
                tell("contact.expired", aor=aor, contact=contact)
            else:
                tell("contact.removed", aor=aor, contact=contact, reason=reason)
        for contact in change.refreshed:
            tell("contact.refreshed", aor=aor, contact=contact)
        for contact in change.added:
            tell("contact.added", aor=aor, contact=contact)


def has_gruus(stored: tuple[Contact, ...]) -> bool:
    """Tell whether a phone among the bindings has temporary GRUUs, which a REGISTER may make void."""
    for contact in stored:  # noqa: SIM110  # hot: any() makes a generator
        if contact.gruu:
            return True
    return False

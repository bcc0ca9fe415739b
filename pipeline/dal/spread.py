"""One type over several backends: first hit wins, a search is the union, a change is all or nothing over every one of them.

Rule: an owner's change normally touches one backend: new objects go to the first writable one, known ones to where they are. When it
does touch several (contacts half moved from one store to another), those that cannot fail come last, and what was written is put back
when a later one fails. A read that one backend cannot answer is not answered by the next: the object could be in the first.
"""

from collections.abc import Generator, Sequence
from typing import Any

from pipeline.pending import Pending, gather, walk

from .backend import Backend, Conflict, ReadOnly, Unavailable
from .objects import version_of

Steps = Generator[Any, Any, Any]


class Spread:
    """The backends of one type, in the order of [dal]; each method is the backend's of the same name."""

    __slots__ = ("backends", "kind")

    def __init__(self, kind: str, backends: tuple[Backend, ...]) -> None:
        self.kind = kind
        self.backends = backends

    def get(self, kind: str, ident: str, /) -> Any:
        """Return the first backend's object of this id. Hot: a generator only where a backend has to wait."""
        for place, backend in enumerate(self.backends):
            stored = backend.get(kind, ident)
            if type(stored) is Pending:
                return walk(self._get(ident, stored, self.backends[place + 1 :]))
            if stored is not None:
                return stored
        return None

    def find(self, kind: str, /, **fields: Any) -> Any:
        """Return the union; of two objects of one id only the earlier backend's counts."""
        answers = [backend.find(kind, **fields) for backend in self.backends]
        for answer in answers[1:]:
            if answer or type(answer) is Pending:
                return walk(self._find(answers))
        return answers[0]  # nobody else has any: there is nothing to be hidden, nor to be waited for

    def owned(self, kind: str, owner: str, /) -> Any:
        """Return the union of the owner's objects; of two objects of one id only the earlier backend's counts."""
        return walk(self._owned(owner))

    def change(self, kind: str, owner: str, puts: Sequence[Any] = (), deletes: Sequence[str] = (), if_version: int | None = None, /) -> Any:
        """Change the owner's objects, each where it lives, all or nothing."""
        return walk(self._change(owner, puts, deletes, if_version))

    def _get(self, ident: str, first: Pending, others: Sequence[Backend]) -> Steps:
        stored = yield first
        if stored is not None:
            return stored
        for backend in others:
            stored = yield backend.get(self.kind, ident)
            if stored is not None:
                return stored
        return None

    def _find(self, asked: list[Any]) -> Steps:
        answers = yield gather(asked)
        union: dict[str, Any] = {}
        for place, answer in enumerate(answers):
            for stored in answer:
                for earlier in self.backends[:place]:  # one that does not match the search hides this one all the same
                    if (yield earlier.get(self.kind, stored.id)) is not None:
                        break
                else:
                    union.setdefault(stored.id, stored)
        return tuple(union.values())

    def _owned(self, owner: str) -> Steps:
        return _union((yield gather(backend.owned(self.kind, owner) for backend in self.backends)))

    def _change(self, owner: str, puts: Sequence[Any], deletes: Sequence[str], if_version: int | None) -> Steps:
        there = yield gather(backend.owned(self.kind, owner) for backend in self.backends)
        if if_version is not None and version_of(_union(there)) != if_version:
            raise Conflict(f"{self.kind} {owner!r} was changed by someone else")
        shares = [_Share(backend, before) for backend, before in zip(self.backends, there, strict=True)]
        first = next((share for share in shares if share.backend.writable), None)
        for stored in puts:
            home = next((share for share in shares if stored.id in share.ids), first)
            if home is None or not home.backend.writable:
                raise ReadOnly(f"{self.kind} {stored.id!r} is in {(home or shares[0]).backend.name}, which is read-only")
            home.puts.append(stored)
        for ident in deletes:
            homes = [share for share in shares if ident in share.ids]
            if homes and not homes[0].backend.writable:
                raise ReadOnly(f"{self.kind} {ident!r} is in {homes[0].backend.name}, which is read-only")
            for share in homes:  # also the copies that it hid: one of them would take its place
                if share.backend.writable:
                    share.deletes.append(ident)
        done: list[_Share] = []
        for share in sorted(shares, key=lambda share: not share.backend.fallible):
            if share.puts or share.deletes:
                try:
                    yield share.backend.change(self.kind, owner, share.puts, share.deletes, version_of(share.before))
                except Exception as error:
                    yield walk(self._undo(owner, done, error))
                    raise
                done.append(share)
        return (yield self.owned(self.kind, owner))

    def _undo(self, owner: str, done: list["_Share"], cause: Exception) -> Steps:
        for share in reversed(done):
            touched = {stored.id for stored in share.puts} | set(share.deletes)
            former = [stored for stored in share.before if stored.id in touched]
            try:
                yield share.backend.change(self.kind, owner, former, sorted(touched - share.ids))
            except Exception as error:
                raise Unavailable(f"{self.kind} {owner!r}: {cause}; and {share.backend.name} kept its part: {error}") from error


class _Share:
    """One backend's part of a change."""

    __slots__ = ("backend", "before", "deletes", "ids", "puts")

    def __init__(self, backend: Backend, before: tuple[Any, ...]) -> None:
        self.backend = backend
        self.before = before
        self.ids = {stored.id for stored in before}
        self.puts: list[Any] = []
        self.deletes: list[str] = []


def _union(answers: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    union: dict[str, Any] = {}
    for answer in answers:
        for stored in answer:
            union.setdefault(stored.id, stored)
    return tuple(union.values())

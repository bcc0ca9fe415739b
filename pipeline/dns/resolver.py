"""Records of a name, from the cache when they may still be used. RFC 2308 (what is not there), RFC 8767 (what is known to be old).

Rule: no name is asked for twice at the same time, and nothing is kept without bounds. A name server's failure is not "there is none":
it is kept for a few seconds only, and records whose time was over are used rather than nothing.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from pipeline.pending import Pending, gather, settle

from .asker import Answer, Asker, NameError_, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.clock import Clock
    from pipeline.flow import Address
    from pipeline.network import Network

    from .system import Naming

LONGEST = 86400.0
"""Seconds that records are kept at most, whatever they say."""
LONGEST_NEGATIVE = 3 * 3600.0
"""RFC 2308 5: one to three hours."""
FAILURE = 5.0
"""Seconds that a failure is kept: the calls of a moment share one wait. RFC 2308 7.1 allows five minutes."""
STALE = 3600.0
"""Seconds that records are kept beyond their time, for when no name server answers (RFC 8767 allows days)."""
ENTRIES = 10000
"""About 5 MB."""
LOOK = 5.0
"""Seconds between two looks at whether the machine's files have changed."""


class Resolver:
    """Finds records, and remembers them."""

    def __init__(self, network: Network, clock: Clock, below: Callable[[int], int]) -> None:
        self.servers: tuple[Address, ...] = ()
        """Whom to ask; empty: whom the machine's own file names."""
        self.seconds = 5.0
        self.asker = Asker(network, clock, below)
        self._network = network
        self._clock = clock
        self._cache: dict[tuple[str, str], tuple[float, Answer | OSError]] = {}
        """(name, kind) -> until when, and what."""
        self._asking: dict[tuple[str, str], Pending] = {}
        self._naming: Naming | None = None
        self._looked = 0.0
        self.hits = 0

    def __len__(self) -> int:
        return len(self._cache)

    def clear(self) -> None:
        """Forget everything: other servers are asked from now on."""
        self._cache.clear()
        self._naming = None

    def naming(self) -> Naming:
        """Return what the machine says."""
        now = self._clock.now()
        if self._naming is None or now - self._looked >= LOOK:
            self._naming, self._looked = self._network.naming(), now
        return self._naming

    # -- records -----------------------------------------------------------------------------------------------------

    def records(self, name: str, kind: str) -> list[Any] | Pending:
        """Return the records of a name, or a Pending of them; none: []. Fails with Unanswered."""
        found: list[Any] | Pending = attempt(self._answer(name, kind), _records)
        return found

    def addresses(self, name: str, kinds: tuple[str, ...] = ("A", "AAAA")) -> list[str] | Pending:
        """Return a host's addresses, those of the first kind first, or a Pending of them; fails with OSError, also when there are none."""
        known = self.naming().hosts.get(name.lower().rstrip("."))
        if known is None and name.lower().rstrip(".").endswith("localhost"):
            known = ("127.0.0.1", "::1")  # RFC 6761 6.3: it is never asked for
        if known is not None:
            found = [each for kind in kinds for each in known if (":" in each) == (kind == "AAAA")]
            return found or Pending.failed(NameError_(errno.ENOENT, f"{name} has no address of our kind in the hosts file"))
        return self._search([name, *self._other(name)], kinds)

    def _other(self, name: str) -> list[str]:
        """Other names that a short one may stand for (resolv.conf: search, ndots)."""
        naming = self.naming()
        if name.endswith(".") or name.count(".") >= naming.ndots:
            return []
        return [f"{name}.{domain}" for domain in naming.search]

    def _search(self, names: list[str], kinds: tuple[str, ...]) -> list[str] | Pending:
        def came(answers: list[Any]) -> list[str] | Pending:
            found = [address for answer in answers if isinstance(answer, Answer) for address in answer.records]
            if found:
                return found
            failed = [answer for answer in answers if isinstance(answer, OSError)]
            if failed:
                raise failed[0]
            if len(names) > 1:
                return self._search(names[1:], kinds)
            missing = all(answer.missing for answer in answers)
            raise NameError_(errno.ENOENT, f"{names[0]} does not exist" if missing else f"{names[0]} has no address")

        found: list[str] | Pending = attempt(gather(_caught(self._answer(names[0], kind)) for kind in kinds), came)
        return found

    def _answer(self, name: str, kind: str) -> Any:
        """Return the Answer for a name, or a Pending of it."""
        key = (name.lower().rstrip("."), kind)
        kept = self._cache.get(key)
        now = self._clock.now()
        if kept is not None and now < kept[0]:
            self.hits += 1
            if isinstance(kept[1], OSError):
                return Pending.failed(kept[1])
            return kept[1]
        asking = self._asking.get(key)
        if asking is not None:
            return asking
        servers = self.servers or self.naming().servers
        made = self._asking[key] = Pending()
        old = kept[1] if kept is not None and isinstance(kept[1], Answer) and now < kept[0] + STALE else None

        def came(pending: Pending) -> None:
            del self._asking[key]
            try:
                answer: Answer = pending.value()
            except Unanswered as error:
                if old is not None:
                    self._keep(key, FAILURE, old)
                    made.resolve(old)
                else:
                    self._keep(key, FAILURE, error)
                    made.fail(error)
                return
            self._keep(key, min(answer.ttl, LONGEST if answer.records else LONGEST_NEGATIVE), answer)
            made.resolve(answer)

        self.asker.ask(name, kind, servers, self.seconds).then(came)
        return made

    def _keep(self, key: tuple[str, str], seconds: float, what: Answer | OSError) -> None:
        self._cache.pop(key, None)  # what was renewed last goes last
        if seconds > 0:
            while len(self._cache) >= ENTRIES:
                del self._cache[next(iter(self._cache))]
            self._cache[key] = (self._clock.now() + seconds, what)


def attempt(value: Any, fn: Callable[[Any], Any]) -> Any:
    """Return fn(value), or a Pending of it; what fails at once is a Pending too."""
    try:
        return settle(value, fn)
    except OSError as error:
        return Pending.failed(error)


def _records(answer: Answer) -> list[Any]:
    return answer.records


def _caught(value: Any) -> Any:
    """Return what a Pending comes to, its error as a value: one kind's failure must not hide the other kind's addresses."""
    if not isinstance(value, Pending):
        return value
    result = Pending()

    def ended(pending: Pending) -> None:
        try:
            found = pending.value()
        except OSError as error:
            found = error
        result.resolve(found)

    value.then(ended)
    return result.value() if result.done else result

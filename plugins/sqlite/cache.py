"""What was read from the database and may be asked again, bounded; that something is not there is remembered too.

Rule: what exists and what does not are kept apart, so that strangers trying names cannot push out the users who exist, and what does not is
no more than a hash in a table of fixed size. The oldest entry goes first; a change of a type, ours or another process's, forgets everything
of the type.
"""

from __future__ import annotations

from typing import Any

from pipeline.absent import Absent

UNKNOWN: Any = object()


class Cache:
    """Answers by question, for one type."""

    __slots__ = ("_found", "_limit", "_missing", "hits", "misses")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._found: dict[Any, Any] = {}
        self._missing = Absent()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._found) + len(self._missing)

    def get(self, question: Any) -> Any:
        """Return the answer, or UNKNOWN."""
        answer = self._found.get(question, UNKNOWN)
        if answer is UNKNOWN and question in self._missing:
            answer = ()
        if answer is UNKNOWN:
            self.misses += 1
        else:
            self.hits += 1
        return answer

    def put(self, question: Any, answer: Any) -> Any:
        """Remember and return an answer; () is one, too."""
        if not answer:
            self._missing.add(question)
            return answer
        kept = self._found
        if len(kept) >= self._limit:
            del kept[next(iter(kept))]
        kept[question] = answer
        return answer

    def forget(self) -> None:
        """Forget everything."""
        self._found.clear()
        self._missing.clear()

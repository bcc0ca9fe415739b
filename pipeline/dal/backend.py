"""What a backend must do to hold objects, and the errors it may answer with. `integration` plugins return one from their `store` hook.

Rule: a call returns its answer at once when it can be had without waiting, else a Pending of it. An object that is not there is
None or (); a backend that cannot answer raises Unavailable (or fails the Pending with it): a broken disk never looks like an unknown user.
"""

from collections.abc import Callable, Sequence
from typing import Any

Noticed = Callable[[str, str, Any], object]


class StorageError(Exception):
    """What the data access layer answers when it cannot do what was asked."""


class Unavailable(StorageError):  # noqa: N818  errors are named by what they say
    """The backend cannot answer, or did not write: nothing was changed. A request gets 503, a REGISTER 500 (RFC 3261 10.3)."""


class Unstored(Unavailable):
    """No backend stores this type: [dal] does not name it."""


class Conflict(StorageError):  # noqa: N818
    """The objects are no longer those that the change was made for, or the id is taken. Nothing was changed."""


class ReadOnly(StorageError):  # noqa: N818
    """The object lives in a backend that cannot write. Nothing was changed."""


class Backend:
    """The contract. `kind` is a type's name ("contact"); `origin` and `version` of what it returns are its own stamps."""

    name: str = ""  # the plugin's name in the TOML file; set by the engine before it is used
    types: tuple[str, ...] | None = None  # the types it can hold; None = any
    writable: bool = True
    fallible: bool = True  # whether a change can still fail after all that is known was right (memory's cannot)

    def serve(self, kind: str, durability: str) -> None:
        """Make ready to hold this type, as durably as "commit", "behind" or "none" says. Called before use and at each reload."""

    def get(self, kind: str, ident: str, /) -> Any:
        """Return the object of this id or None."""
        raise NotImplementedError

    def find(self, kind: str, /, **fields: Any) -> Any:
        """Return a tuple of the objects whose fields have these values, or are in range, as ("<=", limit): see query.py."""
        raise NotImplementedError

    def owned(self, kind: str, owner: str, /) -> Any:
        """Return a tuple of the owner's objects; for a type without owners, of the object of this id."""
        raise NotImplementedError

    def change(self, kind: str, owner: str, puts: Sequence[Any] = (), deletes: Sequence[str] = (), if_version: int | None = None, /) -> Any:
        """Write the puts over the owner's objects, remove the ids in `deletes`: all or nothing. Return the owner's objects after it.

        The deletes come first; an id that is not there is no error. With `if_version`, Conflict unless it is version_of() what is
        there now. A backend that is not writable raises ReadOnly. The objects put are the backend's from now on: it stamps them.
        """
        raise ReadOnly(f"{self.name} is read-only")

    def watch(self, fn: Noticed) -> None:
        """Call fn(kind, "changed", None) whenever objects changed behind our back (another process wrote)."""

    def stats(self) -> dict[str, Any]:
        """Return the backend's counters, for `sipline show stats`."""
        return {}

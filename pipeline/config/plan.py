"""What a checked pipeline.toml comes to: the plan that the engine starts, reloads, and that `sipline graph` draws.

Rule: values only. Nothing here reads, checks or starts anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from pipeline.config.discover import BUILT_IN
from pipeline.config.version import own_version

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.config.options import PipelineOptions
    from pipeline.config.problems import Place, Problem
    from pipeline.config.read import Document
    from pipeline.dal.layer import Mapping
    from pipeline.dal.objects import Domain

__all__ = ["Listing", "Plan", "Reference"]


@attrs.define(eq=False)
class Listing:
    """One name in the `plugins` list of a stage. A plugin listed under two stages has two listings and one instance."""

    name: str
    plugin: Any
    stage: str
    kind: str
    """The plugin's own name: what `use` says, else the name in the list."""
    source: str
    """Where it came from: "built-in", "sip-curfew 1.2" (a distribution) or "plugins.d/curfew.py"."""
    own: str
    """The version that its class or its distribution says; empty for what comes with Sipline."""
    on_error: str
    """"" (500), "reject:STATUS" or "skip"."""
    written: frozenset[str]
    """The options that the file sets."""
    document: Document = attrs.field(repr=False)
    keys: tuple[str | int, ...]
    digest: str = ""
    """Of the file that its class was read from."""
    files: dict[Path, int] = attrs.field(factory=dict, repr=False)
    """What it reads at each start, each with a hash of what it held when it was checked."""

    @property
    def version(self) -> str:
        """What the graph shows: its own, else Sipline's."""
        return self.own or (own_version() if self.source == BUILT_IN else "")

    @property
    def place(self) -> Place:
        """Where the file lists it."""
        return self.document.place(*self.keys)


@attrs.frozen
class Reference:
    """An object that the file refers to and does not hold; another backend may. `sipline check` can ask it."""

    type: str
    id: str
    keys: tuple[str | int, ...]
    message: str
    others: tuple[tuple[str, str], ...] = ()
    """What may be meant as well, each as (type, id): one that exists is enough."""
    mistake: bool = True
    """Whether the file is wrong without it; else it runs, but probably not as meant."""
    also: tuple[str, ...] = ()
    """What is no object and may be meant as well, by its name."""
    write: str = ""
    """Where it would be written; empty: in a table of its type and id."""
    suggestion: str = ""
    """What is like it in the file."""
    there: str = ""
    """What else is there."""

    @property
    def any(self) -> tuple[tuple[str, str], ...]:
        """Everything that may be meant, each as (type, id)."""
        return ((self.type, self.id), *self.others)


@attrs.define(eq=False)
class Plan:
    """Everything that pipeline.toml says, checked and typed."""

    path: Path
    document: Document = attrs.field(repr=False)
    name: str
    options: PipelineOptions
    state: Path
    domains: list[Domain]
    """Never empty; the first is the one that an id without @ belongs to."""
    stages: dict[str, list[Listing]]
    dal: dict[str, Mapping]
    """Object type -> backends and durability, for every type that some backend stores."""
    objects: list[Any] = attrs.field(repr=False)
    """Domains, endpoints, auths, aors, identifies that the file itself holds."""
    references: list[Reference] = attrs.field(factory=list)
    warnings: list[Problem] = attrs.field(factory=list)
    hints: list[str] = attrs.field(factory=list)
    """Advice in one line each, which `sipline check` prints: nothing is wrong."""

    def listings(self) -> list[Listing]:
        """Every listing, in the order of the stages."""
        return [listing for listings in self.stages.values() for listing in listings]

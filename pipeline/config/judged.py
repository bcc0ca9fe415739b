"""What can be judged of a file that has mistakes: which references are wrong whatever the mistakes turn out to mean.

Rule: all mistakes are told at once, and none that follows from another. What only a store, a table or a domain could hold that is written
wrongly itself is not judged before that is right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from pipeline.config.hooks import hooks_of
from pipeline.config.objects import USER_TYPES
from pipeline.config.options import PipelineOptions
from pipeline.config.schema import options_of
from pipeline.dal.objects import TYPES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pipeline.config.discover import Found
    from pipeline.config.plan import Plan, Reference
    from pipeline.config.problems import Report
    from pipeline.config.stages import Keys
    from pipeline.dal.layer import Mapping as Where

__all__ = ["Judged", "askable", "stores_known"]


def stores_known(data: dict[str, Any], listings: Mapping[str, Mapping[str, Keys]], classes: Mapping[str, Found]) -> bool:
    """Whether every store was found that the file means: the list is right, all of it is there, and no store is listed elsewhere."""
    tables, names = data.get("stage"), listings["integration"]
    stages = [table for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
    if [table.get("plugins") for table in stages if table.get("name") == "integration"] != [[*names]]:
        return False
    astray = (found for name, found in classes.items() if name not in names)
    return classes.keys() >= names.keys() and not any(impl.hook == "store" for found in astray for impl in hooks_of(found.cls))


@attrs.frozen
class Judged:
    """What is known although something is wrong."""

    kinds: frozenset[str]
    """Types whose tables and whose line in [dal], if there are any, are right."""
    astray: frozenset[str]
    """Names that stand in a table which is none: [endpiont.alice]."""
    domains: bool
    """Whether all domains are right: what an address of record is called in full follows from them."""

    @classmethod
    def of(cls, data: dict[str, Any], mapping: Collection[str], tables: Collection[str], *, domains: bool) -> Judged:
        """See what is known of a file. `mapping`: the types that stores were found for; `tables`: what may stand in it."""
        dal = data.get("dal", {})
        wrong = {kind for kind in TYPES if not isinstance(dal, dict) or (kind in dal and kind not in mapping)}
        wrong |= {kind for kind in TYPES if not isinstance(data.get(kind, {}), dict)}
        if not isinstance(data.get("user", {}), dict):
            wrong |= {*USER_TYPES}
        named = [
            (name in tables, table) for name, table in data.items() if isinstance(table, dict) and name not in ("pipeline", "plugin", "dal")
        ]
        astray = {ident for known, table in named for ident, value in table.items() if not (known and isinstance(value, dict))}
        return cls(frozenset(TYPES) - wrong, frozenset(astray), domains)

    def can(self, reference: Reference) -> bool:
        """Tell whether it is known what this refers to."""
        for kind, ident in reference.any:
            if (
                kind not in self.kinds
                or not self.astray.isdisjoint((ident, ident.rpartition("@")[0]))
                or (kind == "aor" and not self.domains)
            ):
                return False
        return True


def askable(report: Report, plan: Plan) -> Plan | None:
    """Return what the stores can be asked of a file with mistakes; None when there is nothing, or nobody knows where they are."""
    known = options_of(PipelineOptions).keys() - {"state"}  # a wrong key may be a misspelt `state`
    if not all(where[1:2] and where[1] in known for where in report.places if where[:1] == ("pipeline",)):
        return None
    made = {listing.name for listing in plan.stages["integration"]}
    dal: dict[str, Where] = {kind: where for kind, where in plan.dal.items() if made.issuperset(where.backends)}
    sure = [reference for reference in plan.references if all(kind in dal or kind not in plan.dal for kind, _ in reference.any)]
    asked = {kind for reference in sure for kind, _ in reference.any}
    return attrs.evolve(plan, dal={kind: dal[kind] for kind in asked & dal.keys()}, references=sure) if sure else None

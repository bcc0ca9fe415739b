"""What a pipeline that is right in every line does not do all the same, because something is not listed, or too late: warnings.

Rule: nothing has to be listed, so nothing here is a mistake. Said is only what somebody who lists the rest would hardly want.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.config.hooks import hooks_of
from pipeline.config.problems import listed
from pipeline.config.read import dotted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.config.discover import Found
    from pipeline.config.objects import Objects
    from pipeline.config.problems import Report
    from pipeline.config.stages import Keys

__all__ = ["check_lacking"]


def check_lacking(report: Report, listings: Mapping[str, Mapping[str, Keys]], classes: Mapping[str, Found], objects: Objects) -> None:
    """Warn when nothing reads SIP, nothing authenticates or nobody could, users cannot register, or event packages tell nobody anything."""
    if not any(_has(classes[name].cls, "protocol") for name in listings["protocol"]):
        text = "nothing reads what arrives: 'stack' is not listed under 'protocol'"
        report.warning(_list(report, "protocol"), text, "no request is answered")
    if not any(classes[name].kind == "auth" or getattr(classes[name].cls, "authenticates", False) for name in listings["intercept"]):
        text = "nothing authenticates: 'auth' is not listed under 'intercept'"
        report.warning(_list(report, "intercept"), text, "whoever reaches a listener can register and call")
    _unknown_to_auth(report, listings["intercept"], classes)
    _registers(report, listings, classes, objects)
    _packages(report, listings["application"], classes)


def _unknown_to_auth(report: Report, intercept: Mapping[str, Keys], classes: Mapping[str, Found]) -> None:
    kinds = [classes[name].kind for name in intercept]
    if "auth" in kinds and "identify" in kinds[kinds.index("auth") :]:
        name = list(intercept)[kinds.index("auth")]
        text = f"'{name}' stands before 'identify', so it knows no endpoint: no login succeeds"
        report.warning(intercept[name], text, "write it behind 'identify'")


def _registers(report: Report, listings: Mapping[str, Mapping[str, Keys]], classes: Mapping[str, Found], objects: Objects) -> None:
    named = [classes[name] for names in listings.values() for name in names]
    if any(found.kind in ("registrar", "edge") or "REGISTER" in getattr(found.cls, "methods", ()) for found in named):
        return  # an edge sends it on
    users = [objects.places["aor"][aor.id] for aor in objects.all if aor.kind == "aor" and aor.max_contacts and not aor.contact]
    if users:
        text = f"the phones of {dotted(*users[0])} cannot register: 'registrar' is not listed under 'application'"
        report.warning(_list(report, "application"), text, "`sipline enable registrar`; an aor that is reached elsewhere has a contact")


def _packages(report: Report, application: Mapping[str, Keys], classes: Mapping[str, Found]) -> None:
    if any("SUBSCRIBE" in getattr(classes[name].cls, "methods", ()) for name in application):
        return
    mute = [name for name in application if _has(classes[name].cls, "event_package", "event_body")]
    if mute:
        names = listed(f"'{name}'" for name in mute)
        text = f"{names} {'tells' if len(mute) == 1 else 'tell'} nobody anything: 'pubsub' is not listed under 'application'"
        report.warning(application[mute[0]], text, "it takes SUBSCRIBE and sends the NOTIFYs: `sipline enable pubsub`")


def _has(cls: type[Any], *hooks: str) -> bool:
    return any(impl.hook in hooks for impl in hooks_of(cls))


def _list(report: Report, stage: str) -> Keys:
    """Where the list of a stage stands."""
    tables: list[dict[str, Any]] = report.document.data["stage"]
    return ("stage", next(position for position, table in enumerate(tables) if table.get("name") == stage), "plugins")

"""Who reaches an outside line without having proved who he is: an endpoint that is known by its address alone (`auth = []`).

Rule: an outside line is a `dial` of a number that the caller has chosen, to an endpoint that does not log in here, or does so as a trunk
(`trust_from`), or to an address elsewhere. Who forges, or takes over, such an endpoint's address calls there at our cost; it is a warning,
for a line between two houses may be meant so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.config.read import dotted

from .template import Template, Variable

if TYPE_CHECKING:
    from pipeline.config.checked import Checked

    from .reading import Keys, Step

__all__ = ["Outside"]

Room = tuple[str, str]
"""("context", its name) or ("menu", its name)."""


class Outside:
    """What the contexts and menus of a file lead to."""

    def __init__(self, file: Checked) -> None:
        self._file = file
        self._leads: dict[Room, list[Room]] = {}
        self._lines: dict[Room, str] = {}
        """What dials an outside line, and the line."""
        endpoints = [endpoint for endpoint, _ in file.objects("endpoint")]
        self._ours = {each.id for each in endpoints if each.auth and each.aors and not each.trust_from}
        written = file.tables("domain").keys()
        named = file.data.get("pipeline", {})
        domains = named.get("domains", ()) if isinstance(named, dict) else ()
        self._domains = {name.lower() for name in (*written, *(domains if isinstance(domains, list) else ())) if isinstance(name, str)}

    def include(self, context: str, other: str) -> None:
        """Note that a context includes another."""
        self._leads.setdefault(("context", context), []).append(("context", other))

    def step(self, keys: Keys, step: Step) -> None:
        """Note where a step leads."""
        if len(keys) < 2:  # no step of a table
            return
        here: Room = (str(keys[0]), str(keys[1]))
        argument: Any = step.argument
        if step.name == "ivr" and isinstance(argument, str):
            self._leads.setdefault(here, []).append(("menu", argument))
        elif step.name == "goto" and isinstance(argument, Template):  # a constant one leads to that extension alone
            _, at, context = argument.parts[-1].rpartition("@") if isinstance(argument.parts[-1], str) else ("", "", "")
            if at:
                self._leads.setdefault(here, []).append(("context", context))
        elif step.name == "dial":
            for target in argument if isinstance(argument, list) else [argument]:
                line = self._line(target)
                if line:
                    self._lines.setdefault(here, line)

    def _line(self, target: Any) -> str:
        """Return the outside line that a `dial` goes to, with a number that the caller has chosen; empty: none."""
        if not isinstance(target, Template) or not any(isinstance(part, Variable) for part in target.parts):
            return ""
        first, last = target.parts[0], target.parts[-1]
        if isinstance(first, str) and first.partition(":")[0].lower() in ("sip", "sips", "tel"):
            host = last.rpartition("@")[2].partition(";")[0].partition(":")[0].lower() if isinstance(last, str) and "@" in last else ""
            return "" if host and host in self._domains else first.partition(":")[0] + ":" + (f"...@{host}" if host else "...")
        name, slash, _ = first.partition("/") if isinstance(first, str) else ("", "", "")
        return f"{name}/..." if slash and name not in self._ours else ""

    def _reached(self, room: Room, seen: set[Room]) -> tuple[Room, str] | None:
        seen.add(room)
        if room in self._lines:
            return room, self._lines[room]
        found = (self._reached(other, seen) for other in self._leads.get(room, ()) if other not in seen)
        return next((each for each in found if each is not None), None)

    def warn(self) -> None:
        """Tell of each endpoint without a password whose calls reach an outside line."""
        for endpoint, keys in self._file.objects("endpoint"):
            if endpoint.auth:
                continue
            found = self._reached(("context", endpoint.context), set())
            if found is None:
                continue
            room, line = found
            who = f"'{endpoint.id}' is known by its address alone (auth = [])"
            self._file.warning(
                keys,
                f"{who}, and its calls reach an outside line: {dotted(*room)} dials '{line}'",
                "give it a context that leads to users alone, or a password",
                key=True,
            )
            if endpoint.allow_transfer:
                self._file.warning(
                    keys,
                    f"{who}, and may connect whom it talks to with that outside line (REFER)",
                    "write allow_transfer = false",
                    key=True,
                )

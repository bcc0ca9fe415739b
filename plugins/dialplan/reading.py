"""Lists of steps as they are written, read into what the run carries out.

    ["answer", { playback = "welcome" }, { if = "${x} == 1", then = [...], else = [...] }, "hangup"]

Rule: one reader serves `sipline check` and the run, so that what was checked is what is done. It reports every mistake with the keys that
lead to it; what is wrong becomes a step that fails. A list of one may be written without its brackets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.config.problems import nearest
from pipeline.config.values import shown

from .condition import Comparison, read_comparison
from .patterns import Mistake
from .schedule import FIELDS, When
from .template import Template, read_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.core import Script

    from .signature import Signature

__all__ = ["Branch", "Broken", "Known", "Reader", "Step", "Steps", "Timed", "fill", "read_timed"]

Keys = tuple[str | int, ...]
_IF = ("if", "then", "else")
_CAUSES = ("busy", "congestion")


class Known(NamedTuple):
    """A step that there is."""

    function: Script
    signature: Signature
    within: str
    """"address" or "file": what the far side chose is made safe for that before it is filled into the argument; empty: it is plain text."""


class Step(NamedTuple):
    """One step."""

    name: str
    known: Known
    argument: Any
    options: dict[str, Any]
    bare: bool
    constant: bool
    """Whether nothing is to be filled in: `ready` is what the function is called with."""
    ready: tuple[tuple[Any, ...], dict[str, Any]]


class Timed(NamedTuple):
    """A time condition: a schedule's name, or the fields themselves."""

    schedule: str
    when: When | None


class Branch(NamedTuple):
    """`if`."""

    condition: Comparison | Timed
    then: Steps
    otherwise: Steps


class Broken(NamedTuple):
    """What could not be read."""

    message: str


Steps = tuple[Step | Branch | Broken, ...]


class Reader:
    """Reads steps. `find(name)` gives what is known of a step; `wrong(keys, message, suggestion, key)` hears of mistakes."""

    def __init__(
        self,
        find: Callable[[str], Known | None],
        names: Callable[[], Iterable[str]],
        wrong: Callable[[Keys, str, str, bool], None],
        seen: Callable[[Keys, Step | Timed | Comparison], None] | None = None,
    ) -> None:
        self._find = find
        self._names = names
        self._wrong = wrong
        self._seen = seen

    def steps(self, value: Any, keys: Keys) -> Steps:
        """Read a list of steps."""
        if isinstance(value, list | tuple):
            return tuple(self._step(item, (*keys, position)) for position, item in enumerate(value))
        return (self._step(value, keys),)

    def _step(self, item: Any, keys: Keys) -> Step | Branch | Broken:
        if isinstance(item, str):
            return self._plain(item, None, {}, keys, bare=True)
        if not isinstance(item, dict):
            return self._broken(keys, f"a step must be text or a table, not {shown(item)}", 'such as "answer" or { dial = "alice" }')
        if not item:
            return self._broken(keys, "a step is missing here", 'such as { dial = "alice" }')
        if "if" in item:
            return self._branch(item, keys)
        (name, argument), *rest = item.items()
        return self._plain(name, argument, dict(rest), keys, bare=False)

    def _plain(self, name: str, argument: Any, options: dict[str, Any], keys: Keys, *, bare: bool) -> Step | Broken:
        known = self._find(name)
        if known is None:
            first = next((key for key in options if self._find(key) is not None), None)
            if first is not None:
                return self._broken((*keys, name), f"'{name}' stands before the step's name '{first}'", f"write {first} first", key=True)
            return self._broken(keys if bare else (*keys, name), f"unknown step '{name}'", self._meant(name), key=not bare)
        if (
            bare
            and known.signature.argument is not None
            and isinstance(default := known.signature.argument.default, str)
            and "${" in default
        ):
            argument, bare = default, False
        faults = list(known.signature.check(name, argument, options, bare=bare))
        for fault in faults:
            self._wrong((*keys, *fault.keys), fault.message, fault.suggestion, fault.key)
        if faults:
            return Broken(faults[0].message)
        try:
            argument, fixed = _templates(argument)
            made, constant = {}, fixed
            for key, value in options.items():
                made[key], fixed = _templates(value)
                constant = constant and fixed
            ready = known.signature.converted(name, argument, made, bare=bare) if constant else ((), {})
        except Mistake as mistake:
            return self._broken(keys, mistake.message, mistake.suggestion)
        step = Step(name, known, argument, made, bare, constant, ready)
        if self._seen is not None:
            self._seen(keys if bare else (*keys, name), step)
        return step

    def _meant(self, name: str) -> str:
        if name.lower().startswith("_") or not name:
            return ""
        if name in _CAUSES:
            return f'write {{ hangup = "{name}" }}'
        function, paren, _ = name.partition("(")
        if paren and self._find(function.strip().lower()) is not None:  # "Dial(PJSIP/alice,30)"
            return f"write {{ {function.strip().lower()} = … }}"
        return nearest(name, [*self._names(), "if"]) or _ELSEWHERE.get(name.lower(), "")

    def _branch(self, item: dict[str, Any], keys: Keys) -> Branch | Broken:
        for key in item:
            if key not in _IF:
                self._wrong((*keys, key), f"'if' has no '{key}'", nearest(key, _IF) or "it has 'then' and 'else'", True)
        if "then" not in item and "else" not in item:
            return self._broken((*keys, "if"), "'if' decides nothing", 'write { if = …, then = ["answer"] }', key=True)
        then = self.steps(item["then"], (*keys, "then")) if "then" in item else ()
        otherwise = self.steps(item["else"], (*keys, "else")) if "else" in item else ()
        written = item["if"]
        condition: Comparison | Timed
        try:
            if isinstance(written, dict):
                condition = read_timed(written)
                if self._seen is not None:
                    self._seen((*keys, "if"), condition)
            elif isinstance(written, str):
                condition = read_comparison(written)
                if self._seen is not None:
                    self._seen((*keys, "if"), condition)
            else:
                raise Mistake(f"a condition is text or a table, not {shown(written)}", 'such as if = "${dialstatus} == BUSY"')
        except Mistake as mistake:
            return self._broken(_at(mistake, written, (*keys, "if")), mistake.message, mistake.suggestion)
        return Branch(condition, then, otherwise)

    def _broken(self, keys: Keys, message: str, suggestion: str = "", *, key: bool = False) -> Broken:
        self._wrong(keys, message, suggestion, key)
        return Broken(message)


_ELSEWHERE = {
    "background": "it is the prompt of a menu: see [menu.NAME] and the step 'ivr'",
    "voicemail": "write { mailbox = … }",
    "gosub": "write { goto = … }",
    "noop": "leave it out",
    "say": "a plugin can add it: hook channel_application",
}
"""What users of other servers look for."""


def read_timed(table: dict[str, Any], also: Iterable[str] = ()) -> Timed:
    """Read { schedule = "office" } or { days = …, hours = … }; raise Mistake. `also`: keys that somebody else reads."""
    allowed = ("schedule", *FIELDS)
    for key, value in table.items():
        if key in also:
            continue
        if key not in allowed:
            raise Mistake(f"{key}: a time condition has no such key", nearest(key, allowed) or f"it has {', '.join(allowed)}")
        texts = value if isinstance(value, list | tuple) and key not in ("schedule", "zone") else [value]
        if not all(isinstance(text, str) for text in texts):
            raise Mistake(f"{key}: must be text{'' if key in ('schedule', 'zone') else ' or a list of texts'}, not {shown(value)}")
    name = table.get("schedule", "")
    if name:
        if other := next((key for key in table if key in FIELDS), None):
            raise Mistake(f"{other}: stands beside 'schedule'", "keep one of the two")
        return Timed(name, None)
    return Timed("", When.read(table))


def _at(mistake: Mistake, written: Any, keys: Keys) -> Keys:
    """Lead to the field that a mistake names first."""
    field = mistake.message.partition(":")[0]
    return (*keys, field) if isinstance(written, dict) and field in written else keys


def _templates(value: Any) -> tuple[Any, bool]:
    """Read every text in a value; say whether nothing is to be filled in."""
    if isinstance(value, str):
        read = read_template(value)
        return read, isinstance(read, str)
    if isinstance(value, list | tuple):
        made = [_templates(item) for item in value]
        return [item for item, _ in made], all(fixed for _, fixed in made)
    if isinstance(value, dict):
        table = {key: _templates(item) for key, item in value.items()}
        return {key: item for key, (item, _) in table.items()}, all(fixed for _, fixed in table.values())
    return value, True


def fill(value: Any, text_of: Callable[[Template], str]) -> Any:
    """Fill in every template in a value that `Reader` has read."""
    if isinstance(value, Template):
        return text_of(value)
    if isinstance(value, list):
        return [fill(item, text_of) for item in value]
    if isinstance(value, dict):
        return {key: fill(item, text_of) for key, item in value.items()}
    return value

"""What `sipline check` says about a dialplan: everything that would fail when somebody calls, and what can never be reached.

Rule: the very reader of the run reads the steps here. Contexts, menus and schedules may live in another backend: what is not in the file
is left to references.py, which knows whether another one could have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.config.problems import listed, nearest
from pipeline.config.read import dotted

from .condition import Comparison
from .names import check_names
from .outside import Outside
from .patterns import Mistake, Table, is_expression
from .reading import Keys, Reader, Step, Timed, read_timed
from .schedule import When
from .sounds import NAMED
from .steps.going import SETTABLE, flat
from .template import Template, Variable
from .variables import FAMILIES, NAMES, SET_BY_STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.config.checked import Checked

    from .dialplan import Dialplan

__all__ = ["check_file"]

MANY = 8
"""Extensions that are shown of those that are there."""


def check_file(dialplan: Dialplan, file: Checked) -> None:
    """Check everything in one file."""
    checking = _Checking(dialplan, file)
    for name, table in file.tables("schedule").items():
        checking.schedule(name, table)
    for name, table in file.tables("menu").items():
        checking.menu(name, table)
    for name, table in file.tables("context").items():
        checking.context(name, table)
    checking.circles()
    checking.gotos()
    checking.variables()
    checking.outside.warn()
    for endpoint, keys in file.objects("endpoint"):
        context = getattr(endpoint, "context", "")
        if context and _writes(file, keys, "context"):
            file.refers("context", context, (*keys, "context"), f"{dotted(*keys)} refers to context '{context}', which does not exist")
    if dialplan.context and "context" in file.data.get("plugin", {}).get(file.name, {}):
        keys = ("plugin", file.name, "context")
        file.refers("context", dialplan.context, keys, f"context of [plugin.{file.name}] names '{dialplan.context}', which does not exist")


def _writes(file: Checked, keys: Keys, option: str) -> bool:
    table: Any = file.data
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return isinstance(table, dict) and option in table


class _Checking:
    """One check under way."""

    def __init__(self, dialplan: Dialplan, file: Checked) -> None:
        self.file = file
        self.outside = Outside(file)
        self.includes: dict[str, list[tuple[str, Keys, bool]]] = {}
        """Context -> (included, place, whether always)."""
        self.asked: list[tuple[str, str, Keys]] = []
        """What `goto` goes to: (context it stands in, target, place)."""
        self.read: list[tuple[Variable, Keys]] = []
        self.set = set(SET_BY_STEPS)
        plugins = [plugin for plugin in file.plugins.values() if hasattr(getattr(plugin, "channel_application", None), "sipline_impl")]
        offered = [name for plugin in plugins for name in getattr(plugin, "applications", ())]
        calling = [plugin for plugin in file.plugins.values() if hasattr(getattr(plugin, "channel_request", None), "sipline_impl")]
        self._names_users = file.complete and bool(calling) and all(getattr(plugin, "names_users", False) for plugin in calling)
        """Whether what is dialled can only be a user or an endpoint: no other plugin makes channels."""
        self._in: str = ""
        """The context whose steps are read."""
        self.catching: dict[str, str] = {}
        """Contexts with a name that fits everything, and the name."""

        def application(name: str) -> Any:
            return next((function for plugin in plugins if (function := plugin.channel_application(name=name)) is not None), None)

        self._voicemail = dialplan.find("voicemail", application) is not None
        self.reader = Reader(
            lambda name: dialplan.find(name, application),
            lambda: [*dialplan.built_in, *offered],
            self._wrong,
            self._seen,
        )

    def _wrong(self, keys: Keys, message: str, suggestion: str, key: bool) -> None:
        if message.startswith("unknown step") and not self.file.complete:
            return  # a plugin that is listed but was not found may have it
        self.file.error(keys, message, suggestion, key=key)

    def _mistake(self, mistake: Mistake, keys: Keys, *, key: bool = False) -> None:
        self.file.error(keys, mistake.message, mistake.suggestion, key=key)

    # -- the tables ------------------------------------------------------------------------------------------------------

    def schedule(self, name: str, table: dict[str, Any]) -> None:
        """Check [schedule.NAME]."""
        for field, value in table.items():
            try:
                When.read({field: value} if isinstance(value, str | list) else {})
            except Mistake as mistake:
                keys: Keys = ("schedule", name, field)
                if isinstance(value, list):
                    keys = next(((*keys, position) for position, item in enumerate(value) if _fails(field, item)), keys)
                self._mistake(mistake, keys)

    def menu(self, name: str, table: dict[str, Any]) -> None:
        """Check [menu.NAME]."""
        self._in = ""
        choices = table.get("choices")
        if isinstance(choices, dict):
            for digits in choices:
                if is_expression(digits):
                    self.file.error(
                        ("menu", name, "choices", digits),
                        "a choice cannot be a regular expression",
                        "write a pattern such as '_1XX'",
                        key=True,
                    )
            self._extensions({key: steps for key, steps in choices.items() if not is_expression(key)}, ("menu", name, "choices"))
        elif "choices" not in table:
            self.file.warning(("menu", name), f"[menu.{name}] has no choices", "write [menu." + name + ".choices]", key=True)
        prompt = table.get("prompt", ())
        for position, sound in enumerate(prompt if isinstance(prompt, list) else [prompt]):
            self._sound(sound, ("menu", name, "prompt", position) if isinstance(prompt, list) else ("menu", name, "prompt"))
        self._sound(table.get("invalid", ""), ("menu", name, "invalid"))

    def context(self, name: str, table: dict[str, Any]) -> None:
        """Check [context.NAME]."""
        self._in = name
        keys: Keys = ("context", name)
        extensions = table.get("extensions")
        if isinstance(extensions, dict):
            self._extensions(extensions, (*keys, "extensions"))
        if table.get("voicemail") is True and self.file.complete and not self._voicemail:
            text = f"voicemail = true of {dotted(*keys)}: no plugin that is listed has the step 'voicemail'"
            self.file.error((*keys, "voicemail"), text, "list 'voicemail' in the integration stage")
        include = table.get("include", ())
        self.includes[name] = []
        for position, item in enumerate(include if isinstance(include, list) else [include]):
            place: Keys = (*keys, "include", position) if isinstance(include, list) else (*keys, "include")
            always = isinstance(item, str)
            if isinstance(item, dict):
                other = self._timed_include(item, place)
                place = (*place, "context")
            else:
                other = item
            if isinstance(other, str):
                if name in self.catching:
                    text = (
                        f"context '{other}' is never reached: '{self.catching[name]}' of {dotted(*keys)} goes before it and fits everything"
                    )
                    self.file.warning(place, text, "own extensions go before included ones: put that into an include, behind the others")
                self.file.refers("context", other, place, f"{dotted(*keys)} includes context '{other}', which does not exist")
                self.includes[name].append((other, place, always))
                self.outside.include(name, other)

    def _timed_include(self, item: dict[str, Any], place: Keys) -> Any:
        other = item.get("context")
        if not isinstance(other, str):
            self.file.error(place, "an include that is a table needs 'context'", 'such as { context = "day", schedule = "office" }')
        try:
            self._seen(place, read_timed(item, also=("context",)))
        except Mistake as mistake:
            field = mistake.message.partition(":")[0]
            self._mistake(mistake, (*place, field) if field in item else place)
        return other

    def _extensions(self, written: dict[str, Any], keys: Keys) -> None:
        for name, steps in written.items():
            self.reader.steps(steps, (*keys, name))
        catching = check_names(self.file, written, keys)
        if catching and self._in:
            self.catching[self._in] = catching

    # -- what steps refer to -----------------------------------------------------------------------------------------------

    def _seen(self, keys: Keys, step: Step | Timed | Comparison) -> None:
        if isinstance(step, Comparison):
            self._reads([step.left, step.right], keys)
            return
        if isinstance(step, Timed):
            if step.schedule:
                text = f"a time condition names schedule '{step.schedule}', which does not exist"
                self.file.refers("schedule", step.schedule, (*keys, "schedule"), text)
            return
        self.outside.step(keys, step)
        self._reads([step.argument, step.options], keys)
        argument = step.argument
        texts = argument if isinstance(argument, list) else [argument]
        if step.name == "goto" and isinstance(argument, str):
            extension, _, context = argument.partition("@")
            if context:
                self.file.refers("context", context, keys, f"goto names context '{context}', which does not exist")
            if context or self._in:
                self.asked.append((context or self._in, extension, keys))
        elif step.name == "dial" and self._names_users:
            for position, target in enumerate(texts):
                self._dialled(target, (*keys, position) if isinstance(argument, list) else keys)
        elif step.name == "ivr" and isinstance(argument, str):
            self.file.refers("menu", argument, keys, f"ivr names menu '{argument}', which does not exist")
        elif step.name == "playback":
            for position, sound in enumerate(texts):
                self._sound(sound, (*keys, position) if isinstance(argument, list) else keys)
        elif step.name == "set" and isinstance(argument, dict):
            self._sets(argument, keys)

    def _dialled(self, target: Any, keys: Keys) -> None:
        """Note whom a `dial` names in words: a user or endpoint, or the endpoint before a slash."""
        start = target.parts[0] if isinstance(target, Template) and target.parts else target
        if not isinstance(start, str) or ":" in start.partition("/")[0] or "@" in start.partition("/")[0]:
            return
        name, slash, _ = start.partition("/")
        if slash:
            self.file.refers("endpoint", name, keys, f"dial: there is no endpoint '{name}'", mistake=False)
        elif start is target:
            text = f"dial: nobody is called '{name}'"
            others = (("endpoint", name),)
            self.file.refers("aor", name, keys, text, others=others, mistake=False, write=f"write {dotted('user', name)}")

    def _reads(self, value: Any, keys: Keys) -> None:
        for template in _templates(value):
            self.read += [(part, keys) for part in template.parts if isinstance(part, Variable)]

    def _sets(self, argument: dict[str, Any], keys: Keys) -> None:
        try:
            names = [name for name, _ in flat(_plain(argument))]
        except Mistake as mistake:
            self._mistake(mistake, keys)
            return
        for name in names:
            if name in NAMES and name not in SETTABLE:
                self.file.error(keys, f"set: '{name}' cannot be set", "choose another name")
            elif "." in name and name not in SETTABLE and not name.startswith("call."):
                self.file.error(keys, f"set: a name has no dot, but '{name}' has", "call.NAME is a variable of the whole call")
            self.set.add(name)

    def _sound(self, name: Any, keys: Keys) -> None:
        if not isinstance(name, str) or not name or name in NAMED or name == "silence":
            return
        finders = [find for plugin in self.file.plugins.values() if (find := getattr(plugin, "find_sound", None)) is not None]
        for find in finders:
            try:
                find(name, self.file.folder)
            except (OSError, ValueError):
                continue
            return
        if finders:
            folder = self.file.folder
            known = {
                *NAMED,
                *(sound for plugin in self.file.plugins.values() if hasattr(plugin, "sound_names") for sound in plugin.sound_names(folder)),
            }
            self.file.warning(keys, f"there is no sound '{name}'", nearest(name, known))

    # -- what only the whole tells -------------------------------------------------------------------------------------------

    def circles(self) -> None:
        """Report contexts that include themselves by way of others."""
        told: set[frozenset[str]] = set()

        def follow(name: str, path: tuple[str, ...]) -> None:
            for other, place, _ in self.includes.get(name, ()):
                if other in path:
                    circle = (*path[path.index(other) :], other)
                    if frozenset(circle) not in told:
                        told.add(frozenset(circle))
                        self.file.error(
                            place, f"contexts include each other in a circle: {' -> '.join(circle)}", "remove one of these includes"
                        )
                elif other in self.includes:
                    follow(other, (*path, other))

        for name in self.includes:
            follow(name, (name,))
        if not told:
            for name in self.includes:
                self._shadowed(name)

    def _shadowed(self, name: str) -> None:
        """Warn of exact extensions of an include that an earlier include has as well: the order of a list is easily overlooked."""
        owners: dict[str, str] = {}
        for other, place, always in self.includes[name]:
            table = self.file.tables("context").get(other, {}).get("extensions")
            for extension in table if isinstance(table, dict) else ():
                if extension[:1] == "_" or is_expression(extension):
                    continue
                if extension in owners and owners[extension] != other:
                    text = f"'{extension}' of context '{other}' is hidden: '{owners[extension]}', which is included before it, has it too"
                    self.file.warning(place, text, "the first include that has an extension is taken")
                elif always:
                    owners[extension] = other

    def gotos(self) -> None:
        """Report extensions that `goto` names and nobody has, as far as the file knows all of its context."""
        for context, extension, keys in self.asked:
            names, fits = self._reach(context, extension, set())
            if not fits and names is not None:
                there = f"\nthere {'is' if len(names) == 1 else 'are'} {listed(sorted(names)[:MANY])}" if names else ""
                meant = nearest(extension, sorted(names)) or f"write it in {dotted('context', context)}{there}"
                self.file.error(keys, f"goto: there is no extension '{extension}' in context '{context}'", meant)
            elif not fits and "@" not in extension and self._whole(context, set()):
                text = f"goto: there is no extension '{extension}' in context '{context}', and no user of that name"
                also = self._names(context, set())
                self.file.refers("aor", extension, keys, text, also=also, write=f"write it in {dotted('context', context)}")

    def _names(self, context: str, seen: set[str]) -> list[str]:
        """Give the names that are written in a context and in what it includes."""
        seen.add(context)
        written = self.file.tables("context").get(context, {}).get("extensions")
        names = [name for name in (written if isinstance(written, dict) else ()) if name[:1] != "_" and not is_expression(name)]
        for other, _, _ in self.includes.get(context, ()):
            if other not in seen:
                names += self._names(other, seen)
        return names

    def _whole(self, context: str, seen: set[str]) -> bool:
        """Tell whether everything that a context reaches stands in the file, but for users."""
        seen.add(context)
        others = (other for other, _, _ in self.includes.get(context, ()) if other not in seen)
        return context in self.file.tables("context") and all(self._whole(other, seen) for other in others)

    def _reach(self, context: str, extension: str, seen: set[str]) -> tuple[set[str] | None, bool]:
        """Collect the names that a context reaches, and whether one fits; names None: somebody else knows."""
        table = self.file.tables("context").get(context)
        if table is None:
            return None, False
        seen.add(context)
        names: set[str] | None = set()
        written = table.get("extensions")
        found: Table[str] = Table()
        for name in written if isinstance(written, dict) else ():
            try:
                found.add(name, name)
            except Mistake:
                continue
        if extension in found.exact or found.find(extension) is not None:
            return names, True
        names = None if table.get("users") else set(found.exact)
        for other, _, _ in self.includes.get(context, ()):
            if other not in seen:
                more, fits = self._reach(other, extension, seen)
                if fits:
                    return names, True
                names = None if more is None or names is None else names | more
        return names, False

    def variables(self) -> None:
        """Warn of variables that nobody sets, where a known one was probably meant."""
        known = {*NAMES, *self.set}
        for variable, keys in self.read:
            name = variable.name
            if name in known or name.isdigit() or name.startswith(FAMILIES):
                continue
            meant = f"write '${{{_ASTERISK[name]}}}'" if name in _ASTERISK else nearest(name, known, "'${{{}}}'", cutoff=0.75)
            if "." in name:
                self.file.error(keys, f"there is no variable '${{{name}}}'", meant or f"they are {', '.join(NAMES)}")
            elif meant:
                self.file.warning(keys, f"nothing here sets '${{{name}}}'", meant)


_ASTERISK = {
    "EXTEN": "extension",
    "CONTEXT": "context",
    "CHANNEL": "channel.name",
    "UNIQUEID": "call.id",
    "EPOCH": "epoch",
    **{name.upper(): name for name in SET_BY_STEPS},
}
"""What users of Asterisk write from habit."""


def _fails(field: str, item: Any) -> bool:
    try:
        When.read({field: [item]} if isinstance(item, str) else {})
    except Mistake:
        return True
    return False


def _templates(value: Any) -> Iterator[Template]:
    if isinstance(value, Template):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _templates(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _templates(item)


def _plain(value: Any) -> Any:
    """Put an empty text for every template."""
    if isinstance(value, Template):
        return ""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value

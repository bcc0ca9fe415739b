"""docs/reference.md: every table and key of pipeline.toml, rendered from the attrs fields that the file is checked against.

Rule: nothing is written here that a class could say itself; `python -m pipeline.config.reference > docs/reference.md`.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config.discover import Finder, builtins
from pipeline.config.hooks import families_of, hooks_of, stages
from pipeline.config.objects import USER_TYPES, spread
from pipeline.config.options import PipelineOptions
from pipeline.config.schema import MISSING, options_of
from pipeline.config.stored import file_types
from pipeline.config.tables import FAIL_CLOSED
from pipeline.config.values import shown
from pipeline.dal.layer import DURABILITIES
from pipeline.dal.objects import TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.config.schema import Option

__all__ = ["options_table", "render"]

_HEAD = """\
# pipeline.toml: the reference

Generated from the classes that the file is checked against: `python -m pipeline.config.reference > docs/reference.md`.
`sipline check` reports every mistake at once, with its line, a caret and what to write instead.
Files and folders: a relative path starts from the folder of pipeline.toml, unless its option says from where; `~/` is the home of who runs
the server.
"""

_PLUGINS = """\
## [[stage]] and [plugin.NAME]

Five stages, each once, in this order: {stages}. `plugins` lists what runs in it; the order of the list is the order in
which a message meets them (outgoing messages meet `intercept` in the reverse order). A plugin is listed under every stage whose
hooks it implements, and under no other. A plugin that no stage lists is not loaded.

`[plugin.NAME]` holds the options of the plugin NAME (a lower-case letter, then letters, digits and `_`). Three keys are reserved:

| key | what it is |
|---|---|
| `use` | the plugin that NAME is a second instance of: `[plugin.udp_lab]` with `use = "udp"` |
| `load` | a plugin in one file, from the folder of pipeline.toml: `load = "plugins.d/curfew.py:Curfew"` |
| `on_error` | what becomes of a message on which the plugin fails: `"reject:STATUS"` (400 to 699; `reject:500` unless said) or `"skip"`; \
never `"skip"` for {closed} |
"""

_DAL = """\
## [dal]

Object type -> backends, asked in this order: `endpoint = ["toml", "sqlite"]`, or with a durability
`contact = {{ backends = ["sqlite"], durability = "commit" }}`. A backend is a plugin listed in the `integration` stage that
implements `store`. Durability is one of {durabilities}: `commit` answers after the data is on disk (the default), `behind`
writes a little later, `none` keeps it in memory.

A type that is not mapped is stored by default: {file_types} by every listed backend that can, the read-only ones (the file
itself) first, then those that keep their contents, then those that do not; any other type by the first writable one in the list.
"""

_USER = """\
## [user.NAME]

Short for one endpoint, one auth and one aor of that name. NAME without `@` is in the first domain; `[user."alice@example.org"]` is in
another one that is served. Each key goes to one of the three:

| key of [user.NAME] | goes to |
|---|---|
"""

_USER_TAIL = """
An `[endpoint.NAME]` must say `auth`, if only `auth = []`: then nobody is asked for a password. So must a `[user.NAME]` without
`password` and `password_digest`.
`password_digest` holds one hash of `user:realm:password` for each algorithm that the domain's realm offers:
`["MD5:...", "SHA-256:...", "SHA-512-256:..."]`.
"""


def render(names: Iterable[str] | None = None) -> str:
    """Render the whole reference; `names`: the plugins, those that come with Sipline unless said."""
    plugins = _plugins(builtins() if names is None else names)  # first: they bring types of their own
    quoted = [f"`{kind}`" for kind in _kinds()]
    parts = [
        _HEAD,
        f"## [pipeline]\n\n{options_table(PipelineOptions)}",
        _PLUGINS.format(stages=", ".join(f"`{stage}`" for stage in stages()), closed=", ".join(sorted(FAIL_CLOSED))),
        *plugins,
        _DAL.format(durabilities=", ".join(f"`{name}`" for name in DURABILITIES), file_types=", ".join(quoted)),
        _USER + "\n".join(_user_rows()) + "\n" + _USER_TAIL,
        *_types(),
    ]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def options_table(cls: type) -> str:
    """Render the options of one class as a Markdown table."""
    options = options_of(cls)
    if not options:
        return "No options.\n"
    rows = ["| key | type | default | what it is |", "|---|---|---|---|"]
    for name, option in options.items():
        rows.append(f"| `{name}` | {_cell(_type(option))} | {_cell(_default(option))} | {_cell(_help(option))} |")
    return "\n".join(rows) + "\n"


def _type(option: Option) -> str:
    return option.type_words + (f", in {_UNITS.get(option.unit, option.unit)}" if option.unit else "")


OTHERS = ("identify", "domain")
_UNITS = {"s": "seconds", "ms": "milliseconds"}


def _default(option: Option) -> str:
    if option.required:
        return "**required**"
    value = option.default_value()
    if value is MISSING or value is None:
        return ""
    if isinstance(value, dict) or (isinstance(value, set | frozenset) and not value):
        return "" if not value else f"`{value}`"
    return f"`{shown(sorted(value) if isinstance(value, set | frozenset) else value)}`"


def _help(option: Option) -> str:
    limits = option.limits
    return option.help + (f" ({limits})" if limits else "") + (f"; names an `{option.refers}`" if option.refers else "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _plugins(names: Iterable[str]) -> list[str]:
    finder = Finder(Path.cwd(), {})
    classes = {name: finder.find(name).cls for name in names}
    parts = []
    for stage in stages():
        for name, cls in classes.items():
            under = families_of(cls)
            if under and under[0] == stage:
                hooks = ", ".join(f"`{impl.hook}`" for impl in hooks_of(cls))
                where = " and ".join(f"`{family}`" for family in under)
                parts.append(f"### [plugin.{name}]\n\n{_about(cls)}\n\nStage {where}; hooks {hooks}.\n\n{options_table(cls)}")
    return parts


def _about(cls: type) -> str:
    text = inspect.cleandoc(cls.__doc__ or "")
    first, _, rest = text.partition("\n")
    return (rest.strip() if first.strip().startswith("[plugin.") else text) or cls.__name__


def _user_rows() -> list[str]:
    rows = []
    for key, kinds in spread().items():
        where = f"`{kinds[0]}`" if len(kinds) == 1 else f"either of {', '.join(kinds)}: write it in the long form"
        rows.append(f"| `{key}` | {where} |")
    return rows


def _types() -> list[str]:
    return [f"## [{kind}.NAME]\n\n{_about(TYPES[kind])}\n\n{options_table(TYPES[kind])}" for kind in _kinds()]


def _kinds() -> list[str]:
    """The types that have tables in the file: ours, then those of plugins by name, whichever was imported first."""
    return [*USER_TYPES, *OTHERS, *sorted(kind for kind in file_types() if kind not in (*USER_TYPES, *OTHERS))]


if __name__ == "__main__":
    sys.stdout.write(render())

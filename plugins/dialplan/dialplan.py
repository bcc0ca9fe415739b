"""The plugin `dialplan`: routes calls by [context.NAME] and gives the built-in steps.

Rule: nothing but dispatch. patterns.py says which names fit, contexts.py which one is taken, reading.py what its steps are, run.py does
them one after the other; steps/ holds what comes with us, other plugins add theirs by the hook `channel_application`. check.py speaks
to `sipline check`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import hookimpl, option, plugin
from pipeline.pending import Pending, settle

from .check import check_file
from .contexts import Contexts
from .reading import Known, Reader, Step
from .signature import signature_of
from .steps import CAREFUL, steps_of
from .stored import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.config.checked import Checked
    from pipeline.core import Dialed, Script
    from pipeline.dal import Mailbox
    from pipeline.engine import Pipeline

    from .reading import Steps
    from .run import Route

__all__ = ["Dialplan"]


@plugin
class Dialplan:
    """Routes calls: what is dialled in a context leads to an extension and its list of steps."""

    stage: ClassVar[str] = "integration"
    after: ClassVar[tuple[str, ...]] = ("messages",)
    needs: ClassVar[tuple[str, ...]] = ("context",)

    context: str = option("default", help="the context of callers that are no endpoint of ours, or whose endpoint names none")
    recordings: str = option("recordings", writes=True, help="the folder of what `record` records, from the state directory")
    recording_seconds: float = option(
        3600.0, unit="s", validator=attrs.validators.gt(0), help="how long a `record` without `seconds` goes on"
    )
    free_space: int = option(
        100,
        unit="MB",
        validator=attrs.validators.ge(0),
        help="nothing is recorded while the disk has less left than this; 0 = it is not looked at",
    )
    ring_seconds: float = option(
        120.0, unit="s", validator=attrs.validators.gt(0), help="how long a `dial` without `timeout` rings"
    )  # below RFC 3261 16.6 step 11: Timer C is three minutes

    contexts: Contexts = attrs.field(init=False, default=None)
    """What is stored, read; there is none before `start`."""
    recordings_folder: Path = attrs.field(init=False, default=None)
    recorded: set[Path] = attrs.field(init=False, default=None)
    """Files that are being recorded now."""
    _own: dict[str, Script] = attrs.field(init=False, factory=dict)
    _known: dict[str, Known] = attrs.field(init=False, factory=dict)
    _applications: Any = attrs.field(init=False, default=None)
    _watching: Any = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._own.update(steps_of(self))

    @hookimpl
    def start(self, engine: Pipeline) -> None:
        """Find the folders, and read anew what changes in the stores."""
        plan = engine.plan
        self.recordings_folder = plan.state / self.recordings
        engine.core.recordings, engine.core.recording_space = self.recordings_folder, self.free_space
        self._applications = engine.generation.hooks["integration"].channel_application
        self.contexts = Contexts(engine, self._reader, self._user)

        def watch() -> Watch:
            watching = Watch()
            watching.stops = [engine.dal.watch(kind, watching.heard) for kind in TYPES]
            return watching

        watching = self._watching = engine.state(self, watch)
        watching.contexts = self.contexts
        self.recorded = watching.recorded

    @hookimpl
    def stop(self) -> None:
        """Follow the stores no more."""
        if self._watching is not None:
            self._watching.close()

    @hookimpl
    def route_call(self, dialed: Dialed) -> Script | Pending | None:
        """Find the extension that was dialled."""
        found = self.contexts.route(dialed, self.context)
        if type(found) is Pending:
            pending: Pending = settle(found, _script)
            return pending
        return _script(found)

    @hookimpl
    def channel_application(self, name: str) -> Script | None:
        """Give a built-in step."""
        return self._own.get(name)

    @hookimpl
    def check(self, file: Checked) -> None:
        """Check contexts, menus, schedules and who refers to them."""
        check_file(self, file)

    def find(self, name: str, application: Callable[..., Script | None]) -> Known | None:
        """Return what is known of a step: `application(name=…)` asks the plugins, in their order."""
        known = self._known.get(name)
        if known is None:
            function = application(name=name)
            if function is None:
                return None
            known = self._known[name] = Known(
                function, signature_of(function), CAREFUL.get(name, "") if function == self._own.get(name) else ""
            )
        return known

    @property
    def built_in(self) -> tuple[str, ...]:
        """The names of the built-in steps."""
        return tuple(self._own)

    def _reader(self, wrong: Callable[..., None]) -> Reader:
        return Reader(lambda name: self.find(name, self._applications), lambda: self._own, wrong)

    def _user(self, aor: str, mailbox: Mailbox | None) -> Steps:
        """Give the steps of a user who is called by name, and who perhaps takes messages."""
        known = self.find("dial", self._applications)
        if known is None:  # it is ours: cannot be
            raise LookupError("dial")
        if mailbox is None or not mailbox.voicemail or (leaving := self.find("voicemail", self._applications)) is None:
            return (Step("dial", known, aor, {}, False, True, ((aor,), {})),)
        named = {"timeout": float(mailbox.ring_seconds)}
        return (
            Step("dial", known, aor, named, False, True, ((aor,), named)),
            Step("voicemail", leaving, mailbox.id, {}, False, True, ((mailbox.id,), {})),
        )


class Watch:
    """What outlives a reload: passes on to the dialplan in force that something stored has changed, and knows what is being recorded."""

    contexts: Contexts

    def __init__(self) -> None:
        self.recorded: set[Path] = set()
        self.stops: list[Callable[[], None]] = []

    def close(self) -> None:
        """Hear nothing more."""
        for stop in self.stops:
            stop()

    def heard(self, verb: str, stored: Any) -> None:
        """Hear of a change."""
        self.contexts.forget()


def _script(route: Route | None) -> Script | None:
    return None if route is None else route.script

"""One call's walk through its steps.

Rule: a step may give None (go on), a Hangup (how the call ends if no step follows), or a Jump (other steps instead of those that would
follow). The channel's end cancels the walk wherever it waits; the walk's end is the call's.
"""

from __future__ import annotations

from asyncio import CancelledError
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.core import Ended, Hangup, Refused, State, Unacceptable, Unavailable, Unroutable
from pipeline.pending import Pending, finished

from .condition import Comparison
from .patterns import Mistake
from .reading import Branch, Broken, fill
from .template import Template, Variable
from .variables import far_side, value_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.core import Channel

    from .contexts import Contexts
    from .reading import Steps, Timed

__all__ = ["Goto", "Jump", "Route", "Run", "StepFailed"]

JUMPS = 100
"""Jumps within one second: more than a caller can cause with digits, few enough to end a circle at once."""


class StepFailed(Exception):  # noqa: N818  it says what happened
    """A step could not be carried out; the call ends."""


class Goto(NamedTuple):
    """Go on at another extension."""

    extension: str
    context: str
    """Empty: the one that it is in."""


class Jump(NamedTuple):
    """Go on with these steps."""

    steps: Steps


class Route(NamedTuple):
    """What was found for something that was dialled."""

    contexts: Contexts
    context: str
    extension: str
    captures: tuple[str, ...]
    steps: Steps

    async def script(self, channel: Channel) -> None:
        """Walk the steps with a channel."""
        result = await self.follow(channel)
        if isinstance(result, Hangup):
            channel.end(result)

    async def follow(self, channel: Channel) -> Any:
        """Walk the steps with a channel that goes on if they fail; returns what the last one gave: a Hangup is how the call ends."""
        return await Run(self, channel).walk()


class Run:
    """A walk under way: what its variables are read from."""

    __slots__ = ("_foreign", "_jumps", "_since", "captures", "channel", "context", "contexts", "extension", "steps")

    def __init__(self, route: Route, channel: Channel) -> None:
        self.channel: Channel = channel
        self.contexts: Contexts = route.contexts
        self.context: str = route.context
        self.extension: str = route.extension
        self.captures: tuple[str, ...] = route.captures
        self.steps: Steps = route.steps
        self._foreign: set[str] = set()  # variables of the channel that were set from what the far side chose
        self._jumps = 0
        self._since = 0.0

    async def walk(self) -> Any:
        """Do one step after the other. Returns what the last one gave; None when the channel has ended."""
        channel, steps, at = self.channel, self.steps, 0
        behind: list[tuple[Steps, int]] = []
        result: Any = None
        while True:
            if at == len(steps):
                if not behind:
                    break
                steps, at = behind.pop()
                continue
            step = steps[at]
            at += 1
            if type(step) is Branch:
                behind.append((steps, at))
                steps, at = step.then if await self._holds(step.condition) else step.otherwise, 0
                continue
            result = await self._take(step)
            if channel.state is State.ENDED:
                return None
            if result is None:
                continue
            if type(result) is Goto:
                steps, at, result = await self._go(result), 0, None
                behind.clear()
            elif type(result) is Jump:
                self._count()
                steps, at, result = result.steps, 0, None
                behind.clear()
        return result

    async def _take(self, step: Any) -> Any:
        """Carry out one step; what is not a call's own fate becomes StepFailed, which says where."""
        channel = self.channel
        if type(step) is Broken:
            raise StepFailed(f"{self._where()}: {step.message}")
        channel.application = step.name
        try:
            if step.constant:
                arguments, options = step.ready
            else:
                text_of = _careful(self, step.known.within) if step.known.within else self.text
                argument, named = fill(step.argument, text_of), fill(step.options, self.text)
                arguments, options = step.known.signature.converted(step.name, argument, named, bare=step.bare)
            if step.name == "set" and isinstance(step.argument, dict):
                self._note(step.argument)
            return await step.known.function(channel, *arguments, **options)
        except (Ended, Refused, Unacceptable, Unavailable, Unroutable, StepFailed, CancelledError):
            raise
        except Mistake as mistake:
            raise StepFailed(f"{self._where()}: {mistake.message}") from None
        except Exception as error:
            raise StepFailed(f"{self._where()}, step '{step.name}': {error!r}") from error

    async def _holds(self, condition: Comparison | Timed) -> bool:
        if type(condition) is Comparison:
            return condition.holds(lambda side: side if isinstance(side, str) else self.text(side))
        opened = self.contexts.opened(condition)  # type: ignore[arg-type]
        return bool(await opened if type(opened) is Pending else opened)

    async def _go(self, target: Goto) -> Steps:
        self._count()
        context = target.context or self.context
        found = await finished(self.contexts.look(context, target.extension))
        if found is None:
            raise StepFailed(f"{self._where()}: goto: there is no extension '{target.extension}' in context '{context}'")
        self.channel.context = context
        _, self.context, self.extension, self.captures, steps = found
        return steps  # type: ignore[no-any-return]

    def _count(self) -> None:
        now = self.channel.core.clock.now()
        if now - self._since > 1.0:
            self._since, self._jumps = now, 0
        self._jumps += 1
        if self._jumps > JUMPS:
            raise StepFailed(f"{self._where()}: it goes round in circles")

    def _where(self) -> str:
        return f"extension '{self.extension}' of context '{self.context}'"

    def foreign(self, name: str) -> bool:
        """Whether the far side chose the value of a variable, or part of it; one that was set from such a one is no better."""
        if name.startswith("call."):
            return name[5:] in self.channel.call.foreign
        return name in self._foreign or far_side(name)

    def _note(self, argument: dict[str, Any], before: str = "") -> None:
        """Note which of the variables that `set` sets the far side has a say in."""
        for key, value in argument.items():
            if isinstance(value, dict):
                self._note(value, f"{before}{key}.")
                continue
            name, call = before + key, self.channel.call
            foreign = type(value) is Template and any(type(part) is Variable and self.foreign(part.name) for part in value.parts)
            if name.startswith("call."):  # the walks of its other channels read it too
                call.foreign = call.foreign | {name[5:]} if foreign else call.foreign - {name[5:]}
            elif foreign:
                self._foreign.add(name)
            else:
                self._foreign.discard(name)

    def value(self, name: str) -> str:
        """Return a variable's value."""
        return value_of(self, name)

    def text(self, template: Template) -> str:
        """Fill in a text."""
        return template.fill(self.value)


def _careful(run: Run, within: str) -> Callable[[Template], str]:
    return lambda template: template.fill(run.value, escape=run.foreign, within=within)

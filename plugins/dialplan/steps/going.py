"""`goto`, `set`, `ivr`: where a call goes on.

Rule: a choice of a menu takes the place of the steps behind `ivr`; those are for who has chosen nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core.voice import answered, play
from pipeline.pending import finished

from ..patterns import Mistake  # noqa: TID252
from ..run import Goto, Jump, StepFailed  # noqa: TID252
from ..sounds import sound_of  # noqa: TID252
from ..variables import NAMES, set_variable  # noqa: TID252

if TYPE_CHECKING:
    from pipeline.core import Channel, Sound

    from ..contexts import Choices  # noqa: TID252
    from ..dialplan import Dialplan  # noqa: TID252

__all__ = ["ANY_DIGIT", "Going", "flat"]

ANY_DIGIT = "0123456789*#ABCD"
LONGEST = 32
"""Digits of one choice."""
SETTABLE = ("caller.name", "caller.number")


class Going:
    """Steps that say what comes next."""

    def __init__(self, dialplan: Dialplan) -> None:
        self._dialplan = dialplan

    async def goto(self, channel: Channel, argument: str) -> Goto:
        """Go on at "600" of the same context, or at "600@features" of another one."""
        extension, _, context = argument.partition("@")
        # What the far side chose has its own "@" as "%40" (CAREFUL): whoever dials "100@secret" does not choose the context.
        return Goto(extension.replace("%40", "@").replace("%25", "%"), context)

    async def set(self, channel: Channel, argument: dict[str, Any]) -> None:
        """Set variables: { set = { x = "1", caller.name = "Shop: ${caller.name}" } }; call.NAME is for all channels of the call."""
        for name, value in flat(argument):
            if name in NAMES and name not in SETTABLE:
                raise Mistake(f"set: '{name}' cannot be set")
            set_variable(channel, name, value)

    async def ivr(self, channel: Channel, argument: str) -> Jump | None:
        """Let the caller choose from [menu.NAME] by digits; the steps of the choice follow, without one those behind."""
        contexts = self._dialplan.contexts
        choices: Choices | None = await finished(contexts.menu(argument))
        if choices is None:
            raise StepFailed(f"ivr: there is no menu '{argument}'")
        menu = choices.menu
        sound = await answered(channel)
        prompt = [sound_of(name) for name in menu.prompt]
        for _ in range(menu.retries + 1):
            digits = await self._ask(channel, sound, choices, prompt)
            if not digits:
                continue
            entry = choices.table.exact.get(digits)
            if entry is None and (found := choices.table.find(digits)) is not None:
                entry = found[0]
            if entry is not None:
                channel.set("digits", digits)
                return Jump(contexts.steps(entry))
            if menu.invalid:
                await play(channel, sound, [sound_of(menu.invalid)], stop=ANY_DIGIT)
        return None

    async def _ask(self, channel: Channel, sound: Sound, choices: Choices, prompt: list[Any]) -> str:
        """Play the prompt and collect what is typed; whoever knows the menu need not hear it."""
        menu, table = choices.menu, choices.table
        digits = await channel.digit(0)
        if not digits:
            await play(channel, sound, prompt, stop=ANY_DIGIT)
            digits = await channel.digit(menu.timeout)
        while digits and len(digits) < LONGEST and table.wants_more(digits):
            more = await channel.digit(menu.between)
            if not more:
                break
            digits += more
        return digits


def flat(table: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Write { caller = { name = "x" } } as ("caller.name", "x"); numbers and truth values become text."""
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            found += flat(value, f"{before}{key}.")
        elif isinstance(value, bool):
            found.append((before + key, "true" if value else "false"))
        elif isinstance(value, str | int | float):
            found.append((before + key, str(value)))
        else:
            raise Mistake(f"set: {before}{key} must be text")
    return found

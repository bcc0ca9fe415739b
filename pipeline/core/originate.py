"""Calls that the house places itself: a target is called, and when it answers something is done with it.

Rule: nobody's phone rings for a second party who cannot be called. Whoever answers first is the call's owner. What he is shown as his
caller is `caller`, or else whom he will be connected to; the second party is shown the first, as the first's own technology names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core.call import Call
from pipeline.core.dial import Dial
from pipeline.core.party import Party
from pipeline.core.wanted import Ended, Unroutable, Wanted
from pipeline.pending import Pending, finished, settle

if TYPE_CHECKING:
    from pipeline.core.channel import Channel
    from pipeline.core.core import Core
    from pipeline.core.dial import Outcome
    from pipeline.core.wanted import Dialed, Script


def originate(
    core: Core,
    target: str,
    script: Script | None,
    target2: str,
    dialed: Dialed | None,
    caller: Party,
    seconds: float,
    variables: dict[str, str],
) -> Pending:
    """Place the call; see `Core.originate`."""
    if sum((script is not None, bool(target2), dialed is not None)) != 1:
        raise ValueError("a call that is placed needs one thing to be done with it: a script, a second party or what was dialled")
    result = Pending()
    asked = target2 or target
    """Who is being looked for."""
    if caller == core.nobody:
        caller = Party(number=target2 or (dialed.extension if dialed is not None else ""))
    call = Call(core, core.engine.token(8))
    wanted = Wanted(party=caller, seconds=seconds, variables=variables, call=call)

    def placed(attempts: list[Channel]) -> None:
        dial = Dial(core, None, attempts, seconds, "parallel")
        dial.result.then(answered)
        dial.begin()

    def answered(pending: Pending) -> None:
        outcome: Outcome = pending.value()
        channel = outcome.answered
        if channel is None:
            result.fail(Ended(outcome.hangup, target))
            return
        call.owner = channel
        if target2:
            channel.over().then(gone)  # it may, before the script has begun
            core.run(channel, lambda first: _join(core, first, target2, seconds, variables, result))
            return
        if dialed is not None:
            core.incoming(channel, dialed)
        elif script is not None:
            core.run(channel, script)
        result.resolve(channel)

    def gone(over: Pending) -> None:
        if not result.done:
            result.fail(Ended(over.value(), target))

    def looked(pending: Pending) -> None:
        try:
            pending.value()
        except Exception as error:
            if not result.done:
                result.fail(_named(error, asked))

    def second(_: None) -> list[Channel] | Pending:
        nonlocal asked
        asked = target
        return core.request(target, wanted)

    try:
        found = settle(settle(core.callable(target2) if target2 else None, second), placed)
    except Exception as error:
        return Pending.failed(_named(error, asked))
    if isinstance(found, Pending):
        found.then(looked)
    return result


async def _join(core: Core, first: Channel, target: str, seconds: float, variables: dict[str, str], result: Pending) -> None:
    """Call the second party on behalf of the first, and wait for the end of their conversation."""
    first.application = f"originate({target})"
    first.dialed = target  # what the record of the call has as its destination, though nobody dialled it
    try:
        wanted: Any = core.request(target, Wanted(caller=first, party=first.party, seconds=seconds, variables=variables))
        outcome = await core.dial(first, await finished(wanted), seconds)
    except Exception as error:
        if not result.done:
            result.fail(_named(error, target))
        raise
    if outcome.bridge is None:
        if not result.done:
            result.fail(Ended(outcome.hangup, target))
        first.end(outcome.hangup)
        return
    if not result.done:
        result.resolve(first)
    await outcome.bridge.over()


def _named(error: Exception, target: str) -> Exception:
    """Have it say which of the two parties cannot be called."""
    if isinstance(error, Unroutable):
        error.target = target
    return error

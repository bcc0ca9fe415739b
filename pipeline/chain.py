"""From pluggy's hooks to flat tuples of functions, and their traced twins. The hot path walks these and nothing else.

Rule: the meaning is pluggy's by construction. Whatever is more than plain calls with a subset of the hook's arguments
(wrappers, `**kwargs`, defaulted arguments) stays one pluggy call. tests/test_chain.py holds both to the same results.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pipeline.sip.grammar import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

    from pluggy import HookCaller

    from pipeline.passage import Passage

Step = "Callable[..., Any]"

# pluggy lets an implementation take fewer of a hook's arguments, in any order. Nearly all hooks have two.
FIT: dict[tuple[int, ...], Callable[[Callable[..., Any]], Callable[[Any, Any], Any]]] = {
    (0, 1): lambda f: f,
    (1, 0): lambda f: lambda a, b: f(b, a),
    (0,): lambda f: lambda a, _: f(a),
    (1,): lambda f: lambda _, b: f(b),
    (): lambda f: lambda *_: f(),
}


class Chain:
    """One hook, compiled: `steps` in calling order, and who each of them belongs to."""

    __slots__ = ("names", "stage", "steps")

    def __init__(self, stage: str, steps: tuple[Callable[..., Any], ...], names: tuple[str, ...]) -> None:
        self.stage = stage
        self.steps = steps
        self.names = names


def compile_hook(hook: HookCaller, stage: str) -> Chain:
    """Return the hook's implementations in the order in which pluggy calls them, each taking all of its arguments."""
    impls = hook.get_hookimpls()
    spec = hook.spec
    if spec is None:
        raise LookupError(f"the hook {hook.name!r} has no specification")
    arguments = spec.argnames
    if any(i.wrapper or i.hookwrapper or i.kwargnames for i in impls):
        names = "+".join(i.plugin_name for i in reversed(impls))
        return Chain(stage, (lambda *given: hook(**dict(zip(arguments, given, strict=True))),), (names,))
    ordered = list(reversed(impls))
    steps = tuple(_fit(i.function, tuple(arguments.index(n) for n in i.argnames), len(arguments)) for i in ordered)
    return Chain(stage, steps, tuple(i.plugin_name for i in ordered))


def _fit(function: Callable[..., Any], places: tuple[int, ...], count: int) -> Callable[..., Any]:
    """Return `function` as one that takes all `count` arguments; it wants those at `places`, in this order."""
    if places == tuple(range(count)):
        return function
    if count == 2:
        return FIT[places](function)
    if len(places) > 1:
        pick = itemgetter(*places)
        return lambda *given: function(*pick(given))
    if places:
        place = places[0]
        return lambda *given: function(given[place])
    return lambda *_: function()


def traced(chain: Chain, now: Callable[[], float]) -> Chain:
    """Return the chain's twin, each step of which leaves a span (stage, plugin, verdict, seconds) on the passage."""

    def twin(step: Callable[[Any, Any], Any], name: str) -> Callable[[Any, Any], Any]:
        stage = chain.stage

        def call(subject: Any, passage: Passage) -> Any:
            begin = now()
            try:
                verdict = step(subject, passage)
            except Malformed as error:
                if passage.spans is not None:
                    passage.spans.append((stage, name, error, now() - begin))
                raise
            except Exception as error:
                if passage.spans is not None:
                    passage.spans.append((stage, name, error, now() - begin))
                raise
            if passage.spans is not None:
                passage.spans.append((stage, name, verdict, now() - begin))
            return verdict

        return call

    return Chain(chain.stage, tuple(twin(s, n) for s, n in zip(chain.steps, chain.names, strict=True)), chain.names)

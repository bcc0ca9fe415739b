"""A compiled chain means what pluggy means: same result, same calls in the same order, for any set of implementations."""

import itertools

import pluggy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.chain import compile_hook, traced

hookspec, hookimpl = pluggy.HookspecMarker("sipline"), pluggy.HookimplMarker("sipline")


class Spec:
    @hookspec(firstresult=True)
    def decide(self, message, passage): ...


SIGNATURES = ("message, passage", "passage, message", "message", "passage", "")

PLAIN = st.fixed_dictionaries(
    {
        "kind": st.just("plain"),
        "args": st.sampled_from(SIGNATURES),
        "default": st.booleans(),
        "result": st.sampled_from([None, None, None, 0, "", False, "yes", "raise"]),
        "tryfirst": st.booleans(),
        "trylast": st.booleans(),
    }
)
WRAPPER = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["wrapper", "hookwrapper"]),
        "args": st.sampled_from(SIGNATURES[:1]),
        "force": st.sampled_from([None, "forced"]),
    }
)


def plugin_of(number, recipe, log):
    """A real plugin with one implementation, made from text as a plugin author would have written it."""
    space = {"hookimpl": hookimpl, "log": log, "number": number, "recipe": recipe}
    args = recipe["args"]
    head = f"def decide(self{', ' + args if args else ''}{', extra=7' if recipe.get('default') else ''}):\n"
    if recipe["kind"] == "plain":
        seen = f"({args or ''},)" if args else "()"
        body = (
            f" log.append((number, {seen}{', extra' if recipe['default'] else ''}))\n"
            " if recipe['result'] == 'raise':\n  raise ValueError(number)\n return recipe['result']\n"
        )
        mark = hookimpl(tryfirst=recipe["tryfirst"], trylast=recipe["trylast"] and not recipe["tryfirst"])
    elif recipe["kind"] == "wrapper":
        body = " log.append((number, 'in'))\n result = yield\n log.append((number, 'out', result))\n return recipe['force'] or result\n"
        mark = hookimpl(wrapper=True)
    else:
        body = " log.append((number, 'in'))\n outcome = yield\n log.append((number, 'out'))\n if recipe['force']: outcome.force_result(recipe['force'])\n"
        mark = hookimpl(hookwrapper=True)
    exec(head + body, space)
    return type(f"Plugin{number}", (), {"decide": mark(space["decide"])})()


def walk(steps, message, passage):
    for step in steps:
        verdict = step(message, passage)
        if verdict is not None:
            return verdict
    return None


def outcome(call, log):
    del log[:]
    try:
        result = call()
    except ValueError as error:
        result = ("raised", error.args)
    return result, list(log)


@given(st.lists(st.one_of(PLAIN, PLAIN, PLAIN, WRAPPER), max_size=6))
def test_a_compiled_chain_gives_what_pluggy_gives_and_calls_what_pluggy_calls(recipes):
    log = []
    manager = pluggy.PluginManager("sipline")
    manager.add_hookspecs(Spec)
    for number, recipe in enumerate(recipes):
        manager.register(plugin_of(number, recipe, log))
    expected = outcome(lambda: manager.hook.decide(message="m", passage="p"), log)
    chain = compile_hook(manager.hook.decide, "intercept")
    assert outcome(lambda: walk(chain.steps, "m", "p"), log) == expected


def manager_of(*plugins):
    manager = pluggy.PluginManager("sipline")
    manager.add_hookspecs(Spec)
    for plugin in reversed(plugins):
        manager.register(plugin)
    return manager


def test_registering_in_reverse_makes_list_order_the_calling_order():
    log = []
    recipe = {"kind": "plain", "args": "", "default": False, "result": None, "tryfirst": False, "trylast": False}
    manager = manager_of(*(plugin_of(number, recipe, log) for number in range(4)))
    walk(compile_hook(manager.hook.decide, "intercept").steps, "m", "p")
    assert [number for number, _ in log] == [0, 1, 2, 3]


def test_a_hook_that_nobody_implements_costs_nothing():
    assert compile_hook(manager_of().hook.decide, "intercept").steps == ()


class Span:
    spans = None


def test_the_traced_twin_notes_every_step_and_changes_no_verdict():
    log = []
    recipe = {"kind": "plain", "args": "message, passage", "default": False, "result": None, "tryfirst": False, "trylast": False}
    manager = manager_of(plugin_of(0, recipe, log), plugin_of(1, {**recipe, "result": "yes"}, log))
    chain = compile_hook(manager.hook.decide, "intercept")
    ticks = iter(range(100))
    twin = traced(chain, lambda: next(ticks))
    passage = Span()
    passage.spans = []
    assert walk(twin.steps, "m", passage) == "yes"
    assert [(stage, verdict, seconds) for stage, _, verdict, seconds in passage.spans] == [("intercept", None, 1), ("intercept", "yes", 1)]


def test_the_traced_twin_notes_what_was_raised():
    recipe = {"kind": "plain", "args": "message", "default": False, "result": "raise", "tryfirst": False, "trylast": False}
    twin = traced(compile_hook(manager_of(plugin_of(0, recipe, [])).hook.decide, "intercept"), lambda: 0.0)
    passage = Span()
    passage.spans = []
    with pytest.raises(ValueError):
        walk(twin.steps, "m", passage)
    assert isinstance(passage.spans[0][2], ValueError)


class Wide:
    @hookspec(firstresult=True)
    def begin(self, session, message, passage): ...


@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_a_hook_of_three_arguments_gives_each_implementation_those_it_asks_for(size):
    for args in itertools.permutations(("session", "message", "passage"), size):
        space = {}
        exec(f"def begin(self{''.join(f', {name}' for name in args)}):\n return ({''.join(f'{name},' for name in args)})", space)
        plugin = type("Plugin", (), {"begin": hookimpl(space["begin"])})()
        manager = pluggy.PluginManager("sipline")
        manager.add_hookspecs(Wide)
        manager.register(plugin)
        (step,) = compile_hook(manager.hook.begin, "application").steps
        assert step("S", "M", "P") == manager.hook.begin(session="S", message="M", passage="P") == tuple(name[0].upper() for name in args)

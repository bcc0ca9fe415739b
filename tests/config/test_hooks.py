import pytest

from pipeline.config.hooks import families, families_of, hooks_of
from pipeline.hookspecs import FAMILIES, hookimpl
from pipeline.option import plugin

HEAD = "from pipeline.hookspecs import hookimpl\nfrom pipeline.option import plugin\n\n@plugin\nclass Mine:\n    @hookimpl\n    def application(self, message, passage): ...\n"

CASES = {
    "    @hookimpl\n    async def invite_reply(self, message): ...\n": (
        "'mine' implements invite_reply() as async def (mine.py:8)",
        "stage hooks are plain functions: what must wait is the job of a Claim, or a Wait",
    ),
    "    @hookimpl(tryfirst=True)\n    def invite_reply(self, message): ...\n": (
        "'mine' marks invite_reply() tryfirst (mine.py:8)",
        "the order is the list's: move its name in pipeline.toml instead",
    ),
    "    @hookimpl(trylast=True)\n    def invite_reply(self, message): ...\n": (
        "'mine' marks invite_reply() trylast (mine.py:8)",
        "the order is the list's: move its name in pipeline.toml instead",
    ),
    "    @hookimpl\n    def invite_replay(self, message): ...\n": (
        "'mine' implements invite_replay() (mine.py:8), which is no hook",
        "did you mean invite_reply()?",
    ),
    "    @hookimpl\n    def invite_reply(self, mesage): ...\n": (
        "'mine' takes 'mesage' in invite_reply() (mine.py:8)",
        "did you mean 'message'?",
    ),
    "    @hookimpl\n    def invite_reply(self, x): ...\n": (
        "'mine' takes 'x' in invite_reply() (mine.py:8)",
        "invite_reply() may take message and passage",
    ),
    "    @hookimpl\n    def intercept(self, message): ...\n": (
        "'mine' implements intercept() but is listed only under 'application'",
        "list it under 'intercept' as well",
    ),
}


@pytest.mark.parametrize("body", CASES)
def test_what_pluggy_would_let_pass_is_refused_by_name(problems, write, body):
    write(HEAD + body, "mine.py")
    message, hint = CASES[body]
    assert problems('[plugin.mine]\nload = "mine.py:Mine"', {'["registrar"]': '["mine"]'}) == [
        f'pipeline.toml:19:12: {message}\n    plugins = ["mine"]\n               ^^^^^^\n  {hint}'
    ]


def test_a_plugin_under_a_stage_whose_hooks_it_lacks_is_refused(problems):
    assert problems(changes={'["stack"]': '["stack", "registrar"]', '["registrar"]': "[]"}) == [
        (
            "pipeline.toml:11:21: 'registrar' implements no hook of stage 'protocol'\n"
            '    plugins = ["stack", "registrar"]\n                        ^^^^^^^^^^^\n  it belongs under \'application\''
        )
    ]


def test_start_and_stop_may_be_async_and_belong_everywhere(plan, write):
    write(HEAD + "    @hookimpl\n    async def start(self, engine): ...\n    @hookimpl\n    async def stop(self): ...\n", "mine.py")
    plan('[plugin.mine]\nload = "mine.py:Mine"', {'["registrar"]': '["mine"]'})


def test_wrappers_stay_possible(plan, write):
    write(HEAD + "    @hookimpl(wrapper=True)\n    def invite_reply(self, message):\n        return (yield)\n", "mine.py")
    plan('[plugin.mine]\nload = "mine.py:Mine"', {'["registrar"]': '["mine"]'})


def test_a_hook_without_its_marker_is_a_warning(plan, write):
    write(HEAD + "    def invite_reply(self, message, passage): ...\n", "mine.py")
    found = plan('[plugin.mine]\nload = "mine.py:Mine"', {'["registrar"]': '["mine"]'})
    assert [(w.message, w.suggestion) for w in found.warnings if "hookimpl" in w.message] == [
        ("'mine' defines invite_reply() without @hookimpl: it is never called", "put @hookimpl above invite_reply()")
    ]


def test_the_families_are_those_of_hookspecs():
    assert {hook for hook, stage in families().items() if stage == "intercept"} == FAMILIES["intercept"]
    assert families()["start"] == ""


def test_hooks_are_found_in_the_order_of_the_class_and_overridden_ones_are_none():
    class Base:
        @hookimpl
        def application(self): ...

        @hookimpl
        def start(self): ...

    @plugin
    class Mine(Base):
        @hookimpl
        def store(self): ...

        def start(self): ...

    assert [impl.hook for impl in hooks_of(Mine)] == ["application", "store"]
    assert families_of(Mine) == ("application", "integration")

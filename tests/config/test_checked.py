HEAD = """
from pipeline.hookspecs import hookimpl
from pipeline.option import plugin

@plugin
class Mine:
    @hookimpl
    def application(self, message, passage): ...
    @hookimpl
"""
LISTED = {'["registrar"]': '["mine"]'}
LOAD = '[plugin.mine]\nload = "mine.py:Mine"\n'


def told(problems, write, body, more=""):
    write(HEAD + body, "mine.py")
    return problems(LOAD + more, LISTED)


def test_a_plugin_says_what_is_wrong_at_its_place(problems, write):
    body = """
    def check(self, file):
        for name, table in file.tables("user").items():
            if name != "alice":
                file.error(("user", name, "password"), f"{name} is not welcome", "go away")
"""
    assert told(problems, write, body, '[user.bob]\npassword = "x"') == [
        'pipeline.toml:30:12: bob is not welcome\n    password = "***"\n               ^^^^^\n  go away'
    ]


def test_a_plugin_notes_what_it_refers_to(problems, write):
    body = """
    def check(self, file):
        file.refers("aor", "alcie@example.com", file.listed, f"{file.name} wants alcie")
        file.refers("aor", "alice@example.com", file.listed, "told never")
"""
    (only,) = told(problems, write, body)
    assert only.startswith("pipeline.toml:19:12: mine wants alcie") and only.endswith("did you mean 'alice'?")


def test_a_plugin_sees_what_was_made_and_warns(plan, write):
    body = """
    def check(self, file):
        (stored, keys), = file.objects("endpoint")
        file.warning(keys, f"{stored.id} {sorted(file.plugins)} {file.complete} {file.folder.name != ''}", key=True)
"""
    write(HEAD + body, "mine.py")
    (warning,) = [problem for problem in plan(LOAD, LISTED).warnings if problem.message.startswith("alice")]
    assert (warning.place.line, warning.message) == (25, "alice ['memory', 'toml'] True True")


def test_a_check_that_fails_is_told(problems, write):
    assert "'mine' failed in check(): ZeroDivisionError" in told(problems, write, "    def check(self): 1 / 0\n")[0]


def test_a_check_does_not_wait(problems, write):
    assert "implements check() as async def" in told(problems, write, "    async def check(self, file): ...\n")[0]

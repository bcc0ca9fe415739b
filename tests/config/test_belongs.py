"""A key in the wrong table: `check` says whose it is."""

import pytest

from pipeline.config import Document, Problems, build
from pipeline.testing.server import STAGES, toml_of


@pytest.fixture
def hint(tmp_path):
    """hint(toml, **stages): the suggestion of the only mistake."""

    def hint(toml, **stages):
        try:
            build(Document(tmp_path / "pipeline.toml", toml_of(toml, {**STAGES, "intercept": ["identify", "auth"], **stages})))
        except Problems as caught:
            (problem,) = caught.problems
            return problem.suggestion
        return "no mistake"

    return hint


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[plugin.auth]\npath_needs_support = true", "it belongs to [plugin.registrar]"),
        ('[plugin.auth]\nlog_level = "debug"', "it belongs to [pipeline]"),
        ("[plugin.registrar]\nmax_contacts = 1", "it belongs to [aor.NAME] or [user.NAME]"),
        ("[dal]\ndns_servers = []", "it belongs to [plugin.stack]"),
        ("[user.zoe]\npath_needs_support = true\npassword = 'x'", "it belongs to [plugin.registrar]"),
        ("[registrar]", "write [plugin.registrar]"),
    ],
)
def test_a_key_of_another_table_is_told_with_that_table(hint, toml, said):
    assert said in hint(toml)


def test_in_pipeline_and_in_a_stage_too(hint, tmp_path):
    head = '[pipeline]\nname = "x"\ndomains = ["example.com"]\n'
    assert hint(head + "path_needs_support = true") == "it belongs to [plugin.registrar]"
    text = toml_of("", STAGES).replace('name = "transport"\n', 'name = "transport"\npath_needs_support = true\n')
    with pytest.raises(Problems) as caught:
        build(Document(tmp_path / "pipeline.toml", text))
    assert [problem.suggestion for problem in caught.value.problems] == ["it belongs to [plugin.registrar]"]


def test_a_key_that_is_much_like_one_of_the_table_s_own_is_that_one(hint):
    assert hint("[plugin.registrar]\npath_need_support = true") == "did you mean 'path_needs_support'?"


def test_a_plugin_that_no_stage_lists_is_named_as_such(hint):
    assert hint("[plugin.auth]\nban_score = 3") == "it belongs to [plugin.shield], which no stage lists"


CURFEW = """
from pipeline import hookimpl, option, plugin

@plugin
class Curfew:
    opens_at: int = option(8, help="when")
    @hookimpl
    def intercept(self, message, passage): ...
"""


def test_a_plugin_of_others_is_looked_into_when_it_is_listed(hint, tmp_path):
    (tmp_path / "curfew.py").write_text(CURFEW)
    toml = '[plugin.curfew]\nload = "curfew.py:Curfew"\n[plugin.auth]\nopens_at = 9'
    assert hint(toml, intercept=["curfew", "identify", "auth"]) == "it belongs to [plugin.curfew]"

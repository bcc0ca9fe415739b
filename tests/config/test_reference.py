from pipeline.config.options import PipelineOptions
from pipeline.config.reference import options_table, render
from pipeline.dal.objects import TYPES


def test_every_table_of_the_file_has_its_chapter():
    text = render([])
    for kind in ("pipeline", "dal"):
        assert f"## [{kind}]" in text
    for kind in ("user", "endpoint", "auth", "aor", "identify", "domain"):
        assert f"## [{kind}.NAME]" in text


def test_it_says_which_key_of_a_user_goes_where():
    text = render([])
    for row in ("| `password_digest` | `auth` |", "| `max_contacts` | `aor` |", "| `aors` | `endpoint` |"):
        assert row in text


def test_a_row_has_type_unit_default_and_limits():
    assert "| `wait_seconds` | a number, in seconds | `2.0` |" in options_table(PipelineOptions)
    assert "(more than 0)" in options_table(PipelineOptions)
    assert "| `endpoint` | text | **required** |" in options_table(TYPES["identify"])
    assert "names an `auth`" in options_table(TYPES["endpoint"])


def test_a_plugin_has_its_stage_its_hooks_and_its_options():
    text = render(["stack", "memory"])
    assert "### [plugin.memory]\n" in text
    assert "Stage `integration`; hooks `store`." in text
    assert "| `t1` | a number, in seconds | `0.5` |" in text
    assert text.index("[plugin.stack]") < text.index("[plugin.memory]")


def test_it_is_the_same_on_every_host():
    import os

    assert os.uname().nodename not in render([])

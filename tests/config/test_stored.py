import pytest

from pipeline.dal.layer import Mapping

INTEGRATION = '["toml", "memory"]'
SQLITE = '[plugin.sqlite]\nload = "parts.py:Sqlite"\n'

CASES = {
    'contct = ["memory"]': ("28:1", "[dal] maps an unknown type 'contct'", "did you mean 'contact'?"),
    'contact = "memory"': ("28:11", 'contact must be a list, not "memory"', 'write contact = ["memory"]'),
    'contact = ["sqlite"]': (
        "28:12",
        "backend 'sqlite' is not listed in the integration stage",
        "list 'sqlite' under the integration stage",
    ),
    'contact = ["memry"]': ("28:12", "backend 'memry' is not listed in the integration stage", "did you mean 'memory'?"),
    'contact = ["toml"]': ("28:12", "'toml' cannot store contact", "it stores endpoint, auth, aor, identify and domain"),
    "contact = []": ("28:11", "contact names no backend", "leave the line out for the default"),
    "contact = [3]": ("28:12", "a backend is named by text, not 3", ""),
    'contact = ["memory", "memory"]': ("28:22", "contact names 'memory' twice", "remove one of the two"),
    'contact = { backends = ["memory"], durability = "comit" }': ("28:49", "unknown durability 'comit'", "did you mean 'commit'?"),
    'contact = { backends = ["memory"], durability = 3 }': ("28:49", "unknown durability 3", "it is commit, behind or none"),
    'contact = { durability = "none" }': ("28:11", "contact needs 'backends'", 'write backends = ["sqlite"]'),
    'contact = { backend = ["memory"] }': ("28:13", "contact has no key 'backend'", "did you mean 'backends'?"),
}


@pytest.mark.parametrize("line", CASES)
def test_a_line_of_dal_that_is_wrong_is_told(problems, line):
    where, message, hint = CASES[line]
    (told,) = problems("[dal]\n" + line)
    lines = told.split("\n")
    assert lines[0] == f"pipeline.toml:{where}: {message}"
    assert lines[1] == "    " + line
    assert lines[3:] == ([f"  {hint}"] if hint else [])


def test_a_listed_plugin_that_stores_nothing_is_no_backend(problems, write):
    write(
        "from pipeline.hookspecs import hookimpl\nfrom pipeline.option import plugin\n\n@plugin\nclass Gauge:\n"
        "    @hookimpl\n    def integration(self, engine): ...\n",
        "gauge.py",
    )
    told = problems('[plugin.gauge]\nload = "gauge.py:Gauge"\n[dal]\ncontact = ["gauge"]', {INTEGRATION: '["toml", "memory", "gauge"]'})
    assert told == [
        (
            "pipeline.toml:30:12: 'gauge' is no backend: it does not implement store()\n    contact = [\"gauge\"]\n               ^^^^^^^\n"
            "  the backends are toml and memory"
        )
    ]


def test_the_mapping_is_what_dal_says(plan):
    found = plan(
        '[dal]\ncontact = { backends = ["sqlite"], durability = "behind" }\n' + SQLITE, {INTEGRATION: '["toml", "memory", "sqlite"]'}
    )
    assert found.dal["contact"] == Mapping(("sqlite",), "behind")


def test_by_default_objects_come_from_the_file_first_and_contacts_go_to_the_first_that_writes(plan):
    found = plan(SQLITE, {INTEGRATION: '["memory", "sqlite", "toml"]'})
    assert found.dal["endpoint"] == Mapping(("toml", "sqlite", "memory"), "commit")
    assert found.dal["contact"] == Mapping(("memory",), "commit")


def test_an_application_that_needs_a_type_nobody_stores_is_told(problems):
    assert problems(changes={INTEGRATION: '["toml"]'}) == [
        (
            "pipeline.toml:19:12: 'registrar' needs 'contact', which no backend stores\n    plugins = [\"registrar\"]\n               ^^^^^^^^^^^\n"
            '  list a backend that can in the integration stage, such as "memory"'
        )
    ]

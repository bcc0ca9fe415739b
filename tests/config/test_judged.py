"""What is said of references in a file that has other mistakes: all that is sure, and nothing that follows from those."""

import pytest

from pipeline.config import Problems, load

SQLITE = '[plugin.sqlite]\nload = "parts.py:Sqlite"\n'
STORES = {'["toml", "memory"]': '["toml", "memory", "sqlite"]'}
REFERS = '[endpoint.x]\nauth = ["nobody"]\n[identify.z]\nendpoint = "q"\nmatch = ["10.0.0.1"]\n'


def said(told):
    return [each.split("\n")[0].partition(": ")[2] for each in told]


def test_what_only_the_stores_can_tell_is_left_to_be_asked_beside_the_mistakes(plan, tmp_path):
    plan(SQLITE + '[dal]\nendpoint = ["toml", "sqlite"]\n' + REFERS, STORES)
    file = tmp_path / "pipeline.toml"
    file.write_text(file.read_text().replace('"udp"]', '"udp", "upd"]').replace("[plugin.auth]\n", "[plugin.auth]\nwidnow = 1\n"))
    with pytest.raises(Problems) as caught:
        load(file)
    assert said(map(str, caught.value.problems)) == ["stage 'transport' lists an unknown plugin 'upd'", "[plugin.auth] has no key 'widnow'"]
    asked = caught.value.plan
    assert [(each.type, each.id) for each in asked.references] == [("auth", "nobody"), ("endpoint", "q")]
    assert sorted(asked.dal) == ["auth", "endpoint"]  # and nothing else is served


def test_what_this_file_alone_could_hold_is_told_with_the_rest(problems):
    assert said(problems(REFERS, {'["udp"]': '["udp", "upd"]'})) == [
        "stage 'transport' lists an unknown plugin 'upd'",
        "[endpoint.x] refers to auth 'nobody', which does not exist",
        "[identify.z] refers to endpoint 'q', which does not exist",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {'["toml", "memory"]': '["toml", "memroy"]'},
        {'["toml", "memory"]': '["toml", "Memory"]'},
        {'["toml", "memory"]': '"toml"'},
        {'"integration"': '"integrations"'},
        {'["registrar"]': '["registrar", "sqlite"]', "[user": SQLITE + "[user"},
    ],
)
def test_while_a_store_may_be_missing_nothing_is_said_to_exist_nowhere(problems, changes):
    assert not any("does not exist" in each for each in problems(REFERS, changes))


def test_of_a_type_whose_line_in_dal_is_wrong_nothing_is_said(problems):
    told = said(problems('[dal]\nendpoint = ["toml", "sqlit"]\n' + REFERS))
    assert told == [
        "backend 'sqlit' is not listed in the integration stage",
        "[endpoint.x] refers to auth 'nobody', which does not exist",
    ]


def test_a_name_that_stands_in_a_table_which_is_none_is_not_said_to_be_nowhere(problems):
    told = said(problems(REFERS + "[endpiont.q]\nauth = []\n[auth]\nnobody = 5\n"))
    assert sorted(told) == ["its keys stand under a name: write [auth.NAME]", "unknown table [endpiont]"]


@pytest.mark.parametrize(
    ("wrong", "asked"),
    [("log_level = 1", True), ("state = 5", False), ('stat = "/var/lib/sipline"', False), ('state = "/tmp"', False)],
)
def test_stores_are_asked_only_where_the_file_says_that_they_are(plan, tmp_path, wrong, asked):
    plan(SQLITE + REFERS, STORES)
    file = tmp_path / "pipeline.toml"
    file.write_text(file.read_text().replace('name    = "edge-1"', wrong))
    with pytest.raises(Problems) as caught:
        load(file)
    assert (caught.value.plan is not None) is asked


def test_a_store_with_a_mistake_of_its_own_is_not_asked(plan, tmp_path):
    plan(SQLITE + REFERS, STORES)
    file = tmp_path / "pipeline.toml"
    file.write_text(file.read_text().replace("[plugin.sqlite]\n", "[plugin.sqlite]\npaht = 1\n"))
    with pytest.raises(Problems) as caught:
        load(file)
    assert caught.value.plan is None


def test_hashes_are_not_judged_by_a_domain_that_is_wrong(problems):
    digest = "SHA-256:" + "0" * 64
    told = said(problems(f'[domain."example.com"]\nalgorithms = ["SHA-256"]\nrealms = "x"\n[user.bob]\npassword_digest = ["{digest}"]\n'))
    assert told == ["[domain.\"example.com\"] has no key 'realms'"]

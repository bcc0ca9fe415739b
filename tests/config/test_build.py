"""The whole file: what a right one comes to, and that a wrong one is told all of it."""

import subprocess
import sys
import time
import tomllib

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config import Document, Problems, build, load
from pipeline.hookspecs import STAGES


def test_a_right_file_becomes_a_plan(plan, tmp_path):
    found = plan()
    assert found.name == "edge-1"
    assert found.state == tmp_path / ".sipline"
    assert list(found.stages) == list(STAGES)
    assert [(listing.name, listing.stage) for listing in found.listings()] == [
        ("udp", "transport"),
        ("stack", "protocol"),
        ("identify", "intercept"),
        ("auth", "intercept"),
        ("registrar", "application"),
        ("toml", "integration"),
        ("memory", "integration"),
    ]
    assert found.warnings == []
    assert found.hints == [
        'example.com offers MD5 alone, which every phone knows; stronger: [domain."example.com"] algorithms = ["SHA-256", "MD5"]'
    ]


def test_a_listing_knows_its_line_its_source_and_what_the_file_sets(plan):
    listing = plan("[plugin.auth]\nwindow = 32").stages["intercept"][1]
    assert str(listing.place) == "pipeline.toml:15"
    assert (listing.kind, listing.source, listing.written, listing.plugin.window) == ("auth", "parts.py", {"window"}, 32)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(write):
    write(
        """\
        [pipeline]
        nmae = "edge-1"
        domains = ["example.com"]

        [[stage]]
        name    = "transport"
        plugins = ["udp"]

        [[stage]]
        name    = "protocol"
        plugins = ["stack"]

        [[stage]]
        name    = "intercept"
        plugins = ["auth"]

        [[stage]]
        name    = "application"
        plugins = ["auth", "regsitrar"]

        [[stage]]
        name    = "integration"
        plugins = ["toml"]

        [plugin.udp]
        load     = "parts.py:Udp"
        bind     = "10.0.0.1:5080"
        servants = 0

        [plugin.stack]
        load = "parts.py:Stack"
        [plugin.auth]
        load = "parts.py:Auth"
        widnow = 9
        [plugin.toml]
        load = "parts.py:Toml"

        [user.alice]
        password = "wonderland"
        aors     = ["alcie"]
        """
    )
    with pytest.raises(Problems) as caught:
        load("pipeline.toml")
    assert (
        str(caught.value)
        == """\
pipeline.toml:2:1: [pipeline] has no key 'nmae'
    nmae = "edge-1"
    ^^^^
  did you mean 'name'?
pipeline.toml:19:12: 'auth' implements no hook of stage 'application'
    plugins = ["auth", "regsitrar"]
               ^^^^^^
  remove it here
pipeline.toml:19:20: stage 'application' lists an unknown plugin 'regsitrar'
    plugins = ["auth", "regsitrar"]
                       ^^^^^^^^^^^
  did you mean 'registrar'?
pipeline.toml:27:12: bind must be a list, not "10.0.0.1:5080"
    bind     = "10.0.0.1:5080"
               ^^^^^^^^^^^^^^^
  write bind = ["10.0.0.1:5080"]
pipeline.toml:28:12: servants must be at least 1, not 0
    servants = 0
               ^
pipeline.toml:34:1: [plugin.auth] has no key 'widnow'
    widnow = 9
    ^^^^^^
  did you mean 'window'?
pipeline.toml:40:13: [user.alice] refers to aor 'alcie@example.com', which does not exist
    aors     = ["alcie"]
                ^^^^^^^
  did you mean 'alice'?
7 problems found"""
    )


def test_keys_and_tables_that_nobody_knows_are_told(problems):
    assert problems(changes={"[pipeline]": "name = 1\nx = 2\n[pipelin]\n[pipeline]"}) == [
        "pipeline.toml:1:1: 'name' stands outside any table\n    name = 1\n    ^^^^\n  write it under [pipeline]",
        "pipeline.toml:2:1: 'x' stands outside any table\n    x = 2\n    ^\n  keys stand under a table, such as [pipeline]",
        "pipeline.toml:3:2: unknown table [pipelin]\n    [pipelin]\n     ^^^^^^^\n  did you mean [pipeline]?",
    ]


def test_without_auth_a_start_is_warned(plan):
    warnings = plan(changes={'["identify", "auth"]': '["identify"]'}).warnings
    assert str(warnings[0]) == (
        "pipeline.toml:15:11: nothing authenticates: 'auth' is not listed under 'intercept'\n"
        '    plugins = ["identify"]\n'
        "              ^^^^^^^^^^^^\n"
        "  whoever reaches a listener can register and call"
    )


def test_the_mistakes_of_an_unlisted_backend_do_not_hide_others(problems):
    told = problems("[endpoint.trunk]\naors = []", {'"memory"]': '"memry"]'})
    assert [line.split(": ")[1].split("\n")[0] for line in told] == [
        "stage 'integration' lists an unknown plugin 'memry'",
        "[endpoint.trunk] does not say 'auth'",
    ]


def test_an_empty_file_lacks_all_five_stages(write):
    with pytest.raises(Problems) as caught:
        build(Document("pipeline.toml", ""))
    assert [problem.message for problem in caught.value.problems] == [f"stage '{stage}' is missing" for stage in STAGES]


def test_what_an_empty_file_is_told_to_write_is_a_server_that_answers_and_asks_for_passwords(write):
    with pytest.raises(Problems) as caught:
        build(Document("pipeline.toml", ""))
    advised = "\n".join(problem.suggestion.removeprefix("write\n") for problem in caught.value.problems)
    assert build(Document("pipeline.toml", advised)).warnings == []


def test_no_secret_is_in_any_message(problems):
    told = problems(
        """\
        [user.a]
        pasword = "hunter2"
        [user.b]
        password_digest = "MD5:hunter2"
        [user.c]
        password_digest = ["hunter2:1", "MD5:hunter2", "hunter2"]
        [user.d]
        password = ["hunter2"]
        auth     = []
        """
    )
    assert len(told) >= 7
    assert "hunter2" not in "\n".join(told)


def test_ten_users_are_read_in_sixty_milliseconds(plan, tmp_path):
    plan("".join(f'[user.u{i}]\npassword_digest = ["MD5:{i:032x}"]\n' for i in range(10)))
    taken = min(_timed(lambda: load(tmp_path / "pipeline.toml")) for _ in range(3))
    assert taken < 0.06


@pytest.mark.slow
def test_five_thousand_users_are_read_in_two_seconds(plan, tmp_path):
    plan("".join(f'[user.u{i}]\npassword_digest = ["MD5:{i:032x}", "SHA-256:{i:064x}"]\n' for i in range(5000)))
    assert _timed(lambda: load(tmp_path / "pipeline.toml")) < 2


def test_reading_imports_neither_databases_nor_editors():
    code = "import sys, pipeline.config; print([n for n in ('sqlite_utils', 'rich', 'tomlkit', 'asyncio') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def _timed(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


leaves = st.one_of(
    st.booleans(), st.integers(-9, 99999), st.floats(-9, 9), st.sampled_from(["", "udp", "toml", "alice", "a@b", "MD5:0", "x y", "\u00e4"])
)
keys = st.sampled_from(
    [
        "name",
        "plugins",
        "use",
        "load",
        "on_error",
        "bind",
        "window",
        "alice",
        "udp",
        "auth",
        "aors",
        "endpoint",
        "match",
        "domains",
        "realm",
        "algorithms",
        "aliases",
        "password",
        "password_digest",
        "example.com",
        "contact",
        "backends",
        "durability",
        "max_contacts",
        "state",
        "x",
    ]
)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8)
tops = st.sampled_from(["pipeline", "stage", "plugin", "dal", "user", "endpoint", "auth", "aor", "identify", "domain", "x"])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(tops, values, max_size=4), st.booleans())
def test_whatever_the_file_says_it_is_a_plan_or_problems(plan, tmp_path, data, whole):
    plan()
    good = tomllib.loads((tmp_path / "pipeline.toml").read_text())
    text = tomlkit.dumps({**good, **data} if whole else data)
    try:
        build(Document(tmp_path / "pipeline.toml", text))
    except Problems as problems:
        assert str(problems).count("\n") >= 1

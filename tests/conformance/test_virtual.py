"""What `sipline conformance` would touch outside is moved, replaced or left out, and said."""

import json

import pytest

from pipeline.config import Document, build
from pipeline.conformance.run import run
from pipeline.testing.server import CALLS, STAGES, toml_of

STORE = """
    @plugin
    class Postgres:
        url: str = option("postgres://real", help="where it is")
        @hookimpl
        def store(self, engine):
            raise RuntimeError("somebody's database was opened")
"""
SQLITE = '[dal]\nendpoint = ["toml", "sqlite"]\nauth = ["toml", "sqlite"]\naor = ["toml", "sqlite"]\n'


@pytest.fixture
def conform(tmp_path):
    def conform(toml="", **stages):
        document = Document(tmp_path / "pipeline.toml", toml_of(toml, {**STAGES, "intercept": ["identify", "auth"], **stages}))
        results, notes = run(build(document))
        assert [result for result in results if result.result == "failed"] == []
        assert "passed" in {result.result for result in results}
        return notes

    return conform


def test_no_log_and_no_database_of_the_user_s_is_written(conform, tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    toml = f"""{SQLITE}
[plugin.security]
log_file = "{real}/security.log"
[plugin.logging]
file = "real/messages.log"
journal = true
[plugin.sqlite]
path = "{real}/sip.db"
[plugin.dialplan]
recordings = "{real}/recordings"
"""
    integration = [*CALLS["integration"], "sqlite"]
    notes = conform(toml, intercept=["logging", "identify", "security", "auth"], application=CALLS["application"], integration=integration)
    assert list(real.iterdir()) == []
    assert notes == {
        "written into a folder that is thrown away": [
            "[plugin.logging] file",
            "[plugin.security] log_file",
            "[plugin.dialplan] recordings",
            "[plugin.sqlite] path",
        ],
        "left empty, so that nothing is sent": ["[plugin.logging] journal"],
    }


def test_a_store_that_says_nothing_of_where_it_writes_is_replaced_by_memory(conform, write):
    notes = conform(SQLITE.replace("sqlite", "postgres") + write("postgres", STORE), integration=["toml", "postgres"])
    assert notes == {"replaced by memory, since where it writes is not known": ["postgres"]}


def test_what_the_file_refers_to_is_not_asked_of_stores_that_are_empty_there(conform):
    goto = '[context.default]\nusers = true\n[context.default.extensions]\n5000 = [{ goto = "carol@default" }]\n'
    toml = SQLITE + goto + '[identify.x]\nendpoint = "carol"\nmatch = ["192.0.2.1"]\n'
    assert conform(toml, application=CALLS["application"], integration=[*CALLS["integration"], "sqlite"]) == {}


def test_no_letter_is_sent_and_no_code_of_the_user_s_hears_of_a_message(conform, tmp_path):
    (tmp_path / "bots.py").write_text("def all_of_them(text):\n    raise RuntimeError('called')\n")
    toml = '[plugin.message_python]\ncall = "bots.py:all_of_them"\n[plugin.message_email]\nto = { "conformance" = "x@example.com" }\n'
    notes = conform(
        toml, application=["registrar", "messages", "options"], integration=["memory", "toml", "message_python", "message_email"]
    )
    assert notes == {
        "left out, since what its option 'call' names would be used for real": ["message_python"],
        "left empty, so that nothing is sent": ["[plugin.message_email] smtp_host"],
    }


def test_plugins_of_others_are_named(conform, write):
    source = """
        @plugin
        class Nosy:
            @hookimpl
            def intercept(self, message, passage): ...
    """
    assert conform(write("nosy", source), intercept=["nosy"]) == {"not ours, and run as they are, whatever they do": ["nosy"]}


def test_the_command_says_what_was_replaced(tmp_path, monkeypatch, capsys):
    from pipeline.cli import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipeline.toml").write_text(toml_of('[plugin.logging]\nfile = "sip.log"\n', {**STAGES, "intercept": ["logging"]}))
    assert main(["conformance"]) == 0
    assert "written into a folder that is thrown away: [plugin.logging] file" in capsys.readouterr().out
    assert main(["conformance", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) and "[plugin.logging] file" in printed.err
    assert [path.name for path in tmp_path.iterdir()] == ["pipeline.toml"]

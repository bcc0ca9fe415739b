"""`sipline conformance`: what it says of a pipeline that is right, of one that is not, and of one that offers little."""

import json

import pytest

from pipeline.config import Document, build
from pipeline.conformance.checks import CHECKS
from pipeline.conformance.run import cases, run
from pipeline.testing.server import STAGES, toml_of

USUAL = {"transport": ["shield", "udp", "tcp"], "intercept": ["identify", "security", "auth"], "integration": ["toml", "memory"]}
DAL = '[dal]\nendpoint = ["toml", "memory"]\nauth = ["toml", "memory"]\naor = ["toml", "memory"]\n'


@pytest.fixture
def conform(tmp_path):
    def conform(toml="", **stages):
        text = toml_of(DAL + toml, {**STAGES, **USUAL, **stages})
        results, _ = run(build(Document(tmp_path / "pipeline.toml", text)))
        return {result.name: result for result in results}

    return conform


def test_the_usual_pipeline_passes_everything(conform):
    results = conform()
    assert [result for result in results.values() if result.result != "passed"] == []
    assert len(results) >= len(CHECKS) + 20


def test_what_a_third_party_plugin_breaks_is_told_with_what_it_answered(conform, write):
    source = """
        @plugin
        class Rude:
            @hookimpl
            def intercept(self, message, passage):
                if message.is_request and message.method == "BYE":
                    return Reply(603)
                if message.is_request and "scared" in (message.get("from") or ""):
                    raise RuntimeError("scared")
    """
    results = conform(write("rude", source), intercept=["rude", "identify", "security", "auth"])
    broken = {name: result.detail for name, result in results.items() if result.result == "failed"}
    assert broken == {"bye-of-no-dialog": "the answer is 603 Decline, not 481"}


def test_a_plugin_that_fails_is_a_failure_whatever_was_answered(conform, write):
    source = """
        @plugin
        class Frail:
            @hookimpl
            def intercept(self, message, passage):
                if message.method == "CANCEL":
                    raise RuntimeError("frail")
    """
    results = conform(write("frail", source), intercept=["frail", "identify", "security", "auth"])
    assert results["cancel-of-nothing"].result == "failed"


def test_what_nobody_offers_is_not_asked_for(conform):
    results = conform(application=["options"])
    assert results["a-binding-is-made-listed-and-removed"].detail == "no listed plugin takes REGISTER"
    assert not [result for result in results.values() if result.result == "failed"]


def test_every_message_says_what_it_is_for():
    for number, section, name, point, _ in cases():
        assert number.isdigit() and section and name and point


def test_the_command_prints_a_table_and_touches_nothing_of_the_user_s(tmp_path, monkeypatch, capsys):
    from pipeline.cli import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipeline.toml").write_text(toml_of(DAL, {**STAGES, **USUAL}))
    assert main(["conformance"]) == 0
    out = capsys.readouterr().out
    assert "3261" in out and "0 failed" in out
    assert [path.name for path in tmp_path.iterdir()] == ["pipeline.toml"]
    assert main(["conformance", "--json"]) == 0
    assert {row["result"] for row in json.loads(capsys.readouterr().out)} == {"passed"}

"""`sipline conformance`: what it says of a pipeline that is right, of one that is not, and of one that offers little."""

import json
from pathlib import Path

import pytest

from pipeline.config import Document, build
from pipeline.conformance.checks import CHECKS
from pipeline.conformance.run import cases, run
from pipeline.testing.server import CALLS as CALLS_LISTED
from pipeline.testing.server import STAGES, toml_of

ROOT = Path(__file__).resolve().parents[2]
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
    assert [result for result in results.values() if result.result == "failed"] == []
    assert [result.section for result in results.values() if result.result == "not applicable" and result.rfc == "4475"] == []
    assert len(results) >= len(CHECKS) + 20


def test_a_pipeline_with_calls_passes_more_than_a_hundred_rows(conform, tmp_path):
    calls = CALLS_LISTED
    results = conform("[context.default]\nusers = true\n", application=calls["application"], integration=calls["integration"])
    assert [result for result in results.values() if result.result != "passed"] == []
    assert len(list(cases())) >= 150
    assert {"4475", "5118", "3262", "3264", "3311", "3327", "3581", "4028", "6026", "7616", "8760"} <= {number for number, *_ in cases()}


def test_who_answers_for_a_busy_callee_is_no_failure(conform):
    calls = CALLS_LISTED
    plan = "[context.default.extensions]\n'/^(.+)$/' = [{ dial = '${1}' }, 'answer', 'echo']\n"
    results = conform(plan, application=calls["application"], integration=calls["integration"])
    assert [result for result in results.values() if result.result == "failed"] == []
    assert results["busy-is-passed-on"].detail.startswith("somebody answers for a callee who is busy: a mailbox, or steps behind the dial")


@pytest.mark.parametrize(("stored", "result"), [('mailbox = ["memory"]', "passed"), ('mailbox = ["toml"]', "not applicable")])
def test_a_busy_callee_is_asked_for_without_his_mailbox_where_that_can_be_said(conform, stored, result):
    integration = [*CALLS_LISTED["integration"], "voicemail"]
    plan = "[context.default]\nusers = true\nvoicemail = true\n"
    results = conform(stored + "\n" + plan, application=CALLS_LISTED["application"], integration=integration)
    busy = results["busy-is-passed-on"]
    assert busy.result == result
    assert ("no store of `mailbox` can be written" in busy.detail) is (result == "not applicable")
    assert [each for each in results.values() if each.result == "failed"] == []


def test_without_channel_calls_are_not_applicable_and_say_why(conform):
    results = conform(application=["registrar", "options"])
    assert results["a-call-is-answered-acknowledged-and-ended"].detail == "no listed plugin takes INVITE"


def test_without_a_route_calls_are_not_applicable(conform):
    results = conform(application=CALLS_LISTED["application"], integration=CALLS_LISTED["integration"])
    assert "no route leads there" in results["a-call-is-answered-acknowledged-and-ended"].detail
    assert not [result for result in results.values() if result.result == "failed"]


@pytest.mark.parametrize(
    ("body", "broken"),
    [
        (
            "if message.is_request and message.method == 'BYE' and passage.dialog: return Reply(500)",
            "a-call-is-answered-acknowledged-and-ended",
        ),
        ("if message.is_request and message.method == 'CANCEL': return Drop()", "a-caller-who-gives-up-ends-the-ringing"),
        ("if message.is_request and message.method == 'UPDATE' and passage.dialog: return Drop()", "an-update-is-answered"),
    ],
)
def test_what_a_plugin_does_to_calls_is_told(conform, write, body, broken):
    source = f"""
        from pipeline import Drop

        @plugin
        class Rude:
            @hookimpl
            def intercept(self, message, passage):
                {body}
    """
    results = conform(
        "[context.default]\nusers = true\n" + write("rude", source),
        intercept=["rude", "identify", "security", "auth"],
        application=CALLS_LISTED["application"],
        integration=CALLS_LISTED["integration"],
    )
    assert results[broken].result == "failed", results[broken]


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


PLACES = sorted(path for path in [ROOT / "pipeline.toml", *ROOT.glob("examples/**/*.toml")] if "\n[pipeline]" in path.read_text())


@pytest.mark.parametrize("path", PLACES, ids=lambda path: path.name)
def test_every_pipeline_that_is_shipped_fails_in_nothing(path):
    results, _ = run(build(Document(path, path.read_text())))
    assert [result for result in results if result.result == "failed"] == []


@pytest.mark.parametrize("upstream", ["sip:192.0.2.10:5060", "sip:192.0.2.10:5060;transport=tcp", "sip:registrar.example.com"])
def test_what_an_edge_passes_on_is_not_applicable_and_says_why(tmp_path, upstream):
    text = (ROOT / "examples" / "edge" / "edge.toml").read_text().replace('"sip:192.0.2.10:5060"', f'"{upstream}"')
    results, _ = run(build(Document(tmp_path / "pipeline.toml", text)))
    (passed_on,) = [result for result in results if result.name == "host-is-another"]
    assert (passed_on.result, passed_on.detail[:27]) == ("not applicable", "passed on to another server")
    assert [result for result in results if result.result == "failed"] == []


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
    assert {row["result"] for row in json.loads(capsys.readouterr().out)} == {"passed", "not applicable"}

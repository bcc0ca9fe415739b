"""`sipline subscribe`, `notify` and `show subscriptions|publications` against a server in a process of its own, which watches itself."""

import json
import re

import pytest

from pipeline.cli.arguments import parser
from pipeline.cli.subscribe import shown


@pytest.fixture
def watched(sipline, serve):
    toml = sipline.toml.read_text()
    toml = re.sub(r'(name\s*= "application"\nplugins\s*= )\[[^\]]*\]', r'\1["registrar", "pubsub", "presence", "options"]', toml)
    toml = re.sub(r'(name\s*= "intercept"\nplugins\s*= )\[[^\]]*\]', r"\1[]", toml)
    sipline.toml.write_text(toml + '\n[plugin.pubsub]\nwatch = "all"\n[user.zoe]\nauth = []\n')
    serve()
    return sipline


def test_nothing_is_watched_at_first(watched):
    assert watched("show", "subscriptions")[1].startswith("nobody watches anything")
    assert json.loads(watched("show", "publications", "--json")[1]) == []


def test_something_is_watched_and_printed(watched):
    [listener] = [line for line in json.loads(watched("show", "stats", "--json")[1])["server"]["listeners"] if line.startswith("udp")]
    uri = f"sip:zoe@{listener.split()[1]}"
    for words in (("zoe",), (uri, "--from", "zoe@" + uri.partition("@")[2].rpartition(":")[0])):
        status, out, err = watched("subscribe", *words, "--once")
        assert status == 0, err
        assert re.match(r"sip:zoe@\S+ presence: active\n", out)
        assert "<basic>closed</basic>" in out
    status, out, _ = watched("subscribe", uri, "--once", "--json", "--event", "nothing")
    assert (status, json.loads(out)["reason"]) == (0, "489 Bad Event")


def test_who_cannot_be_asked_is_told_with_why_and_when(watched):
    status, out, _ = watched("subscribe", "sip:eve@127.0.0.1:1;transport=tcp", "--once")
    assert status == 0
    assert re.fullmatch(r"sip:eve@127\.0\.0\.1:1;transport=tcp presence: waiting \(.+: asked again later\)\n", out), out


def test_a_notify_to_nobody_fails_with_a_sentence(watched):
    status, _, err = watched("notify", "nemo", "--event", "check-sync")
    assert status == 1
    assert err.startswith("sipline: not sent: ")


def test_check_sync_is_what_notify_sends_when_nothing_else_is_said():
    args = parser().parse_args(["notify", "alice"])
    assert (args.event, args.body, args.state) == ("check-sync", "", "terminated")


def test_what_is_told_does_not_control_the_terminal():
    row = {"uri": "sip:eve@example.com", "event": "presence", "state": "active\udcff\x1b[2J", "reason": "x\ny"}
    row["body"] = "<a/>\r\n\x1b]0;mine\x07\n"
    text = shown(row)
    assert text == "sip:eve@example.com presence: active\\xff\\x1b[2J (x\\ny)\n<a/>\n\\x1b]0;mine\\x07"
    assert text.encode()
    assert shown({**row, "state": "active", "reason": "", "body": ""}) == "sip:eve@example.com presence: active"

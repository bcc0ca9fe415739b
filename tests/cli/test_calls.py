"""`sipline originate`, `hangup` and `show channels` against a server in a process of its own."""

import json
import pathlib
import re

import pytest

CORE = pathlib.Path(__file__).parents[1] / "core"
WIRES = """
import importlib.util, sys
from pipeline import hookimpl, plugin

spec = importlib.util.spec_from_file_location("wire", {path!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)


async def stay(channel):
    await channel.answer()
    await channel.over()


@plugin
class Wires:
    "Two phones on wires."
    wire = None

    @hookimpl
    def start(self, engine):
        wire = type(self).wire = module.Wire(engine)
        wire.phone("bob")
        wire.phone("carol")
        wire.kinds.add("recording")
        wire.scripts["600"] = stay

    @hookimpl
    def channel_request(self, target, wanted):
        return type(self).wire.channel_request(target, wanted)

    @hookimpl
    def route_call(self, dialed):
        return type(self).wire.route_call(dialed)

    @hookimpl
    def media(self, need, channels):
        return type(self).wire.media(need, channels)
"""


@pytest.fixture
def wired(sipline, serve):
    (sipline.folder / "wires.py").write_text(WIRES.format(path=str(CORE / "wire.py")))
    toml = sipline.toml.read_text().replace('["toml", "sqlite"]', '["toml", "sqlite", "wires"]')
    sipline.toml.write_text(toml + '[plugin.wires]\nload = "wires.py:Wires"\n[dal]\ncdr = ["sqlite"]\n')
    serve()
    return sipline


def test_a_call_is_placed_shown_and_ended(wired):
    assert wired("show", "channels") == (0, "no channels\n", "")
    assert wired("show", "cdr")[1].startswith("no call in the last day")
    status, out, err = wired("originate", "bob", "--to", "carol", "--caller", "House <0>", "--timeout", "5")
    assert (status, err) == (0, "") and re.search(r"bob-00000001 +up +Bob <bob>\n.*carol-00000002 +up +Carol <carol>", out)
    status, out, _ = wired("show", "channels")
    assert status == 0 and "variables" not in out and "Bob <bob>" in out
    rows = json.loads(wired("show", "channels", "--json")[1])
    assert rows[0]["leg"] == {"phone": "bob"}
    assert len(json.loads(wired("show", "bridges", "--json")[1])) == len(json.loads(wired("show", "calls", "--json")[1])) == 1
    status, out, _ = wired("record", rows[0]["id"], "start", "--name", "kept")
    assert status == 0 and re.fullmatch(r"recording bob-00000001 to \S+/recordings/kept\.wav\n", out)
    assert wired("record", "carol-00000002", "stop") == (1, "", "sipline: carol-00000002 is not recorded\n")
    assert wired("record", rows[0]["call"], "stop")[1] == "bob-00000001 is not recorded any more\n"
    assert wired("hangup", rows[0]["id"]) == (0, "ended bob-00000001\n", "")
    assert wired("show", "calls")[1] == "no calls\n" and wired("show", "bridges")[1] == "no bridges\n"
    records = next(out for _ in range(1000) if "Bob" in (out := wired("show", "cdr")[1]))  # it is written behind
    assert re.search(r"\d\d\d\d-\d\d-\d\d \d\d:\d\d:\d\d +Bob <bob> +carol +Carol <carol> +answered", records)
    status, out, _ = wired("originate", "bob", "--extension", "600@default", "--json")
    assert status == 0 and len(json.loads(out)) == 1
    status, out, _ = wired("record", "bob-00000003", "start")
    assert re.fullmatch(
        r"bob-00000003 is in no conversation; from when it is, it will be recorded to \S+/recordings/\S+-bob-00000003\.wav\n", out
    )
    assert wired("hangup", "all")[1] == "ended bob-00000003\n" and wired("hangup", "all")[1] == "no channels\n"


def test_what_cannot_be_done_is_said(wired):
    assert wired("originate", "zoe", "--to", "bob") == (1, "", "sipline: not connected: unallocated (there is no 'zoe' to call)\n")
    assert wired("hangup", "zoe") == (1, "", "sipline: there is no channel, call or bridge 'zoe'\n")
    assert wired("originate", "bob")[0] == 2

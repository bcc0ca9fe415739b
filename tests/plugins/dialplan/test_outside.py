"""dialplan, `sipline check`: who reaches an outside line without having proved who he is."""

import pytest

from pipeline.config import Document, build
from pipeline.testing.server import toml_of

STAGES = {
    "transport": ["udp", "tcp"],
    "protocol": ["stack"],
    "intercept": ["identify", "auth"],
    "application": ["registrar"],
    "integration": ["toml", "memory", "dialplan"],
}
HOUSE = """
[user.alice]
password = "alice's"
[user.bob]
password = "bob's"
[endpoint.provider]
auth = []
context = "incoming"
[identify.provider]
endpoint = "provider"
match = ["192.0.2.0/24"]
[menu.main]
prompt = ["welcome"]
[menu.main.choices]
1 = [{ dial = "alice" }]
[context.incoming.extensions]
100 = [{ dial = "alice" }]
200 = [{ goto = "alice@default" }]
300 = [{ dial = "provider/+4930123456" }]
400 = [{ ivr = "main" }]
"_5XX" = [{ dial = "sip:${extension}@example.com" }]
"_6XX" = [{ dial = "bob/${extension}" }]
[context.default]
users = true
[context.default.extensions]
"_9X." = [{ dial = "provider/${extension:1}" }]
[context.abroad.extensions]
"_00X." = [{ if = "${caller.number}", then = [{ dial = ["sip:${extension}@carrier.example"] }] }]
"""


@pytest.fixture
def told(tmp_path):
    def told(toml):
        document = Document(tmp_path / "pipeline.toml", toml_of(toml, STAGES))
        return [(problem.message, problem.suggestion) for problem in build(document).warnings if "by its address alone" in problem.message]

    return told


def test_a_trunk_that_leads_to_users_alone_is_fine(told):
    assert told(HOUSE) == []


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('context = "incoming"', 'context = "default"', "[context.default] dials 'provider/...'"),
        ('context = "incoming"', "", "[context.default] dials 'provider/...'"),
        ("[context.incoming.extensions]", '[context.incoming]\ninclude = ["abroad"]\n[context.incoming.extensions]',
         "[context.abroad] dials 'sip:...@carrier.example'"),
        ("[context.incoming.extensions]", '[context.incoming]\ninclude = [{ context = "default", hours = "9:00-17:00" }]\n[context.incoming.extensions]',
         "[context.default] dials 'provider/...'"),
        ('1 = [{ dial = "alice" }]', '1 = [{ dial = "alice" }]\n"_0X." = [{ dial = "provider/${extension:1}" }]', "[menu.main] dials 'provider/...'"),
        ('{ goto = "alice@default" }', '{ goto = "${digits}@default" }', "[context.default] dials 'provider/...'"),
    ],
)  # fmt: skip
def test_one_whose_calls_reach_an_outside_line_is_warned_of(told, old, new, line):
    assert old in HOUSE
    who = "'provider' is known by its address alone (auth = [])"
    assert told(HOUSE.replace(old, new, 1)) == [
        (f"{who}, and its calls reach an outside line: {line}", "give it a context that leads to users alone, or a password"),
        (f"{who}, and may connect whom it talks to with that outside line (REFER)", "write allow_transfer = false"),
    ]


def test_where_it_may_not_transfer_that_is_not_said(told):
    toml = HOUSE.replace('context = "incoming"', 'context = "default"\nallow_transfer = false')
    assert [message.partition(", and ")[2][:9] for message, _ in told(toml)] == ["its calls"]


def test_a_user_without_a_password_is_told_of_too(told):
    assert len(told(HOUSE + "[user.lobby]\nauth = []\n")) == 2


def test_a_trunk_that_has_a_password_is_an_outside_line_too(told):
    assert len(told(HOUSE.replace("[user.bob]", "[user.bob]\ntrust_from = true"))) == 2


def test_menus_that_lead_to_each_other_come_to_an_end(told):
    assert told(HOUSE.replace('1 = [{ dial = "alice" }]', '1 = [{ ivr = "main" }]')) == []

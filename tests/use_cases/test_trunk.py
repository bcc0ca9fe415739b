"""The trunk of docs/dialplan.md, as it stands there: calls come in from its addresses, and go out with the provider's password."""

from pathlib import Path

import pytest

from pipeline.testing.server import CALLS

PAGE = (Path(__file__).parents[2] / "docs/dialplan.md").read_text()
SECTION = PAGE.partition("## A trunk\n")[2].partition("\n## ")[0]
BLOCKS = "\n".join(line.strip() for line in SECTION.splitlines() if line.startswith("    "))
TABLES, _, OUT = BLOCKS.partition('"_9X."')
PROVIDER = ("192.0.2.10", 5060)
USERS = """
[user.alice]
password = "alice's"
[context.default]
users = true
[context.default.extensions]
"""


@pytest.fixture
def server(sip):
    toml = TABLES.replace('"sip:sip.provider.example"', f'"sip:{PROVIDER[0]}"').replace(', { voicemail = "alice" }', "")  # no DNS, no media
    return sip(f'{toml}{USERS}"_9X."{OUT}', intercept=["identify", "auth"], **CALLS)


def test_who_calls_from_the_providers_address_reaches_the_number_and_no_outside_line(server):
    alice, provider = server.phone("alice").online(), server.phone("+4155550199", address=PROVIDER)
    provider.call("4155550100").until("up")
    assert alice.calls[-1].display.number == "+4155550199"
    assert provider.call("94155550123").until("ended").status == 404


def test_a_call_out_goes_to_the_number_at_the_provider_and_proves_itself_with_its_password(server):
    alice = server.phone("alice").online()
    provider = server.phone("gw", address=PROVIDER)
    provider.answers(ring=None, after=None)
    call = alice.call("94155550123")
    call.until(lambda: bool(provider.calls))
    (asked,) = provider.calls[-1].requests("INVITE")
    assert (asked.uri.text, asked.from_.uri.text) == (f"sip:4155550123@{PROVIDER[0]}", "sip:4155550100@sip.provider.example")
    provider.calls[-1].decline(407, headers=[("Proxy-Authenticate", 'Digest realm="provider", nonce="1", algorithm=MD5')])
    call.until(lambda: len(provider.calls) == 2)
    (proved,) = provider.calls[-1].requests("INVITE")
    assert 'username="4155550100"' in proved.get("proxy-authorization")
    provider.calls[-1].answer()
    call.until("up")

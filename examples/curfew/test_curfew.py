"""A plugin's test: a TOML string, a running pipeline, send, assert."""

from pathlib import Path

HERE = Path(__file__).with_name("sip_curfew.py")


def test_a_call_outside_hours_is_refused(sip):
    server = sip(f'[plugin.curfew]\nload = "{HERE}:Curfew"\nopens = 0\ncloses = 0', intercept=["curfew"])
    assert server.request("INVITE", to="bob").status == 480


def test_a_call_within_hours_passes(sip):
    server = sip(f'[plugin.curfew]\nload = "{HERE}:Curfew"\nopens = 0\ncloses = 24', intercept=["curfew"])
    answer = server.request("INVITE", to="bob")
    assert (answer.status, answer.reason) == (480, "Temporarily Unavailable")  # bob is not registered


def test_registering_is_not_refused(sip):
    server = sip(f'[plugin.curfew]\nload = "{HERE}:Curfew"\nopens = 0\ncloses = 0', intercept=["curfew"])
    assert server.request("REGISTER", from_="alice").status == 200

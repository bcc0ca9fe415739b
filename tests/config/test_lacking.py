"""What is not listed and would hardly be missing on purpose."""

import pytest

from pipeline.config import Document, build
from pipeline.testing.server import toml_of

STAGES = {
    "transport": ["udp", "tcp"],
    "protocol": ["stack"],
    "intercept": ["identify", "auth"],
    "application": ["registrar"],
    "integration": ["toml", "memory"],
}


@pytest.fixture
def warnings(tmp_path):
    """warnings(**stages): what is said of a pipeline with these lists, each as (the words under the caret, the message, the hint)."""

    def warnings(toml="", **stages):
        found = build(Document(tmp_path / "pipeline.toml", toml_of(toml, {**STAGES, **stages}))).warnings
        return [
            (one.place.text[one.place.column - 1 :][: one.place.length], one.message, one.suggestion)
            for one in found
        ]  # fmt: skip

    return warnings


def test_a_pipeline_that_has_what_it_needs_is_warned_of_nothing(warnings):
    assert warnings() == []
    assert warnings(application=["registrar", "pubsub", "presence", "xpidf"]) == []


def test_a_server_that_reads_nothing_is_warned(warnings):
    assert warnings(protocol=[]) == [("[]", "nothing reads what arrives: 'stack' is not listed under 'protocol'", "no request is answered")]


def test_users_without_a_registrar_are_warned_unless_their_phones_are_known(warnings):
    hint = "`sipline enable registrar`; an aor that is reached elsewhere has a contact"
    assert warnings(application=["options"]) == [
        ('["options"]', "the phones of [user.alice] cannot register: 'registrar' is not listed under 'application'", hint)
    ]
    assert warnings('[user.alice]\npassword = "x"\ncontact = ["sip:192.0.2.7"]', application=["options"]) == []


def test_auth_before_identify_is_warned(warnings):
    assert warnings(intercept=["auth", "identify"]) == [
        ('"auth"', "'auth' stands before 'identify', so it knows no endpoint: no login succeeds", "write it behind 'identify'")
    ]
    assert warnings(intercept=["auth"]) == []


def test_event_packages_without_pubsub_are_warned_at_the_first_of_them(warnings):
    hint = "it takes SUBSCRIBE and sends the NOTIFYs: `sipline enable pubsub`"
    assert warnings(application=["registrar", "presence", "xpidf", "dialog"]) == [
        ('"presence"', "'presence', 'xpidf' and 'dialog' tell nobody anything: 'pubsub' is not listed under 'application'", hint)
    ]
    assert warnings(application=["registrar", "mwi"]) == [
        ('"mwi"', "'mwi' tells nobody anything: 'pubsub' is not listed under 'application'", hint)
    ]

"""plugins.pubsub.asked: what the fields of a SUBSCRIBE mean."""

import pytest
from pipeline.plugins.pubsub.asked import accepted, content_type_of, event_of, expires_of

from pipeline import Malformed, Reply, Request
from pipeline.pubsub import Package

PACKAGE = Package("presence", bodies=("application/pidf+xml", "application/cpim-pidf+xml"))


def message(*fields):
    return Request.new("SUBSCRIBE", "sip:bob@example.com", fields)


def test_an_event_has_a_name_an_id_and_parameters():
    event = event_of(message(("Event", 'dialog;id=7;sla;call-id="x;y"')))
    assert (event.name, event.id, event.options) == ("dialog", "7", (("sla", ""), ("call-id", "x;y")))
    assert event_of(message()) is None
    assert event_of(message(("o", "presence"))).name == "presence"


def test_rates_are_intervals():
    event = event_of(message(("Event", "presence;max-rate=0.5;min-rate=0.01")))
    assert (event.interval, event.beat) == (2.0, 100.0)
    assert event_of(message(("Event", "presence;max-rate=0"))).interval == 3600.0
    with pytest.raises(Malformed):
        event_of(message(("Event", "presence;max-rate=often")))


@pytest.mark.parametrize("value", ["dialog;" + ";".join(f"p{n}" for n in range(9)), "dialog;x=" + "y" * 70, "dialog;id=" + "7" * 70])
def test_what_is_kept_is_bounded(value):
    with pytest.raises(Malformed):
        event_of(message(("Event", value)))


@pytest.mark.parametrize(("asked", "given"), [(None, 3600), ("600", 600), ("0", 0), ("30", 30), ("99999", 7200), ("29", 423), ("1", 423)])
def test_how_long(asked, given):
    found = expires_of(message(*([("Expires", asked)] if asked else [])), 3600, 30, 7200)
    assert (found.status if isinstance(found, Reply) else found) == given


def test_nobody_calls_an_hour_too_short():
    assert expires_of(message(("Expires", "3600")), 3600, 3600, 7200) == 3600
    assert expires_of(message(("Expires", "3599")), 3600, 3600, 7200).headers == (("Min-Expires", "3600"),)


def test_accept_is_read_in_the_order_of_preference():
    assert accepted(message()) is None
    assert accepted(message(("Accept", ""))) == []
    assert accepted(message(("Accept", "a/b;q=0.3, C/D ;level=1, e/f;q=0"), ("Accept", "g/h;q=0.5"))) == ["c/d", "g/h", "a/b"]
    with pytest.raises(Malformed):
        accepted(message(("Accept", "a/b;q=much")))


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        (None, "application/pidf+xml"),
        ([], None),
        (["text/plain"], None),
        (["application/xpidf+xml", "application/pidf+xml"], "application/xpidf+xml"),
        (["application/cpim-pidf+xml"], "application/cpim-pidf+xml"),
        (["application/*"], "application/pidf+xml"),
        (["image/*", "*/*"], "application/pidf+xml"),
    ],
)
def test_the_form_is_what_both_can(wanted, kind):
    assert content_type_of(wanted, PACKAGE, ("application/xpidf+xml",)) == kind

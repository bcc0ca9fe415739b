"""pipeline.dialogs: which usage of a dialog a request belongs to. RFC 3261 12, RFC 5057."""

from pipeline import Request
from pipeline.dialogs import Dialogs

NAME = ("call", "ours", "theirs")


def message(method="INFO", local="ours", remote="theirs", call_id="call"):
    fields = [("From", f"<sip:a@x>;tag={remote}"), ("To", f"<sip:b@x>{f';tag={local}' if local else ''}"), ("Call-ID", call_id)]
    return Request.new(method, "sip:b@x", fields)


def test_a_request_belongs_to_the_owner_of_its_dialog():
    dialogs, owner = Dialogs(), object()
    assert dialogs.find(message()) is None
    dialogs.add(*NAME, owner)
    assert dialogs.find(message()) is owner
    assert dialogs.find(message(local="")) is None
    assert dialogs.find(message(remote="others")) is None
    assert len(dialogs) == 1
    dialogs.remove(*NAME)
    assert dialogs.find(message()) is None


def test_what_concerns_subscriptions_belongs_to_these_beside_a_session():
    dialogs, session, events = Dialogs(), object(), object()
    dialogs.add(*NAME, session)
    dialogs.share(*NAME, events)
    assert dialogs.find(message("INFO")) is session
    assert dialogs.find(message("SUBSCRIBE")) is events
    assert dialogs.find(message("NOTIFY")) is events
    assert dialogs.shared(*NAME) is events


def test_when_the_session_has_left_all_is_theirs():
    dialogs, session, events = Dialogs(), object(), object()
    dialogs.add(*NAME, session)
    dialogs.share(*NAME, events)
    dialogs.remove(*NAME)
    assert dialogs.find(message("BYE")) is events
    dialogs.leave(*NAME, events)
    assert dialogs.find(message("BYE")) is None
    assert len(dialogs) == 0


def test_when_they_have_left_all_is_the_sessions():
    dialogs, session, events = Dialogs(), object(), object()
    dialogs.add(*NAME, session)
    dialogs.share(*NAME, events)
    dialogs.leave(*NAME, events)
    assert dialogs.find(message("SUBSCRIBE")) is session
    dialogs.leave(*NAME, events)  # who is not there changes nothing
    assert dialogs.find(message("SUBSCRIBE")) is session


def test_a_notify_may_make_the_dialog():
    dialogs, watch, owner = Dialogs(), object(), object()
    dialogs.expect("call", "ours", watch)
    assert dialogs.find(message("NOTIFY", remote="anybody")) is watch
    assert dialogs.find(message("INFO")) is None
    dialogs.add(*NAME, owner)
    assert dialogs.find(message("NOTIFY")) is owner
    assert dialogs.find(message("NOTIFY", remote="fork")) is watch
    dialogs.expect_no_more("call", "ours")
    assert dialogs.find(message("NOTIFY", remote="fork")) is None


def test_the_hosts_of_all_dialogs_are_those_of_every_usage():
    class At:
        def __init__(self, host):
            self.source = ("UDP", host)

    dialogs = Dialogs()
    dialogs.add(*NAME, At("192.0.2.1"))
    dialogs.share(*NAME, At("192.0.2.2"))
    assert dialogs.hosts() == {"192.0.2.1", "192.0.2.2"}

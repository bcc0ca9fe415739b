"""plugins.pubsub.watching: the house subscribes elsewhere, here to another server of its own kind. RFC 6665 4.1."""

import pytest

OK = (200, "", [("Expires", "600"), ("Contact", "<sip:eve@10.0.0.8:5060>")])


@pytest.fixture
def there(server, elsewhere):
    made = elsewhere(server)
    made.answer(OK)
    return made


def begin(server, heard, **more):
    return server.engine.pubsub.subscribe("sip:eve@10.0.0.8:5060", "probe", heard.append, expires=600, **more)


def test_what_is_told_is_heard_and_told_on_the_bus(server, there):
    heard = []
    made = begin(server, heard, as_="alice@example.com", accept=("text/plain",))
    server.advance(0.5)
    [asked] = there.asked
    assert asked.from_.uri.text == "sip:alice@example.com"
    assert asked.get("accept") == "text/plain"
    there.notify()
    there.notify(body=b"gone")
    assert [each.body for each in heard] == [b"here", b"gone"]
    assert made.state == "active"
    assert [event.fields["body"] for event in server.told("notify.received")] == [b"here", b"gone"]


def test_it_is_refreshed_in_its_dialog_before_it_expires(server, there):
    begin(server, [])
    server.advance(0.5)
    there.notify()
    server.advance(595)
    assert len(there.asked) == 2
    first, second = there.asked
    assert second.call_id == first.call_id
    assert second.cseq.number > first.cseq.number
    server.advance(1200)
    assert len(there.asked) in (4, 5)


def test_it_is_ended_and_says_so(server, there):
    heard = []
    made = begin(server, heard)
    server.advance(0.5)
    there.notify()
    made.stop()
    server.advance(0.5)
    assert there.asked[-1].expires == 0
    there.notify("terminated;reason=timeout", b"bye")
    assert heard[-1].state == "terminated"
    assert made.state == "terminated"
    server.advance(70)
    assert not server.leftovers()


@pytest.mark.parametrize(
    ("said", "after"),
    [
        ("terminated;reason=deactivated", 2),
        ("terminated;reason=timeout", 2),
        ("terminated;reason=probation;retry-after=100", 101),
        ("terminated;reason=giveup", 10),
        ("terminated", 10),
    ],
)
def test_it_begins_anew_as_its_end_says(server, there, said, after):
    made = begin(server, [])
    server.advance(0.5)
    there.notify()
    there.notify(said, b"")
    assert made.state == "waiting"
    server.advance(after - 1.5)
    assert after < 20 or len(there.asked) == 1
    server.advance(3)
    assert len(there.asked) == 2
    assert there.asked[1].call_id != there.asked[0].call_id


@pytest.mark.parametrize("reason", ["rejected", "noresource", "invariant"])
def test_it_does_not_where_its_end_says_no(server, there, reason):
    made = begin(server, [])
    server.advance(0.5)
    there.notify(f"terminated;reason={reason}", b"")
    assert made.state == "terminated"
    server.advance(4000)
    assert len(there.asked) == 1


def test_a_423_is_asked_again_for_longer(server, there):
    there.answer((423, "", [("Min-Expires", "1800")]))
    begin(server, [])
    server.advance(0.1)
    there.answer((200, "", [("Expires", "1800"), ("Contact", "<sip:eve@10.0.0.8:5060>")]))
    server.advance(0.5)
    assert there.asked[-1].expires == 1800


def test_a_refusal_for_good_ends_it(server, there):
    there.answer(403)
    heard = []
    made = begin(server, heard)
    server.advance(1)
    assert made.state == "terminated"
    assert (heard[-1].state, heard[-1].reason) == ("terminated", "403 Forbidden")


def test_a_server_that_is_not_there_is_tried_more_and_more_seldom(server, there):
    there.answer(500)
    begin(server, [])
    server.advance(40)
    assert len(there.asked) == 4  # at once, and after 5, 10 and 20 s
    server.advance(3000)
    assert len(there.asked) < 12


def test_a_notify_may_come_before_the_answer(server, there):
    there.phone.phone.script["SUBSCRIBE"] = []
    heard = []
    begin(server, heard)
    server.advance(0.1)
    there.notify()
    assert heard[-1].body == b"here"
    there.notify(tag="another", body=b"fork")
    assert heard[-1].body == b"here"


def test_what_is_not_asked_for_is_refused(server, there):
    heard = []
    begin(server, heard)
    server.advance(0.5)
    there.notify(event="slow")
    there.notify(**{"Subscription-State": ""})
    there.notify(body=b"x" * 60000)
    assert [len(each.body) for each in heard] == [60000]
    there.notify(state="active;;;")
    assert len(heard) == 1


def test_a_dialog_that_the_other_side_has_lost_is_begun_anew(server, there):
    begin(server, [])
    server.advance(0.5)
    there.notify()
    there.answer(481)
    server.loop.run_until(lambda: len(there.asked) == 2, 600)
    there.answer(OK)
    server.advance(20)
    assert len({each.call_id for each in there.asked}) == 2


def statuses(server, host):
    return [each.status for each in server.replies((host, 5060))]


def test_notifies_may_come_from_another_server_than_was_asked_when_its_answer_says_so(server, there):
    heard = []
    there.answer((200, "", [("Expires", "600"), ("Contact", "<sip:eve@10.0.0.18:5060>")]))
    begin(server, heard)
    server.advance(0.5)
    there.notify(host="10.0.0.18", Contact="<sip:eve@10.0.0.18:5060>")
    assert statuses(server, "10.0.0.18") == [200]
    there.notify(host="10.0.0.18", body=b"more", Contact="<sip:eve@10.0.0.18:5060>")
    assert [each.body for each in heard] == [b"here", b"more"]


@pytest.mark.parametrize("intercept", [["identify", "auth"], []])
def test_who_has_overheard_the_tags_tells_us_nothing(start, elsewhere, intercept):
    server = start(intercept=intercept)
    there, heard = elsewhere(server), []
    there.answer(OK)
    made = begin(server, heard)
    server.advance(0.5)
    there.notify()
    there.notify(state="terminated;reason=rejected", body=b"forged", host="10.0.0.99", Contact="<sip:eve@10.0.0.99>")
    assert statuses(server, "10.0.0.99") == [481]
    assert [each.body for each in heard] == [b"here"]
    assert made.state == "active"

"""plugins.pubsub.in_dialog, .usage and pipeline.dialogs: several usages of one dialog. RFC 5057, RFC 6665 4.4."""

from pipeline import Pending
from pipeline.testing.server import CALLS
from pipeline.testing.watching import Watch

PLAN = "[context.default]\nusers = true\n"
BOTH = {
    "application": ["registrar", "channel", "pubsub", "probe", "options"],
    "integration": CALLS["integration"],
}


def test_several_subscriptions_live_in_one_dialog(server, watch, probe, notifier):
    bob = watch(server.phone("alice"), "bob", event="probe;id=1")
    bob.event = "slow"
    server.wait(bob.subscribe())
    server.advance(1)
    assert {each.key for each in notifier(server).subscriptions.values()} == {("probe", "1"), ("slow", "")}
    assert len(server.engine.dialogs) == 1
    probe(server).set("bob", 1)
    server.advance(1)
    assert bob.notifies[-1].get("event") == "probe;id=1"
    server.wait(bob.unsubscribe())
    server.advance(1)
    assert bob.notifies[-1].get("event") == "slow"
    assert bob.state == "terminated"
    assert len(server.engine.dialogs) == 1
    bob.event = "probe;id=1"
    server.wait(bob.unsubscribe())
    server.advance(1)
    assert len(server.engine.dialogs) == 0


def test_what_is_no_subscribe_is_refused(server, watch):
    bob = watch(server.phone("alice"), "bob")
    phone, found = bob.phone, []
    for method in ("BYE", "INFO", "OPTIONS", "NOTIFY", "SUBSCRIBE", "FROB"):
        headers = [("Event", "nothing")] if method == "SUBSCRIBE" else []
        phone.engine.request(bob.dialog.request(method, headers), [phone.target], found.append)
        server.advance(1)
    assert [outcome.response.status for outcome in found] == [481, 405, 200, 481, 489, 501]


def test_an_old_number_is_500(server, watch):
    bob = watch(server.phone("alice"), "bob")
    bob.dialog.local_cseq = 0
    server.wait(bob.subscribe())
    assert bob.status == 500


def test_what_a_subscribe_requires_must_be_known(server, watch):
    bob = watch(server.phone("alice"), "bob")
    server.wait(bob.subscribe(headers=[("Require", "magic")]))
    assert (bob.status, bob.responses[-1].get("unsupported")) == (420, "magic")
    assert bob.state == "active"


def test_a_refresh_that_is_refused_ends_nothing(server, watch, notifier):
    bob = watch(server.phone("alice"), "bob")
    server.wait(bob.subscribe(5))
    assert bob.status == 423
    assert notifier(server).subscriptions


def test_the_target_is_refreshed(server, watch, probe):
    bob = watch(server.phone("alice"), "bob")
    bob.phone.name = "elsewhere"
    server.wait(bob.subscribe())
    server.advance(1)
    assert bob.notifies[-1].uri.user == "elsewhere"


def test_record_route_makes_the_route_set(server):
    route = "<sip:10.0.0.9:5060;lr>"
    headers = [("Event", "probe"), ("Record-Route", route), ("Contact", "<sip:alice@192.0.2.77:5060>")]
    answer = server.request("SUBSCRIBE", "bob", password="alice's", headers=headers)
    assert answer.status == 200
    assert answer.get("record-route") == route
    [notify] = [message for message in server.replies() if message.is_request]
    assert notify.get("route") == route
    assert notify.uri_text == "sip:alice@192.0.2.77:5060"


def test_behind_an_address_translator_the_way_back_is_the_way_it_came(server):
    headers = [
        ("Event", "probe"),
        ("Contact", "<sip:alice@192.168.7.7:5060>"),
        ("Via", "SIP/2.0/UDP 192.168.7.7:5060;branch=z9hG4bKnat;rport"),
    ]
    server.request("SUBSCRIBE", "bob", headers=headers)
    for message in server.replies():
        assert message.status == 401
    challenged = server.request("SUBSCRIBE", "bob", password="alice's", headers=headers[:2])
    assert challenged.status == 200


def call(server):
    alice, bob = server.phone("alice").online(), server.phone("bob").online()
    made = alice.call("bob")
    server.loop.run_until(lambda: made.state == "up" or made.state == "confirmed", 10)
    return alice, bob, made


def in_call(alice, made, method, headers):
    """Send a request in the dialog of a call, as its caller."""
    found = []
    message, _ = made.make(method, made.number(), [("Contact", f"<{alice.contact}>"), *headers])
    alice.engine.request(message, alice.target, found.append)
    return found


def test_a_subscription_in_the_dialog_of_a_call_lives_beside_it_and_after_it(start, probe, notifier):
    server = start(PLAN, **BOTH)
    alice, _, made = call(server)
    notified = []
    alice.engine.dialogs.share(made.call_id, made.local_tag, made.peer.tag, _Listener(notified))
    found = in_call(alice, made, "SUBSCRIBE", [("Event", "probe"), ("Expires", "600")])
    server.advance(1)
    assert found[-1].response.status == 200
    assert [message.body for message in notified] == [b"#0 0 "]
    assert len(notifier(server).subscriptions) == 1
    probe(server).set("bob", 1)
    server.advance(1)
    assert len(notified) == 2
    made.bye()
    server.advance(1)
    probe(server).set("bob", 2)
    server.advance(1)
    assert len(notified) == 3
    numbers = [message.cseq.number for message in notified]
    assert numbers == sorted(set(numbers))
    found = in_call(alice, made, "SUBSCRIBE", [("Event", "probe"), ("Expires", "0")])
    server.advance(1)
    assert found[-1].response.status == 200
    server.advance(40)
    assert not server.leftovers()


def test_a_refused_one_leaves_the_call_alone(start, notifier):
    server = start(PLAN, **BOTH)
    alice, _, made = call(server)
    found = in_call(alice, made, "SUBSCRIBE", [("Event", "nothing")])
    server.advance(1)
    assert found[-1].response.status == 489
    found = in_call(alice, made, "NOTIFY", [("Event", "probe"), ("Subscription-State", "active")])
    server.advance(1)
    assert found[-1].response.status == 481
    made.bye()
    server.advance(40)
    assert not server.leftovers()


class _Listener:
    flow_id, source = "", ("", "")

    def __init__(self, notified):
        self.notified = notified

    def request(self, message, passage):
        self.notified.append(message)
        passage.reply(200)


def test_watch_is_a_usage():
    assert {"request", "source", "flow_id"} <= set(dir(Watch))


SLOW = """
from pipeline.pubsub import Package

@plugin
class Slow:
    packages: ClassVar = (Package("late", bodies=("text/plain",), bare=True), Package("broken", bodies=("text/plain",), bare=True))
    pendings: list = attrs.field(init=False, factory=list)

    @hookimpl
    def event_package(self, resource):
        if resource.event == "broken":
            raise RuntimeError("no sensor")
        if resource.event == "late":
            self.pendings.append(Pending())
            return self.pendings[-1]

    @hookimpl
    def event_body(self, resource, state):
        return b"there" if resource.event == "late" else None
"""


def test_a_state_that_comes_later_is_waited_for_also_in_the_dialog_of_a_call(start, write, plugin_of, notifier):
    server = start(PLAN + write("slow", SLOW), **{**BOTH, "application": ["registrar", "channel", "pubsub", "probe", "slow", "options"]})
    alice, _, made = call(server)
    notified = []
    alice.engine.dialogs.share(made.call_id, made.local_tag, made.peer.tag, _Listener(notified))
    found = in_call(alice, made, "SUBSCRIBE", [("Event", "late"), ("Expires", "600")])
    server.advance(1)
    assert not [each for each in found if hasattr(each, "response") and each.response.status >= 200]
    plugin_of(server, "slow").pendings[-1].resolve("state")
    server.advance(1)
    assert found[-1].response.status == 200
    assert [message.body for message in notified] == [b"there"]
    assert len(notifier(server).subscriptions) == 1
    made.bye()
    server.advance(1)
    in_call(alice, made, "SUBSCRIBE", [("Event", "late"), ("Expires", "0")])
    server.advance(40)
    assert not server.leftovers()


def test_a_package_that_fails_leaves_nothing_behind(start, write, notifier):
    server = start(PLAN + write("slow", SLOW), **{**BOTH, "application": ["registrar", "channel", "pubsub", "probe", "slow", "options"]})
    phone = server.phone("alice")
    assert server.wait(phone.request("SUBSCRIBE", "sip:bob@example.com", headers=[("Event", "broken")])).status == 500
    alice, _, made = call(server)
    found = in_call(alice, made, "SUBSCRIBE", [("Event", "broken")])
    server.advance(1)
    assert found[-1].response.status == 500
    made.bye()
    server.advance(40)
    assert not server.leftovers()
    assert not notifier(server).topics


def test_in_a_call_a_state_that_cannot_be_read_is_500(start, probe):
    server = start(PLAN, **BOTH)
    alice, _, made = call(server)
    probe(server).values["bob"] = slow = Pending()
    server.loop.call_later(0.5, lambda: slow.fail(ValueError("broken")))
    found = in_call(alice, made, "SUBSCRIBE", [("Event", "probe"), ("Expires", "600")])
    server.advance(2)
    assert found[-1].response.status == 500
    made.bye()
    server.advance(40)
    assert not server.leftovers()

"""What our own users and strangers could do to pub/sub: fill its memory, watch as somebody else, go on watching when they are gone."""


def test_who_subscribes_and_unsubscribes_all_day_fills_no_memory(server, watch, notifier):
    alice = server.phone("alice")
    watch(alice, "bob", expires=7200)
    for _ in range(1200):
        watch(alice, "bob", expires=7200, seconds=0.01).unsubscribe()
        server.advance(0.01)
    assert len(notifier(server).subscriptions) == 1
    assert len(notifier(server).ends) <= 1024


def test_a_beat_is_planned_once_however_often_something_changes(server, watch, probe, notifier):
    bob = watch(server.phone("alice"), "bob", event="probe;min-rate=0.001", expires=7200)
    for number in range(1, 51):
        probe(server).set("bob", number)
        server.advance(1)
    assert len(bob.notifies) == 51
    assert len(notifier(server).beats) == 1
    server.advance(1001)
    assert len(bob.notifies) == 52


# -- as whom -----------------------------------------------------------------------------------------------------------

TRUNK = """
[endpoint.pbx]
auth = []
aors = ["pbx"]
identify_by = ["ip"]
[identify.pbx]
endpoint = "pbx"
match = ["10.0.0.60", "10.0.0.61"]
[aor.pbx]
[user.bob]
password = "bob's"
"""


class Overheard:
    """The subscription of a telephone system that no password guards; others have overheard its tags."""

    def __init__(self, server):
        self.server, self.cseq = server, 1
        fields = [("Event", "probe"), ("From", "<sip:pbx@example.com>;tag=theirs"), ("Call-ID", "overheard")]
        self.answer = server.request("SUBSCRIBE", "bob", source=("10.0.0.60", 5060), headers=fields)
        assert self.answer.status == 200

    def refresh(self, host, expires=600):
        """Send a SUBSCRIBE of the dialog from a host; its status."""
        self.cseq += 1
        fields = [
            ("Event", "probe"), ("From", "<sip:pbx@example.com>;tag=theirs"), ("Call-ID", "overheard"), ("To", self.answer.get("to")),
            ("Contact", f"<sip:pbx@{host}>"), ("Expires", str(expires)),
        ]  # fmt: skip
        return self.server.request("SUBSCRIBE", "bob", source=(host, 5060), headers=fields, cseq=self.cseq).status


def test_who_has_overheard_the_tags_takes_no_subscription_over_and_ends_none(start, notifier):
    server = start(TRUNK)
    pbx = Overheard(server)
    assert pbx.refresh("10.0.0.99") == 481
    assert pbx.refresh("10.0.0.99", expires=0) == 481
    [subscription] = notifier(server).subscriptions.values()
    assert "10.0.0.99" not in subscription.usage.dialog.target
    assert pbx.refresh("10.0.0.60") == 200
    assert pbx.refresh("10.0.0.61") == 200  # an address of the same endpoint
    assert server.engine.counts["refused.in_dialog"] == 2


def test_a_stranger_may_move_no_more_than_he_can_prove(start):
    server = start('[plugin.pubsub]\nwatch = "all"\n' + TRUNK, intercept=[])
    pbx = Overheard(server)
    assert pbx.refresh("10.0.0.99") == 481
    assert pbx.refresh("10.0.0.60") == 200


def test_a_refresh_does_not_watch_as_another_than_the_first_subscribe(server, watch, probe):
    probe(server).verdicts |= {"sip:alice@example.com": "pending", "sip:friend@example.com": "active"}
    bob = watch(server.phone("alice"), "bob")
    assert (bob.state, bob.body) == ("pending", b"")
    bob.dialog.local = bob.dialog.local.replace("alice", "friend")
    server.wait(bob.subscribe())
    server.advance(1)
    assert bob.status == 200
    assert (bob.state, bob.body) == ("pending", b"")
    bob.event = "probe;id=2"
    server.wait(bob.subscribe())
    server.advance(1)
    assert (bob.state, bob.body) == ("pending", b"")


def test_whose_a_temporary_gruu_is_is_not_found_out_by_watching_it(server, watch):
    fields = [("Contact", '<sip:bob@10.0.0.77>;+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"'), ("Supported", "gruu")]
    registered = server.request("REGISTER", "bob", from_="bob", password="bob's", headers=fields)
    params = registered.contacts[0].params
    public, temporary = (params[name].strip('"') for name in ("pub-gruu", "temp-gruu"))
    alice = server.phone("alice")
    assert watch(alice, uri=public).status == 200
    assert watch(alice, uri=temporary).status == 404
    nobody = temporary[:20] + ("A" if temporary[20] != "A" else "B") + temporary[21:]
    assert watch(alice, uri=nobody).status == 404


# -- hooks that fail -----------------------------------------------------------------------------------------------------


def test_a_hook_that_fails_leaves_nothing_behind(start, watch, probe, notifier):
    server = start('[resource_list.team]\nmembers = ["alice", "bob"]\n')
    probe(server).values["bob"] = ValueError("broken")
    alice = server.phone("alice")
    assert watch(alice, "bob").status == 500
    probe(server).verdicts["sip:alice@example.com"] = ValueError("broken")
    assert watch(alice, "bob").status == 500
    topics = notifier(server).topics.watched
    notifier(server).topics.watched = lambda resource, watcher: topics(resource, watcher) if resource.aor.startswith("bob") else "active"
    assert watch(alice, "team", headers=[("Supported", "eventlist")]).status == 500  # one member's verdict cannot be said
    assert len(server.engine.dialogs) == 0
    assert len(notifier(server).topics) == 0
    assert not notifier(server).subscriptions


# -- too much ------------------------------------------------------------------------------------------------------------


def test_fetches_to_where_nobody_answers_are_bounded_like_subscriptions(start, notifier):
    server = start("[plugin.pubsub]\nper_endpoint = 5\n")
    statuses = []
    for number in range(8):
        headers = [("Event", "probe"), ("Expires", "0"), ("Contact", "<sip:victim@192.0.2.99>"), ("Call-ID", f"fetch{number}")]
        statuses.append(server.request("SUBSCRIBE", "bob", password="alice's", headers=headers).status)
    assert statuses == [200] * 5 + [403] * 3
    server.advance(33)  # nobody has answered the NOTIFYs
    headers = [("Event", "probe"), ("Expires", "0"), ("Contact", "<sip:victim@192.0.2.99>"), ("Call-ID", "another")]
    assert server.request("SUBSCRIBE", "bob", password="alice's", headers=headers).status == 200
    server.advance(33)
    assert not notifier(server).limits.of_watcher
    assert notifier(server).limits.ending == 0


def test_of_thousands_of_content_types_few_are_kept(server, notifier):
    accept = ", ".join(f"a{number}/b" for number in range(1500)) + ", text/plain;q=0.1, text/upper"
    assert server.request("SUBSCRIBE", "bob", password="alice's", headers=[("Event", "probe"), ("Accept", accept)]).status == 406
    accept = "text/plain, " + accept
    assert server.request("SUBSCRIBE", "bob", password="alice's", headers=[("Event", "probe"), ("Accept", accept)]).status == 200
    [subscription] = notifier(server).subscriptions.values()
    assert len(subscription.accepts) <= 32


def test_a_dialog_of_ten_kilobytes_is_not_kept(server, notifier):
    route = ", ".join(f"<sip:proxy{number}.example.com;lr>" for number in range(300))
    headers = [("Event", "probe"), ("Record-Route", route)]
    assert server.request("SUBSCRIBE", "bob", password="alice's", headers=headers).status == 513
    assert not notifier(server).subscriptions

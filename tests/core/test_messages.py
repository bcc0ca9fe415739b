"""core.messages with a technology of its own that is no SIP: found, delivered, kept, brought, limited."""

import attrs
import pytest

from pipeline.core import Fate, Policy, Reached, Receipt, Text

STORED = '[dal]\nmessage = ["memory"]\n'
PIGEONS = """
    from pipeline.core import Fate, Reached, Receipt

    class Loft:
        def __init__(self, device, post):
            self.device, self.post = device, post

        def deliver(self, text, told):
            self.post.sent.append((self.device, text.body, text.again))
            answer = self.post.answers.get(self.device, Receipt(Fate.DELIVERED))
            if text.body == b"poison":
                answer = Receipt(Fate.ABSENT, "it answered 500", 500)
            if answer is None:
                self.post.waiting.append(told)
            else:
                told(answer)

    @plugin
    class Pigeons:
        lofts = attrs.field(init=False, factory=dict)
        answers = attrs.field(init=False, factory=dict)
        sent = attrs.field(init=False, factory=list)
        waiting = attrs.field(init=False, factory=list)

        @hookimpl
        def message_request(self, text):
            if text.recipient not in self.lofts:
                return None
            if text.narrow == "broken":
                raise RuntimeError("cannot be read")
            devices = [device for device in self.lofts[text.recipient] if not text.narrow or device == text.narrow]
            return Reached(text.recipient, [Loft(device, self) for device in devices])
"""


class House:
    def __init__(self, sip, write, plugin_of, toml, more=()):
        self.server = sip(toml + write("pigeons", PIGEONS), application=["pigeons"], integration=["memory", "toml", *more])
        self.post = plugin_of(self.server, "pigeons")
        self.post.lofts.update(bob=["b1"], carol=["c1", "c2"], dora=[])
        self.messages = self.server.engine.core.messages
        self.advance = self.server.advance

    def send(self, to, body=b"hello", author="alice", **more):
        receipts = []
        self.messages.send(Text(to, body, origin=author, **more), receipts.append)
        self.advance(0)
        return receipts

    def sent(self):
        return [(device, body) for device, body, _ in self.post.sent]


@pytest.fixture
def house(sip, write, plugin_of):
    def house(toml=STORED, more=(), **policy):
        made = House(sip, write, plugin_of, toml, more)
        made.messages.configure(Policy(**policy))
        return made

    return house


def test_all_devices_get_a_message_and_its_sender_one_receipt(house):
    h = house()
    assert [receipt.fate for receipt in h.send("carol")] == [Fate.DELIVERED]
    assert h.sent() == [("c1", b"hello"), ("c2", b"hello")]
    assert not h.messages.open


def test_nobody_of_that_name_is_unknown(house):
    assert [receipt.fate for receipt in house().send("nobody")] == [Fate.UNKNOWN]


def test_who_has_no_device_gets_it_when_he_has_one(house):
    h = house()
    for text in (b"1", b"2"):
        assert [receipt.fate for receipt in h.send("dora", text)] == [Fate.ACCEPTED]
    assert len(h.messages.keeping) == 2
    h.post.lofts["dora"] = ["d1"]
    h.messages.keeping.reachable("dora")
    h.advance(0)
    assert h.post.sent == [("d1", b"1", True), ("d1", b"2", True)]
    assert len(h.messages.keeping) == 0
    h.messages.keeping.reachable("dora")
    assert len(h.post.sent) == 2


def test_patience_ends_and_a_late_yes_undoes_the_keeping(house):
    h = house(patience=5.0)
    h.post.answers["b1"] = None
    receipts = h.send("bob")
    h.advance(4.9)
    assert receipts == []
    h.advance(0.2)
    assert [receipt.fate for receipt in receipts] == [Fate.ACCEPTED]
    assert len(h.messages.keeping) == 1
    h.post.waiting.pop()(Receipt(Fate.DELIVERED))
    h.advance(0)
    assert len(h.messages.keeping) == 0
    assert len(receipts) == 1


def test_a_late_no_ends_the_keeping_and_is_told(house):
    h = house(patience=5.0)
    h.post.answers["b1"] = None
    h.send("bob")
    h.advance(6)
    h.post.waiting.pop()(Receipt(Fate.REFUSED, "no", 603))
    h.advance(0)
    assert len(h.messages.keeping) == 0
    assert [event.fields["receipt"].code for event in h.server.told("message.refused")] == [603]


def test_a_device_that_is_gone_keeps_what_comes_in_order(house):
    h = house()
    h.post.answers["b1"] = Receipt(Fate.ABSENT, "silent")
    for text in (b"1", b"2", b"3"):
        assert [receipt.fate for receipt in h.send("bob", text)] == [Fate.ACCEPTED]
    del h.post.answers["b1"]
    h.post.sent.clear()
    h.messages.keeping.reachable("bob")
    h.advance(0)
    assert h.sent() == [("b1", b"1"), ("b1", b"2"), ("b1", b"3")]


GONE = Receipt(Fate.ABSENT, "silent")


def test_what_is_for_a_device_that_does_not_exist_keeps_nothing_else_back(house):
    h = house()
    assert h.send("carol", b"for nobody", narrow="c9")[0].fate is Fate.ACCEPTED
    assert h.send("carol", b"1")[0].fate is Fate.DELIVERED
    h.post.lofts["carol"] = []
    assert [h.send("carol", text)[0].fate for text in (b"2", b"3")] == [Fate.ACCEPTED, Fate.ACCEPTED]
    h.post.lofts["carol"] = ["c1"]
    h.messages.keeping.reachable("carol")
    h.advance(0)
    assert h.sent() == [("c1", b"1"), ("c2", b"1"), ("c1", b"2"), ("c1", b"3")]
    assert h.send("carol", b"4")[0].fate is Fate.DELIVERED
    assert len(h.messages.keeping) == 1


def test_what_one_device_has_not_got_is_not_overtaken_there_while_the_others_get_theirs(house):
    h = house()
    h.post.answers["c1"] = GONE
    assert h.send("carol", b"1", narrow="c1")[0].fate is Fate.ACCEPTED
    assert h.send("carol", b"2", narrow="c1")[0].fate is Fate.ACCEPTED
    h.post.sent.clear()
    assert h.send("carol", b"3")[0].fate is Fate.DELIVERED
    assert h.sent() == [("c2", b"3")]
    h.post.lofts["carol"] = ["c1"]
    assert h.send("carol", b"4")[0].fate is Fate.ACCEPTED
    h.post.answers.clear()
    h.post.sent.clear()
    h.messages.keeping.reachable("carol")
    h.advance(0)
    assert h.sent() == [("c1", b"1"), ("c1", b"2"), ("c1", b"4")]
    assert len(h.messages.keeping) == 0


def test_what_is_for_one_device_goes_behind_what_waits_for_all(house):
    h = house()
    h.post.answers.update(c1=GONE, c2=GONE)
    h.send("carol", b"1")
    assert h.send("carol", b"2", narrow="c1")[0].fate is Fate.ACCEPTED
    h.post.answers.clear()
    h.post.sent.clear()
    h.messages.keeping.reachable("carol")
    h.advance(0)
    assert h.sent() == [("c1", b"1"), ("c2", b"1"), ("c1", b"2")]


def test_a_silent_device_is_tried_twice_in_a_round_at_most_and_holds_up_only_what_is_for_it(house):
    h = house(late_seconds=1000.0)
    h.post.answers["c2"] = GONE
    h.send("carol", b"1")  # c1 has it; kept for c2
    h.post.answers["c1"] = GONE
    h.send("carol", b"2")
    h.send("carol", b"3")
    del h.post.answers["c1"]
    h.post.sent.clear()
    h.messages.keeping.reachable("carol")
    h.advance(0)
    assert [text for device, text in h.sent() if device == "c1"] == [b"2", b"3"]
    assert [text for device, text in h.sent() if device == "c2"] == [b"1", b"2"]  # the second shows that it is not the first's fault


def test_a_message_that_a_device_never_takes_while_it_takes_others_is_passed_by(house):
    h = house()
    h.send("bob", b"poison")
    for text in (b"1", b"2", b"3"):
        assert h.send("bob", text)[0].fate is Fate.ACCEPTED
    assert [text for _, text in h.sent() if text != b"poison"] == [b"1", b"2", b"3"]
    assert h.send("bob", b"4")[0].fate is Fate.DELIVERED
    assert len(h.messages.keeping) == 1
    h.advance(8 * 86400)
    assert len(h.messages.keeping) == 0
    assert h.messages.keeping.queues == {}


def test_a_device_that_is_away_for_long_gets_everything_in_order(house):
    h = house()
    h.post.answers["b1"] = GONE
    for number in range(8):
        h.send("bob", b"%d" % number)
    for _ in range(8):
        h.messages.keeping.reachable("bob")
        h.advance(0)
    h.post.answers.clear()
    h.post.sent.clear()
    h.messages.keeping.reachable("bob")
    h.advance(0)
    assert h.sent() == [("b1", b"%d" % number) for number in range(8)]


def test_a_message_that_cannot_be_looked_up_keeps_nothing_back(house):
    h = house()
    h.send("dora", b"1", narrow="d1")
    stored = h.server.engine.dal.owned("message", "dora")
    h.send("dora", b"2")
    h.server.engine.dal.change("message", "dora", [attrs.evolve(stored[0], narrow="broken")], [])
    h.post.lofts["dora"] = ["d1"]
    h.messages.keeping.reachable("dora")
    h.advance(0)
    assert h.sent() == [("d1", b"2")]
    assert h.server.told("step.failed")


def test_what_is_for_devices_that_never_come_leaves_half_of_the_quota(house):
    h = house(keep_count=4)
    assert [h.send("dora", b"x", narrow=f"d{n}")[0].fate for n in range(3)] == [Fate.ACCEPTED, Fate.ACCEPTED, Fate.LIMITED]
    assert [h.send("dora")[0].fate for _ in range(3)] == [Fate.ACCEPTED, Fate.ACCEPTED, Fate.LIMITED]
    h = house(keep_octets=4000)
    fates = [h.send("dora", b"x" * 800, narrow="d1")[0].fate for _ in range(3)]
    assert fates == [Fate.ACCEPTED, Fate.ACCEPTED, Fate.LIMITED]


def test_without_a_store_nothing_is_kept(house):
    h = house("")
    assert [receipt.fate for receipt in h.send("dora")] == [Fate.ABSENT]
    assert [event.fields["recipient"] for event in h.server.told("message.lost")] == ["dora"]


def test_what_has_expired_is_thrown_away(house):
    h = house()
    now = h.server.engine.clock.time()
    assert h.send("dora", expires_at=now + 30)[0].fate is Fate.ACCEPTED
    assert h.send("dora", expires_at=now - 1)[0].fate is Fate.ABSENT
    h.advance(100)
    assert len(h.messages.keeping) == 0
    assert len(h.server.told("message.expired")) == 1


def test_quotas_of_count_octets_and_sender(house):
    h = house(keep_count=2, keep_octets=1000, keep_by_sender=3)
    fates = [h.send("dora", b"x", sender="alice")[0].fate for _ in range(3)]
    assert fates == [Fate.ACCEPTED, Fate.ACCEPTED, Fate.LIMITED]
    h.post.lofts["erin"] = []
    assert h.send("erin", b"x" * 900, sender="alice")[0].fate is Fate.LIMITED
    assert h.send("erin", b"x", sender="alice")[0].fate is Fate.ACCEPTED
    assert h.send("erin", b"x", sender="alice")[0].fate is Fate.LIMITED
    assert h.send("erin", b"x", sender="bob")[0].fate is Fate.ACCEPTED


def test_rates_of_a_sender_a_stranger_and_a_recipient(house):
    h = house(sender_rate=1.0, sender_burst=2, recipient_rate=1.0, recipient_burst=3)
    assert [h.send("bob", sender="alice")[0].fate for _ in range(3)] == [Fate.DELIVERED, Fate.DELIVERED, Fate.LIMITED]
    assert h.send("bob", sender="10.0.0.9", stranger=True)[0].fate is Fate.DELIVERED
    assert h.send("bob", sender="10.0.0.9", stranger=True)[0].fate is Fate.LIMITED
    assert h.send("bob", sender="10.0.0.9", stranger=True)[0].seconds >= 1


def test_a_recipient_that_is_a_plugin_has_the_same_rate_however_he_is_written(house, write):
    robot = write(
        "robot",
        """
        from pipeline.core import Fate, Receipt

        @plugin
        class Robot:
            @hookimpl
            def route_message(self, text):
                return Receipt(Fate.ACCEPTED) if text.recipient.lower() == "robot" else None
        """,
    )
    h = house(STORED + robot, ["robot"], recipient_rate=0.5, recipient_burst=2)
    assert [h.send(name)[0].fate for name in ("robot", "Robot", "ROBOT")] == [Fate.ACCEPTED, Fate.ACCEPTED, Fate.LIMITED]
    assert h.send("robot")[0].seconds == 3
    assert [h.send("bob")[0].fate for _ in range(3)] == [Fate.DELIVERED, Fate.DELIVERED, Fate.LIMITED]  # each is counted once
    h.advance(2)
    assert h.send("robot")[0].fate is Fate.ACCEPTED


def test_a_technology_that_fails_is_told_by_its_name_and_the_sender_too(house, monkeypatch):
    h = house()
    h.post.lofts["bob"] = None  # what the plugin cannot iterate
    assert h.send("bob")[0].fate is Fate.FAILED
    assert len(h.server.told("step.failed")) == 1


def test_copies_wait_for_devices_that_have_none_yet(house):
    h = house(late_seconds=100.0)
    h.send("bob", b"1")
    h.advance(0)
    assert len(h.messages.keeping) == 1
    h.post.lofts["bob"] = ["b1", "b2"]
    h.messages.keeping.reachable("bob")
    h.advance(0)
    assert h.sent() == [("b1", b"1"), ("b2", b"1")]
    h.messages.keeping.reachable("bob")
    h.advance(0)
    assert len(h.post.sent) == 2
    h.advance(200)
    assert len(h.messages.keeping) == 0


def test_what_is_under_way_is_bounded(house, monkeypatch):
    monkeypatch.setattr("pipeline.core.messages.UNDER_WAY", 4000)
    h = house()
    h.post.answers["b1"] = None
    assert h.send("bob", b"x" * 1500, author="a") == h.send("bob", b"x" * 1500, author="b") == []
    assert h.send("bob", b"x", author="c")[0].fate is Fate.LIMITED
    while h.post.waiting:
        h.post.waiting.pop()(Receipt(Fate.DELIVERED))
    assert h.messages.octets == 0
    h.post.answers.clear()
    assert h.send("bob", b"x", author="c")[0].fate is Fate.DELIVERED


def test_header_fields_count_and_so_does_an_empty_message(house, monkeypatch):
    monkeypatch.setattr("pipeline.core.messages.UNDER_WAY", 4000)
    h = house()
    h.post.answers["b1"] = None
    for author in "abcde":
        assert h.send("bob", b"", author=author) == []
    assert h.send("bob", b"", author="f")[0].fate is Fate.LIMITED
    while h.post.waiting:
        h.post.waiting.pop()(Receipt(Fate.DELIVERED))
    told = []
    for author in "ab":
        h.messages.send(Text("bob", b"", origin=author, technology="post", details="x" * 4000), told.append)
    assert [receipt.fate for receipt in told] == [Fate.LIMITED]
    while h.post.waiting:
        h.post.waiting.pop()(Receipt(Fate.DELIVERED))
    assert h.messages.octets == 0


def test_the_house_writes_itself(house):
    h = house()
    found = []
    h.messages.post("bob", "dinner", author="kitchen").then(lambda pending: found.append(pending.value()))
    assert found == [Receipt(Fate.DELIVERED)]
    assert isinstance(Reached("bob", ()).places, tuple)

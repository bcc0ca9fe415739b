"""core.delivery: all devices get a message, one after the other what one author writes."""

from collections import deque

from pipeline.core.delivery import WAITING, Delivery, Lines
from pipeline.core.text import DELIVERED, Fate, Receipt, Text

GONE = Receipt(Fate.ABSENT, "silent")
NO = Receipt(Fate.REFUSED, "no", 603)


class Device:
    """A device that answers when it is told to, or always so."""

    def __init__(self, device, always=None):
        self.device, self.always = device, always
        self.got, self.told = [], deque()

    def deliver(self, text, told):
        self.got.append(text.body)
        if self.always is not None:
            told(self.always)
        else:
            self.told.append(told)

    def says(self, receipt):
        self.told.popleft()(receipt)


class Post:
    """Lines, and what came of each delivery."""

    def __init__(self):
        self.later = deque()
        self.lines = Lines(lambda fn, *args: self.later.append((fn, args)), self.failed)
        self.failures = []
        self.won, self.ended = [], []

    def failed(self, error):
        self.failures.append(error)
        return Receipt(Fate.FAILED, str(error))

    def begin(self, body, *devices, author="alice"):
        delivery = Delivery(Text("bob", body, origin=author), "bob", None, lambda each, receipt: self.won.append(each.text.body), self.over)
        self.lines.begin(delivery, devices)
        return delivery

    def over(self, delivery):
        best = None if delivery.refusals is None else delivery.refusals.best
        self.ended.append((delivery.text.body, delivery.devices, best))

    def turn(self):
        while self.later:
            fn, args = self.later.popleft()
            fn(*args)


def test_all_devices_get_it_and_the_first_wins():
    post, one, two = Post(), Device("one"), Device("two")
    post.begin(b"hello", one, two)
    two.says(DELIVERED)
    assert (post.won, post.ended) == ([b"hello"], [])
    one.says(NO)
    assert post.ended == [(b"hello", ("two",), NO)]
    assert len(post.lines) == 0


def test_what_one_author_writes_to_one_device_goes_one_after_the_other():
    post, device = Post(), Device("one")
    for body in (b"1", b"2"):
        post.begin(body, device)
    post.begin(b"other", device, author="carol")
    assert device.got == [b"1", b"other"]
    device.says(DELIVERED)
    assert device.got == [b"1", b"other", b"2"]
    device.says(DELIVERED)
    device.says(DELIVERED)
    assert (len(post.lines), post.lines.waiting) == (0, 0)


def test_behind_what_a_silent_device_has_not_got_nothing_is_sent_to_it():
    post, device = Post(), Device("one")
    for body in (b"1", b"2", b"3"):
        post.begin(body, device)
    device.says(GONE)
    assert device.got == [b"1"]
    assert post.ended == [(b"1", (), GONE), (b"2", (), GONE), (b"3", (), GONE)]
    assert (len(post.lines), post.lines.waiting) == (0, 0)


def test_what_is_refused_does_not_hold_up_the_next():
    post, device = Post(), Device("one")
    for body in (b"1", b"2"):
        post.begin(body, device)
    device.says(NO)
    assert device.got == [b"1", b"2"]


def test_a_long_line_that_fails_at_once_does_not_go_deep():
    post, device = Post(), Device("one")
    post.begin(b"first", device)
    for number in range(WAITING):
        post.begin(str(number).encode(), device)
    device.always = NO
    device.says(NO)
    post.turn()
    assert len(device.got) == WAITING + 1
    assert len(post.ended) == WAITING + 1
    assert len(post.lines) == 0


def test_a_line_has_an_end():
    post, device = Post(), Device("one")
    for number in range(WAITING + 2):
        post.begin(str(number).encode(), device)
    assert [(body, best.fate) for body, _, best in post.ended] == [(str(WAITING + 1).encode(), Fate.LIMITED)]


def test_what_may_yet_be_delivered_weighs_more_than_a_refusal():
    post, one, two = Post(), Device("one"), Device("two")
    post.begin(b"hello", one, two)
    one.says(GONE)
    two.says(NO)
    assert post.ended == [(b"hello", (), GONE)]


def test_a_device_whose_delivery_raises_has_failed_and_the_next_goes_on():
    class Broken(Device):
        def deliver(self, text, told):
            raise ValueError("no way")

    post, broken, device = Post(), Broken("one"), Device("two", DELIVERED)
    post.begin(b"1", broken, device)
    post.begin(b"2", device)
    assert [str(error) for error in post.failures] == ["no way"]
    assert post.won == [b"1", b"2"]
    assert len(post.lines) == 0

"""Mirror of pipeline/core/passing.py: in which order the offers and answers of two legs go through a relay."""

import pytest

from pipeline.core import Hangup, Refused, Unacceptable
from pipeline.core.causes import Cause
from pipeline.core.passing import Passing
from pipeline.pending import Pending


class Leg:
    """The driver's side of a channel; the test is its peer, and answers what was asked of it."""

    technology = "sip"

    def __init__(self):
        self.offered = None
        self.asked = []
        self.completed = []

    def change_media(self, offer):
        pending = Pending()
        self.asked.append((offer, pending))
        return pending

    def complete(self, answer):
        self.completed.append(answer)

    def hangup(self, hangup):
        pass

    def answers(self, answer, offer=...):
        """The oldest change that was asked for gets this answer."""
        put, pending = self.asked.pop(0)
        assert offer is ... or put == offer
        pending.fail(answer) if isinstance(answer, Exception) else pending.resolve(answer)


class Recording(Passing):
    """Marks what passes through, at once or later."""

    def __init__(self, channels, later=False):
        super().__init__("recording", channels)
        self.later, self.open, self.undone, self.ended = later, [], [], 0

    def _through(self, text):
        if not self.later:
            return text
        pending = Pending()
        self.open.append((pending, text))
        return pending

    def settle(self):
        while self.open:
            pending, text = self.open.pop(0)
            pending.resolve(text)

    def forth(self, side, offer):
        return self._through(b"<" + offer + b">")

    def back(self, side, answer, final):
        return self._through((b"[" if final else b"(") + answer + b"]")

    def withdrawn(self, exchanged):
        self.undone.append(exchanged.offer)

    def over(self):
        self.ended += 1


@pytest.fixture
def pair(sip):
    """Give relay, the two terminals and the two legs of a caller and a callee."""

    def pair(offered=None, later=False):
        core = sip().engine.core
        legs = Leg(), Leg()
        channels = core.channel("sip", "in", legs[0]), core.channel("sip", "out", legs[1])
        legs[0].offered = offered
        relay = Recording(channels, later)
        return relay, *(relay.terminal(channel) for channel in channels), *legs

    return pair


def value(found):
    return found.value() if isinstance(found, Pending) else found


def refused(found):
    with pytest.raises(Refused) as caught:
        found.value()
    return caught.value.hangup


def up(pair, **more):
    relay, a, b, one, two = pair(b"o1", **more)
    b.offer()
    relay.settle()
    b.accept(b"a1")
    relay.settle()
    assert value(a.answer(b"o1")) == b"[a1]"
    one.offered = None
    a.channel.agreed = b.channel.agreed = True
    return relay, a, b, one, two


@pytest.mark.parametrize("later", [False, True])
def test_the_callers_offer_goes_to_the_callee_and_its_answer_back(pair, later):
    relay, a, b, _, _ = pair(b"o1", later)
    offer = b.offer()
    relay.settle()
    assert value(offer) == b"<o1>"
    assert b.offer() is offer or b.offer() == offer
    taken = b.accept(b"a1")
    answer = a.answer(b"o1")
    relay.settle()
    assert taken is None or taken.done
    assert value(answer) == b"[a1]"
    assert value(a.answer(b"o1")) == b"[a1]"
    assert relay.settled


def test_a_preview_is_what_the_caller_gets_until_the_answer_is_there(pair):
    _relay, a, b, _, _ = pair(b"o1")
    b.offer()
    waiting = a.answer(b"o1")
    assert not waiting.done
    assert b.early(b"e1")
    assert waiting.value() == b"(e1]"
    assert a.answer(b"o1") == b"(e1]"
    b.accept(b"e1")


def test_a_caller_who_was_told_a_preview_is_answered_so_and_gets_what_contradicts_it_as_an_offer(pair):
    _relay, a, b, one, _ = pair(b"o1")
    b.offer()
    a.answer(b"o1")
    b.early(b"e1")
    b.early(b"e2")  # of another early dialog, and never told
    b.accept(b"a1")
    assert a.answer(b"o1") == b"(e1]"
    assert [offer for offer, _ in one.asked] == [b"[a1]"]
    assert a.answer(b"o1") == b"[a1]"  # a refresh


def test_a_caller_answered_for_good_by_a_preview_gets_what_contradicts_it_as_an_offer(pair):
    _, a, b, one, _ = pair(b"o1")
    b.offer()
    b.early(b"e1")
    a.answer(b"o1")
    one.offered = None  # in a reliable 183
    b.accept(b"a1")
    assert [offer for offer, _ in one.asked] == [b"[a1]"]


def test_without_an_offer_the_callee_offers_and_waits_for_the_callers_answer(pair):
    relay, a, b, _, _ = pair()
    assert b.offer() is None
    answer = b.answer(b"o2")
    assert not answer.done
    assert a.offer() == b"<o2>"
    assert a.accept(b"a2") is None
    assert answer.value() == b"[a2]"
    assert relay.settled


def test_a_caller_that_needs_an_offer_early_gets_the_callees_when_it_comes(pair):
    _, a, b, _, _ = pair()
    assert b.offer() is None
    asked = a.offer()
    assert not asked.done
    answer = b.answer(b"o2")
    assert asked.value() == b"<o2>"
    a.accept(b"a2")
    assert answer.value() == b"[a2]"


def test_a_caller_who_is_up_gets_the_callees_offer(pair):
    relay, a, b, one, _ = pair()
    a.channel.agreed = True
    assert b.offer() is None
    answer = b.answer(b"o2")
    one.answers(b"a2", b"<o2>")
    assert answer.value() == b"[a2]"
    assert relay.settled


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("who", [0, 1])
def test_a_change_by_either_side_is_put_to_the_other(pair, who, later):
    relay, *sides = up(pair, later=later)
    side, leg = sides[who], sides[3 - who]
    answer = side.answer(b"o3")
    relay.settle()
    leg.answers(b"a3", b"<o3>")
    relay.settle()
    assert answer.value() == b"[a3]"
    assert side.answer(b"o3") == b"[a3]"  # a refresh with nothing new in it disturbs nobody
    assert leg.asked == []


def test_a_refusal_travels_as_it_came_and_what_was_before_stands(pair):
    relay, a, _, _, two = up(pair)
    answer = a.answer(b"o3")
    two.answers(Refused(Hangup(Cause.INCOMPATIBLE, "No", "sip", 488)))
    assert refused(answer) == Hangup(Cause.INCOMPATIBLE, "No", "sip", 488)
    assert relay.undone == [b"o3"]
    again = a.answer(b"o3")
    two.answers(b"a3")
    assert again.value() == b"[a3]"


def test_a_change_without_an_offer_asks_the_other_side_for_one(pair):
    _, a, b, _, two = up(pair)
    offer = a.offer()
    two.answers(b"o4", None)
    assert offer.value() == b"<o4>"
    a.accept(b"a4")
    assert two.completed == [b"[a4]"]
    offer = b.offer()
    assert not offer.done


def test_a_refused_offer_of_the_other_side_is_called_off_there(pair):
    relay, a, _, _, two = up(pair)
    a.offer()
    two.answers(b"o4")
    a.reject(Hangup(code=488, technology="sip"))
    assert two.completed == [None]
    assert relay.undone == [b"o4"]


def test_an_offer_that_meets_another_is_glare(pair):
    _, a, b, _, two = up(pair)
    first = a.answer(b"o3")
    for ask in (lambda: b.answer(b"o5"), b.offer):
        with pytest.raises(Refused) as caught:
            ask()
        assert (caught.value.hangup.technology, caught.value.hangup.code) == ("sip", 491)
    two.answers(b"a3")
    assert first.value() == b"[a3]"


def test_two_who_are_up_are_brought_together_by_asking_the_first(pair):
    relay, _a, b, one, two = pair()
    joined = relay.join()
    one.answers(b"o6", None)
    two.answers(b"a6", b"<o6>")
    assert one.completed == [b"[a6]"]
    assert joined.value() is None
    change = b.answer(b"o7")
    one.answers(b"a7", b"<o7>")
    assert change.value() == b"[a7]"


@pytest.mark.parametrize("which", ["first", "second"])
def test_a_refusal_ends_the_joining_and_nothing_stays_open(pair, which):
    relay, _, _, one, two = pair()
    joined = relay.join()
    if which == "second":
        one.answers(b"o6")
    (one if which == "first" else two).answers(Refused(Hangup(code=488, technology="sip")))
    assert refused(joined).code == 488
    assert one.completed == ([None] if which == "second" else [])


def test_a_side_that_goes_while_they_are_joined_calls_it_off(pair):
    relay, _, b, one, two = pair()
    joined = relay.join()
    one.answers(b"o6")
    b.close()
    two.answers(b"a6")
    refused(joined)
    assert one.completed == [None]


def test_who_has_offered_learns_why_the_answer_cannot_reach_him(pair):
    relay, a, b, _, _ = pair(b"o1", later=True)
    b.offer()
    relay.settle()
    answer = a.answer(b"o1")
    taken = b.accept(b"a1")
    ((back, _),) = relay.open
    back.fail(Unacceptable("no such codec"))
    for failed in (taken, answer):
        with pytest.raises(Unacceptable, match="no such codec"):
            failed.value()
    b.close()
    assert relay.now.closed and not relay.settled


def test_who_waits_for_a_side_that_goes_is_told(pair):
    relay, a, b, _, _ = pair()
    b.offer()
    answer, asked = b.answer(b"o2"), None
    relay.close()
    refused(answer)
    assert relay.ended == 1
    relay.close()
    assert relay.ended == 1
    relay, a, b, _, _ = pair()
    asked = a.offer()
    b.close()
    refused(asked)
    assert relay.ended == 0
    assert a.accept(b"late") is None
    assert not a.early(b"late")
    a.reject(Hangup())
    a.close()
    assert relay.ended == 1


def test_one_who_goes_before_it_answers_calls_off_what_the_other_was_asked_for(pair):
    _, a, _, _, two = up(pair)
    a.offer()
    two.answers(b"o4")
    a.close()
    assert two.completed == [None]


def test_what_is_shown_names_the_other(pair):
    relay, a, b, _, _ = pair()
    assert a.show() == {"provider": "recording", "with": b.channel.name}
    assert relay.shown(a) == {}
    plain = Passing("plain", (a.channel, b.channel))
    assert plain.forth(a, b"x") == plain.back(a, b"x", True) == b"x"
    assert plain.same(b"x", b"x")


def test_a_withdrawn_offer_is_taken_back_from_who_takes_it_still(pair):
    relay, a, _, one, two = up(pair)
    answer = a.answer(b"o2")
    a.withdraw()
    assert refused(answer) is not None if answer.done else True
    assert relay.undone == [b"o2"]
    two.answers(b"a2", b"<o2>")
    refused(answer)
    two.answers(b"a1", b"<o1>")  # what held before
    assert one.asked == two.asked == []
    assert value(a.answer(b"o1")) == b"[a1]"


def test_who_answers_otherwise_when_asked_to_go_back_is_told_on(pair):
    _, a, _, one, two = up(pair)
    a.answer(b"o2")
    a.withdraw()
    two.answers(b"a2")
    two.answers(b"a3", b"<o1>")
    one.answers(b"o1", b"[a3]")


def test_a_withdrawn_offer_that_is_refused_leaves_nothing_to_do(pair):
    relay, a, _, one, two = up(pair)
    answer = a.answer(b"o2")
    a.withdraw()
    a.withdraw()
    two.answers(Refused(Hangup(code=488)))
    refused(answer)
    assert one.asked == two.asked == []
    assert relay.undone == [b"o2"]


def test_a_newer_offer_makes_going_back_unnecessary(pair):
    _, a, _, one, two = up(pair)
    a.answer(b"o2")
    a.withdraw()
    newer = a.answer(b"o3")
    two.answers(b"a2", b"<o2>")
    two.answers(b"a3", b"<o3>")
    assert value(newer) == b"[a3]"
    assert one.asked == two.asked == []


def test_what_was_withdrawn_before_it_was_put_is_never_put(pair):
    relay, a, _, _, two = up(pair, later=True)
    answer = a.answer(b"o2")
    a.withdraw()
    relay.settle()
    refused(answer)
    assert two.asked == []

"""What a NOTIFY that was not taken means for the subscription (RFC 6665 4.2.2) and for others in its dialog (RFC 5057 5.1).

Rule: what the RFC says removes it is removed at once; who asks for time gets it; whoever else fails is tried again, more and more seldom,
and given up after a few times, or a watcher that always says 500 would be told for ever. A connection that is lost is such a failure too,
as a 503 is (RFC 3261 8.1.3.1): its watcher may come back by another, and who does not is given up by his dialog (`stranded`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.client import Final, Timeout

if TYPE_CHECKING:
    from pipeline import Response
    from pipeline.client import Outcome

    from .notifier import Notifier
    from .subscription import Subscription

REMOVING = frozenset((404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604))
"""RFC 6665 4.2.2."""
DIALOG = frozenset((404, 410, 416, 482, 483, 484, 485, 502, 604))
"""RFC 5057 5.1: these end every usage of the dialog."""
TRIES = 5
FIRST = 10.0
"""Seconds until what failed is tried again; doubled each time."""
LONGEST = 3600.0


def failed(notifier: Notifier, subscription: Subscription, outcome: Outcome) -> None:
    """Remove the subscription, or try again later."""
    usage = subscription.usage
    if subscription.ended:
        notifier.drop(subscription, subscription.reason)
        return
    if isinstance(outcome, Timeout):
        notifier.drop(subscription, "timeout")
        return
    if not isinstance(outcome, Final):
        again(notifier, subscription, "unreachable")
        return
    response = outcome.response
    status = response.status
    wait = retry_after(response)
    if status in DIALOG:
        for each in tuple(usage.subscriptions.values()):
            notifier.drop(each, str(status))
    elif status in REMOVING or (status == 408 and not wait):
        notifier.drop(subscription, str(status))
    else:
        again(notifier, subscription, str(status), wait)


def again(notifier: Notifier, subscription: Subscription, why: str, wait: float = 0.0) -> None:
    """Try again later, after `wait` where the watcher has said so; give up after TRIES."""
    subscription.failures += 1
    if subscription.failures >= TRIES:
        notifier.drop(subscription, why)
    else:
        notifier.retry(subscription, min(wait or FIRST * 2 ** (subscription.failures - 1), LONGEST))


def retry_after(response: Response) -> float:
    """Return the seconds of a Retry-After (RFC 3261 20.33), 0 when there is none."""
    words = (response.get("retry-after") or "").partition(";")[0].partition("(")[0].strip()
    return float(words) if words.isascii() and words.isdigit() and len(words) < 10 else 0.0

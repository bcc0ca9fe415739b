"""Refuse calls outside opening hours."""

from typing import ClassVar

import attrs

from pipeline import Drop, Message, Passage, Reply, hookimpl, option, plugin


@plugin
class Curfew:
    """Calls are taken from `opens` to `closes`; outside, 480."""

    stage: ClassVar[str] = "intercept"
    after: ClassVar[tuple[str, ...]] = ("identify",)

    opens: int = option(8, validator=attrs.validators.in_(range(24)), help="hour from which calls are taken")
    closes: int = option(20, validator=attrs.validators.in_(range(25)), help="hour from which they are refused")

    @hookimpl
    def intercept(self, message: Message, passage: Passage) -> Reply | Drop | None:
        """Refuse a new call outside hours."""
        if (
            message.is_request
            and message.method == "INVITE"
            and passage.dialog is None
            and not self.opens <= passage.clock.local().hour < self.closes
        ):
            return Reply(480, "Closed", because="opens: outside opening hours")
        return None

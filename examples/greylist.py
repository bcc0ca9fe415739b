"""A plugin in one file: the first request of a source that nobody knows is dropped; a real phone sends it again.

[[stage]]
name    = "intercept"
plugins = ["greylist", "identify", "security", "auth"]

[plugin.greylist]
load = "examples/greylist.py:Greylist"
"""

from typing import ClassVar

import attrs

from pipeline import Drop, Message, Passage, hookimpl, option, plugin


@plugin
class Greylist:
    """Drop the first request of each source."""

    stage: ClassVar[str] = "intercept"
    after: ClassVar[tuple[str, ...]] = ("logging",)

    remember: int = option(1000, validator=attrs.validators.ge(1), help="sources remembered; the oldest goes first")

    _seen: dict[str, bool] = attrs.field(init=False, factory=dict)

    @hookimpl
    def intercept(self, message: Message, passage: Passage) -> Drop | None:
        """Drop what comes from a new source."""
        source = passage.flow.peer[0]
        if source in self._seen or not message.is_request:
            return None
        if len(self._seen) >= self.remember:
            del self._seen[next(iter(self._seen))]
        self._seen[source] = True
        return Drop("remember: the first request of a source")

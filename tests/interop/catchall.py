"""The catch-all destination of the torture test: it would take any call to our domains, and takes messages."""

from typing import ClassVar

import attrs

from pipeline import Reply, hookimpl, plugin


@plugin
class Catchall:
    """Answers MESSAGE with 200, and OPTIONS as somebody who would take the call."""

    methods: ClassVar[tuple[str, ...]] = ("MESSAGE",)
    accepts: ClassVar[tuple[str, ...]] = ("multipart/mixed", "text/plain")

    _engine: object = attrs.field(init=False, default=None)

    @hookimpl
    def start(self, engine):
        self._engine = engine

    @hookimpl
    def application(self, message, passage):
        return self.invite_reply(message, passage) if message.method == "MESSAGE" else None

    @hookimpl
    def invite_reply(self, message, passage):
        if self._engine.domain_of(message.uri.host, passage.flow) is None:
            return None
        return Reply(200, because="everybody is at home")

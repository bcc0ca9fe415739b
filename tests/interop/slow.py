"""Somebody who takes every call and never answers it, for the tests that give up."""

from typing import ClassVar

from pipeline import Claim, Pending, hookimpl, plugin


@plugin
class Slow:
    """Claims INVITE; the job never comes to an end by itself."""

    methods: ClassVar[tuple[str, ...]] = ("INVITE",)

    @hookimpl
    def application(self, message, passage):
        if message.method != "INVITE":
            return None
        return Claim("slow", message.call_id, lambda passage: Pending())

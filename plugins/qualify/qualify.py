"""The plugin `qualify`: OPTIONS, or a ping of RFC 5626, to each contact whose address of record wants it (`qualify_frequency`).

Rule: only the node that holds a contact asks it. The rounds outlive a reload; this class is their options and what one question looks like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pipeline import Request, hookimpl, option, plugin
from pipeline.sip.dialog import wants_sips
from pipeline.way import contact

from .rounds import Rounds

if TYPE_CHECKING:
    from pipeline import Flow
    from pipeline.engine import Pipeline


@plugin
class Qualify:
    """Asks contacts whether they are there (OPTIONS, or CRLF by a connection); who does not answer is not called."""

    stage: ClassVar[str] = "integration"
    after: ClassVar[tuple[str, ...]] = ("message_python",)
    needs: ClassVar[tuple[str, ...]] = ("aor", "contact")

    per_second: int = option(
        200, validator=attrs.validators.ge(1), help="how many contacts are asked in a second at most; what is due then comes a little later"
    )
    jitter: float = option(
        0.1,
        validator=attrs.validators.and_(attrs.validators.ge(0), attrs.validators.le(0.5)),
        help="by which part of qualify_frequency a question may come earlier or later, so that contacts do not answer in step",
    )

    _engine: Any = attrs.field(init=False, default=None)
    _rounds: Any = attrs.field(init=False, default=None)

    @hookimpl
    def integration(self, engine: Pipeline) -> None:
        """Begin to ask, or go on with what the instance before us asked."""
        self._engine = engine
        rounds = self._rounds = engine.state(self, lambda: Rounds(engine))
        rounds.serve(self)

    @hookimpl
    def stop(self) -> None:
        """Ask no more."""
        if self._rounds is not None:
            self._rounds.close(self)

    def question(self, uri: str, routes: list[str], flow: Flow) -> Request:
        """Write the OPTIONS to a contact."""
        engine = self._engine
        return Request.new(
            "OPTIONS",
            uri,
            [
                ("Max-Forwards", "70"),
                *(("Route", route) for route in routes),
                ("From", f"<sip:{engine.domains.first.id}>;tag={engine.token()}"),
                ("To", f"<{uri}>"),
                ("Call-ID", engine.token(12)),
                ("CSeq", "1 OPTIONS"),
                ("Contact", contact(flow, "", secure=wants_sips(uri, routes))),
                ("Accept", "application/sdp"),
            ],
        )

    def stats(self) -> dict[str, int]:
        """Return the counters that `sipline show stats` shows."""
        return self._rounds.stats() if self._rounds is not None else {}

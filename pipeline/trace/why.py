"""Why: from what a verdict says ("algorithms: no credentials came") to the line of pipeline.toml that says so.

The first word of `because` names an option of the deciding plugin, an object ("endpoint.alice", "domain.example.com"), a plugin or an
option of [pipeline]; without one, the line where the deciding plugin is listed is what decided. See passage.Reply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pipeline.config.schema import options_of

if TYPE_CHECKING:
    from pipeline.config.plan import Listing, Plan


class Why(NamedTuple):
    """What decided, where it is written, and the sentence."""

    what: str
    place: str
    sentence: str


class Places:
    """The lines of one configuration."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._listings: dict[str, Listing] = {}
        for listing in plan.listings():
            self._listings.setdefault(listing.name, listing)
        self._known: dict[tuple[str, str], tuple[str, str] | None] = {}

    def why(self, plugin: str, because: str) -> Why:
        """Say what decided in `plugin`."""
        head, _, sentence = because.partition(":")
        head = head.strip()
        if head and " " not in head:
            key = (plugin, head)
            if key not in self._known:
                if len(self._known) > 10_000:  # ids come from the network
                    self._known.clear()
                self._known[key] = self._find(plugin, head)
            found = self._known[key]
            if found is not None:
                return Why(*found, sentence.strip())
        return Why("", self.listed(plugin), because)

    def listed(self, plugin: str) -> str:
        """Say where a plugin is listed."""
        listing = self._listings.get(plugin)
        return str(listing.place) if listing is not None else ""

    def _stored(self, head: str, kind: str) -> tuple[str, str]:
        """Say where an object lives that the file does not hold: its backend, and the line that sends its type there."""
        names = [name for name in self.plan.dal[kind].backends if self._listings[name].kind != "toml"] if kind in self.plan.dal else []
        if not names:
            return head, ""
        document = self.plan.document
        written = kind in document.data.get("dal", {})
        place = document.place("dal", kind) if written else self._listings[names[0]].place
        return f"{head} (in {' or '.join(names)})", str(place)

    def _find(self, plugin: str, head: str) -> tuple[str, str] | None:
        """(what, place) of the first word of a `because`; None when it is just a word."""
        document = self.plan.document
        listing = self._listings.get(plugin)
        if listing is not None and head in options_of(type(listing.plugin)):
            what = f"{plugin}.{head}"
            if head in listing.written:
                return what, str(document.place("plugin", plugin, head))
            return f"{what} (default)", str(listing.place)
        kind, dot, ident = head.partition(".")
        if dot and ident:
            from pipeline.dal import TYPES  # noqa: PLC0415  # the types that plugins have registered by now

            if kind in TYPES or kind == "user":
                line = document.line_of(kind, ident)
                return (head, f"{document.name}:{line}") if line else self._stored(head, "endpoint" if kind == "user" else kind)
        if head in self._listings:
            return head, str(self._listings[head].place)
        if head in options_of(type(self.plan.options)):
            written = head in document.data.get("pipeline", {})
            return f"pipeline.{head}" if written else f"pipeline.{head} (default)", str(document.place("pipeline", head)) if written else ""
        return None

"""A viewer that keeps what it is shown, and a server that is watched."""

import pytest

from pipeline.trace import Filter, Viewer, watch


class Kept:
    def __init__(self):
        self.records, self.gaps, self.closed = [], [], False

    def show(self, record):
        self.records.append(record)

    def gap(self, count):
        self.gaps.append(count)

    def flush(self):
        pass

    def close(self):
        self.closed = True


@pytest.fixture
def watched():
    """Watch a server: watched(server, depth="stages", status=["401"]) gives what was kept; `.seen()` after the pump has run."""

    def start(server, depth="stages", *, data=False, **filters):
        kept = Kept()
        kept.stop = watch(server.engine, Viewer(kept, Filter.of(filters), depth, data))

        def seen():
            server.loop.settle()
            if server.engine.tap is not None:
                server.engine.tap.pump()
            return kept.records

        kept.seen = seen
        return kept

    return start


DESK = """
@plugin
class Desk:
    methods: ClassVar = ("OPTIONS", "MESSAGE", "REGISTER")

    @hookimpl
    def application(self, message, passage):
        return Reply(200)
"""


@pytest.fixture
def sip(sip, write):
    """Start a server whose only application answers 200: these tests need none of ours."""

    def start(toml="", **stages):
        return sip(
            toml + write("desk", DESK), **{"application": ["desk"], "transport": ["udp"], "integration": ["memory", "toml"], **stages}
        )

    return start

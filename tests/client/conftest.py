"""Asking others, seen from who asks: what he is told, and a request to ask with."""

import pytest

from pipeline.sip.message import Request


class Told(list):
    """What a request's owner was told."""

    def __call__(self, outcome):
        self.append(outcome)


def make(method="OPTIONS", user="bob", body=b""):
    return Request.new(
        method,
        f"sip:{user}@example.com",
        [
            ("Max-Forwards", "70"),
            ("From", "<sip:alice@example.com>;tag=a"),
            ("To", f"<sip:{user}@example.com>"),
            ("Call-ID", f"c-{method}"),
            ("CSeq", f"7 {method}"),
        ],
        body,
    )


@pytest.fixture
def server(sip):
    return sip(application=[])


@pytest.fixture
def phone(server):
    return server.phone("bob", address=("10.0.0.2", 5060))


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def request_():
    """Return a request of ours to be sent."""
    return make


@pytest.fixture
def ask(server, told):
    """Ask with an OPTIONS, or with another request; `told` collects what becomes of it."""
    return lambda target, message=None: server.engine.request(message or make(), target, told)

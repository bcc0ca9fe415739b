"""What the tests of pub/sub share: a server with an event package of their own (probe.py), its phones as watchers."""

from pathlib import Path

import pytest

from pipeline.testing.watching import Watch

PROBE = f'[plugin.probe]\nload = "{Path(__file__).with_name("probe.py")}:Probe"\n'
STAGES = {
    "intercept": ["identify", "auth"],
    "application": ["registrar", "pubsub", "probe", "options"],
}


@pytest.fixture
def start(sip):
    """Start a server: start(toml="", **more)."""

    def start(toml="", **more):
        return sip(PROBE + toml, **{**STAGES, **more})

    return start


@pytest.fixture
def server(start):
    return start()


@pytest.fixture
def watch():
    """Watch something with a phone, and wait for what is answered: watch(phone, "bob", event="probe")."""

    def watch(phone, to="", *, event="probe", seconds=0.5, **more):
        made = Watch(phone, to, event=event, **more)
        phone.loop.run_until(lambda: made.done, 64)
        phone.loop.advance(seconds)
        return made

    return watch


@pytest.fixture
def probe(plugin_of):
    """Give the probe of a server."""
    return lambda server: plugin_of(server, "probe")


@pytest.fixture
def notifier(plugin_of):
    """Give what `pubsub` knows."""
    return lambda server: plugin_of(server, "pubsub").notifier


class Elsewhere:
    """A server to be watched, scripted: answers SUBSCRIBEs and sends NOTIFYs in their dialogs."""

    def __init__(self, server):
        self.phone = server.phone("eve", address=("10.0.0.8", 5060), password="")
        self.phone.engine.transactions.tag = lambda *_: "eve"  # what its NOTIFYs then say
        self.phone.engine.dialogs.find = lambda message: self if message.to.tag else None  # it knows every dialog
        self.server = server
        self.number = 0

    flow_id, source = "", ("", "")

    def request(self, message, passage):
        """Take a request in a dialog: as one outside."""
        self.phone.phone._answer(passage)

    @property
    def asked(self):
        return [each for each in self.phone.received if each.method == "SUBSCRIBE"]

    def answer(self, *answers):
        self.phone.phone.script["SUBSCRIBE"] = list(answers)

    def notify(self, state="active;expires=600", body=b"here", event="probe", tag="eve", host="10.0.0.8", **more):
        subscribed = self.asked[-1]
        self.number += 1
        local = subscribed.get("to")
        headers = {
            "From": local if ";tag=" in local else f"{local};tag={tag}",
            "To": subscribed.get("from"),
            "Call-ID": subscribed.call_id,
            "Event": event,
            "Subscription-State": state,
            "Content-Type": "text/plain",
            "Contact": "<sip:eve@10.0.0.8:5060>",
            **more,
        }
        uri = str(subscribed.contacts[0].uri)
        source = (host, 5060)
        data = self.server.message("NOTIFY", uri=uri, headers=list(headers.items()), body=body, source=source, cseq=self.number)
        self.phone.send_raw(data) if host == "10.0.0.8" else self.server.send(data, source)
        self.server.advance(0.1)


@pytest.fixture
def elsewhere():
    """Make a server elsewhere: elsewhere(server)."""
    return Elsewhere

"""What tests of event packages share: the hooks as `pubsub` calls them."""

import pytest

from pipeline.pending import Pending
from pipeline.pubsub import Form, Publication, Watcher

BOB = Watcher("sip:bob@example.com", "bob@example.com", "bob")


class Asking:
    """A server, and its event packages as `pubsub` meets them."""

    def __init__(self, server, resource):
        self.server = server
        self.resource = resource
        self.published = []
        self.told = None
        self.version = -1

    @property
    def hooks(self):
        return self.server.engine.generation.hooks["application"]

    def state(self, resource=None):
        """The state of a resource, as a SUBSCRIBE asks for it."""
        found = self.hooks.event_package(resource=resource or self.resource, published=tuple(self.published))
        return self.server.run(_value(found)) if isinstance(found, Pending) else found

    def publish(self, body, etag="a", content_type="application/pidf+xml", resource=None, publisher=BOB):
        """What a PUBLISH gets; taken, it is kept as the newest."""
        new = Publication(etag, content_type, body, publisher.uri, self.server.clock.time())
        taken = self.hooks.event_published(resource=resource or self.resource, publication=new, publisher=publisher)
        self.published = [each for each in self.published if each.etag != etag] + [new]
        return taken

    def body(self, content_type, state=None):
        """A document of its own."""
        form = Form(content_type, 0, BOB)
        return self.hooks.event_body(resource=self.resource, state=self.state() if state is None else state, form=form)

    def notified(self, content_type):
        """The next document of one subscription."""
        state = self.state()
        self.version += 1
        form = Form(content_type, self.version, BOB, before=self.told)
        self.told = state
        return self.hooks.event_body(resource=self.resource, state=state, form=form)

    def changes(self):
        """The resources that the package has told changed, in order."""
        event = self.resource.event
        return [told.fields["resource"] for told in self.server.told("state.changed") if told.fields["event"] == event]


async def _value(pending):
    return await pending


@pytest.fixture
def asking():
    """Give Asking(server, resource)."""
    return Asking

"""What event packages, body generators and the plugin `pubsub` share: types, and no behaviour of one application. RFC 6665, RFC 3903.

A package never sends a NOTIFY. It declares itself in its class (`packages`), says in the hook `event_package` what the state of a resource
is, and tells the bus `state.changed` (event=..., resource=the address of record) when that has changed; `pubsub` asks it anew and decides
whom to notify, when, and in which form. A body generator (hook `event_body`, declared in `bodies`) writes a state in one content type; it
may be of another plugin than the package. So a subscription need not be one phone's: a list, a test or the command line watches as well.

    class Presence:
        packages: ClassVar = (Package("presence", bodies=("application/pidf+xml",), publishes=("application/pidf+xml",)),)

Rule: a state is a value: frozen, compared with `==`. Equal states are not told twice. Which class of state belongs to which event stands in
pipeline/pubsub/states.py for the standard packages, so that body generators of others can read it.
"""

from pipeline.pubsub.package import Package
from pipeline.pubsub.watch import Form, NoSuchResource, Publication, Refused, Resource, Unpublishable, Watcher

__all__ = ["Form", "NoSuchResource", "Package", "Publication", "Refused", "Resource", "Unpublishable", "Watcher"]

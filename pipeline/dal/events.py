"""The stored types of pub/sub: who watches what (`subscription`), what was published (`publication`), lists of resources.

Rule: a subscription carries its whole dialog, so that the next start goes on with it; its numbers (`local_cseq`, `document`) are ceilings:
what was sent is below, so that a start which goes on from there never repeats one. Each stands alone: a resource may have ten thousand.
"""

from typing import ClassVar

import attrs

from pipeline.option import option

from .stored import Stored, register, shared, strings
from .stored import origin as origin_field
from .stored import version as version_field


@attrs.frozen(eq=False, weakref_slot=False)
class Subscription(Stored):
    """Somebody who watches a resource (RFC 6665), with the dialog in which he is told."""

    indexed = ("aor",)
    durability: ClassVar[str] = "behind"

    id: str = option(help="name of the subscription")
    aor: str = option(help="address of record that is watched")
    uri: str = option(default="", help="URI that stands for it in documents")
    event: str = option(default="", converter=shared, help="event package")
    event_id: str = option(default="", help="id of the Event field")
    options: tuple[str, ...] = option(default=(), converter=strings, help='other parameters of the Event field, as "name=value"')
    watcher: str = option(default="", help="URI of who watches")
    watcher_aor: str = option(default="", help="his address of record, when it is one of ours; empty: a stranger")
    display: str = option(default="", help="his display name")
    endpoint: str = option(default="", help="his endpoint")
    content_type: str = option(default="", converter=shared, help="type of the bodies he is sent")
    lists: bool = option(default=False, help="whether he takes the state of a list in one body (RFC 4662)")
    state: str = option(default="active", converter=shared, help="active, pending or waiting (polite block)")
    created_at: float = option(default=0.0, unit="s", help="since when, seconds since 1970 (UTC)")
    expires_at: float = option(default=0.0, unit="s", help="until when it was asked for")
    interval: float = option(default=0.0, unit="s", help="seconds between two NOTIFYs that he asked for (RFC 6446)")
    beat: float = option(default=0.0, unit="s", help="seconds after which he is told again what has not changed (RFC 6446); 0 = never")
    document: int = option(default=0, help="no document that he was sent has this number or a higher one")
    call_id: str = option(default="", help="the dialog: Call-ID")
    local: str = option(default="", help="our From, with the tag")
    local_tag: str = option(default="", help="our tag")
    remote: str = option(default="", help="his To, with the tag")
    remote_tag: str = option(default="", help="his tag")
    target: str = option(default="", help="where requests go: the URI of his Contact")
    route: tuple[str, ...] = option(default=(), converter=strings, help="Route values of our requests")
    local_cseq: int = option(default=0, help="no request of ours had a higher number")
    remote_cseq: int = option(default=-1, help="number of his last request")
    secure: bool = option(default=False, help="whether the dialog was made by a sips URI")
    contact: str = option(default="", help="our Contact")
    reach: str = option(default="", help='where requests really go, when that is not where his Contact says: "udp:192.0.2.1:5060"')
    listener: str = option(default="", converter=shared, help="the listener he came in by")
    source: tuple[str, ...] = option(default=(), converter=strings, help="transport and host from which his requests come")
    node: str = option(default="", converter=shared, help="the node that holds his flow")
    origin: str = origin_field()
    version: int = version_field()


@attrs.frozen(eq=False, weakref_slot=False)
class Publication(Stored):
    """A document that was published about a resource (RFC 3903)."""

    owner = "aor"
    durability: ClassVar[str] = "behind"

    id: str = option(help="its entity tag")
    aor: str = option(help="address of record that it is about")
    event: str = option(default="", converter=shared, help="event package")
    content_type: str = option(default="", converter=shared, help="type of the body")
    body: str = option(default="", help="the document")
    publisher: str = option(default="", help="URI of who published it")
    endpoint: str = option(default="", help="his endpoint")
    source: str = option(default="", help="where it came from")
    published_at: float = option(default=0.0, unit="s", help="when its body came, seconds since 1970 (UTC)")
    expires_at: float = option(default=0.0, unit="s", help="until when it is valid")
    origin: str = origin_field()
    version: int = version_field()


@attrs.frozen(eq=False, weakref_slot=False)
class ResourceList(Stored):
    """A list of resources that is watched as one (RFC 4662)."""

    in_file: ClassVar[bool] = True

    id: str = option(help="user@domain by which it is watched; without @ in the TOML file: in the first domain")
    name: str = option(default="", help="name shown for it")
    members: tuple[str, ...] = option(
        default=(),
        converter=strings,
        help='who is in it: users of the first domain, addresses of record, URIs, other lists; as ["alice", "bob@example.com"]',
    )
    events: tuple[str, ...] = option(default=(), converter=strings, help='event packages it can be watched in, as ["presence"]; [] = all')
    full: bool = option(default=False, help="whether each NOTIFY tells the state of all members, instead of those that changed")
    origin: str = origin_field()
    version: int = version_field()


@attrs.frozen(eq=False, weakref_slot=False)
class Subscribe(Stored):
    """Something elsewhere that the server watches as long as it runs (RFC 6665 4.1); what it is told is told as `notify.received`."""

    in_file: ClassVar[bool] = True

    id: str = option(help="name of it")
    uri: str = option(help='what is watched, as "sip:sales@example.net"')
    event: str = option(default="presence", help="event package, with its parameters")
    accept: tuple[str, ...] = option(default=(), converter=strings, help="media types that are wanted, the best first; [] = the usual ones")
    expires: int = option(default=3600, unit="s", validator=attrs.validators.ge(60), help="for how long it is asked at a time")
    endpoint: str = option(
        default="", refers="endpoint", help='the endpoint whose outbound_auth and outbound_proxy are used; "" = none, where the URI says'
    )
    aor: str = option(default="", help='address of record that our From has; "" = the server itself')
    origin: str = origin_field()
    version: int = version_field()


register("subscription", Subscription)
register("publication", Publication)
register("resource_list", ResourceList)
register("subscribe", Subscribe)

"""What is watched, by whom, and what was published about it: what the hooks of pub/sub are given."""

import attrs


@attrs.frozen
class Resource:
    """What is watched."""

    event: str
    """Name of the package, with its templates."""
    aor: str
    """Address of record "user@domain" in canonical form (`engine.aor_of`)."""
    uri: str
    """URI that stands for it in documents (entity), without parameters: "sip:alice@example.com"."""


@attrs.frozen
class Watcher:
    """Who wants to know, or publishes."""

    uri: str
    """URI of the From, without parameters."""
    aor: str = ""
    """Address of record, when it is one of ours and proved (the endpoint's own, or the digest user's); empty: a stranger."""
    endpoint: str = ""
    """Id of the endpoint; empty: none was identified."""


@attrs.frozen
class Publication:
    """A document that somebody published about a resource (RFC 3903), still valid."""

    etag: str
    content_type: str
    body: bytes
    publisher: str
    """URI of who published it."""
    published_at: float
    """Seconds since 1970 (UTC): of two the later is the newer."""


@attrs.frozen
class Form:
    """How a body is wanted."""

    content_type: str
    version: int
    """Number of this document in its subscription, from 0, rising by one (RFC 4235 4.1.1, RFC 4662 5.2)."""
    watcher: Watcher
    recipient: str = ""
    """URI of the Contact to which it goes; empty in a list."""
    before: object = None
    """The state that this subscription was told last, for partial documents; None: none yet, the document is to be whole."""
    options: tuple[tuple[str, str], ...] = ()
    """Parameters of the Event field besides id, as (name, value): `sla`, `shared` ... (RFC 6665 8.2.1)."""


class NoSuchResource(Exception):  # noqa: N818  errors are named by what they say
    """The package knows no such resource: 404."""


class Refused(Exception):  # noqa: N818
    """The package refuses: its text says why. 403, or `status`."""

    def __init__(self, why: str, status: int = 403) -> None:
        super().__init__(why)
        self.status = status


class Unpublishable(Exception):  # noqa: N818
    """A published document is none of this package: its text says what is wrong and where. 400, or `status`."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status

"""The objects that are stored: frozen, typed, one schema for TOML, database tables, `sipline show` and the reference in docs/.

Rule: an object never changes; a new one takes its place. `origin` (the backend it lives in) and `version` are stamped by that backend
when it takes the object over, and are nobody else's to write. A type says by which field its objects are owned (`owner`, the unit of
atomic change) and which fields can be searched without reading everything (`indexed`). What a phone registers (RFC 3261 10.3) is a
Contact; it is kept small, there are many.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import attrs

from pipeline.option import option

from .endpoint import Endpoint
from .stored import TYPES, Stored, register, shared, strings, version_of
from .stored import origin as origin_field
from .stored import version as version_field

__all__ = [
    "ALGORITHMS",
    "TYPES",
    "Aor",
    "Auth",
    "Contact",
    "Domain",
    "Endpoint",
    "Identify",
    "Stored",
    "digests",
    "register",
    "shared",
    "strings",
    "version_of",
]

if TYPE_CHECKING:
    Digests = dict[str, str]
else:
    Digests = dict[str, str] | tuple[str, ...]  # how it may be written in the TOML file, which the schema reads here

ALGORITHMS = {"MD5": 32, "SHA-256": 64, "SHA-512-256": 64}  # RFC 7616 6.1: algorithm -> hexadecimal digits


def digests(value: Any) -> dict[str, str]:
    """Return {"MD5": hex} for ["MD5:hex", ...], as the TOML file has it, or for the dict itself; names upper, hex lower case."""
    pairs = value.items() if isinstance(value, dict) else [tuple(item.partition(":")[::2]) for item in strings(value)]
    return {algorithm.strip().upper(): digest.strip().lower() for algorithm, digest in pairs}


def _known_algorithms(_stored: Any, field: "attrs.Attribute[Any]", value: Iterable[str]) -> None:
    for algorithm in value:
        if algorithm not in ALGORITHMS:
            raise ValueError(f"{field.name} must be of {', '.join(ALGORITHMS)}, not '{algorithm}'")


def _right_length(_stored: Any, field: "attrs.Attribute[Any]", value: Any) -> None:
    for algorithm, digest in value.items():
        if len(digest) != ALGORITHMS[algorithm] or not set(digest) <= set("0123456789abcdef"):
            raise ValueError(f"{field.name} of {algorithm} must be {ALGORITHMS[algorithm]} hexadecimal digits")


@attrs.frozen(eq=False, weakref_slot=False)
class Auth(Stored):
    """A digest user (RFC 7616): a password, or its hashes for one realm."""

    indexed = ("username",)

    id: str = option(help="name of the credentials")
    username: str = option(default="", help='digest user name; "" = the name of the credentials')
    password: str = option(default="", secret=True, help="password in the clear; better keep password_digest")
    password_digest: Digests = option(  # noqa: RUF009  a fresh dict each, attrs sees to it
        factory=dict,
        converter=digests,
        validator=[_known_algorithms, _right_length],
        secret=True,
        help='hashes of user:realm:password, as ["MD5:hex", "SHA-256:hex"]',
    )
    origin: str = origin_field()
    version: int = version_field()

    def __attrs_post_init__(self) -> None:
        if not self.username:
            object.__setattr__(self, "username", self.id)


@attrs.frozen(eq=False, weakref_slot=False)
class Aor(Stored):
    """An address of record (RFC 3261 10): what others call, and how it may be registered."""

    id: str = option(help="user@domain in canonical form; without @ in the TOML file: in the first domain")
    max_contacts: int = option(
        default=10, validator=attrs.validators.ge(0), help="how many bindings it may have; 0 = it cannot be registered"
    )
    remove_existing: bool = option(default=True, help="whether a new binding above max_contacts drops the oldest, instead of being refused")
    minimum_expiration: int = option(
        default=10,
        unit="s",
        validator=attrs.validators.ge(0),
        help="shorter registrations are refused with 423 (sipsak asks for 15 s, and some phones behind NAT for 30)",
    )
    maximum_expiration: int = option(
        default=7200, unit="s", validator=attrs.validators.ge(1), help="longer registrations are shortened to this"
    )
    default_expiration: int = option(
        default=3600, unit="s", validator=attrs.validators.ge(1), help="lifetime of a registration that names none"
    )
    qualify_frequency: int = option(
        default=0,
        unit="s",
        validator=attrs.validators.ge(0),
        help="how often each of its contacts is asked whether it is there (plugin `qualify`); 0 = never",
    )
    qualify_timeout: float = option(
        default=3.0, unit="s", validator=attrs.validators.gt(0), help="a contact that has not answered in this time is not called"
    )
    qualify_by: str = option(
        default="options",
        validator=attrs.validators.in_(("options", "crlf")),
        help="how it is asked: options (OPTIONS), or crlf: a double CRLF by the TCP or TLS connection that it has registered by. A phone"
        " that does not answer with CRLF in 10 s has its connection closed; RFC 5626 asks an answer of servers only, so try it first. UDP,"
        " WebSocket, contacts behind a proxy or with a port of their own: OPTIONS all the same",
    )
    qualify_2xx_only: bool = option(default=False, help="whether only a 2xx counts as an answer; else any does")
    support_path: bool = option(default=True, help="whether Path (RFC 3327) is accepted and kept")
    contact: tuple[str, ...] = option(
        default=(),
        converter=strings,
        help='where it can be reached besides, without registering: ["sip:gw@192.0.2.7", "<sip:b@192.0.2.8>;q=0.5"]',
    )
    origin: str = origin_field()
    version: int = version_field()


@attrs.frozen(eq=False, weakref_slot=False)
class Identify(Stored):
    """Source addresses and networks, and names in certificates, that are an endpoint."""

    indexed = ("endpoint",)

    id: str = option(help="name of the rule")
    endpoint: str = option(refers="endpoint", help="the endpoint that a matching source is")
    match: tuple[str, ...] = option(
        default=(), converter=strings, help='addresses and networks, as "192.0.2.0/24" (no bits behind the prefix)'
    )
    certificate: tuple[str, ...] = option(
        default=(),
        converter=strings,
        help='names that its client certificate proves, as "trunk.example.net" or "sip:alice@example.com" (RFC 5922 7.1)',
    )
    origin: str = origin_field()
    version: int = version_field()


@attrs.frozen(eq=False, weakref_slot=False)
class Domain(Stored):
    """A domain that we serve."""

    id: str = option(help="the domain")
    aliases: tuple[str, ...] = option(default=(), converter=strings, help="other names and addresses of it")
    realm: str = option(default="", help='realm of its digest challenges; "" = the domain')
    algorithms: tuple[str, ...] = option(
        default=("MD5",), validator=_known_algorithms, help="digest algorithms offered, strongest first (RFC 8760 2.4)"
    )
    origin: str = origin_field()
    version: int = version_field()

    def __attrs_post_init__(self) -> None:
        if not self.realm:
            object.__setattr__(self, "realm", self.id)


@attrs.frozen(eq=False, weakref_slot=False)
class Contact(Stored):
    """One binding of an address of record (RFC 3261 10.3): where a phone can be reached, and until when."""

    owner = "aor"
    hot = True

    id: str = option(help="name of the binding, unique among all")
    aor: str = option(refers="aor", help="the address of record that it belongs to")
    uri: str = option(help="Contact URI, verbatim")
    params: str = option(default="", help='what stood after the ">" of the Contact, verbatim')
    q: float = option(default=1.0, help="preference, 0 to 1 (RFC 3261 20.10)")
    expires_at: float = option(default=0.0, unit="s", help="end of the binding, seconds since 1970 (UTC)")
    call_id: str = option(default="", help="Call-ID of the REGISTER that made it")
    cseq: int = option(default=0, help="CSeq number of that REGISTER")
    path: tuple[str, ...] = option(default=(), help="Path values of that REGISTER, verbatim (RFC 3327)")
    reach: str = option(default="", help='where requests really go: "udp:192.0.2.1:5060" or "flow:ID"')
    listener: str = option(default="", converter=shared, help="the listener it came in by")
    instance: str = option(default="", help="+sip.instance (RFC 5626), verbatim")
    reg_id: int = option(default=0, help="reg-id (RFC 5626); 0 = none")
    user_agent: str = option(default="", converter=shared, help="User-Agent of that REGISTER")
    endpoint: str = option(default="", refers="endpoint", help="the endpoint that registered it")
    node: str = option(default="", converter=shared, help="the node that holds its flow")
    gruu: int = option(default=0, help="generation of its phone's temporary GRUUs (RFC 5627 5.1); those of another are void; 0 = none")
    origin: str = origin_field()
    version: int = version_field()


for _kind, _cls in {"auth": Auth, "aor": Aor, "contact": Contact, "identify": Identify, "domain": Domain}.items():
    register(_kind, _cls)

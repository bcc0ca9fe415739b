"""The objects that are stored: frozen, typed, one schema for TOML, database tables, `sipline show` and the reference in docs/.

Rule: an object never changes; a new one takes its place. `origin` (the backend it lives in) and `version` are stamped by that backend
when it takes the object over, and are nobody else's to write. A type says by which field its objects are owned (`owner`, the unit of
atomic change) and which fields can be searched without reading everything (`indexed`). What a phone registers (RFC 3261 10.3) is a
Contact; it is kept small, there are many.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import attrs

from pipeline.option import option

if TYPE_CHECKING:
    Digests = dict[str, str]
else:
    Digests = dict[str, str] | tuple[str, ...]  # how it may be written in the TOML file, which the schema reads here

C = TypeVar("C", bound="type[Stored]")
TYPES: dict[str, "type[Stored]"] = {}
ALGORITHMS = {"MD5": 32, "SHA-256": 64, "SHA-512-256": 64}  # RFC 7616 6.1: algorithm -> hexadecimal digits


class Stored:
    """What all stored types have in common; the attrs classes below declare the fields themselves, `id` first."""

    __slots__ = ()
    kind: ClassVar[str] = ""  # the type's name, set by register()
    owner: ClassVar[str] = ""  # the field that owns: "" = each object stands alone
    indexed: ClassVar[tuple[str, ...]] = ()
    hot: ClassVar[bool] = False  # read and written with every message: a backend that can keeps all of them in memory
    id: str
    origin: str
    version: int


def register(kind: str, cls: C) -> C:
    """Make a type known by this name. A plugin may add its own; a name belongs to one class."""
    known = TYPES.setdefault(kind, cls)
    if known is not cls and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(f"the stored type {kind!r} is already {known.__module__}.{known.__qualname__}")
    cls.kind = kind
    TYPES[kind] = cls
    return cls


def version_of(objects: Iterable[Any]) -> int:
    """Return one number for this set of one owner's objects, for `if_version`: the highest version, and how many there are.

    Each put gets a version never seen before and each delete makes the set smaller, so equal numbers are equal sets. For one
    object it is its version, for none 0.
    """
    versions: list[int] = [stored.version for stored in objects]
    if len(versions) == 1:
        return versions[0]
    return max(versions) + (len(versions) - 1 << 64) if versions else 0


class _Shared(dict[str, str]):
    def __missing__(self, text: str) -> str:
        if len(self) >= 4096:
            self.clear()
        self[text] = text
        return text


shared: Callable[[str], str] = _Shared().__getitem__
"""Return the one copy of a string that many objects hold (listener, user agent, node). Bounded: phones choose their user agents."""


def strings(value: Any) -> tuple[str, ...]:
    """Return a list of strings as the tuple it is kept as."""
    if isinstance(value, str):
        raise TypeError(f'must be a list, not "{value}"')
    return tuple(value)


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


def _origin() -> Any:
    return option(default="", help="the backend that holds this object; stamped by it")


def _version() -> Any:
    return option(default=0, help="changes with every write; stamped by the backend")


@attrs.frozen(eq=False, weakref_slot=False)
class Endpoint(Stored):
    """A phone, a trunk or a gateway: who may talk to us and as whom."""

    indexed = ("auth", "aors")

    id: str = option(help="name of the endpoint")
    auth: tuple[str, ...] = option(
        default=(), converter=strings, refers="auth", help="credentials that prove this endpoint; [] = none are asked for"
    )
    aors: tuple[str, ...] = option(default=(), converter=strings, refers="aor", help="addresses of record it may register and call as")
    trust_from: bool = option(default=False, help="whether it may use any From, as a trunk does")
    identify_by: tuple[str, ...] = option(
        default=(), converter=strings, help="ways of `identify` that may find it; [] = all that are configured"
    )
    origin: str = _origin()
    version: int = _version()


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
    origin: str = _origin()
    version: int = _version()

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
    support_path: bool = option(default=True, help="whether Path (RFC 3327) is accepted and kept")
    origin: str = _origin()
    version: int = _version()


@attrs.frozen(eq=False, weakref_slot=False)
class Identify(Stored):
    """Source addresses and networks that are an endpoint."""

    indexed = ("endpoint",)

    id: str = option(help="name of the rule")
    endpoint: str = option(refers="endpoint", help="the endpoint that a matching source is")
    match: tuple[str, ...] = option(default=(), converter=strings, help='addresses and networks, as "192.0.2.0/24"')
    origin: str = _origin()
    version: int = _version()


@attrs.frozen(eq=False, weakref_slot=False)
class Domain(Stored):
    """A domain that we serve."""

    id: str = option(help="the domain")
    aliases: tuple[str, ...] = option(default=(), converter=strings, help="other names and addresses of it")
    realm: str = option(default="", help='realm of its digest challenges; "" = the domain')
    algorithms: tuple[str, ...] = option(
        default=("MD5",), validator=_known_algorithms, help="digest algorithms offered, strongest first (RFC 8760 2.4)"
    )
    origin: str = _origin()
    version: int = _version()

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
    origin: str = _origin()
    version: int = _version()


for _kind, _cls in {"endpoint": Endpoint, "auth": Auth, "aor": Aor, "contact": Contact, "identify": Identify, "domain": Domain}.items():
    register(_kind, _cls)

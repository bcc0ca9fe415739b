"""The register of header fields: long names, compact forms, which are lists, which may stand only once.

Rule: everywhere in the house a field is known by its long name in lower case ("call-id"); on the wire it is spelled as its RFC does.
RFC 3261 sections 7.3.1, 7.3.3 and 20; the names of other RFCs are those that IANA lists.
"""

from __future__ import annotations

from functools import lru_cache

from .grammar import Malformed, is_token

COMPACT = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition", "e": "Content-Encoding",
    "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported", "l": "Content-Length", "m": "Contact",
    "n": "Identity-Info", "o": "Event", "r": "Refer-To", "s": "Subject", "t": "To", "u": "Allow-Events", "v": "Via",
    "x": "Session-Expires", "y": "Identity",
}  # fmt: skip

# Comma-separated by their grammar. Not here: fields whose one value holds commas (Authorization and its kin, Date).
LISTED = (
    "Accept Accept-Contact Accept-Encoding Accept-Language Accept-Resource-Priority Alert-Info Allow Allow-Events Call-Info Contact "
    "Content-Encoding Content-Language Diversion Error-Info Feature-Caps Geolocation History-Info In-Reply-To P-Asserted-Identity "
    "P-Associated-URI P-Early-Media P-Preferred-Identity Path Permission-Missing Proxy-Require Reason Record-Route Recv-Info "
    "Reject-Contact Remote-Party-ID Request-Disposition Require Resource-Priority Route "
    "Security-Client Security-Server Security-Verify Service-Route Supported "
    "Unsupported User-to-User Via Warning"
)
# Two of these make a message ambiguous: it is refused. Repeated informational fields (Server, Subject ...) harm nobody.
ONCE = (
    "Call-ID Content-Disposition Content-Length Content-Type CSeq Event Expires From Join Max-Forwards Min-Expires Min-SE RAck Refer-To "
    "Referred-By Replaces Retry-After RSeq Session-Expires SIP-ETag SIP-If-Match Subscription-State Target-Dialog Timestamp To"
)
OTHER = (
    "Answer-Mode Authentication-Info Authorization Date Flow-Timer Identity Identity-Info Info-Package Max-Breadth MIME-Version "
    "Organization P-Access-Network-Info P-Called-Party-ID P-Charging-Function-Addresses P-Charging-Vector P-Visited-Network-ID "
    "Priority Privacy Priv-Answer-Mode Proxy-Authenticate Proxy-Authorization Refer-Events-At Refer-Sub Reply-To Server Subject "
    "Suppress-If-Match User-Agent WWW-Authenticate"
)

LISTS = frozenset(name.lower() for name in LISTED.split())
SINGLE = frozenset(name.lower() for name in ONCE.split())
SPELLED = {name.lower(): name for name in (*LISTED.split(), *ONCE.split(), *OTHER.split())}


def _known() -> dict[str, str]:
    keys = {}
    for key, name in SPELLED.items():
        for form in (name, key, name.upper(), name.title(), name.capitalize()):
            keys[form] = key
    for letter, name in COMPACT.items():
        keys[letter] = keys[letter.upper()] = name.lower()
        SPELLED.setdefault(name.lower(), name)
    return keys


REMEMBERED = 64
"""Letters of a field name that is kept at most: what strangers send may not fill the memory."""
KEYS = _known()  # the usual spellings, found with one look


def canonical(name: str) -> str:
    """The key of a field name: "v" and "VIA" are "via". Raises Malformed when it is no name."""
    key = KEYS.get(name)
    if key is not None:
        return key
    return _remembered(name) if len(name) <= REMEMBERED else _canonical(name)


def _canonical(name: str) -> str:
    name = name.rstrip(" \t")
    if not is_token(name):
        raise Malformed("Bad header field: its name is not a token")
    key = name.lower()
    return COMPACT[key].lower() if key in COMPACT else key


_remembered = lru_cache(maxsize=1024)(_canonical)


def spelled(key: str) -> str:
    """The name to write on the wire; a name that no RFC gave is written Capital-By-Capital."""
    return SPELLED.get(key) or key.title()

"""Finding SIP servers by DNS: from a URI to addresses in the order in which to try them. RFC 3263, RFC 2782, RFC 7118 (NAPTR of WebSocket).

`Locator` is what the house asks; below it: order.py (which record first: pure), resolver.py (one name, one kind of record: cache, hosts
file, search list), asker.py (one question over the wire), system.py (what this machine says about name servers), health.py (who was
dead a moment ago).
"""

from .locator import Locator, Service

__all__ = ["Locator", "Service"]

"""The `tls` transport: SIP over TLS, in both directions. RFC 3261 26.2, RFC 5922 (domain certificates), RFC 5923 (reuse of connections)."""

from .tls import Tls

__all__ = ["Tls"]

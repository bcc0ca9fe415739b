"""The `registrar`: REGISTER makes, refreshes and removes the bindings of an address of record. RFC 3261 10.3, RFC 3327."""

from .registrar import Registrar

__all__ = ["Registrar"]

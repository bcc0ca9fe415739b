"""The data access layer: stored objects, the contract of what stores them, the layer that maps types to backends. No SIP."""

from .acls import Acl
from .backend import Backend, Conflict, ReadOnly, StorageError, Unavailable, Unstored
from .bans import Ban
from .events import Publication, ResourceList, Subscribe, Subscription
from .hints import Hint
from .layer import DURABILITIES, Layer, Mapping
from .mailbox import Mailbox
from .messages import Message
from .objects import TYPES, Aor, Auth, Contact, Domain, Endpoint, Identify, Stored, register, shared, version_of
from .records import Cdr
from .stored import maker
from .table import Table

__all__ = [
    "DURABILITIES",
    "TYPES",
    "Acl",
    "Aor",
    "Auth",
    "Backend",
    "Ban",
    "Cdr",
    "Conflict",
    "Contact",
    "Domain",
    "Endpoint",
    "Hint",
    "Identify",
    "Layer",
    "Mailbox",
    "Mapping",
    "Message",
    "Publication",
    "ReadOnly",
    "ResourceList",
    "StorageError",
    "Stored",
    "Subscribe",
    "Subscription",
    "Table",
    "Unavailable",
    "Unstored",
    "maker",
    "register",
    "shared",
    "version_of",
]

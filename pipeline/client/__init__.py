"""Asking others: client transactions, and around them what every application wants of a request (architecture section 4).

`Clients.request` (clients.py) sends a request to the first target that takes it and tells its owner what becomes of it (outcomes.py). Below
it: seeking.py (one target after the other until one takes the message), asking.py (a request, its transactions, what comes back),
challenges.py (the answer to a 401 or 407), acknowledging.py (the ACK of a 2xx, which has no transaction), branch.py (what is held for one
transaction), sending.py (the Via). Which states a transaction has is told in pipeline.sip.transaction_client.
"""

from .asking import Asking
from .clients import Clients
from .outcomes import TOO_LARGE, Final, Outcome, Provisional, Timeout, TransportError

__all__ = ["TOO_LARGE", "Asking", "Clients", "Final", "Outcome", "Provisional", "Timeout", "TransportError"]

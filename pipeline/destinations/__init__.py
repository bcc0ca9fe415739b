"""Whom a name means and where he is reached, who says that he is calling or writing, and what proves us to those who ask.

targets.py (a name -> Destinations), identity.py (From, asserted identities, privacy), credentials.py (answers to challenges).

Rule: what calls and messages share, and no more: nothing here knows of sessions or of texts.
"""

from pipeline.destinations.credentials import Credentials
from pipeline.destinations.targets import ABSENT, NOBODY, TECHNOLOGY, UNKNOWN, Destination, Targets

__all__ = ["ABSENT", "NOBODY", "TECHNOLOGY", "UNKNOWN", "Credentials", "Destination", "Targets"]

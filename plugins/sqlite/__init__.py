"""Objects in an SQLite file: durable, and open to other programs while the server runs."""

from .plugin import Sqlite

__all__ = ["Sqlite"]

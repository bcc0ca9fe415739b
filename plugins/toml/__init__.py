"""The objects written in pipeline.toml itself: [user.X], [endpoint.X], [auth.X], [aor.X], [identify.X], [domain.X]. Read-only."""

from .objects import Toml

__all__ = ["Toml"]

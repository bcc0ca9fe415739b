"""How many files and connections this process may have open at once, and raising that to what the system allows.

Rule: systemd and shells give 1,024 (select could not name more) and allow 524,288; each connection takes one, so the former would be the
end of a TCP server with a thousand phones.
"""

from __future__ import annotations

import contextlib
import resource

MOST = 1 << 20
"""What is asked for where the system knows no end; the kernel's own default for fs.nr_open."""


def allowed() -> int:
    """Return how many this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if 0 <= soft < MOST else MOST


def ask_for_all() -> None:
    """Raise the limit as far as an ordinary user may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if 0 <= hard < MOST else MOST
    if 0 <= soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS has another end than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

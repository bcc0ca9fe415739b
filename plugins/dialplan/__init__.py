"""The `dialplan`: what is dialled leads to a list of steps. Contexts, extensions, menus and schedules, in the file or in a database."""

from .dialplan import Dialplan
from .stored import Context, Menu, Schedule

__all__ = ["Context", "Dialplan", "Menu", "Schedule"]

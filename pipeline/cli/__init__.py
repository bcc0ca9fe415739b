"""The command line: `sipline COMMAND`, also `python -m pipeline COMMAND`. Each command is a file here with a function `run(args)`.

Rule: a command is imported when it is asked for, so that `sipline check` starts in a fifth of a second. Exit status: 0 done, 1 it could
not be done (one line says why), 2 pipeline.toml or the command line is wrong.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module


class Failed(Exception):  # noqa: N818 (a sentence for the user)
    """Why a command could not be done, and with which exit status: 2 = it was not asked rightly."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    from pipeline.cli.arguments import parser  # noqa: PLC0415

    if not (sys.argv[1:] if argv is None else argv):
        parser().print_help(sys.stderr)
        return 2
    args = parser().parse_args(argv)
    command = import_module(f"pipeline.cli.{args.command}")
    from pipeline.config.problems import Problems  # noqa: PLC0415

    try:
        return int(command.run(args) or 0)
    except Problems as problems:
        print(problems, file=sys.stderr)
        return 2
    except Failed as failed:
        from pipeline.plain import plain  # noqa: PLC0415

        print(f"sipline: {plain(str(failed))}", file=sys.stderr)
        return failed.status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of a pipe, such as head, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0

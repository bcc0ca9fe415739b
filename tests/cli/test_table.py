"""Tables of what came from the network: a terminal shows it, and nothing of it begins a row of its own or stops the command."""

import json

from pipeline.cli.table import show_table

ROWS = [{"caller": "Zoë\udcff\nmallory  up", "dialed": "\x1b[31m9\t9"}, {"caller": "bob", "dialed": "600"}]


def test_nobody_s_name_begins_a_row_or_speaks_to_the_terminal(capsys):
    show_table(ROWS, empty="")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].split("  ") == ["Zoë\\xff\\nmallory", "up", "\\x1b[31m9\\t9"]


def test_json_of_what_was_never_utf8_can_be_written_and_read(capsys):
    show_table(ROWS, empty="", as_json=True)
    out = capsys.readouterr().out
    assert out.encode() and "Zoë" in out and json.loads(out) == ROWS

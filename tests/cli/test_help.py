"""`sipline` alone, and what the help says."""

from pipeline.cli import main


def test_without_a_command_the_commands_are_listed(capsys):
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    for command in ("run", "check", "show", "trace", "user"):
        assert f"\n    {command} " in err

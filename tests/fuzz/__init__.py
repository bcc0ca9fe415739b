"""Fuzzing: targets.py says what, run.py drives it with atheris, test_hypothesis.py with hypothesis; test_findings.py keeps what was found."""

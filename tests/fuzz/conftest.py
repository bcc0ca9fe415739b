"""Fuzzing is run by name: `python -m pytest tests/fuzz -m fuzz`, or with atheris: `python tests/fuzz/run.py all 600`."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config, items):
    if "fuzz" in (config.option.markexpr or ""):
        return
    for item in items:
        if HERE in Path(item.fspath).parents and item.get_closest_marker("fuzz"):
            item.add_marker(pytest.mark.skip(reason="fuzzing is run by name: -m fuzz"))

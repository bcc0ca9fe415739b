"""What the pages show of plugins works by copy and paste: their Python blocks are written where they say and their tests are run."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?ms)^```python\n(.*?)^```$")
NAME = re.compile(r"  # (plugins\.d/\w+\.py)\b")


def blocks(page):
    """(file or "", text) of each Python block of a page; a block says in its first line where it belongs."""
    for text in BLOCK.findall(page.read_text()):
        found = NAME.search(text.partition("\n")[0])
        yield found[1] if found else "", text


def test_there_are_plugins_and_tests_of_them():
    names = [name for page in PAGES for name, _ in blocks(page) if name]
    assert len(names) == len(set(names)), "two blocks would be one file"
    tests = {name for name in names if "/test_" in name}
    assert {"plugins.d/curfew.py", "plugins.d/doorbell.py", "plugins.d/weather.py", "plugins.d/lines.py"} <= {*names}
    assert {name.replace("test_", "") for name in tests} <= {*names}


@pytest.mark.parametrize("page", [page for page in PAGES if any(name for name, _ in blocks(page))], ids=lambda page: page.name)
def test_the_plugins_of_a_page_load_and_pass_their_tests(page, tmp_path):
    folder = tmp_path / "plugins.d"
    folder.mkdir()
    names = []
    for name, text in blocks(page):
        if name:
            names.append(name)
            (tmp_path / name).write_text(text)
    for name in names:
        if "/test_" not in name:
            assert any(attrs.has(value) for value in runpy.run_path(str(tmp_path / name)).values() if isinstance(value, type)), name
    if any("/test_" in name for name in names):
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "plugins.d"]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

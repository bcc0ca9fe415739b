"""What the pages name exists: links lead somewhere, files and plugins are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]+)")
FILE = re.compile(r"(?<![\w./-])(?:bench|docs|examples|load|pipeline|plugins|tests)/[\w/-]+\.(?:py|md|toml|cfg|c)\b")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_files_lead_somewhere(page):
    text = page.read_text()
    linked = [target for target in LINK.findall(text) if not (page.parent / target).exists()]
    named = [name for name in FILE.findall(text) if not (ROOT / name).exists()]
    assert (linked, named) == ([], [])


def test_the_plugins_of_the_plan_of_the_house_are_there():
    rows = [
        line.split("|")[4] for line in (ROOT / "docs/architecture.md").read_text().splitlines() if re.match(r"\| `(?!stage)\w+` \|", line)
    ]
    names = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    there = {path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py")}
    assert len(rows) == 5
    assert (names - there, there - names) == (set(), set())

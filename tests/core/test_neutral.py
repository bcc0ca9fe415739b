"""The core knows no technology: no word of SIP in it, and nothing imported that does."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SOURCES = sorted((ROOT / "pipeline/core").glob("*.py"))
WORDS = re.compile(r"(?i)\b(sips?|sdp|re-?invites?|invites?|prack|via|user.?agent|call-id|to-?tag|contacts?|rtp|aors?|registrars?)\b")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_word_of_sip_is_in_the_core(path):
    text = path.read_text()
    assert [found[0] for found in WORDS.finditer(text)] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_the_core_imports_itself_the_stores_and_what_knows_no_technology(path):
    allowed = {"pipeline.clock", "pipeline.core", "pipeline.dal", "pipeline.engine", "pipeline.pending"}
    tree = ast.parse(path.read_text())
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    ours = {".".join(module.split(".")[:2]) for module in modules if module.startswith(("pipeline", "plugins"))}
    assert ours <= allowed

"""Where a plugin belongs in a list, as the plugins say."""

from itertools import combinations
from pathlib import Path

import pytest

from pipeline.config.discover import Finder, Missing, builtins
from pipeline.config.edit import disable, enable, lists_of
from pipeline.config.hooks import families_of
from pipeline.config.order import Order
from pipeline.config.read import read

ROOT = Path(__file__).parents[2]

AFTER = {"b": ("a",), "c": ("b",), "d": ("c",), "x": ("y",), "y": ("x",)}


class Classes:
    def find(self, name):
        if name == "gone":
            raise Missing("there is none")
        cls = type(name, (), {"after": AFTER[name]} if name in AFTER else {})
        return type("Found", (), {"cls": cls})


@pytest.mark.parametrize(
    ("name", "names", "place"),
    [
        ("b", ["a", "c"], "a"),
        ("c", ["a", "own", "d"], "a"),  # whom b comes after, which is not listed
        ("d", ["b", "a"], "a"),
        ("a", ["own", "d"], "own"),  # d comes after c, that after b, that after a
        ("a", ["c"], ""),
        ("a", [], ""),
        ("own", [], ""),
        ("own", ["a", "b"], None),
        ("a", ["own", "gone"], None),
        ("x", ["y"], "y"),  # each says it comes after the other
    ],
)
def test_behind_whom(name, names, place):
    assert Order(Classes()).place(name, names) == place


@pytest.mark.parametrize("file", ["pipeline.toml", "examples/edge/edge.toml", "examples/edge/registrar.toml"])
def test_each_of_ours_comes_back_where_it_was(tmp_path, file):
    text = (ROOT / file).read_bytes()
    path = tmp_path / "pipeline.toml"
    path.write_bytes(text)
    order = Order(Finder(tmp_path, {}))
    for name in sorted({name for names in lists_of(read(path).data).values() for name in names}):
        stages = disable(path, name)
        lists = lists_of(read(path).data)
        enable(path, name, {stage: order.place(name, lists[stage]) for stage in stages})
        assert path.read_bytes() == text, name


def test_of_any_two_of_ours_in_a_stage_it_is_known_which_comes_first_and_of_no_two_both():
    finder = Finder(ROOT, {})
    order = Order(finder)
    classes = {name: finder.find(name).cls for name in builtins()}
    for one, other in combinations(classes, 2):
        if set(families_of(classes[one])) & set(families_of(classes[other])):
            known = (one in order.earlier(other), other in order.earlier(one))
            assert sum(known) == 1, (one, other)

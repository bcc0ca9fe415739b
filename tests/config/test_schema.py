from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import attrs
import pytest

from pipeline.config import Document
from pipeline.config.discover import Finder, builtins
from pipeline.config.options import PipelineOptions
from pipeline.config.problems import Report
from pipeline.config.schema import MISSING, check_table, misspelt, options_of
from pipeline.dal.objects import TYPES
from pipeline.option import option, plugin

if TYPE_CHECKING:
    from nowhere import Unknown


@plugin
class Mine:
    listens: ClassVar[str] = "udp"
    bind: list[str] = option(factory=list, help="addresses", unit="", validator=attrs.validators.min_len(1))
    realm: str = option(help="realm", secret=True, refers="domain")
    odd: Unknown = option(None, help="of a type that cannot be found")
    _private: int = 3
    late: int = attrs.field(init=False, default=0)


def test_options_are_the_fields_that_a_table_can_set():
    options = options_of(Mine)
    assert list(options) == ["bind", "realm", "odd"]
    assert (options["bind"].kind, options["bind"].default_value(), options["bind"].limits) == (list[str], [], "at least 1 long")
    assert (options["realm"].required, options["realm"].secret, options["realm"].refers) == (True, True, "domain")
    assert options["realm"].default_value() is MISSING


def test_an_object_is_written_without_its_id_origin_and_version():
    assert not {"id", "origin", "version"} & options_of(TYPES["aor"]).keys()
    assert "max_contacts" in options_of(TYPES["aor"])


def test_every_option_that_names_a_file_or_folder_takes_one_from_home():
    """By its help: where what is relative starts from. Of `state` also a broken file must be read (pipeline/cli/files.py)."""
    classes = [PipelineOptions, *(Finder(Path(), {}).find(name).cls for name in builtins())]
    options = [option for cls in classes for option in options_of(cls).values() if option.name != "state"]
    named = {
        option.name
        for option in options
        if any(word in option.help for word in (" this file's folder", "folder of this file", "state directory", "PEM", "folder of"))
    }
    assert named == {option.name for option in options if option.path}
    assert {"log_file", "certificates", "prompts"} <= named


def test_a_path_from_home_is_made_whole_and_one_of_nobody_told(plan, problems, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    line = 'name    = "edge-1"'
    assert plan(changes={line: f'{line}\nlog_file = "~/x.log"'}).options.log_file == "/home/me/x.log"
    (told,) = problems("", {line: f'{line}\nlog_file = "~nobody-of-that-name/x"'})
    assert "log_file: there is no home for '~nobody-of-that-name'" in told


def test_a_class_without_fields_has_no_options():
    assert options_of(int) == {}


def test_a_missing_key_under_a_wrong_name_is_noticed():
    assert misspelt("realm", {"relm": 1}, ["realm"])
    assert not misspelt("realm", {"realm_2": 1}, ["realm_2"])


def places(told):
    return [each.split(": ")[0].partition(":")[2] for each in told]


def test_each_item_of_a_list_that_is_wrong_is_told_at_its_own_place(problems):
    told = problems('[plugin.udp]\nbind = ["127.0.0.1:99999", "127.0.0.1:5060",\n  "::1:88888"]')
    # of udp.py's own option nothing is known here: its addresses are read when listeners are compared
    assert places(told) == ["29:9", "30:3"]
    told = problems('[endpoint.x]\nauth = []\ndeny = ["10.0.0.0/8x", "10.0.0.0/8", "", "::/129"]')
    assert places(told) == ["29:9", "29:38", "29:42"]
    assert [each.split("\n")[2].strip() for each in told] == ["^^^^^^^^^^^^^", "^^", "^^^^^^^^"]
    assert all("is no address and no network" in each for each in told)


def test_each_item_of_another_type_is_told(problems):
    told = problems('[domain."example.com"]\naliases = [["a"], "b", ["c"]]')
    assert [each.split("\n")[0] for each in told] == [
        'pipeline.toml:28:12: item 1 of aliases must be text, not ["a"]',
        'pipeline.toml:28:24: item 3 of aliases must be text, not ["c"]',
    ]
    assert len(problems(changes={'["example.com"]': str([*range(9)])})) == 9


def test_beside_items_of_another_type_the_others_are_judged(problems):
    assert places(problems('[endpoint.x]\nauth = []\ndeny = [5, "10.0.0.0/8", "10.0.0.0/8x"]')) == ["29:9", "29:26"]
    assert places(problems(changes={'["example.com"]': '["example.com", 5, "exämple.com"]'})) == ["3:27", "3:30"]


@plugin
class Strict:
    ways: list[str] = option(factory=list, help="ways")

    @ways.validator
    def _check(self, attribute, value):
        for way in value:
            if way not in {"ip", "name"}:
                raise ValueError(f"{attribute.name}: this is no way")
        if len({*value}) < len(value):
            raise ValueError(f"{attribute.name} holds 'ip' twice")
        if "ip" not in value and "name" in value:
            raise ValueError(f"{attribute.name} needs ip")


@pytest.mark.parametrize(
    ("ways", "said"),
    [
        (["ip", "x", "y"], [("a", "ways", 1), ("a", "ways", 2)]),  # without them the rest is right
        (["ip", "ip"], [("a", "ways")]),  # each is right alone
        (["name"], [("a", "ways")]),  # what is missing is no item's fault
    ],
)
def test_an_item_is_to_blame_only_when_the_list_is_right_without_it(ways, said):
    report = Report(Document("p", ""))
    check_table(report, Strict, {"ways": ways}, ("a",))
    assert report.places == said

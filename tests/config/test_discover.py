import sys

import pytest

from pipeline.config.discover import Finder, Missing, builtins, camel_case, entry_points

CURFEW = "from pipeline.option import option, plugin\n\n@plugin\nclass Curfew:\n    opens: int = option({}, help='hour')\n"


def test_a_name_becomes_a_class_name():
    assert camel_case("media_local") == "MediaLocal"


def test_the_plugins_that_come_with_sipline_are_listed_without_importing_them():
    assert {"udp", "registrar", "sqlite"} <= set(builtins())


def test_a_builtin_is_found_by_its_name_and_used_under_another(tmp_path):
    finder = Finder(tmp_path, {"store_two": {"use": "memory"}})
    assert finder.find("memory").source == "built-in"
    assert finder.find("store_two").cls is finder.find("memory").cls
    assert finder.find("store_two").kind == "memory"


def test_a_file_is_found_from_the_folder_of_the_toml_and_read_anew_each_time(write, tmp_path):
    path = write(CURFEW.format(8), "plugins.d/curfew.py")
    tables = {"curfew": {"load": "plugins.d/curfew.py:Curfew"}}
    assert Finder(tmp_path, tables).find("curfew").cls().opens == 8
    path.write_text(CURFEW.format(9))  # as long, within the same second: a cached .pyc would be believed
    found = Finder(tmp_path, tables).find("curfew")
    assert (found.cls().opens, found.source) == (9, "plugins.d/curfew.py")
    assert not (path.parent / "__pycache__").exists()


def test_a_second_instance_may_use_a_plugin_in_a_file(write, tmp_path):
    write(CURFEW.format(8), "curfew.py")
    finder = Finder(tmp_path, {"curfew": {"load": "curfew.py:Curfew"}, "night": {"use": "curfew"}})
    assert finder.find("night").cls is finder.find("curfew").cls


FAULTS = {
    "curfew.py:Curfw": ("curfew.py has no class Curfw", "did you mean Curfew?"),
    "curfw.py:Curfew": ("curfw.py: No such file or directory", "did you mean 'curfew.py'?"),
    "curfew.py": ('load must name a file and a class, not "curfew.py"', 'write load = "curfew.py:Mine"'),
    "curfew:Curfew": ('load must name a file and a class, not "curfew:Curfew"', 'write load = "plugins.d/mine.py:Mine"'),
    "broken.py:Mine": ("plugin 'mine' cannot be loaded: broken.py:1: '(' was never closed", ""),
    "raises.py:Mine": ("plugin 'mine' cannot be loaded: ZeroDivisionError: division by zero (raises.py:2)", ""),
    "lacks.py:Mine": ("plugin 'mine' cannot be loaded: ModuleNotFoundError: No module named 'nowhere' (lacks.py:1)", ""),
    "exits.py:Mine": ("plugin 'mine' cannot be loaded: SystemExit: 3 (exits.py:1)", ""),
}


@pytest.mark.parametrize("load", FAULTS)
def test_a_file_that_cannot_be_loaded_is_told_without_a_traceback(write, tmp_path, load):
    write(CURFEW.format(8), "curfew.py")
    write("def f(\n", "broken.py")
    write("\n1 / 0\n", "raises.py")
    write("import nowhere\n", "lacks.py")
    write("raise SystemExit(3)\n", "exits.py")
    with pytest.raises(Missing) as caught:
        Finder(tmp_path, {"mine": {"load": load}}).find("mine")
    assert (caught.value.message, caught.value.suggestion, caught.value.key) == (*FAULTS[load], "load")


def test_use_of_a_use_and_use_beside_load_are_refused(tmp_path):
    tables = {"a": {"use": "memory"}, "b": {"use": "a"}, "c": {"use": "memory", "load": "x.py:X"}, "d": {"use": "memry"}}
    finder = Finder(tmp_path, {**tables, "x": {"use": "x"}, "udp": {"use": 5}})
    for name, message, hint in (
        ("b", "[plugin.b] uses 'a', which itself uses 'memory'", 'write use = "memory"'),
        ("c", "[plugin.c] has both 'use' and 'load'", "keep one of the two"),
        ("d", "[plugin.d] uses an unknown plugin 'memry'", "did you mean 'memory'?"),
        ("x", "[plugin.x] uses itself, and there is no plugin 'x'", "use names the plugin that this is another instance of"),
        ("udp", "use must be text: the name of a plugin", ""),
    ):
        with pytest.raises(Missing) as caught:
            finder.find(name)
        assert (caught.value.message, caught.value.suggestion) == (message, hint)


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """distribution(name, entry points): an installed package."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def distribution(name, *points):
        folder = tmp_path / "site" / (name.replace("-", "_") + "-1.2.dist-info")
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (folder / "entry_points.txt").write_text("[sipline]\n" + "\n".join(points) + "\n")

    return distribution


def test_an_installed_plugin_is_found_and_its_neighbours_are_not_imported(distribution, write, tmp_path):
    distribution("sip-curfew", "curfew = sip_curfew_one:Curfew", "other = sip_curfew_other:Other")
    write(CURFEW.format(8), "site/sip_curfew_one.py")
    write("1 / 0\n", "site/sip_curfew_other.py")
    finder = Finder(tmp_path, {})
    found = finder.find("curfew")
    assert (found.cls.__name__, found.source, found.version) == ("Curfew", "sip-curfew 1.2", "1.2")
    assert "sip_curfew_other" not in sys.modules
    with pytest.raises(Missing, match=r"plugin 'other' of sip-curfew 1.2 cannot be imported: ZeroDivisionError: division by zero"):
        finder.find("other")


def test_two_distributions_with_one_name_are_both_named(distribution, tmp_path):
    distribution("sip-one", "curfew = one:Curfew")
    distribution("sip-two", "curfew = two:Curfew")
    assert len(entry_points()["curfew"]) == 2
    with pytest.raises(Missing) as caught:
        Finder(tmp_path, {}).find("curfew")
    assert sorted(caught.value.message.removeprefix("plugin 'curfew' is offered by ").split(" and ")) == ["sip-one 1.2", "sip-two 1.2"]
    assert caught.value.suggestion == "uninstall one of them"


def test_ours_come_before_others_of_the_same_name(distribution, tmp_path):
    distribution("sip-evil", "memory = nowhere:Memory")
    assert Finder(tmp_path, {}).find("memory").source == "built-in"


def test_an_unknown_name_is_told_with_an_installed_one_that_is_like_it(distribution, tmp_path):
    distribution("sip-curfew", "curfew = one:Curfew")
    with pytest.raises(Missing) as caught:
        Finder(tmp_path, {}).find("curfw")
    assert (caught.value.message, caught.value.suggestion) == ("unknown plugin 'curfw'", "did you mean 'curfew'?")

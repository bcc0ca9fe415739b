"""`sipline enable` and `disable`: one list of the file changes, comments stay, the place comes from the plugin, or from who is asked."""

import io
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_a_plugin_is_listed_where_it_says_and_comments_stay(sipline):
    status, out, _ = sipline("enable", "redirect")
    assert status == 0
    assert "redirect is enabled: application = registrar, redirect" in out
    text = sipline.toml.read_text()
    assert 'plugins = ["registrar", "redirect"]' in text and "# bytes come" in text


def test_what_was_disabled_comes_back_before_those_that_say_they_come_after_it(sipline):
    for name in ("auth", "nat", "identify"):
        sipline("enable", name)
    assert "intercept = identify, nat, auth" in sipline("enable", "security")[1].replace("security, ", "")
    sipline("disable", "identify")
    assert "intercept = identify, " in sipline("enable", "identify")[1]


def test_the_place_can_be_said(sipline):
    sipline("enable", "options")
    assert "application = registrar, redirect, options" in sipline("enable", "redirect", "--after", "registrar")[1]


def test_what_is_listed_already_is_said(sipline):
    before = sipline.toml.read_text()
    assert "listed in application of pipeline.toml already" in sipline("enable", "registrar")[1]
    assert sipline.toml.read_text() == before


PROBE = """
    @plugin
    class Probe:
        @hookimpl
        def intercept(self, message, passage):
            return None
        @hookimpl
        def application(self, message, passage):
            return None
    """


@pytest.fixture
def probe(sipline, write):
    """A plugin that says nothing of its place, in a file whose intercept stage has three."""
    sipline.toml.write_text(sipline.toml.read_text() + write("probe", PROBE))
    for name in ("auth", "security", "identify"):
        sipline("enable", name)
    return sipline


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def typed(monkeypatch):
    """Be at a terminal, and type."""

    def type_in(text):
        monkeypatch.setattr(sys, "stdin", Terminal(text))
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)

    return type_in


def test_without_a_terminal_a_place_that_follows_from_nothing_has_to_be_said(probe, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    before = probe.toml.read_text()
    where = "intercept (identify, security, auth) and application (registrar)"
    status, out, err = probe("enable", "probe")
    assert (status, out) == (2, "") and probe.toml.read_text() == before
    assert err.splitlines() == [
        f"sipline: it follows from nothing where probe belongs in {where}. Say behind whom, or that it is the first:",
        "  sipline enable probe --after security --after registrar",
        "  sipline enable probe --first",
    ]
    err = probe("-c", "./pipeline.toml", "enable", "probe", "--after", "auth")[2]
    assert err.splitlines()[1:] == ["  sipline -c ./pipeline.toml enable probe --after auth --after registrar"]
    assert probe("enable", "probe", "--after", "security", "--after", "registrar")[0] == 0
    assert 'plugins = ["identify", "security", "probe", "auth"]' in probe.toml.read_text()
    assert 'plugins = ["registrar", "probe"]' in probe.toml.read_text()


def test_who_is_the_first_is_said_too(probe):
    assert probe("enable", "probe", "--first")[0] == 0
    assert 'plugins = ["probe", "identify"' in probe.toml.read_text() and 'plugins = ["probe", "registrar"]' in probe.toml.read_text()


def test_on_a_terminal_the_place_is_asked_for(probe, typed):
    typed("nobody\n7\n1\n\n")
    status, _, err = probe("enable", "probe")
    assert status == 0 and "'nobody' is none of them\n" in err and "'7' is none of them\n" in err
    listed = "\n  0  (nobody: as the first)\n  1  identify\n  2  security\n  3  auth\nnumber or name [2]: "
    assert "It follows from nothing where probe belongs in intercept. Behind whom?" + listed in err
    assert 'plugins = ["identify", "probe", "security", "auth"]' in probe.toml.read_text()
    assert 'plugins = ["registrar", "probe"]' in probe.toml.read_text()  # the default


def test_who_answers_nothing_at_all_changes_nothing(probe, typed):
    before = probe.toml.read_text()
    typed("auth\n")
    status, _, err = probe("enable", "probe")
    assert status == 2 and err.endswith("sipline: nothing was changed\n")
    assert probe.toml.read_text() == before


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("authh", "did you mean 'auth'?"),
        ("nonesuch", "there are identify, security, auth and registrar"),
        ("sqlite", "no such plugin is listed in intercept or application"),
    ],
)
def test_an_after_that_nobody_is_called_is_an_error(probe, name, why):
    before = probe.toml.read_text()
    status, _, err = probe("enable", "probe", "--after", name)
    assert status == 2 and err.startswith(f"sipline: --after {name}: ") and why in err
    assert probe.toml.read_text() == before


def test_a_plugin_of_two_stages_is_enabled_in_both_and_what_was_disabled_comes_back_where_it_was(sipline):
    text = (ROOT / "pipeline.toml").read_bytes()
    sipline.toml.write_bytes(text)
    for name in ("channel", "messages"):
        assert sipline("disable", name)[0] == 0
        status, out, _ = sipline("enable", name)
        assert status == 0 and f"{name} is enabled: application = registrar, channel" in out and f"{name} is enabled: integration = " in out
        assert sipline.toml.read_bytes() == text


def test_a_plugin_in_one_of_two_stages_is_refused_for_that_reason(sipline):
    sipline.toml.write_bytes((ROOT / "pipeline.toml").read_bytes())
    sipline("disable", "channel")
    status, _, err = sipline("enable", "channel", "--stage", "application")
    assert status == 2 and err.startswith("pipeline.toml is left as it is: with 'channel' listed it would be broken.\n")
    assert "is listed only under 'application'\n" in err and "list it under 'integration' as well" in err


def test_an_unknown_plugin_is_not_listed(sipline):
    status, _, err = sipline("enable", "regsitrar")
    assert status == 1 and "did you mean 'registrar'?" in err


def test_what_the_file_then_lacks_is_told(sipline, write):
    source = """
        @plugin
        class Probe:
            must: str = option(help="it has to be said")
            @hookimpl
            def intercept(self, message, passage):
                return None
        """
    before = sipline.toml.read_text() + write("probe", source)
    sipline.toml.write_text(before)
    status, out, err = sipline("enable", "probe")
    assert status == 2 and out == "" and "needs 'must'" in err
    assert "\n  must: it has to be said\n" in err
    assert err.startswith("pipeline.toml is left as it is: with 'probe' listed it would be broken. Write [plugin.probe] first")
    assert sipline.toml.read_text() == before
    sipline.toml.write_text(before + '\nmust = "be"\n')
    assert sipline("enable", "probe")[0] == 0


def test_what_tls_needs_is_a_sentence(sipline):
    assert "\n  certificates: PEM files, each certificate as {cert = " in sipline("enable", "tls")[2]


def test_what_others_need_is_not_disabled(sipline):
    before = sipline.toml.read_text() + '[dal]\ncontact = ["sqlite"]\n'
    sipline.toml.write_text(before)
    status, out, err = sipline("disable", "sqlite")
    assert status == 2 and out == "" and "backend 'sqlite' is not listed" in err
    assert err.startswith("pipeline.toml is left as it is: without 'sqlite' it would be broken. Change first what needs it\n")
    assert sipline.toml.read_text() == before


def test_a_broken_file_may_be_edited_as_long_as_that_breaks_no_more_of_it(sipline):
    sipline.toml.write_text(sipline.toml.read_text().replace('"registrar"', '"registrar", "tls_", "options"'))
    assert sipline("disable", "options")[0] == 2
    assert "options" not in sipline.toml.read_text()
    assert sipline("disable", "tls_")[0] == 0


def test_a_disabled_plugin_keeps_its_options(sipline):
    sipline("enable", "options")
    status, out, _ = sipline("disable", "options")
    assert status == 0 and "options is disabled in application" in out
    assert "options is not listed" in sipline("disable", "options")[1]
    assert 'plugins = ["registrar"]' in sipline.toml.read_text()


def test_a_plugin_in_a_file_that_is_not_loaded_yet_is_told_with_its_load_line(sipline):
    (sipline.folder / "plugins.d").mkdir()
    (sipline.folder / "plugins.d" / "greylist.py").write_text("")
    assert 'write [plugin.greylist] with load = "plugins.d/greylist.py:Greylist"' in sipline("enable", "greylist")[2]
    err = sipline("enable", "nosuch")[2]
    assert "unknown plugin 'nosuch'" in err and "`sipline plugins` lists what there is" in err and "plugins.d/nosuch.py:Nosuch" in err


def test_who_has_a_server_running_is_told_how_it_takes_the_change(sipline, serve):
    assert "reload" not in sipline("enable", "options")[1]
    serve()
    assert "`sipline reload` has it take this" in sipline("disable", "options")[1]
    assert "`sipline reload` has it take this" in sipline("enable", "options")[1]

"""`sipline enable` and `disable`: one list of the file changes, comments stay, the place comes from the plugin."""


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


def test_a_plugin_that_does_not_say_its_place_is_asked_for(sipline, write):
    source = """
        @plugin
        class Probe:
            @hookimpl
            def intercept(self, message, passage):
                return None
            @hookimpl
            def application(self, message, passage):
                return None
        """
    sipline.toml.write_text(sipline.toml.read_text() + write("probe", source))
    status, _, err = sipline("enable", "probe")
    assert status == 1 and "it can stand in intercept or application; say --stage" in err
    assert sipline("enable", "probe", "--stage", "intercept", "--stage", "application")[0] == 0


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

import pytest

CASES = {
    "[plugin.auth]\nwindow = 3": ("29:10", "window must be between 8 and 256, not 3", "window = 3", "         ^", ""),
    "[plugin.auth]\nwidnow = 3": ("29:1", "[plugin.auth] has no key 'widnow'", "widnow = 3", "^^^^^^", "did you mean 'window'?"),
    '[plugin.auth]\non_error = "skip"': (
        "29:12",
        "on_error of 'auth' must not be \"skip\": an error would let anybody in",
        'on_error = "skip"',
        "           ^^^^^^",
        'write "reject:503"',
    ),
    '[plugin.registrar]\non_error = "reject:200"': (
        "29:12",
        'on_error must be "reject:STATUS" (400 to 699) or "skip", not "reject:200"',
        'on_error = "reject:200"',
        "           ^^^^^^^^^^^^",
        'did you mean "reject:503"?',
    ),
    '[plugin.registrar]\nmin_expires = "60"': (
        "29:15",
        'min_expires must be a whole number, not "60"',
        'min_expires = "60"',
        "              ^^^^",
        "write min_expires = 60",
    ),
    '[plugin.udp]\nbind = ["0.0.0.0:5060", 5060]': (
        "29:25",
        "item 2 of bind must be text, not 5060",
        'bind = ["0.0.0.0:5060", 5060]',
        "                        ^^^^",
        "",
    ),
}


@pytest.mark.parametrize("table", CASES)
def test_an_option_that_is_wrong_is_told_with_its_caret(problems, table):
    where, message, line, caret, hint = CASES[table]
    told = problems(table)
    assert told == [f"pipeline.toml:{where}: {message}\n    {line}\n    {caret}" + (f"\n  {hint}" if hint else "")]


NEEDY = """\
    import attrs
    from pipeline.hookspecs import hookimpl
    from pipeline.option import option, plugin

    @plugin
    class Needy:
        realm: str = option(help="what the phones are shown")
        low: int = option(1, help="low")
        high: int = option(2, help="high")
        key: str = option("abc", help="secret", secret=True, validator=attrs.validators.min_len(3))
        def __attrs_post_init__(self):
            if self.low > self.high:
                raise ValueError(f"low must not be above high ({self.high})")
        @hookimpl
        def application(self, message, passage): ...
    """


def test_a_required_option_is_told_at_the_table_or_where_the_plugin_is_listed(problems, write):
    write(NEEDY, "needy.py")
    assert problems('[plugin.needy]\nload = "needy.py:Needy"', {'["registrar"]': '["registrar", "needy"]'}) == [
        "pipeline.toml:27:2: [plugin.needy] needs 'realm'\n    [plugin.needy]\n     ^^^^^^^^^^^^\n  realm: what the phones are shown"
    ]


def test_what_the_plugin_itself_refuses_is_told_at_the_option_it_names(problems, write):
    write(NEEDY, "needy.py")
    assert problems('[plugin.needy]\nload = "needy.py:Needy"\nrealm = "x"\nlow = 5', {'["registrar"]': '["registrar", "needy"]'}) == [
        "pipeline.toml:30:7: [plugin.needy]: low must not be above high (2)\n    low = 5\n          ^"
    ]


def test_a_secret_option_is_never_shown(problems, write):
    write(NEEDY, "needy.py")
    told = problems('[plugin.needy]\nload = "needy.py:Needy"\nrealm = "x"\nkey = "hu"', {'["registrar"]': '["registrar", "needy"]'})
    assert told == ['pipeline.toml:30:7: key must be at least 3 long\n    key = "***"\n          ^^^^^']


def test_options_outside_a_table_and_bad_names_are_told(problems):
    assert problems("[plugin]\nbind = 1\n[plugin.Udp-2]\n") == [
        "pipeline.toml:28:1: options stand under a plugin's name: write [plugin.NAME]\n    bind = 1\n    ^^^^",
        "pipeline.toml:29:2: 'Udp-2' is no plugin name: a lower-case letter, then letters, digits and _\n    [plugin.Udp-2]\n     ^^^^^^^^^^^^",
    ]


def test_a_table_of_a_plugin_that_is_not_listed_is_a_warning(plan):
    warnings = plan('[plugin.redis]\nurl = 1\n[plugin.curfew]\nload = "nowhere.py:X"').warnings
    assert [str(warning) for warning in warnings] == [
        "pipeline.toml:27:2: [plugin.redis] is not listed in any stage: the plugin does not run\n    [plugin.redis]\n     ^^^^^^^^^^^^",
        (
            "pipeline.toml:29:2: [plugin.curfew] is not listed in any stage: the plugin does not run\n    [plugin.curfew]\n     ^^^^^^^^^^^^^\n"
            "  `sipline enable curfew` lists it"
        ),
    ]


def test_an_unlisted_table_whose_name_is_nearly_a_plugins_is_a_mistake(problems):
    assert problems("[plugin.regstrar]") == [
        "pipeline.toml:27:2: unknown plugin 'regstrar'\n    [plugin.regstrar]\n     ^^^^^^^^^^^^^^^\n  did you mean 'registrar'?"
    ]


def test_the_options_of_an_unlisted_plugin_of_ours_are_checked_all_the_same(problems):
    assert problems('[plugin.tcp]\nbindd = ["0.0.0.0:5060"]') == [
        "pipeline.toml:28:1: [plugin.tcp] has no key 'bindd'\n    bindd = [\"0.0.0.0:5060\"]\n    ^^^^^\n  did you mean 'bind'?"
    ]


def test_on_error_and_a_second_instance_are_in_the_plan(plan):
    found = plan(
        '[plugin.registrar]\non_error = "reject:503"\n[plugin.udp_lab]\nuse = "udp"\nbind = ["127.0.0.1:5080"]',
        {'["udp"]': '["udp", "udp_lab"]'},
    )
    lab = found.stages["transport"][1]
    assert (lab.name, lab.kind, lab.plugin.bind) == ("udp_lab", "udp", ["127.0.0.1:5080"])
    assert type(lab.plugin) is type(found.stages["transport"][0].plugin)
    assert found.stages["application"][0].on_error == "reject:503"

def test_an_unknown_stage_is_told_with_the_one_that_was_meant(problems):
    assert problems(changes={'"protocol"': '"protokol"'}) == [
        "pipeline.toml:10:11: unknown stage 'protokol'\n    name    = \"protokol\"\n              ^^^^^^^^^^\n  did you mean 'protocol'?"
    ]


def test_a_missing_stage_is_told_with_what_to_write(problems):
    assert problems(changes={'[[stage]]\nname    = "protocol"\nplugins = ["stack"]\n': ""}) == [
        (
            "pipeline.toml:5:3: stage 'protocol' is missing\n    [[stage]]\n      ^^^^^\n"
            '  write\n  [[stage]]\n  name    = "protocol"\n  plugins = ["stack"]'
        )
    ]


def test_a_stage_that_stands_twice_is_told(problems):
    assert problems('[[stage]]\nname = "intercept"\nplugins = []') == [
        "pipeline.toml:28:8: stage 'intercept' stands twice\n    name = \"intercept\"\n           ^^^^^^^^^^^\n  put all its plugins into one list"
    ]


def test_stages_stand_in_the_order_of_a_message(problems):
    told = problems(
        changes={
            '"transport"\nplugins = ["udp"]': '"protocol"\nplugins = ["stack"]',
            '"protocol"\nplugins = ["stack"]\n\n[[stage]]\nname    = "inter': '"transport"\nplugins = ["udp"]\n\n[[stage]]\nname    = "inter',
        }
    )
    assert told == [
        (
            "pipeline.toml:10:11: stage 'transport' stands behind 'protocol'\n    name    = \"transport\"\n              ^^^^^^^^^^^\n"
            "  a message meets transport, protocol, intercept, application and integration, in this order"
        )
    ]


def test_a_stage_needs_a_name_and_plugins(problems):
    assert problems(changes={'name    = "protocol"\n': "", 'plugins = ["registrar"]': 'plugin = ["registrar"]'}) == [
        (
            "pipeline.toml:9:3: [[stage]] needs 'name'\n    [[stage]]\n      ^^^^^\n"
            "  one of transport, protocol, intercept, application or integration"
        ),
        "pipeline.toml:18:1: [[stage]] has no key 'plugin'\n    plugin = [\"registrar\"]\n    ^^^^^^\n  did you mean 'plugins'?",
    ]
    assert problems(changes={'plugins = ["stack"]\n': ""}) == [
        "pipeline.toml:9:3: [[stage]] needs 'plugins'\n    [[stage]]\n      ^^^^^\n  write plugins = [] for a stage without any"
    ]


def test_plugins_is_a_list_of_names(problems):
    assert problems(changes={'["registrar"]': '"registrar"'}) == [
        'pipeline.toml:19:11: plugins must be a list, not "registrar"\n    plugins = "registrar"\n              ^^^^^^^^^^^\n  write plugins = ["registrar"]'
    ]
    assert problems(changes={'["registrar"]': '["registrar", "Foo-1", 3, "registrar"]'}) == [
        (
            "pipeline.toml:19:25: 'Foo-1' is no plugin name: a lower-case letter, then letters, digits and _\n"
            '    plugins = ["registrar", "Foo-1", 3, "registrar"]\n                            ^^^^^^^\n  write \'foo_1\''
        ),
        (
            'pipeline.toml:19:34: item 3 of plugins must be text, not 3\n    plugins = ["registrar", "Foo-1", 3, "registrar"]\n'
            "                                     ^"
        ),
        (
            "pipeline.toml:19:37: 'registrar' stands twice in this list\n"
            '    plugins = ["registrar", "Foo-1", 3, "registrar"]\n                                        ^^^^^^^^^^^\n  remove one of the two'
        ),
    ]


def test_one_stage_table_instead_of_a_list_of_them_is_told(write):
    import pytest

    from pipeline.config import Problems, load

    write('[stage]\nname = "transport"\n')
    with pytest.raises(Problems) as caught:
        load("pipeline.toml")
    assert (
        str(caught.value.problems[0])
        == "pipeline.toml:1:2: stages are tables: write [[stage]], with name and plugins\n    [stage]\n     ^^^^^"
    )


def test_a_plugin_listed_under_two_stages_is_one_instance(plan, write):
    write(
        """\
        from pipeline.hookspecs import hookimpl
        from pipeline.option import plugin

        @plugin
        class Both:
            @hookimpl
            def intercept(self, message, passage): ...
            @hookimpl
            def application(self, message, passage): ...
        """,
        "both.py",
    )
    found = plan('[plugin.both]\nload = "both.py:Both"', {'"auth"]': '"auth", "both"]', '["registrar"]': '["both", "registrar"]'})
    assert found.stages["intercept"][2].plugin is found.stages["application"][0].plugin
    assert found.stages["application"][0].place.line == 19


def test_a_class_that_is_no_plugin_or_compares_by_value_is_refused(problems, write):
    write("import attrs\n\nclass Bare: ...\n\n@attrs.define\nclass Equal:\n    x: int = 1\n", "mine.py")
    assert problems(
        '[plugin.bare]\nload = "mine.py:Bare"\n[plugin.equal]\nload = "mine.py:Equal"', {'["registrar"]': '["bare", "equal", "registrar"]'}
    ) == [
        (
            'pipeline.toml:19:12: \'bare\': class Bare is no plugin\n    plugins = ["bare", "equal", "registrar"]\n               ^^^^^^\n'
            "  put @plugin above class Bare"
        ),
        (
            'pipeline.toml:19:20: \'equal\': class Equal compares by value\n    plugins = ["bare", "equal", "registrar"]\n'
            "                       ^^^^^^^\n  put @plugin above it instead of @attrs.define"
        ),
    ]

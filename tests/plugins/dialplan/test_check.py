import pytest

from pipeline.config import Document, Problems, build
from pipeline.testing.server import toml_of

STAGES = {
    "transport": ["udp", "tcp"],
    "protocol": ["stack"],
    "intercept": ["identify", "auth"],
    "application": ["registrar"],
    "integration": ["toml", "memory", "dialplan"],
}


@pytest.fixture
def told(tmp_path):
    """told(toml): every mistake and warning, each as (the words under the caret, the message, the hint)."""

    def told(toml, **stages):
        document = Document(tmp_path / "pipeline.toml", toml_of(toml, {**STAGES, **stages}))
        try:
            problems = build(document).warnings
        except Problems as caught:
            problems = caught.problems
        return [
            (problem.place.text[problem.place.column - 1 :][: problem.place.length], problem.message, problem.suggestion)
            for problem in problems
        ]

    return told


STEPS = {
    '["anser"]': ('"anser"', "unknown step 'anser'", "did you mean 'answer'?"),
    '["busy"]': ('"busy"', "unknown step 'busy'", 'write { hangup = "busy" }'),
    '["voicemail"]': ('"voicemail"', "unknown step 'voicemail'", "write { mailbox = … }"),
    '[{ plyback = "x" }]': ("plyback", "unknown step 'plyback'", "did you mean 'playback'?"),
    '["playback"]': ('"playback"', "'playback' needs text or a list", "write { playback = … }"),
    '[{ answer = "x" }]': ('"x"', "'answer' takes no value", 'write "answer"'),
    "[7]": ("7", "a step must be text or a table, not 7", 'such as "answer" or { dial = "alice" }'),
    '[{ timeout = 5, dial = "bob" }]': ("timeout", "'timeout' stands before the step's name 'dial'", "write dial first"),
    '[{ dial = "bob", timeot = 20 }]': ("timeot", "'dial' has no option 'timeot'", "did you mean 'timeout'?"),
    '[{ dial = "bob", timeout = "20" }]': ('"20"', 'timeout must be a number, not "20"', "write timeout = 20"),
    '[{ dial = "bob", order = "prority" }]': (
        '"prority"', "order must be one of 'parallel' or 'priority', not \"prority\"", "did you mean 'priority'?",
    ),
    '[{ dial = ["bob", 7] }]': ('["bob", 7]', 'dial must be text or a list, not ["bob", 7]', ""),
    '[{ hangup = "bussy" }]': ('"bussy"', "hangup: there is no 'bussy'", "did you mean 'busy'?"),
    '[{ goto = "2" }]': ('"2"', "goto: there is no extension '2' in context 'default'", "write it in [context.default]\nthere is 1"),
    '[{ goto = "1@other" }]': ('"1@other"', "goto names context 'other', which does not exist", "write [context.other], or remove it\nthere is default"),
    '[{ ivr = "main" }]': ('"main"', "ivr names menu 'main', which does not exist", "write [menu.main], or remove it"),
    '[{ playback = "${caler.name}" }]': ('"${caler.name}"', "there is no variable '${caler.name}'", "did you mean '${caller.name}'?"),
    '[{ playback = "${x" }]': ('{ playback = "${x" }', "'${' is not closed", "write ${name}"),
    '[{ set = { extension = "5" } }]': ('{ extension = "5" }', "set: 'extension' cannot be set", "choose another name"),
    '[{ set = { a.b = "5" } }]': ('{ a.b = "5" }', "set: a name has no dot, but 'a.b' has", "call.NAME is a variable of the whole call"),
    '[{ if = "x", then = "answer" }]': ('"x"', "'x' compares nothing", 'such as "${dialstatus} == BUSY"'),
    '[{ if = "${x}" }]': ("if", "'if' decides nothing", 'write { if = …, then = ["answer"] }'),
    '[{ if = "${x}", thn = [] , else = "answer" }]': ("thn", "'if' has no 'thn'", "did you mean 'then'?"),
    '[{ if = "${x}", then = ["ecko"] }]': ('"ecko"', "unknown step 'ecko'", "did you mean 'echo'?"),
    '[{ if = { hour = "9-17" }, then = "answer" }]': ('"9-17"', "hour: a time condition has no such key", "did you mean 'hours'?"),
    '[{ if = { schedule = "open" }, then = "answer" }]': (
        '"open"', "a time condition names schedule 'open', which does not exist", "write [schedule.open], or remove it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("steps", STEPS)
def test_a_wrong_step_is_told_at_its_place(told, steps):
    assert told(f'[context.default.extensions]\n"1" = {steps}') == [STEPS[steps]]


MISSING = """
[context.default]
users = true
[endpoint.trunk]
auth = []
[user.alice]
password = "x"
[context.default.extensions]
"""


def test_what_is_not_there_is_told_with_what_is_and_with_what_is_like_it(told):
    found = told(MISSING + '600 = [{ goto = "reception" }]\n601 = [{ goto = "6000" }]')
    assert {message: hint for _, message, hint in found} == {
        "goto: there is no extension 'reception' in context 'default', and no user of that name": (
            "write it in [context.default], or remove it\nthere are 600, 601 and alice"
        ),
        "goto: there is no extension '6000' in context 'default', and no user of that name": "did you mean '600'?",
    }
    stages = {"application": ["registrar", "channel"], "integration": ["toml", "memory", "channel", "dialplan"]}
    found = told(MISSING + '602 = [{ dial = "trunc/1" }]\n603 = [{ dial = "zz" }]', **stages)
    assert {message: hint for _, message, hint in found if message.startswith("dial")} == {
        "dial: there is no endpoint 'trunc'": "did you mean 'trunk'?",
        "dial: nobody is called 'zz'": "write [user.zz], or remove it\nthere are alice and trunk",
    }


NAMES = {
    "\"_9.1\" = 'answer'": ('"_9.1"', "'.' must be the last of a pattern", "write '_9.', or [.] for the character itself"),
    "'/^0(/' = 'answer'": (
        "'/^0(/'", "the regular expression is wrong at its character 3: missing ), unterminated subpattern", "",
    ),
    "\"\" = 'answer'": ('""', "an extension has no name", "'_.' fits everything"),
    # warnings
    "9XXX = 'answer'": ("9XXX", "'9XXX' stands for itself: it is no pattern", "write '_9XXX'"),
    "_9xx = 'answer'": ("_9xx", "'x' in '_9xx' stands for itself", "write X for a digit"),
    "600 = 'answer'\n_600 = 'echo'": ("_600", "'_600' is never reached: '600' stands for the same", "remove one of the two"),
    "_NX = 'answer'\n'_[2-9]X' = 'echo'": ("'_[2-9]X'", "'_[2-9]X' is never reached: '_NX' stands for the same", "remove one of the two"),
    "600 = 'answer'\n'/^600$/' = 'echo'": ("'/^600$/'", "'/^600$/' is never reached: '600' goes before it", "remove one of the two"),
    "'/.*/' = 'answer'\n'/^6/' = 'echo'": (
        "'/^6/'", "'/^6/' is never reached: '/.*/' goes before it and fits everything",
        "patterns go before regular expressions, these in the order of the file",
    ),
    "'_.' = 'answer'\n'/^6/' = 'echo'": (
        "'/^6/'", "'/^6/' is never reached: '_.' goes before it and fits everything",
        "patterns go before regular expressions, these in the order of the file",
    ),
    "1 = [{ playback = '${dialstats}' }]": ("'${dialstats}'", "nothing here sets '${dialstats}'", "did you mean '${dialstatus}'?"),
}  # fmt: skip


@pytest.mark.parametrize("extensions", NAMES)
def test_a_name_that_is_wrong_or_hidden_is_told(told, extensions):
    assert told(f"[context.default.extensions]\n{extensions}") == [NAMES[extensions]]


TABLES = {
    '[context.default]\ninclude = ["featurs"]\n[context.features]': (
        '"featurs"', "[context.default] includes context 'featurs', which does not exist", "did you mean 'features'?",
    ),
    "[context.default]\nuser = true": ("user", "[context.default] has no key 'user'", "did you mean 'users'?"),
    '[context.a]\ninclude = ["b"]\n[context.b]\ninclude = ["a"]': (
        '"a"', "contexts include each other in a circle: a -> b -> a", "remove one of these includes",
    ),
    '[context.a]\ninclude = ["a"]': ('"a"', "contexts include each other in a circle: a -> a", "remove one of these includes"),
    '[context.a]\ninclude = [{ schedule = "x" }]\n[schedule.x]': (
        '{ schedule = "x" }', "an include that is a table needs 'context'", 'such as { context = "day", schedule = "office" }',
    ),
    '[context.a]\ninclude = ["b"]\n[context.a.extensions]\n"_." = "answer"\n[context.b]': (
        '"b"', "context 'b' is never reached: '_.' of [context.a] goes before it and fits everything",
        "own extensions go before included ones: put that into an include, behind the others",
    ),
    '[context.a]\ninclude = ["b", "c"]\n[context.b.extensions]\n1 = "answer"\n[context.c.extensions]\n1 = "echo"': (
        '"c"', "'1' of context 'c' is hidden: 'b', which is included before it, has it too",
        "the first include that has an extension is taken",
    ),
    '[menu.m]\nprompt = ["x"]': ("menu.m", "[menu.m] has no choices", "write [menu.m.choices]"),
    "[menu.m.choices]\n'/1/' = 'hangup'": ("'/1/'", "a choice cannot be a regular expression", "write a pattern such as '_1XX'"),
    "[menu.m.choices]\n1 = 'hngup'": ("'hngup'", "unknown step 'hngup'", "did you mean 'hangup'?"),
    '[schedule.s]\ndays = ["sun", "mno"]': ('"mno"', "days: 'mno' is no day of the week", "did you mean 'mon'?"),
    '[user.alice]\npassword = "x"\ncontext = "defalt"\n[context.default]': (
        '"defalt"', "[user.alice] refers to context 'defalt', which does not exist", "did you mean 'default'?",
    ),
    '[plugin.dialplan]\ncontext = "publc"\n[context.public]': (
        '"publc"', "context of [plugin.dialplan] names 'publc', which does not exist", "did you mean 'public'?",
    ),
}  # fmt: skip


@pytest.mark.parametrize("toml", TABLES)
def test_a_wrong_table_is_told(told, toml):
    assert told(toml) == [TABLES[toml]]


def test_a_goto_to_what_is_neither_an_extension_nor_a_user_is_told(told):
    plan = '[context.default]\nusers = true\n[context.default.extensions]\n1 = [{ goto = "%s" }]\n_2X = "answer"\n'
    assert told(plan % "bob") == told(plan % "20") == told(plan % "${x:1}") == []
    ((words, message, _),) = told(plan % "6000")
    assert words == '"6000"'
    assert message == "goto: there is no extension '6000' in context 'default', and no user of that name"
    assert (
        told('[context.default]\ninclude = ["stored"]\n' + plan.partition("\n")[2] % "6000", integration=["toml", "sqlite", "dialplan"])
        == []
    )


def test_a_dial_of_nobody_is_warned_of(told):
    plan = """
    [user.alice]
    password = "alice's"
    [endpoint.trunk]
    auth = []
    context = "incoming"
    [context.incoming]
    [context.default.extensions]
    1 = [{ dial = ["alcie", "alice", "trunk", "sip:eve@example.net", "eve@example.net", "trunk/7", "trnk/7"] }]
    _2X = [{ dial = "trnk/${extension}" }, { dial = "${extension}" }, { dial = "alice${extension}" }]
    """
    stages = {"application": ["registrar", "channel"], "integration": ["toml", "memory", "channel", "dialplan"]}
    assert told(plan, **stages) == [
        ('"alcie"', "dial: nobody is called 'alcie'", "did you mean 'alice'?"),
        ('"trnk/7"', "dial: there is no endpoint 'trnk'", "did you mean 'trunk'?"),
        ('"trnk/${extension}"', "dial: there is no endpoint 'trnk'", "did you mean 'trunk'?"),
    ]
    assert told(plan, integration=["toml", "memory", "dialplan"]) == []  # who makes channels may know another alcie
    assert told(plan, **{**stages, "integration": ["toml", "sqlite", "channel", "dialplan"]}) == []  # the store may


def test_a_right_dialplan_is_told_nothing(told):
    assert (
        told(
            """
            [context.default]
            include = ["features", { context = "day", days = "mon-fri", hours = ["9-17"] }]
            users   = true
            [context.default.extensions]
            600     = ["answer", "echo"]
            "_9NX." = [{ dial = ["alice", "trunk/${extension:1}"], timeout = 20, order = "priority" }, { hangup = "busy" }]
            '/^(\\d+)x$/' = [{ set = { mine = "${1}" } }, { goto = "600" }, { goto = "alice" }, { playback = "${mine}" }]
            [context.features.extensions]
            603 = [{ ivr = "main" }, { if = "${digits} in (1, 2)", then = [], else = "hangup" }]
            [context.day]
            [menu.main.choices]
            1 = { goto = "600@default" }
            """
        )
        == []
    )


def test_what_another_backend_may_hold_is_no_mistake(told):
    assert told('[context.default]\ninclude = ["elsewhere"]', integration=["toml", "sqlite", "dialplan"]) == []


def test_a_sound_that_the_provider_does_not_have_is_told(told):
    stages = {"integration": ["toml", "memory", "dialplan", "media_local"]}
    text = '[context.default.extensions]\n1 = [{ playback = ["welcme", "busy", "tone:440", "silence"] }, { ivr = "m" }]\n'
    text += '[menu.m]\nprompt = ["welcome", "nosuch"]\n[menu.m.choices]\n1 = "hangup"'
    assert told(text, **stages) == [
        ('"welcme"', "there is no sound 'welcme'", "did you mean 'welcome'?"),
        ('"nosuch"', "there is no sound 'nosuch'", ""),
    ]


def test_a_backslash_in_double_quotes_is_explained(told):
    with pytest.raises(Problems) as caught:
        Document("pipeline.toml", '[context.default.extensions]\n"/^00(\\d+)$/" = "answer"')
    (problem,) = caught.value.problems
    assert problem.message == "a backslash begins no escape here"
    assert problem.suggestion == "a text with backslashes, such as a regular expression, stands in single quotes"


def test_a_pattern_without_quotes_is_explained():
    with pytest.raises(Problems) as caught:
        Document("pipeline.toml", '[context.default.extensions]\n_9X. = "answer"')
    (problem,) = caught.value.problems
    assert problem.message == "a key with other signs than letters, digits, '_' and '-' stands in quotes"
    assert problem.suggestion == 'write "_9X."'


PLUGIN = '''
from pipeline import hookimpl, plugin

@plugin
class Pager:
    applications = ("page",)

    @hookimpl
    def channel_application(self, name):
        return page if name == "page" else None

async def page(channel, argument: str, *, volume: int = 3):
    """Page somebody."""
'''


def test_the_steps_of_plugins_are_known_with_their_options(told, tmp_path):
    (tmp_path / "pager.py").write_text(PLUGIN)
    text = '[plugin.pager]\nload = "pager.py:Pager"\n[context.default.extensions]\n1 = [{ page = "all", volume = 5 }]\n'
    with_pager = {"integration": ["toml", "memory", "dialplan", "pager"]}
    assert told(text, **with_pager) == []
    assert told(text.replace("volume = 5", 'volme = "5"'), **with_pager) == [
        ("volme", "'page' has no option 'volme'", "did you mean 'volume'?")
    ]
    assert told(text.replace("page =", "pge ="), **with_pager) == [("pge", "unknown step 'pge'", "did you mean 'page'?")]


def test_a_step_of_a_plugin_that_could_not_be_found_is_not_told_as_well(told):
    (problem,) = told('[context.default.extensions]\n1 = [{ page = "all" }]\n', integration=["toml", "memory", "dialplan", "pagr"])
    assert problem[1] == "stage 'integration' lists an unknown plugin 'pagr'"

"""`sipline check`, `graph`, `plugins`: what they say of a file, and with which status."""

import subprocess
import sys
import time

import pytest


def test_a_right_file_is_ok_and_what_could_be_meant_otherwise_is_told(sipline):
    status, out, _ = sipline("check")
    assert status == 0 and out.splitlines()[-1] == "pipeline.toml: ok"
    assert "warning: pipeline.toml:" in out and "nothing authenticates" in out


def test_every_mistake_is_told_with_status_2(sipline):
    sipline.toml.write_text(sipline.toml.read_text().replace('"registrar"', '"regsitrar"').replace("bind =", "bnd ="))
    for command in ("check", "graph", "run"):
        status, _, err = sipline(command)
        assert status == 2
        assert "did you mean 'registrar'?" in err and "did you mean 'bind'?" in err and "2 problems found" in err


def test_the_file_is_named_before_or_behind_the_command_or_by_the_environment(sipline, monkeypatch, tmp_path):
    other = tmp_path / "other.toml"
    sipline.toml.rename(other)
    assert sipline("check")[0] == 2
    assert sipline("-c", other, "check")[0] == 0
    assert sipline("check", "--config", other)[0] == 0
    monkeypatch.setenv("SIPLINE_CONFIG", str(other))
    assert sipline("check")[0] == 0


def test_check_takes_less_than_half_a_second(folder):
    def once():
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "pipeline", "check"], check=True, capture_output=True)
        return time.perf_counter() - begin

    assert min(once() for _ in range(3)) < 0.5


@pytest.mark.parametrize("module", ["rich", "sqlite_utils", "tomlkit"])
def test_check_does_not_import_what_it_does_not_need(folder, module):
    code = f"import sys; from pipeline.cli import main; main(['check']); sys.exit({module!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{module} was imported"


def test_the_graph_has_stages_plugins_changed_options_hooks_and_stores(sipline):
    status, out, _ = sipline("graph")
    assert status == 0
    for part in (
        "transport",
        "udp 0.1.0 · pipeline.toml:6",
        'bind = ["127.0.0.1:0"]',
        "listen() connect()",
        "contact → sqlite commit",
        "(nothing listed)",
    ):
        assert part in out
    assert "receive_buffer" not in out, "it is at its default"


def test_the_graph_shows_no_secret(sipline, write):
    source = """
        @plugin
        class Probe:
            key: str = option(help="a key", secret=True)
            @hookimpl
            def intercept(self, message, passage):
                return None
        """
    text = sipline.toml.read_text().replace('"intercept"\nplugins = []', '"intercept"\nplugins = ["probe"]')
    sipline.toml.write_text(text + write("probe", source, 'key = "deadbeef"'))
    for command in (("graph",), ("plugins", "probe")):
        status, out, err = sipline(*command)
        assert status == 0 and "key" in out
        assert "deadbeef" not in out + err


def test_plugins_lists_built_in_ones_and_those_of_files_with_their_options(sipline, write):
    source = '@plugin\nclass Probe:\n    """Looks."""\n    opens: int = option(8, unit="h", help="when it opens")\n'
    sipline.toml.write_text(sipline.toml.read_text() + write("probe", source))
    status, out, _ = sipline("plugins")
    assert status == 0
    assert "registrar  application  built-in" in out and "receive_buffer" in out
    assert "Looks." in out and "when it opens; in h" in out


def test_plugins_needs_no_right_file_and_names_what_there_is(sipline):
    sipline.toml.write_text("this is no TOML")
    assert sipline("plugins", "udp")[0] == 0
    status, _, err = sipline("plugins", "ucp")
    assert status == 1 and "there is no plugin ucp; there are" in err


def test_a_command_that_does_not_exist_is_the_command_lines_mistake(sipline):
    assert sipline("dance")[0] == 2
    assert sipline()[0] == 2


def told(sipline, more):
    sipline.toml.write_text(sipline.toml.read_text() + more)
    status, _, err = sipline("check")
    assert status == 2
    return err


def test_a_port_alone_is_told_as_the_address_it_probably_means(sipline):
    sipline.toml.write_text(sipline.toml.read_text().replace('["127.0.0.1:0"]', "5460"))
    assert 'bind must be a list, not 5460\n    bind = 5460\n           ^^^^\n  write bind = ["0.0.0.0:5460"]\n' in told(sipline, "")


def test_an_unknown_key_that_is_like_none_is_told_with_all_there_are(sipline):
    err = " ".join(told(sipline, "zzzzzz = 1\n[foo]\n[dal]\nblurb = []\n").split())  # long lists go on in another line
    assert "its keys are bind, advertise, receive_buffer, send_buffer, sieve, stun, use, load and on_error" in err
    assert "the tables are pipeline, stage, plugin, dal, user, " in err
    assert "the types are " in err and " endpoint, auth, aor, contact, identify, domain" in err


def test_an_empty_password_is_told_as_what_it_is(sipline):
    err = told(sipline, '[user.alice]\npassword = ""\n[auth.x]\npassword = ""\n')
    assert "[user.alice] has an empty password: anybody could guess it" in err
    assert "or auth = [] to let it in without one" in err
    assert "[auth.x] has an empty password" in err and "2 problems found" in err


REFERS = '[identify.gate]\nendpoint = "dave"\nmatch = ["192.0.2.1"]\n'
NOWHERE = "[identify.gate] refers to endpoint 'dave', which does not exist"


def test_what_no_store_holds_is_a_mistake(sipline):
    assert NOWHERE in told(sipline, REFERS)
    assert not (sipline.folder / ".sipline").exists()  # asking makes nothing
    sipline("user", "add", "erin", "--password", "x")
    err = told(sipline, "")
    assert NOWHERE in err and "no store holds it either" in err


def test_what_no_store_holds_is_told_together_with_the_other_mistakes(sipline, serve):
    sipline("user", "add", "erin", "--password", "x")
    right = sipline.toml.read_text()
    wrong = right.replace('["registrar"]', '["registrar", "regsitrar"]') + '[endpoint.x]\nauth = ["nobody", "erin"]\n'
    sipline.toml.write_text(wrong)

    def both():
        err = told(sipline, "")
        assert err.index("unknown plugin 'regsitrar'") < err.index("[endpoint.x] refers to auth 'nobody', which does not exist")
        assert "no store holds it either" in err and "'erin'" not in err and err.endswith("\n2 problems found\n")

    both()
    sipline.toml.write_text(right)
    serve()
    sipline.toml.write_text(wrong)
    both()


def test_what_another_store_holds_is_right_with_and_without_a_server(sipline, serve):
    sipline("user", "add", "dave", "--password", "x")
    sipline.toml.write_text(sipline.toml.read_text() + REFERS)
    status, out, err = sipline("check")
    assert (status, err) == (0, "") and out.endswith("pipeline.toml: ok\n") and "note" not in out
    serve()
    assert sipline("check")[0] == 0
    sipline("user", "remove", "dave", "--force")
    assert sipline("check")[0] == 2


def test_what_the_running_server_has_of_the_former_file_does_not_count(sipline, serve):
    before = sipline.toml.read_text()
    sipline.toml.write_text(before + '[user.dave]\npassword = "x"\n')
    serve()
    sipline.toml.write_text(before + REFERS)
    assert NOWHERE in sipline("check")[2]


def test_a_dial_of_somebody_whom_no_store_holds_is_warned_of(sipline):
    toml = (
        sipline.toml.read_text()
        .replace('["registrar"]', '["registrar", "channel"]')
        .replace('"sqlite"]', '"sqlite", "channel", "dialplan"]')
    )
    sipline.toml.write_text(toml + '[context.default.extensions]\n1 = [{ dial = "zoe" }]\n')
    status, out, _ = sipline("check")
    assert status == 0
    assert "warning: pipeline.toml:" in out and "dial: nobody is called 'zoe'" in out and "no store holds it either" in out
    assert sipline("user", "add", "zoe")[0] == 0
    assert "zoe" not in sipline("check")[1]


def test_of_a_dial_that_is_misspelt_check_says_whom_the_store_has_that_is_like_it(sipline, serve):
    toml = sipline.toml.read_text()
    sipline.toml.write_text(
        toml.replace('["registrar"]', '["registrar", "channel"]').replace('"sqlite"]', '"sqlite", "channel", "dialplan"]')
        + '[context.default.extensions]\n1 = [{ dial = "alicia" }]\n'
    )
    assert sipline("user", "add", "alice")[0] == 0
    assert "dial: nobody is called 'alicia'" in sipline("check")[1] and "did you mean 'alice'?" in sipline("check")[1]
    serve()
    assert "did you mean 'alice'?" in sipline("check")[1]


def test_no_name_of_the_file_reaches_the_terminal_raw(sipline):
    text = sipline.toml.read_text().replace('["registrar"]', '["registrar", "no\\u001b]0;x\\u0007pe"]')
    sipline.toml.write_text(text + '[plugin.x]\n"\\u001b[31mfoo\\nbar" = 1\nuse = "\\u001b[31mudp"\n')
    for command in ("check", "plugins"):
        _, out, err = sipline(command)
        assert "\x1b" not in out + err and "\x07" not in out + err
        assert "\\x1b[31mudp" in out + err or command == "check"
    assert "'no\\x1b]0;x\\x07pe' is no plugin name" in sipline("check")[2]

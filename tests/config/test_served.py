import pytest

HASHES = '"MD5:' + "0" * 32 + '", "SHA-256:' + "0" * 64 + '"'


def test_the_list_and_the_tables_make_one_list_of_domains(plan):
    found = plan(
        '[domain."example.com"]\nrealm = "phones"\naliases = ["example.net"]\nalgorithms = ["SHA-256", "MD5"]\n[domain."other.org"]\n'
        f'[user."bob@EXAMPLE.net."]\npassword_digest = [{HASHES}]'
    )
    assert [(d.id, d.realm, d.algorithms) for d in found.domains] == [
        ("example.com", "phones", ("SHA-256", "MD5")),
        ("other.org", "other.org", ("MD5",)),
    ]
    assert "bob@example.com" in {stored.id for stored in found.objects if stored.kind == "aor"}


def test_without_domains_the_bound_address_is_the_only_one(plan):
    found = plan('[plugin.udp]\nbind = ["192.0.2.7:5060"]', {'domains = ["example.com"]\n': ""})
    assert [(d.id, d.realm) for d in found.domains] == [("192.0.2.7", "192.0.2.7")]
    assert "alice@192.0.2.7" in {stored.id for stored in found.objects}


CASES = {
    '[domain."example.com"]\nalgorithms = ["SHA256"]': (
        "28:15",
        "algorithms must be of MD5, SHA-256, SHA-512-256, not 'SHA256'",
        "did you mean 'SHA-256'?",
    ),
    '[domain."example.com"]\nalgorithms = []': ("28:14", "algorithms is empty", "it holds some of MD5, SHA-256 and SHA-512-256"),
    '[domain."sip:other.org"]': ("27:2", "'sip:other.org' is no domain name", "write 'other.org'"),
    '[domain."EXAMPLE.com."]\nrealms = "x"': ("28:1", "[domain.\"EXAMPLE.com.\"] has no key 'realms'", "did you mean 'realm'?"),
    '[domain."other.org"]\naliases = ["Example.com"]': (
        "28:12",
        "'Example.com' already names the domain 'example.com'",
        "remove one of the two",
    ),
}


@pytest.mark.parametrize("table", CASES)
def test_a_domain_that_is_wrong_is_told(problems, table):
    where, message, hint = CASES[table]
    (told,) = problems(table)
    assert (told.split("\n")[0], told.split("\n")[3]) == (f"pipeline.toml:{where}: {message}", f"  {hint}")


def test_a_domain_that_stands_twice_is_told(problems):
    assert problems(changes={'["example.com"]': '["example.com", "Example.COM."]'}) == [
        (
            "pipeline.toml:3:27: 'Example.COM.' already names the domain 'example.com'\n"
            '    domains = ["example.com", "Example.COM."]\n                              ^^^^^^^^^^^^^^\n  remove one of the two'
        )
    ]


def test_the_server_itself_is_checked_like_a_plugin(problems):
    assert problems(changes={'name    = "edge-1"': 'wait_seconds = 0\nlog_level = "infos"'}) == [
        "pipeline.toml:2:16: wait_seconds must be more than 0, not 0\n    wait_seconds = 0\n                   ^",
        (
            "pipeline.toml:3:13: log_level must be one of 'debug', 'info', 'warning' or 'error', not \"infos\"\n"
            "    log_level = \"infos\"\n                ^^^^^^^\n  did you mean 'info'?"
        ),
    ]


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("/tmp", "'/tmp' is shared by many"),
        ("/usr/lib", "'/usr/lib' is in use for something else"),
        ("/etc/passwd", "'/etc/passwd' is no folder"),
        ("~nobody-of-that-name/x", "is no folder"),
        ("a\\u0000b", "is no folder"),
    ],
)
def test_a_folder_that_is_not_the_servers_alone_is_no_state_directory(problems, state, why):
    (problem,) = problems(changes={'name    = "edge-1"': f'name = "edge-1"\nstate = "{state}"'})
    assert "pipeline.toml:3:" in problem and why in problem and "for this server alone" in problem


def test_the_state_directory_may_be_in_the_home_of_who_runs_the_server(plan, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    found = plan(changes={'name    = "edge-1"': 'name = "edge-1"\nstate = "~/sipline"'})
    assert found.state == tmp_path / "home" / "sipline"


@pytest.mark.parametrize(
    ("written", "why", "hint"),
    [
        ('domains = ["2001:db8::1"]', "'2001:db8::1' is no domain name", "write '[2001:db8::1]'"),
        (
            'domains = ["exämple.com"]',
            "'exämple.com' is no domain name: SIP writes it in letters of ASCII (RFC 3261 25.1, RFC 5890 2.3.2.1)",
            "write 'xn--exmple-cua.com'",
        ),
        ('domains = ["sip:bücher.example:5060"]', "is no domain name: SIP writes it", "write 'xn--bcher-kva.example'"),
        ('domains = ["exa!mple.com"]', "'exa!mple.com' is no domain name", ""),
        ('domains = ["[::g]"]', "'[::g]' is no domain name", ""),
        ('domains = ["a\\nb"]', "'a\\nb' is no domain name", ""),
    ],
)
def test_what_a_domain_is_called_is_said(problems, written, why, hint):
    (problem,) = problems(changes={'domains = ["example.com"]': written})
    assert why in problem and problem.endswith(f"\n  {hint}" if hint else "^")


def test_an_alias_is_written_as_a_domain_is(problems, plan):
    told = problems('[domain."example.com"]\naliases = ["sip:example.org", "192.0.2.1", "ex ample.net", "2001:db8::1"]')
    assert [line for each in told for line in each.split("\n")[::3]] == [
        "pipeline.toml:28:12: 'sip:example.org' is no domain name",
        "  write 'example.org'",
        "pipeline.toml:28:44: 'ex ample.net' is no domain name",
    ]
    plan('[domain."example.com"]\naliases = ["example.org", "192.0.2.1", "2001:db8::1", "[2001:db8::2]"]')


@pytest.mark.parametrize("domains", ['["exämple.com"]', '["example.com", 5]'])
def test_of_a_domain_that_is_wrong_itself_nothing_more_is_said(problems, domains):
    users = f'[user."bob@{domains[2:].partition(chr(34))[0]}"]\npassword = "x"\naors = ["bob", "al"]\n'
    assert len(problems(users, {'["example.com"]': domains})) == 1


def test_a_realm_that_no_header_field_can_carry_is_told(problems):
    (problem,) = problems('[domain."example.com"]\nrealm = "a\\nb"\n')
    assert "realm holds a sign that no header field can carry" in problem


def test_a_domain_without_quotes_is_told_as_what_it_means(problems):
    assert any('stands in quotes: [domain."example.org"]' in problem for problem in problems("[domain.example.org]\nrealm = 'x'\n"))


@pytest.mark.parametrize("table", ["[user.alice]", "[aor.bob]"])
def test_intervals_that_nobody_could_register_for_are_told(problems, table):
    more = f"{table}\nminimum_expiration = 600\nmaximum_expiration = 60\n"
    changes = {'[user.alice]\npassword = "wonderland"\n': ""}
    (problem,) = problems(more + ('password = "wonderland"\n' if "user" in table else ""), changes)
    assert "minimum_expiration (600 s) is more than maximum_expiration (60 s)" in problem and "minimum_expiration = 600" in problem

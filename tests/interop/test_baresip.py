"""baresip: a real softphone registers with digest over UDP and TCP. No audio device is touched; it is ended by its own pid."""

import subprocess
from pathlib import Path

import pytest

MODULES = (
    "/usr/lib/baresip/modules",
    "/usr/lib/x86_64-linux-gnu/baresip/modules",
    "/usr/lib/aarch64-linux-gnu/baresip/modules",
    "/usr/local/lib/baresip/modules",
)


class Phone:
    def __init__(self, program, folder, tools, account):
        folder.mkdir()
        modules = next((path for path in MODULES if Path(path).is_dir()), None)
        if modules is None:
            tools.missing(f"baresip's modules are in none of {', '.join(MODULES)}")
        (folder / "config").write_text(
            f"module_path {modules}\nmodule g711.so\nmodule_app account.so\nmodule_app menu.so\n"
            f"sip_listen 127.0.0.1:{tools.spaced_port()}\nnet_interface 127.0.0.1\ncall_max_calls 1\naudio_alert off\n"
        )
        (folder / "accounts").write_text(account + "\n")
        (folder / "contacts").write_text("")
        self.output, self.tools = folder / "output.txt", tools
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [program("baresip"), "-4", "-s", "-v", "-f", str(folder)], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder
            )

    @property
    def said(self):
        return self.output.read_text(errors="replace")

    def says(self, *words):
        """Wait until one of these has been said."""
        self.tools.until(
            lambda: f"one of {words}; baresip ended with {self.process.poll()} and said:\n{self.said}",
            lambda: any(word in self.said for word in words) or self.process.poll() is not None,
            seconds=15,
        )
        assert any(word in self.said for word in words), self.said


@pytest.fixture
def phone(program, tmp_path, tools, serve):  # `serve`: a phone that ends says goodbye to its server
    phones = []

    def phone(server, user, password, transport, options="regint=120"):
        account = f"<sip:{user}@127.0.0.1:{server.port};transport={transport}>;auth_user={user};auth_pass={password};{options}"
        phones.append(Phone(program, tmp_path / f"phone{len(phones)}", tools, account))
        return phones[-1]

    yield phone
    for each in phones:
        tools.end(each.process)


@pytest.fixture
def server(serve, template):
    return serve(template("phones.toml"))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_softphone_registers_and_is_shown_and_unregisters_when_it_ends(phone, server, tools, transport):
    alice = phone(server, "alice", "swordfish", transport)
    alice.says("200 OK")
    (contact,) = tools.until(lambda: f"the binding; baresip said:\n{alice.said}", server.contacts)
    assert contact["aor"] == "alice@example.com"
    assert "alice" in contact["uri"]
    assert contact["user_agent"].startswith("baresip")
    tools.end(alice.process)
    tools.until(lambda: f"the end of the binding; baresip said:\n{alice.said}", lambda: not server.contacts())


def test_two_softphones_are_shown_beside_each_other(phone, server, tools):
    phone(server, "alice", "swordfish", "udp").says("200 OK")
    phone(server, "bob", "swordfish", "tcp").says("200 OK")
    tools.until("two bindings", lambda: sorted(contact["aor"] for contact in server.contacts()) == ["alice@example.com", "bob@example.com"])


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_softphone_with_a_wrong_password_is_refused(phone, server, transport):
    phone(server, "alice", "wrong", transport).says(
        "401 Unauthorized (", "reg failed", "Authentication failed", "Unauthorized]", "Register: Authentication"
    )
    assert server.contacts() == []

"""Real softphones for tests: what they are configured with, told and heard to say. Each is ended by its own pid."""

import json
import os
import socket
import subprocess
from pathlib import Path

MODULES = ("/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules", "/usr/lib/aarch64-linux-gnu/baresip/modules")
LINPHONERC = """
[sip]
sip_port={port}
sip_tcp_port=-1
sip_tls_port=-1
bind_address=127.0.0.1
default_proxy=0
[video]
enabled=0
[proxy_0]
reg_proxy=<sip:127.0.0.1:{server}>
reg_identity=sip:{user}@127.0.0.1:{server}
reg_expires=600
reg_sendregister=1
publish=1
publish_expires=120
[auth_info_0]
username={user}
passwd=swordfish
realm=example.com
[friend_0]
url="Bob" <sip:bob@127.0.0.1:{server}>
pol=accept
subscribe=1
"""


class Linphone:
    """linphonec: its own presence is open as long as it runs."""

    def __init__(self, program, folder, tools, server, user):
        folder.mkdir()
        for each in (".local/share/linphone", ".config/linphone"):  # it writes its database there and makes no folder for it
            (folder / each).mkdir(parents=True)
        (folder / "linphonerc").write_text(LINPHONERC.format(port=tools.free_port(), server=server.port, user=user))
        self.tools, self.output = tools, folder / "output.txt"
        environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""}
        with self.output.open("wb") as out:
            command = [program("linphonec"), "-c", str(folder / "linphonerc"), "-d", "6", "-l", str(folder / "log.txt")]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=out, cwd=folder, env=environment)

    def say(self, words):
        self.process.stdin.write(f"{words}\n".encode())
        self.process.stdin.flush()

    def says(self, words):
        said = lambda: self.output.read_text(errors="replace")  # noqa: E731
        self.tools.until(lambda: f"{words!r} of linphonec, which said:\n{said()}", lambda: words in said(), seconds=20)

    def quit(self):
        """End as its user does: it tells that it is gone."""
        self.say("quit")
        self.process.wait(15)


class Baresip:
    """baresip without a sound card: it hears itself."""

    def __init__(self, program, folder, tools, server, user, contacts="", account=""):
        folder.mkdir()
        modules = next((path for path in MODULES if Path(path).is_dir()), None)
        if modules is None:
            tools.missing(f"baresip's modules are in none of {', '.join(MODULES)}")
        self.control = tools.free_port()
        names = ["module g711.so", "module aubridge.so", "module ctrl_tcp.so"]
        names += [f"module_app {name}.so" for name in ("account", "contact", "menu", "presence")]
        lines = [
            f"module_path {modules}",
            *names,
            f"sip_listen 127.0.0.1:{tools.spaced_port()}",
            "net_interface 127.0.0.1",
            f"ctrl_tcp_listen 127.0.0.1:{self.control}",
            "audio_player aubridge,here",
            "audio_source aubridge,here",
            "audio_alert aubridge,here",
        ]
        (folder / "config").write_text("\n".join(lines) + "\n")
        who = f"<sip:{user}@127.0.0.1:{server.port}>;auth_user={user};auth_pass=swordfish;regint=120{account}"
        (folder / "accounts").write_text(who + "\n")
        (folder / "contacts").write_text(contacts + "\n")
        self.tools, self.output = tools, folder / "output.txt"
        with self.output.open("wb") as out:
            command = [program("baresip"), "-4", "-v", "-f", str(folder)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder)
        self.says("200 OK")

    @property
    def said(self):
        return self.output.read_text(errors="replace")

    def says(self, words):
        self.tools.until(lambda: f"{words!r} of baresip, which said:\n{self.said}", lambda: words in self.said, seconds=20)

    def sees(self, words):
        """Wait until its list of contacts says something."""
        self.tools.until(lambda: f"{words!r} in {self.command('contacts')}", lambda: words in self.command("contacts"), 20, pause=0.2)

    def command(self, name, params=""):
        data = json.dumps({"command": name, "params": params, "token": "t"}).encode()
        with socket.create_connection(("127.0.0.1", self.control), 5) as control:
            control.sendall(b"%d:%s," % (len(data), data))
            return control.recv(4096).decode(errors="replace")

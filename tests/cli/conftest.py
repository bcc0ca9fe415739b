"""A configuration in a folder of its own, the command line within this process, and a real server beside it."""

import os
import re
import signal
import subprocess
import sys
import textwrap

import pytest

from pipeline.cli import main

TOML = textwrap.dedent("""\
    [pipeline]
    name = "test"
    domains = ["example.com"]
    [[stage]]
    name = "transport"
    plugins = ["udp"]            # bytes come
    [[stage]]
    name = "protocol"
    plugins = ["stack"]
    [[stage]]
    name = "intercept"
    plugins = []
    [[stage]]
    name = "application"
    plugins = ["registrar"]
    [[stage]]
    name = "integration"
    plugins = ["toml", "sqlite"]
    [plugin.udp]
    bind = ["127.0.0.1:0"]
    """)


class Server:
    """`python -m pipeline run` in a process of its own, ready."""

    def __init__(self, folder, *arguments, **more):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "run", *arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **{"cwd": folder, **more},
        )  # fmt: skip
        self.lines = []
        for line in self.process.stderr:
            self.lines.append(line)
            if line.startswith("ready"):
                break
        else:
            raise AssertionError("".join(self.lines))
        self.port = int(re.search(r"udp 127\.0\.0\.1:(\d+)", self.lines[-1])[1])

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        try:
            out, err = self.process.communicate(timeout=20)
        except ValueError:  # ended before
            return self.process.returncode, "", ""
        return self.process.returncode, out, err


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a pipeline.toml, and the test stands in it."""
    (tmp_path / "pipeline.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIPLINE_CONFIG", raising=False)
    return tmp_path


@pytest.fixture
def sipline(folder, capsys):
    """Run a command in this process: sipline("check") -> (status, what it printed, what it complained)."""

    def run(*arguments):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = stop.code
        out, err = capsys.readouterr()
        return status, out, err

    run.folder = folder
    run.toml = folder / "pipeline.toml"
    return run


@pytest.fixture
def serve(folder):
    """Start a real server; it is ended with the test."""
    servers = []

    def start(*arguments, **more):
        servers.append(Server(folder, *arguments, **more))
        return servers[-1]

    yield start
    for server in servers:
        server.end(signal.SIGKILL)
        server.process.stdout.close()
        server.process.stderr.close()

"""What tests of several rooms share: plugins written as a user would write them, into a file."""

import textwrap

import pytest

HEAD = """
from typing import ClassVar
import attrs
from pipeline import Claim, Drop, Flow, Malformed, Pending, Reply, Request, Target, Wait, hookimpl, option, plugin
LOG = []
"""


@pytest.fixture
def write(tmp_path):
    """Write a plugin file and give the `load` line of its TOML table: write("probe", source) -> '[plugin.probe]\\nload = ...'."""

    def write(name, source, options=""):
        path = tmp_path / f"{name}_plugin.py"
        path.write_text(HEAD + textwrap.dedent(source))
        return f'[plugin.{name}]\nload = "{path}:{name.capitalize()}"\n{options}\n'

    return write


@pytest.fixture
def plugin_of():
    """Give the running instance of a plugin by its listed name."""

    def plugin_of(server, name):
        return next(listing.plugin for listing in server.engine.generation.listings() if listing.name == name)

    return plugin_of

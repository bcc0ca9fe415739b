"""A small pipeline of plugins in one file, and the words that a broken pipeline.toml gets back."""

import textwrap

import pytest

from pipeline.config import Problems, load

PARTS = '''
from typing import ClassVar
import attrs
from pipeline.hookspecs import hookimpl
from pipeline.option import option, plugin

@plugin
class Udp:
    """Datagrams."""
    listens: ClassVar[str] = "udp"
    bind: list[str] = option(factory=lambda: ["0.0.0.0:5060"], help="addresses to listen on")
    servants: int = option(4, help="workers", validator=attrs.validators.ge(1))
    @hookimpl
    def listen(self, engine): ...
    @hookimpl
    def transport(self, packet, passage): ...

@plugin
class Stack:
    @hookimpl
    def protocol(self, packet, passage): ...

@plugin
class Auth:
    window: int = option(64, help="nonce counts kept", validator=attrs.validators.and_(attrs.validators.ge(8), attrs.validators.le(256)))
    @hookimpl
    def intercept(self, message, passage): ...

@plugin
class Identify:
    anonymous: str = option("", help="endpoint of the unidentified", refers="endpoint")
    @hookimpl
    def intercept(self, message, passage): ...

@plugin
class Registrar:
    needs: ClassVar = ("contact",)
    min_expires: int = option(60, help="shortest", unit="s")
    @hookimpl
    def application(self, message, passage): ...

@plugin
class Toml:
    stores: ClassVar = ("endpoint", "auth", "aor", "identify", "domain")
    writable: ClassVar = False
    @hookimpl
    def store(self, engine): ...

@plugin
class Memory:
    keeps: ClassVar = False
    @hookimpl
    def store(self, engine): ...

@plugin
class Sqlite:
    @hookimpl
    def store(self, engine): ...
'''

GOOD = """\
[pipeline]
name    = "edge-1"
domains = ["example.com"]

[[stage]]
name    = "transport"
plugins = ["udp"]

[[stage]]
name    = "protocol"
plugins = ["stack"]

[[stage]]
name    = "intercept"
plugins = ["identify", "auth"]

[[stage]]
name    = "application"
plugins = ["registrar"]

[[stage]]
name    = "integration"
plugins = ["toml", "memory"]

[user.alice]
password = "wonderland"
"""

LOADS = "".join(
    f'[plugin.{name}]\nload = "parts.py:{name.capitalize()}"\n' for name in ("stack", "auth", "identify", "registrar", "toml", "memory")
)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """write(text, file): a file beside pipeline.toml, where the tests stand."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts.py").write_text(PARTS)

    def write(text, file="pipeline.toml"):
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    return write


@pytest.fixture
def plan(write):
    """plan(text behind GOOD, old=new ...): the plan of the good file, changed."""

    def plan(more="", changes=None):
        return load(write(_text(more, changes)))

    return plan


@pytest.fixture
def problems(write):
    """problems(...): what is told of the file, each as it is printed; the plugins' own tables stand at the end."""

    def problems(more="", changes=None):
        with pytest.raises(Problems) as caught:
            load(write(_text(more, changes)))
        return [str(problem) for problem in caught.value.problems]

    return problems


def _text(more, changes):
    text = GOOD
    for old, new in (changes or {}).items():
        assert old in text, old
        text = text.replace(old, new)
    text += textwrap.dedent(more) + ("\n" if more else "")
    for name in ("udp", "stack", "auth", "identify", "registrar", "toml", "memory"):
        load = f'load = "parts.py:{name.capitalize()}"\n'
        header = f"[plugin.{name}]\n"
        text = text.replace(header, header + load) if header in text else text + header + load
    return text

"""The pytest plugin that Sipline ships (entry point pytest11): `sip` starts a pipeline for a test and stops it afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline.testing.server import Server


@pytest.fixture
def sip(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Give a function that starts a pipeline: `sip(toml="", seed=0, intercept=[...], ...)` returns a `pipeline.testing.Server`.

    A stage that is not given has its usual plugins (intercept: none). The TOML needs no stages, addresses or users of its own.
    """
    from pipeline.testing.server import Server  # noqa: PLC0415  # not at every start of pytest

    servers: list[Server] = []

    def start(toml: str = "", **more: Any) -> Server:
        folder = tmp_path / f"server{len(servers)}" if servers else tmp_path
        folder.mkdir(exist_ok=True)
        server = Server(toml, folder, **more)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.close()

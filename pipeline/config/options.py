"""The options of the server itself: the table [pipeline]."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs import validators

from pipeline.option import option

__all__ = ["PipelineOptions"]


@attrs.frozen(kw_only=True)
class PipelineOptions:
    """[pipeline]"""

    name: str = option(
        "",
        help="what this server is called in logs, traces, call records and what it stores; empty: the host's name. "
        "By another name it does not go on with its subscriptions",
    )
    domains: tuple[str, ...] = option((), help='domains served, each short for [domain."NAME"]; ids without @ belong to the first')
    state: str = option(  # see pipeline.state.place: commands need it of files that are wrong elsewhere
        ".sipline",
        help="folder of database, control socket and nonce key, from this file's folder; this server's alone, made when it is not there",
    )
    log_level: Literal["debug", "info", "warning", "error"] = option("info", help="the least level that is logged")
    log_file: str = option("", path=True, help="where the log goes, from this file's folder (made 0640); empty: standard error")
    wait_seconds: float = option(
        2.0, unit="s", validator=validators.gt(0), help="how long a message may wait for an answer within a plugin; then 503"
    )
    waiting: int = option(2000, validator=validators.ge(1), help="how many messages may wait for plugins at once; further ones get 503")
    waiting_per_source: int = option(100, validator=validators.ge(1), help="how many of them may come from one source address")
    claim_seconds: float = option(
        180.0, unit="s", validator=validators.gt(0), help="how long a claimed INVITE may stay without a final answer; then 500"
    )  # RFC 3261 16.6 step 11: Timer C is three minutes
    backlog: int = option(5000, validator=validators.ge(1), help="jobs of servants that may be queued; beyond, new requests get 503")
    memory_limit: int = option(
        0, unit="bytes", validator=validators.ge(0), help="resident memory above which new requests get 503, until it is 5 % less; 0 = none"
    )

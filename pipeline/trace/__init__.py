"""Seeing what the server does: every message, the walk it took, what decided, as `pipeline.toml:LINE`.

    engine.tap (tap.py)  ->  Record (record.py, why.py, mask.py)  ->  sinks: screen.py, jsonl.py, pcap.py, the control socket

Rule: while nobody looks, none of this exists: the chains have no timers in them and `engine.tap` is None. While somebody does, the
hot path appends a tuple to a ring and goes on; everything else happens later, and what could not be kept up with is counted.
"""

from pipeline.trace.filter import Filter
from pipeline.trace.tap import Tap, Viewer, begin, end, watch

__all__ = ["Filter", "Tap", "Viewer", "begin", "end", "watch"]

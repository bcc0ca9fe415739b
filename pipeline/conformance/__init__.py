"""Conformance: the project's own messages and checks along RFC 3261, 4475 and 5118, run against any pipeline, third-party plugins included.

`sipline conformance` runs them (bench.py drives the pipeline, in memory, in virtual time); page.py writes docs/conformance.md from them
and from the tests that carry `@rfc(...)` (marks.py). messages.toml and changed.toml hold messages; checks.py, logins.py and
calls.py what needs more than one.
"""

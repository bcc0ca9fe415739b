"""What fails again and again is written once in a while."""

import logging
import os

import pytest

from pipeline.cli.log import PAUSE, Failures, Plain, configure
from pipeline.events import Bus


def test_the_same_failure_is_written_once_and_counted(caplog):
    now = [0.0]
    engine = type("E", (), {"bus": Bus(lambda: now[0])})()
    Failures(engine)
    with caplog.at_level(logging.ERROR, "sipline"):
        for _ in range(5):
            engine.bus.tell("step.failed", plugin="probe", stage="intercept", error="RuntimeError('x')", passage=None)
        engine.bus.tell("step.failed", plugin="other", stage="intercept", error="RuntimeError('x')", passage=None)
        now[0] = PAUSE + 1
        engine.bus.tell("step.failed", plugin="probe", stage="intercept", error="RuntimeError('x')", passage=None)
    assert [record.getMessage() for record in caplog.records] == [
        "probe failed in intercept: RuntimeError('x')",
        "other failed in intercept: RuntimeError('x')",
        "probe failed in intercept: RuntimeError('x') (4 more since)",
    ]


def test_answers_that_were_too_large_are_written_once_and_counted(caplog):
    now = [0.0]
    engine = type("E", (), {"bus": Bus(lambda: now[0])})()
    Failures(engine)
    with caplog.at_level(logging.WARNING, "sipline"):
        for now[0] in (0.0, 1.0, PAUSE + 1):
            engine.bus.tell("answer.too_large", flow="udp:10.0.0.9:5060", octets=70000)
    text = "an answer of 70000 octets is too large for a datagram: 513 went to udp:10.0.0.9:5060 in its place"
    assert [record.getMessage() for record in caplog.records] == [text, text + " (1 more since)"]


def test_a_source_in_a_store_that_is_none_is_written_once(caplog):
    engine = type("E", (), {"bus": Bus(lambda: 0.0)})()
    Failures(engine)
    for _ in range(3):
        engine.bus.tell("identify.unreadable", id="trunk", error="10.0.0.5/24 has bits set behind its prefix")
    (record,) = caplog.records
    assert record.getMessage() == (
        "identify trunk in a store names a source that is none, and whoever comes from there is a stranger:"
        " 10.0.0.5/24 has bits set behind its prefix"
    )


def test_the_traceback_of_a_plugin_is_written(caplog):
    engine = type("E", (), {"bus": Bus(lambda: 0.0)})()
    Failures(engine)
    with caplog.at_level(logging.ERROR, "sipline"):
        try:
            raise RuntimeError("broken")
        except RuntimeError as error:
            engine.bus.tell("step.failed", plugin="p", stage="s", error=repr(error), exception=error, passage=None)
    assert caplog.records[0].exc_info is not None


def test_no_entry_controls_the_terminal_or_tells_a_password_and_each_can_be_written():
    entry = logging.LogRecord("x", logging.ERROR, "", 0, "what is %s?", ("sip:a:5ec4e7@b \x1b[2J \udcff",), None)
    assert Plain("%(message)s").format(entry) == "what is sip:a:***@b \\x1b[2J \\xff?"


@pytest.fixture
def root():
    """The logging of the tests themselves comes back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_the_log_is_not_everybodys_to_read(root, tmp_path):
    """The plugin `logging` may write there who calls whom."""
    before = os.umask(0o022)
    try:
        configure("info", tmp_path / "server.log")
    finally:
        os.umask(before)
    logging.getLogger("sipline.messages").info("a line")
    assert (tmp_path / "server.log").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "server.log").read_text().endswith("INFO    a line\n")


def test_a_log_that_is_there_keeps_its_permissions(root, tmp_path):
    (tmp_path / "server.log").touch()
    (tmp_path / "server.log").chmod(0o604)
    configure("info", tmp_path / "server.log")
    assert (tmp_path / "server.log").stat().st_mode & 0o777 == 0o604

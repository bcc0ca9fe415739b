"""The protocol of the control socket."""

import asyncio
import json

from pipeline.control.server import UNREAD, Distant


def test_what_is_no_question_is_told_so_and_the_next_is_answered(running):
    async def test(server):
        reader, writer = await server.connect()
        writer.write(b'nonsense\n[]\n{"do": "dance"}\n{"do": "show", "what": "everything"}\n{"do": "show", "what": "servants"}\n')
        answers = [json.loads(await reader.readline()) for _ in range(5)]
        assert [list(answer) for answer in answers] == [["error"]] * 4 + [["end"]]
        assert "'dance'" in answers[2]["error"] and "contacts, endpoints" in answers[3]["error"]
        writer.close()
        await writer.wait_closed()

    running(test)


def test_a_line_that_never_ends_is_refused(running):
    async def test(server):
        reader, writer = await server.connect()
        writer.write(b"x" * (3 << 20))
        assert b"at most" in await reader.readline()
        writer.close()

    running(test)


def test_tracing_begins_with_the_first_viewer_and_ends_with_the_last(running):
    async def test(server):
        engine = server.engine
        plain = engine.generation
        reader, writer = await server.connect()
        writer.write(b'{"do": "trace", "depth": "stages", "filter": {"method": ["OPTIONS"]}}\n')
        assert json.loads(await reader.readline()) == {"watching": "test"}
        assert engine.generation is not plain
        engine.receive(running.options, running.peer())
        came = json.loads(await reader.readline())["record"]
        went = json.loads(await reader.readline())["record"]
        assert (came["method"], came["steps"][0]["plugin"], went["kind"]) == ("OPTIONS", "stack", "sent")
        assert "data" not in came
        writer.close()
        await writer.wait_closed()
        while engine.tap is not None:  # noqa: ASYNC110  # the server has yet to notice
            await asyncio.sleep(0)
        assert engine.generation is plain

    running(test)


def test_a_capture_gets_the_bytes(running):
    async def test(server):
        reader, writer = await server.connect()
        writer.write(b'{"do": "trace", "data": true}\n')
        await reader.readline()
        server.engine.receive(running.options, running.peer())
        assert json.loads(await reader.readline())["record"]["data"].startswith("T1BUSU9OUyBz")
        writer.close()

    running(test)


def test_a_filter_that_means_nothing_is_refused(running):
    async def test(server):
        assert "no status" in (await server.ask(do="trace", filter={"status": ["OK"]}))[0]["error"]
        assert "depth is one of" in (await server.ask(do="trace", depth="deep"))[0]["error"]
        assert server.engine.tap is None

    running(test)


def test_a_viewer_that_does_not_read_misses_records_and_is_told_how_many():
    class Writer:
        def __init__(self):
            self.waiting, self.lines, self.transport = 0, [], self

        def get_write_buffer_size(self):
            return self.waiting

        def is_closing(self):
            return False

        def write(self, line):
            self.lines.append(json.loads(line))

    writer = Writer()
    sink = Distant(writer)
    writer.waiting = UNREAD + 1
    sink.show({"n": 1})
    sink.gap(2)
    sink.flush()
    assert writer.lines == []
    writer.waiting = 0
    sink.show({"n": 2})
    sink.flush()
    assert writer.lines == [{"gap": 3}, {"record": {"n": 2}}]

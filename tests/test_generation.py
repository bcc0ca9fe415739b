"""The hooks of a session are compiled as the hot ones are: whoever owns the session walks a tuple."""

from pipeline.generation import SESSION

SOURCE = """
@plugin
class Stamp:
    @hookimpl
    def session_begin(self, message, session):
        return (session, message)

    @hookimpl
    def session_response_out(self, session, message, status):
        return [("X-Status", str(status))]

    @hookimpl
    def session_end(self, session, hangup):
        LOG.append(hangup)
"""


def test_a_session_hook_is_a_tuple_of_steps_and_none_is_an_empty_one(sip, write):
    generation = sip(write("stamp", SOURCE), application=["registrar", "stamp"]).engine.generation
    assert [name for name in SESSION if getattr(generation, name).steps] == ["session_begin", "session_response_out", "session_end"]
    assert generation.session_begin.steps[0]("S", "M", "P") == ("S", "M") and generation.session_begin.names == ("stamp",)
    assert generation.session_response_out.steps[0]("S", "M", 200) == [("X-Status", "200")]
    assert generation.session_request.steps == ()


def test_tracing_leaves_the_session_hooks_as_they_are(sip, write):
    generation = sip(write("stamp", SOURCE), application=["registrar", "stamp"]).engine.generation
    assert generation.traced(lambda: 0.0).session_begin is generation.session_begin

"""The ACK of a 2xx: RFC 3261 13.2.2.4."""

from pipeline.flow import Target
from pipeline.sip.message import Request


def test_each_2xx_goes_to_the_owner_and_a_repeated_one_resends_the_stored_ack(server, phone, ask, told, request_):
    phone.phone.script["INVITE"] = [200]
    acks = []
    asking = ask(Target("10.0.0.2", 5060), request_("INVITE"))
    server.advance(0.01)
    answer = told[0].response
    asking.acknowledge(
        answer,
        Request.new(
            "ACK",
            "sip:bob@10.0.0.2",
            [("From", answer.get("from")), ("To", answer.get("to")), ("Call-ID", answer.call_id), ("CSeq", "7 ACK")],
        ),
    )
    # The phone repeats its 200, as it would had the ACK been lost.
    server.network.filter = lambda data, source, destination: acks.append(data) or True if data.startswith(b"ACK") else True
    phone.phone.passages[0].transaction.respond(200, answer.encode(), phone.phone.passages[0].flow)
    server.advance(0.1)
    assert len(told) == 1
    assert len(acks) == 1

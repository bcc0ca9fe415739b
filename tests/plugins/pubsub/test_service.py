"""plugins.pubsub.service: what other plugins ask of pub/sub, tried with a REFER of the tests' own. RFC 3515 2.4.4."""

from pipeline.pubsub.states import Progress
from pipeline.testing.watching import Watch

REFER = """
from pipeline.pubsub.states import Progress

@plugin
class Transfer:
    methods: ClassVar = ("REFER",)
    pushed: list = attrs.field(init=False, factory=list)
    engine: object = attrs.field(init=False, default=None)

    @hookimpl
    def start(self, engine):
        self.engine = engine

    @hookimpl
    def application(self, message, passage):
        return Claim("transfer", message.call_id, self.take) if message.method == "REFER" else None

    def write(self, state):
        return f"SIP/2.0 {state.status} {state.reason}".encode()

    def take(self, passage):
        message = passage.message
        made = self.engine.pubsub.implicit("refer", str(message.cseq.number), message, passage, write=self.write)
        passage.reply(202, headers=[("Contact", made.contact)])
        made.push(Progress(100, "Trying", False))
        self.pushed.append(made)
"""


def refer(start, write, plugin_of):
    server = start(write("transfer", REFER), application=["registrar", "pubsub", "probe", "transfer", "options"])
    phone = server.phone("alice")
    watched = Watch(phone, "bob", event="refer", send=False)
    message = server.message("REFER", "bob", headers=[("Refer-To", "<sip:carol@example.com>"), ("Contact", f"<{phone.contact}>")])
    from pipeline.sip.parser import parse

    request = parse(message)
    request.set("call-id", watched.call_id)
    request.set("from", f"<{phone.aor}>;tag={watched.tag}")
    request.remove("via")
    watched._first = request
    phone.engine.request(request, phone.target, watched._told)
    server.loop.run_until(lambda: watched.done, 10)
    server.advance(0.5)
    return server, watched, plugin_of(server, "transfer")


def test_an_implicit_subscription_is_told_what_is_pushed(start, write, plugin_of, notifier):
    server, watched, transfer = refer(start, write, plugin_of)
    assert watched.status == 202
    [notify] = watched.notifies
    assert notify.body == b"SIP/2.0 100 Trying"
    assert notify.content_type == "message/sipfrag"
    assert notify.get("event") == f"refer;id={watched.responses[-1].cseq.number}"
    assert notify.get("subscription-state") == "active;expires=180"
    [pushed] = transfer.pushed
    pushed.push(Progress(180, "Ringing", False))
    pushed.push(Progress(183, "Progress", False))
    server.advance(1)
    assert watched.bodies[1:] == [b"SIP/2.0 180 Ringing", b"SIP/2.0 183 Progress"]
    pushed.push(Progress(200, "OK", True), "noresource")
    server.advance(1)
    assert (watched.state, watched.reason, watched.body) == ("terminated", "noresource", b"SIP/2.0 200 OK")
    assert pushed.over
    pushed.push(Progress(200, "OK", True))
    server.advance(40)
    assert len(watched.notifies) == 4
    assert not notifier(server).subscriptions
    assert not server.leftovers()


def test_it_can_be_ended_by_who_was_told(start, write, plugin_of):
    server, watched, transfer = refer(start, write, plugin_of)
    watched.event = watched.notifies[0].get("event")
    server.wait(watched.unsubscribe())
    server.advance(1)
    assert (watched.status, watched.state, watched.reason) == (200, "terminated", "timeout")
    assert transfer.pushed[0].over


def test_it_expires(start, write, plugin_of):
    server, watched, transfer = refer(start, write, plugin_of)
    server.advance(185)
    assert (watched.state, watched.reason) == ("terminated", "timeout")
    assert watched.body == b"SIP/2.0 100 Trying"  # each NOTIFY has one (RFC 3515 2.4.5)
    assert transfer.pushed[0].over


def test_who_watches_is_told(server, watch, probe):
    assert server.engine.pubsub.watchers("probe", "bob@example.com") == ()
    watch(server.phone("alice"), "bob")
    [info] = server.engine.pubsub.watchers("probe", "bob@example.com")
    assert (info.uri, info.status.value, info.event) == ("sip:alice@example.com", "active", "subscribe")
    assert server.engine.pubsub.package("probe").bodies == ("text/plain",)
    assert server.engine.pubsub.package("nothing") is None


def test_as_many_as_may_be_and_no_more(start, write, plugin_of, notifier):
    server, _, transfer = refer(start, write, plugin_of)
    notifier(server).options.per_endpoint = 1
    answer = server.request("REFER", "bob", password="alice's", headers=[("Refer-To", "<sip:carol@example.com>")])
    assert answer.status == 500  # this transfer of the tests does not say it better
    assert len(transfer.pushed) == 1
    assert len(server.engine.dialogs) == 1


def test_what_is_not_kept_is_ended_when_the_server_stops(start, write, plugin_of, watch):
    toml = write("transfer", REFER) + '[dal]\nsubscription = ["sqlite"]\n'
    applications = ["registrar", "pubsub", "probe", "transfer", "options"]
    server = start(toml, application=applications, integration=["memory", "toml", "sqlite"])
    bob = watch(server.phone("alice"), "bob")
    headers = [("Refer-To", "<sip:carol@example.com>"), ("Contact", "<sip:alice@10.0.0.9:5060>")]
    assert server.request("REFER", "bob", password="alice's", headers=headers).status == 202
    [pushed] = plugin_of(server, "transfer").pushed
    for notify in [message for message in server.replies() if message.is_request]:
        server.send(f"SIP/2.0 200 OK\r\nVia: {notify.get('via')}\r\nFrom: {notify.get('from')}\r\nTo: {notify.get('to')}\r\n"
                    f"Call-ID: {notify.call_id}\r\nCSeq: {notify.get('cseq')}\r\nContent-Length: 0\r\n\r\n".encode())  # fmt: skip
    server.advance(0.1)
    server.stop()
    said = [message.get("subscription-state") for message in server.replies() if message.is_request]
    assert said[-1] == "terminated;reason=deactivated"
    assert pushed.over
    assert bob.state == "active"

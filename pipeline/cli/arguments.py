"""The commands and their arguments. Nothing but argparse is imported here."""

from __future__ import annotations

import argparse
import os

VIEWS = ("lines", "stages", "full", "ladder")
VIEWS_HELP = (
    "lines (default), stages (with the walk and what decided), full (with the message), ladder (calls, as arrows between the parties)"
)
SHOWN = (
    "contacts", "endpoints", "transactions", "servants", "channels", "bridges", "calls", "cdr", "messages", "subscriptions", "publications",
    "bans", "mailboxes", "hooks", "domains", "stats",
)  # fmt: skip
STAGES = ("transport", "protocol", "intercept", "application", "integration")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    # -c may stand before and behind the command; behind, its absence must not undo what stood before.
    config = argparse.ArgumentParser(add_help=False)
    config.add_argument("-c", "--config", metavar="FILE", default=argparse.SUPPRESS, help="the configuration (default: pipeline.toml)")
    top = argparse.ArgumentParser(prog="sipline", description="The SIP server you can read, test and explain.")
    top.add_argument("-c", "--config", metavar="FILE", default=os.environ.get("SIPLINE_CONFIG", "pipeline.toml"),
                     help="the configuration (default: $SIPLINE_CONFIG, or pipeline.toml)")  # fmt: skip
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", parents=[config])

    run = command("run", "start the server")
    run.add_argument("--trace", nargs="?", const="lines", choices=VIEWS, metavar="VIEW",
                     help=f"show every message: {VIEWS_HELP}")  # fmt: skip
    _filters(run)
    run.add_argument("--log-level", choices=("debug", "info", "warning", "error"), help="instead of [pipeline] log_level")
    run.add_argument("--log-file", metavar="FILE", help="instead of [pipeline] log_file; a relative path is from the working directory")

    command("check", "tell every mistake in the configuration, and what would be better")
    command("reload", "have the running server read the configuration again; a mistake in it changes nothing")
    command("graph", "draw the pipeline as it is wired")
    conformance = command("conformance", "run messages and checks along the RFCs against the configured pipeline, in memory")
    conformance.add_argument("--json", action="store_true", help="as JSON")
    plugins = command("plugins", "list every plugin that can be listed, and its options")
    plugins.add_argument("name", nargs="*", help="only these")

    _user(command("user", "add, remove and list users"), config)

    _ban(command("ban", "list, make and lift bans"), config)

    _mailbox(command("mailbox", "list mailboxes, set their options, say what another voicemail system has for them"), config)

    show = command("show", "ask the running server")
    show.add_argument("what", choices=SHOWN, metavar="WHAT", help=", ".join(SHOWN))
    show.add_argument("--json", action="store_true", help="as JSON: a list, of `stats` an object")

    originate = command("originate", "call somebody, and connect him with another party or with an extension")
    originate.add_argument("target", help="who is called first, as the dialplan names him: a user, an address")
    second = originate.add_mutually_exclusive_group(required=True)
    second.add_argument("--to", metavar="TARGET", help="who is called when the first has answered")
    second.add_argument("--extension", metavar="EXT[@CONTEXT]", help="what is done when the first has answered, as if he had dialled it")
    originate.add_argument("--caller", metavar='"NAME <NUMBER>"',
                           help="what the first one's display shows (default: whom he will be connected to)")  # fmt: skip
    originate.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="how long each may ring (default: 60)")
    originate.add_argument("--json", action="store_true", help="the channels as JSON")
    record = command("record", "record a conversation, from now on, or no more")
    record.add_argument("id", help="an id or a name that `sipline show channels` shows, or its beginning; of a call the first channel")
    record.add_argument("action", choices=("start", "stop"))
    record.add_argument("--name", help="the file, in the folder `recordings` (default: the time and the channel's name)")
    hangup = command("hangup", "end a channel, a call or a bridge")
    hangup.add_argument("id", help='an id or a name that `sipline show channels` shows, or the beginning of one; "all"')

    message = command("message", "send somebody a message")
    message.add_argument("to", help="whom: a user, an address")
    message.add_argument("text", help='what; "-" reads it from standard input')
    message.add_argument("--from", dest="author", default="", metavar='"NAME <ADDRESS>"',
                         help="whom it is from, as the recipient is shown (default: the server)")  # fmt: skip
    message.add_argument("--type", default="text/plain", metavar="TYPE", help="media type of the text (default: text/plain)")
    message.add_argument("--expires", type=float, default=0.0, metavar="SECONDS",
                         help="how long it is of use (default: as long as messages are kept)")  # fmt: skip
    message.add_argument("--json", action="store_true", help="the result as JSON")

    notify = command("notify", "send a NOTIFY that nobody subscribed to, to every phone of somebody")
    notify.add_argument("to", help="whom: a user, an endpoint, an address")
    notify.add_argument("--event", default="check-sync", metavar="EVENT", help="which (default: check-sync: read your configuration anew)")
    notify.add_argument("--body", default="", metavar="TEXT", help='what it says; "-" reads it from standard input')
    notify.add_argument("--type", default="text/plain", metavar="TYPE", help="media type of the body (default: text/plain)")
    notify.add_argument("--state", default="terminated", metavar="STATE", help="Subscription-State (default: terminated)")
    notify.add_argument("--json", action="store_true", help="the answers as JSON")

    subscribe = command("subscribe", "watch something, here or elsewhere, and print what it tells")
    subscribe.add_argument("uri", help="what: a URI, an address, a user of ours")
    subscribe.add_argument("--event", default="presence", metavar="EVENT", help="event package (default: presence)")
    subscribe.add_argument("--accept", action="append", default=[], metavar="TYPE", help="media type that is wanted; may be repeated")
    subscribe.add_argument("--expires", type=int, default=3600, metavar="SECONDS", help="for how long at a time (default: 3600)")
    subscribe.add_argument("--from", dest="author", default="", metavar="ADDRESS", help="as whom (default: the server)")
    subscribe.add_argument("--once", action="store_true", help="only the first answer")
    subscribe.add_argument("--json", action="store_true", help="as JSON, a line each")

    trace = command("trace", "show every message of the running server")
    views = trace.add_mutually_exclusive_group()
    views.add_argument("view", nargs="?", choices=VIEWS, help=VIEWS_HELP)
    views.add_argument("--trace", dest="as_run", choices=VIEWS, metavar="VIEW", help="the same, as `sipline run` spells it")
    trace.add_argument("--quiet", action="store_true", help="only write the files")
    _filters(trace)

    enable = command("enable", "list a plugin in a stage of the configuration")
    enable.add_argument("name")
    enable.add_argument(
        "--stage", action="append", choices=STAGES, help="in this one alone, not in all whose hooks it has; may be repeated"
    )
    place = enable.add_mutually_exclusive_group()
    place.add_argument(
        "--after",
        action="append",
        metavar="PLUGIN",
        help="behind this one, whatever the plugin itself says; may be repeated, for two stages",
    )
    place.add_argument("--first", action="store_true", help="before all others of the stage")
    disable = command("disable", "take a plugin out of every stage; its options stay in the file")
    disable.add_argument("name")
    return top


def _filters(parser: argparse.ArgumentParser) -> None:
    """What to show; kinds are and-ed, repetitions of one are or-ed. A ladder shows the calls whole that have such a message."""
    parser.add_argument(
        "--method",
        action="append",
        metavar="METHOD",
        help="only this method and its answers; all filters may be repeated; of ladders, the calls with such a message",
    )
    parser.add_argument("--user", action="append", metavar="USER", help="only what names this user: From, To, Request-URI, digest user")
    parser.add_argument("--address", action="append", metavar="ADDRESS", help="only this address, network or host:port")
    parser.add_argument("--call-id", action="append", metavar="TEXT", help="only Call-IDs that begin so")
    parser.add_argument("--status", action="append", metavar="STATUS", help="only answers with this status (401, 4xx) and their requests")
    parser.add_argument("--jsonl", metavar="FILE", help="write the records as JSON lines too (0600)")
    parser.add_argument("--pcap", metavar="FILE", help="write a capture for Wireshark too (0600): the real bytes, unmasked")


def _ban(parser: argparse.ArgumentParser, config: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, text: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", parents=[config])

    action("list", "list all bans").add_argument("--json", action="store_true", help="as JSON")
    add = action("add", "do not listen to an address or a network")
    add.add_argument("source", help='"192.0.2.7", "192.0.2.0/24", "2001:db8::/48"; an IPv6 address is banned with its /64')
    add.add_argument("--time", metavar="TIME", help="how long: 90 (seconds), 15m, 2h, 7d (default: until it is lifted)")
    add.add_argument("--reason", metavar="TEXT", help="for whoever reads the list")
    action("remove", "lift a ban").add_argument("source", help='what `sipline ban list` shows; "all"')


def _mailbox(parser: argparse.ArgumentParser, config: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, text: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", parents=[config])

    action("list", "list all mailboxes that are in use").add_argument("--json", action="store_true", help="as JSON")
    show = action("show", "show a mailbox and the messages in it")
    show.add_argument("name")
    show.add_argument("--json", action="store_true", help="as JSON")
    count = action("count", "say how many messages another voicemail system has: lamps show them beside those here")
    count.add_argument("name")
    for name, text in (("new", "not heard yet"), ("old", "heard"), ("urgent-new", "of the new ones"), ("urgent-old", "of the old ones")):
        count.add_argument(f"--{name}", type=int, default=0, metavar="NUMBER", help=f"messages, {text} (default: 0)")
    change = action("set", "set options of a mailbox; it is stored then")
    change.add_argument("name")
    pin = change.add_mutually_exclusive_group()
    pin.add_argument("--pin", nargs="?", const="", metavar="PIN", help="what foreign phones need; without a value you are asked")
    pin.add_argument("--no-pin", action="store_true", help="only its owner's own phones hear it")
    change.add_argument("--email", metavar="ADDRESS", help='where messages are sent to; "" = nowhere')
    change.add_argument("--number", metavar="DIGITS", help="what is dialled to choose it from a foreign phone")
    change.add_argument("--max-messages", type=int, metavar="NUMBER", help="messages that it holds; 0 = no limit")
    change.add_argument("--max-seconds", type=int, metavar="SECONDS", help="how long one message may be")
    change.add_argument("--retention-days", type=int, metavar="DAYS", help="after how many days a message is deleted; 0 = never")
    action("rescan", "look at the files again, after they were changed by hand")


def _user(parser: argparse.ArgumentParser, config: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, text: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", parents=[config])

    add = action("add", "add a user with hashes of every digest algorithm")
    add.add_argument("name")
    add.add_argument("--password", help="seen by who lists processes; without it you are asked, or one is made and printed")
    add.add_argument("--domain", help="not the first domain")
    action("list", "list all users").add_argument("--json", action="store_true", help="as JSON")
    remove = action("remove", "remove a user and drop its contacts")
    remove.add_argument("name")
    remove.add_argument(
        "--force", action="store_true", help="also one that pipeline.toml refers to: the server does not start until that is changed"
    )
    load = action("import", "add many users from a CSV file with the columns user,password and perhaps domain; none while a row is faulty")
    load.add_argument("file", help='"-" for standard input')

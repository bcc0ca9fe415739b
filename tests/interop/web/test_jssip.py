"""JsSIP in headless Chromium: a page that Sipline serves registers over WSS with digest and calls another tab, media direct between them."""

import json
import urllib.error
import urllib.request

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def server(serve, template, tools, authority, pages, pair):
    web = tools.free_port()
    server = serve(template("calls/tls.toml"), cert=pair[0], key=pair[1], ca=authority.file, web=web, pages=pages)
    server.page = f"https://localhost:{web}/"
    yield server
    assert "Traceback" not in server.log, server.log


@pytest.fixture
def phone(server, browser, tools):
    def phone(user, password="swordfish"):
        tab = browser.open(server.page)
        tab.run(f"register({json.dumps(user)}, {json.dumps(password)})")
        return tab

    return phone


def has(tools, tab, what, seconds=20):
    tools.until(lambda: f"{what!r}; the page told {tab.told()} and said {tab.said}", lambda: what in tab.told(), seconds)


def test_two_tabs_register_and_call_each_other(server, phone, tools):
    alice, bob = phone("alice"), phone("bob")
    for tab in (alice, bob):
        has(tools, tab, "registered")
    contacts = server.contacts()
    assert len(contacts) == 2
    assert all(".invalid" in contact["uri"] and contact["reach"].startswith("flow:") for contact in contacts)
    alice.run('call("bob")')
    has(tools, bob, "called by alice")
    bob.run("answer()")
    for tab in (alice, bob):
        has(tools, tab, "confirmed local" if tab is alice else "confirmed remote")
    for tab in (alice, bob):
        tools.until(
            lambda tab=tab: f"sound; heard {tab.run('heard()')}, told {tab.told()}",
            lambda tab=tab: (found := tab.run("heard()"))["packets"] > 50 and found["energy"] > 0,
            20,
        )
    alice.run("hangup()")
    has(tools, bob, "ended remote Terminated")
    assert "ended local Terminated" in alice.told()


def test_a_wrong_password_does_not_register(phone, tools):
    has(tools, phone("alice", "wrong"), "registrationFailed Authentication Error")


def test_a_tab_that_is_closed_takes_its_binding_along(server, phone, tools):
    alice = phone("alice")
    has(tools, alice, "registered")
    assert len(server.contacts()) == 1
    alice.ask("Page.close")
    tools.until("the binding to go", lambda: not server.contacts())


def test_a_page_of_another_site_gets_no_websocket(server, browser, tools):
    tab = browser.open(server.page.replace("localhost", "127.0.0.1"))
    tab.run('register("alice", "swordfish")')
    tools.until(lambda: f"a refusal: {tab.told()}", lambda: any(each.startswith("disconnected") for each in tab.told()), 20)
    assert "connected" not in tab.told()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(server.page + "health", timeout=5)

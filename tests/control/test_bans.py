"""Bans through the control socket."""


def test_a_ban_is_made_listed_and_lifted(running):
    async def test(server):
        (row,) = await server.rows(do="bans.add", source="192.0.2.7", seconds=600, reason="noise")
        assert (row["source"], row["seconds"], row["by"], row["reason"]) == ("192.0.2.7", 600, "admin", "noise")
        await server.rows(do="bans.add", source="[2001:db8:0:1::7]")
        rows = await server.rows(do="show", what="bans")
        assert [(row["source"], row["seconds"]) for row in rows] == [("192.0.2.7", 600), ("2001:db8:0:1::/64", None)]
        (row,) = await server.rows(do="bans.remove", source="192.0.2.7")
        assert row["source"] == "192.0.2.7"
        assert len(await server.rows(do="bans.remove", source="all")) == 1
        assert await server.rows(do="show", what="bans") == []

    running(test)


def test_what_cannot_be_banned_is_said(running):
    async def test(server):
        for source, said in (("phone.example.com", "no address and no network"), ("0.0.0.0/0", "is everybody")):
            (answer,) = await server.ask(do="bans.add", source=source)
            assert said in answer["error"]
        (answer,) = await server.ask(do="bans.remove", source="192.0.2.7")
        assert answer["error"] == "192.0.2.7 is not banned"

    running(test)

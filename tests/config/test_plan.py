def test_a_plan_and_its_listings_show_no_secret(plan):
    assert "wonderland" not in repr(plan())


def test_listings_come_in_the_order_of_a_message(plan):
    assert [listing.name for listing in plan().listings()][:2] == ["udp", "stack"]


def test_the_place_of_a_listing_can_be_looked_up_when_the_server_runs(plan):
    found = plan()
    assert str(found.stages["application"][0].place) == "pipeline.toml:19"
    assert found.document.line_of("plugin", "registrar", "min_expires") == found.document.line_of("plugin", "registrar")


def test_a_plugin_of_ours_has_our_version_and_one_in_a_file_its_own_or_none(plan, write):
    from pipeline.config.version import own_version

    write(
        "from typing import ClassVar\nfrom pipeline.hookspecs import hookimpl\nfrom pipeline.option import plugin\n\n@plugin\nclass Mine:\n"
        "    version: ClassVar[str] = '3.1'\n    @hookimpl\n    def application(self): ...\n",
        "mine.py",
    )
    found = plan('[plugin.mine]\nload = "mine.py:Mine"', {'["registrar"]': '["mine", "registrar"]'})
    assert [listing.version for listing in found.stages["application"]] == ["3.1", ""]
    found.stages["application"][1].source = "built-in"
    assert found.stages["application"][1].version == own_version()

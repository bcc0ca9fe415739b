from pipeline.config import PipelineOptions
from pipeline.config.schema import options_of


def test_every_option_of_the_server_has_a_default_and_a_help_text():
    assert all(option.help and not option.required for option in options_of(PipelineOptions).values())


def test_the_name_of_the_server_is_the_hosts_unless_said(plan):
    import os

    assert plan(changes={'name    = "edge-1"\n': ""}).name == os.uname().nodename

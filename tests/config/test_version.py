from importlib.metadata import version

from pipeline.config.version import own_version


def test_the_version_is_that_of_the_installed_distribution():
    assert own_version() == version("sipline")

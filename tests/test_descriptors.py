"""As many connections as the system allows, not as many as select can name."""

import subprocess
import sys

from pipeline.descriptors import MOST, allowed

ASK = (
    "import resource; hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]; resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard)); "
    "from pipeline.descriptors import allowed, ask_for_all, MOST; before = allowed(); ask_for_all(); "
    "print(before, allowed() == (hard if 0 <= hard < MOST else MOST))"
)


def test_the_limit_is_raised_to_what_the_system_allows():
    assert subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True).stdout.split() == ["256", "True"]


def test_what_is_allowed_is_a_number_one_can_reckon_with():
    assert 0 < allowed() <= MOST

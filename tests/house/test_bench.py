"""What the benchmarks are asked for is judged before anything is started."""

import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "bench" / "run.py"


@pytest.mark.parametrize("only", ["nonsense", "options,nonsense", ""])
def test_work_that_no_benchmark_knows_is_refused_and_the_names_are_told(only):
    done = subprocess.run([sys.executable, RUN, "--only", only], capture_output=True, text=True, timeout=30, check=False)
    wrong = only.rpartition(",")[2]
    assert done.returncode == 2
    assert f"run.py: error: argument --only: {wrong!r} is none of register_noauth, register_digest, options, message," in done.stderr
    assert "load.py" not in done.stderr

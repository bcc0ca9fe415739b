"""What was acknowledged with durability `commit` is on the disk, whenever and however the process ends (plugins.sqlite through the layer)."""

import importlib.util
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("sipline_tests_crash", HERE / "crash.py")
crash = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(crash)

INTERPOSER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
static int (*handler)(int);
static __thread int inside;
void on_sync(int (*fn)(int)) { handler = fn; }
int real_sync(int fd) { return ((int (*)(int)) dlsym(RTLD_NEXT, "fdatasync"))(fd); }
static int synced(int fd) {
    if (handler && !inside) {
        inside = 1;
        int error = handler(fd);
        inside = 0;
        if (error) { errno = error; return -1; }
    }
    return real_sync(fd);
}
int fdatasync(int fd) { return synced(fd); }
int fsync(int fd) { return synced(fd); }
"""


def run(*args, **environment):
    done = subprocess.run(
        [sys.executable, str(HERE / "crash.py"), *map(str, args)],
        stdout=subprocess.PIPE,
        timeout=300,
        text=True,
        env={**os.environ, **environment},
        check=True,
    )
    return done.stdout.splitlines()


def killed(path, seed):
    """Start the writer, kill -9 it at a random moment under load; return what it had acknowledged."""
    process = subprocess.Popen([sys.executable, str(HERE / "crash.py"), "load", str(path)], stdout=subprocess.PIPE, text=True)
    lines = [process.stdout.readline().strip() for _ in range(random.Random(seed).randrange(1, 3000))]
    process.kill()
    rest = process.stdout.read()
    process.stdout.close()
    process.wait()
    return lines + [line for line in rest.splitlines(keepends=False) if line]


@pytest.mark.parametrize("seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 50))])
def test_after_kill_9_under_load_nothing_acknowledged_is_missing(tmp_path, seed):
    path = tmp_path / "sipline.db"
    lines = killed(path, seed)
    assert crash.wrong(path, lines) == []


def test_at_whatever_statement_it_fails_or_dies_nothing_acknowledged_is_missing(tmp_path):
    lines = run("points", tmp_path)
    assert len(lines) == 48
    assert [line for line in lines if "WRONG" in line] == []
    for line in lines:  # who was not killed went on to the end, with memory and disk the same
        assert ("ended -9" in line) if "-die-" in line else ("ended 0, 27 acknowledged" in line), line


def test_at_whatever_fsync_it_fails_dies_or_loses_power_nothing_acknowledged_is_missing(tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to get between SQLite and fsync with")
    library = tmp_path / "interposer.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), "-x", "c", "-", "-ldl"], input=INTERPOSER, text=True, check=True)
    folder = tmp_path / "files"
    folder.mkdir()
    lines = run("syncs", folder, LD_PRELOAD=str(library))
    assert [line for line in lines if "WRONG" in line] == []
    assert lines[0].startswith("power cut at 30 moments: ended 0")
    assert int(lines[0].split()[-2]) > 30  # every acknowledgement had its own
    assert sum("ended -9" in line for line in lines) > 15  # it was really killed there

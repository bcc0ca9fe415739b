"""Fuzz one target, or all in turn, with atheris: python tests/fuzz/run.py TARGET|all [seconds] [corpus folder ...]

Seeds are the corpora of /work/shared where they exist (SIPLINE_FUZZ_SEEDS names others). What is found is written to the current folder as
crash-* or timeout-*; give it to `python tests/fuzz/run.py TARGET FILE` to see it again, and make a test of it in test_findings.py.
Needs `pip install atheris`. Exit status 0: nothing found.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SEEDS = [pathlib.Path(folder) for folder in os.environ.get("SIPLINE_FUZZ_SEEDS", "/work/shared/fuzz:/work/shared/torture").split(":")]
LARGEST = 4096


def seeds(folder):
    """Copy every seed that is short enough into one folder, as libFuzzer wants it."""
    for number, path in enumerate(sorted(path for seed in SEEDS if seed.is_dir() for path in seed.rglob("*") if path.is_file())):
        data = path.read_bytes()
        if len(data) <= LARGEST:
            (folder / f"seed{number}").write_bytes(data)
            (folder / f"header{number}").write_bytes(bytes([number % 46]) + data[:200])


def main():
    target, rest = sys.argv[1], sys.argv[2:]
    sys.path.insert(0, str(HERE.parent.parent))
    if target == "all":
        from tests.fuzz.targets import TARGETS

        failed = [name for name in TARGETS if subprocess.call([sys.executable, __file__, name, *rest])]
        print("found something in: " + ", ".join(failed) if failed else "nothing found")
        return bool(failed)
    import atheris

    with atheris.instrument_imports(include=["pipeline.sip", "pipeline.stages", "pipeline.plugins"]):
        from tests.fuzz.targets import TARGETS
    files = [word for word in rest if pathlib.Path(word).exists()]
    seconds = next((word for word in rest if word.isdigit()), "60")
    corpus = tempfile.mkdtemp(prefix="sipline-corpus")
    seeds(pathlib.Path(corpus))
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={LARGEST}",
        "-timeout=20",  # by the wall's clock, and the machine may be busy: what costs CPU is found by test_worst.py
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *(files or [corpus, *options])], TARGETS[target])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())

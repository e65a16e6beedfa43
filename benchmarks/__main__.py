"""Runs all benchmarks one after the other: `python -m benchmarks`. Exits with 1 if a goal is missed.

Each runs in a process of its own, because what one leaves in memory would slow down the next. The long run is left out:
it is a check, not a comparison, and takes minutes.
"""

import subprocess
import sys

_PARTS = ("control", "freshness", "poll", "entities", "push", "set_up")

if __name__ == "__main__":
    runs = [subprocess.run([sys.executable, "-m", f"benchmarks.{part}"], check=False) for part in _PARTS]
    sys.exit(any(run.returncode for run in runs))

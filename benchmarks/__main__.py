"""All benchmarks, one after the other: `python -m benchmarks`. Ends with 1 if a goal is missed.

Each runs in a process of its own, since what one leaves in memory would slow down the next. The long run is not among
them: it checks and does not compare, and takes its minutes alone.
"""

import subprocess
import sys

_PARTS = ("control", "freshness", "poll", "entities", "push", "set_up")

if __name__ == "__main__":
    ends = [subprocess.run([sys.executable, "-m", f"benchmarks.{part}"], check=False).returncode for part in _PARTS]
    sys.exit(any(ends))

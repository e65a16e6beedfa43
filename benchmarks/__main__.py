"""All benchmarks, one after the other: `python -m benchmarks`. Ends with 1 if a goal is missed.

The long run is not among them: it checks and does not compare, and takes its minutes alone.
"""

import logging
import sys

from . import control, entities, freshness, poll, push, set_up
from .report import run

if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(
        run(control.measure, freshness.measure, poll.measure, entities.measure, push.measure, set_up.measure),
    )

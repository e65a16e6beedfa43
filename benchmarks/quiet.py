"""Keeps log records and Python's warnings out of the benchmarks' tables."""

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Collect errors that are logged, and warnings. Print them only if the block fails, when they may say why.

    Records below the level of an error are not even made, since making them would be measured, too.
    """
    collected = io.StringIO()
    handler = logging.StreamHandler(collected)
    logging.disable(logging.WARNING)
    logging.captureWarnings(capture=True)
    logging.getLogger().addHandler(handler)
    try:
        yield
    except BaseException:
        sys.stderr.write(collected.getvalue())
        raise
    finally:
        logging.getLogger().removeHandler(handler)

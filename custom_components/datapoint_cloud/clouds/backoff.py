"""Growing pauses between attempts. It knows neither what is attempted nor how to wait."""

import random


class Backoff:
    """Pauses that grow with each attempt until an attempt succeeds."""

    def __init__(self, start: float, maximum: float, *, factor: float = 2.0, jitter: float = 0.0) -> None:
        """Begin with `start` and multiply by `factor` up to `maximum` (seconds).

        `jitter` is the share of a pause, from 0 to 1, that chance may take away, so that clients whose connections
        were lost at the same moment do not all return together.
        """
        self._start = min(start, maximum)
        self._maximum = maximum
        self._factor = factor
        self._jitter = jitter
        self._pause = self._start

    def next(self) -> float:
        """Return the seconds to wait before the next attempt."""
        pause = self._pause
        self._pause = min(self._factor * pause, self._maximum)
        return pause * random.uniform(1 - self._jitter, 1)  # noqa: S311  # jitter, not cryptography

    def reset(self) -> None:
        """Begin with the shortest pause again, after an attempt that succeeded."""
        self._pause = self._start

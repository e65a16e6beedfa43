"""Keeps the mix of a light's channels while they are made brighter or darker together.

Pure. A level is the share of a channel in what it can give, from 0 to 1. It knows no datapoints.
"""

from collections.abc import Sequence
from typing import Final

_NOISE: Final = 1e-9

type Mix = tuple[float, ...]
"""The levels of all channels while the strongest one is at 1."""


def mix_of(levels: Sequence[float], steps: Sequence[float], remembered: Mix | None = None) -> Mix:
    """Return the mix of these levels, each of which was rounded to a multiple of its channel's step.

    Dark levels are coarse, and a dark channel is 0: the remembered mix is returned as long as the levels fit it, and
    while all channels are dark. Without one, dark channels are taken to be equal.
    """
    if remembered is not None and len(remembered) == len(levels) and _fits(levels, steps, remembered):
        return remembered
    top = max(levels)
    return tuple(level / top for level in levels) if top > 0 else (1.0,) * len(levels)


def _fits(levels: Sequence[float], steps: Sequence[float], mix: Mix) -> bool:
    """Whether there is a brightness at which the levels are those of the mix, each one rounded."""
    darkest, brightest = 0.0, 1.0
    for level, step, share in zip(levels, steps, mix, strict=True):
        least, most = level - step / 2, level + step / 2
        if share == 0:
            if least > _NOISE:
                return False
            continue
        is_raised = share == 1 and level <= step + _NOISE
        darkest = darkest if is_raised else max(darkest, least / share)
        brightest = min(brightest, most / share)
    return darkest <= brightest + _NOISE


def levels_of(mix: Mix, brightness: float, steps: Sequence[float]) -> list[float]:
    """Return the levels of a mix at a brightness from 0 to 1, as multiples of the steps.

    The strongest channel is never dark, unless the brightness is 0.
    """
    levels = [round(share * brightness / step) * step for share, step in zip(mix, steps, strict=True)]
    if brightness > 0:
        levels = [
            max(level, step) if share == 1 else level for level, share, step in zip(levels, mix, steps, strict=True)
        ]
    return [min(level, 1.0) for level in levels]

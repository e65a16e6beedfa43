"""The rules that every cloud's client has to keep, run over all four clouds, and controls for each rule."""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.rules_of_{part}" for part in ("errors", "history", "readings", "resources")),
)

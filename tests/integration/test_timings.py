"""The durations of the integration fit together, and a test can change them."""

from collections.abc import Callable
from dataclasses import replace

from homeassistant.core import HomeAssistant

from custom_components.datapoint_cloud.timings import Timings, timings_of


def test_a_written_value_is_shown_until_the_last_confirmation_read() -> None:
    timings = Timings()
    assert sum(timings.confirmation_reads) < timings.pending_for.total_seconds() < timings.give_up_after
    assert timings.revert_after > 0


async def test_a_test_can_change_one_duration_and_keep_the_others(
    hass: HomeAssistant, change_timings: Callable[..., None]
) -> None:
    before = timings_of(hass)
    change_timings(first_readings=0.05)
    assert timings_of(hass) == replace(before, first_readings=0.05) != before

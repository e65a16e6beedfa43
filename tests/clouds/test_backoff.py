"""Tests that pauses grow up to a maximum, vary at random, and start over after a success."""

from custom_components.datapoint_cloud.clouds.backoff import Backoff


def test_pauses_grow_up_to_the_maximum() -> None:
    backoff = Backoff(10, 50)
    assert [backoff.next() for _ in range(5)] == [10, 20, 40, 50, 50]


def test_a_reset_starts_over() -> None:
    backoff = Backoff(1, 100, factor=3)
    assert [backoff.next() for _ in range(3)] == [1, 3, 9]
    backoff.reset()
    assert backoff.next() == 1


def test_jitter_shortens_pauses_by_its_share_at_most() -> None:
    backoff = Backoff(60, 3600, jitter=0.5)
    pauses = [backoff.next() for _ in range(10_000)][-1000:]  # so many doublings that a float would overflow
    assert all(1800 <= pause <= 3600 for pause in pauses)
    assert len(set(pauses)) > 500


def test_a_first_pause_beyond_the_maximum_is_the_maximum() -> None:
    backoff = Backoff(900, 100)
    assert [backoff.next() for _ in range(2)] == [100, 100]

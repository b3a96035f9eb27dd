"""When to connect again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edged.mqtt.retry import Retry


@given(failures=st.integers(1, 10_000))
def test_the_wait_doubles_up_to_a_limit(failures: int) -> None:
    retry = Retry(first_s=1.0, most_s=60.0)
    assert 0.0 <= retry.wait_s(failures) <= min(60.0, 2.0 ** min(failures - 1, 10))


@given(failures=st.integers(1, 10_000))
def test_what_a_person_must_mend_is_tried_rarely(failures: int) -> None:
    assert 30.0 <= Retry().wait_s(failures, slowly=True) <= 60.0


def test_two_devices_do_not_wait_alike() -> None:
    retry = Retry()
    assert len({retry.wait_s(6) for _ in range(20)}) > 10


def test_a_broker_that_is_back_is_found_within_5_s() -> None:
    assert all(Retry().wait_s(failures) < 5.0 for failures in range(1, 100))

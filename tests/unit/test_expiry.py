"""When a session stops being valid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.expiry import Lifetime, is_dead, renewal_is_due

seconds = st.integers(min_value=1, max_value=10**9)
instants = st.integers(min_value=0, max_value=10**10)


@given(idle=seconds, absolute=seconds, began_at=instants, used=st.integers(min_value=0, max_value=10**9))
def test_a_deadline_is_the_nearer_of_both(idle: int, absolute: int, began_at: int, used: int) -> None:
    """Idle since last use, absolute since the beginning; never beyond either."""
    deadline = Lifetime(idle=idle, absolute=absolute).deadline(began_at=began_at, now=began_at + used)
    assert deadline in (began_at + used + idle, began_at + absolute)
    assert deadline <= began_at + used + idle
    assert deadline <= began_at + absolute


@given(idle=seconds, absolute=seconds, began_at=instants, used=instants, later=seconds)
def test_later_use_never_means_an_earlier_end(idle: int, absolute: int, began_at: int, used: int, later: int) -> None:
    """Renewing cannot hurt."""
    lifetime = Lifetime(idle=idle, absolute=absolute)
    first = lifetime.deadline(began_at=began_at, now=used)
    assert lifetime.deadline(began_at=began_at, now=used + later) >= first


@pytest.mark.parametrize(("now", "dead"), [(99, False), (100, True), (101, True)])
def test_the_deadline_itself_is_too_late(now: int, *, dead: bool) -> None:
    """Alive to the second before it."""
    assert is_dead(expires_at=100, now=now) is dead


@pytest.mark.parametrize(
    ("gain", "idle", "due"),
    [(179, 1_800, False), (180, 1_800, True), (1_800, 1_800, True), (0, 1_800, False), (-500, 1_800, False)],
)
def test_renewal_is_due_when_a_tenth_of_the_idle_time_is_gained(gain: int, idle: int, *, due: bool) -> None:
    """Not a second sooner, and never backwards."""
    assert renewal_is_due(expires_at=1_000, renewed_to=1_000 + gain, idle=idle) is due


@pytest.mark.parametrize("idle", range(1, 11))
def test_a_short_idle_time_is_renewed_at_each_second_but_not_twice_in_one(idle: int) -> None:
    """A tenth of ten seconds is one."""
    assert renewal_is_due(expires_at=1_000, renewed_to=1_001, idle=idle)
    assert not renewal_is_due(expires_at=1_000, renewed_to=1_000, idle=idle)


@given(idle=st.integers(min_value=10, max_value=10**6), rate=st.integers(min_value=1, max_value=50))
def test_constant_use_renews_ten_times_per_idle_period_at_most(idle: int, rate: int) -> None:
    """However often it is read."""
    expires_at, renewals = idle, 0
    for now in range(0, idle, max(1, idle // (10 * rate))):
        if renewal_is_due(expires_at=expires_at, renewed_to=now + idle, idle=idle):
            expires_at, renewals = now + idle, renewals + 1
    assert renewals <= 10

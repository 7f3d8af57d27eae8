"""How often and how long a store is asked again."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn import StoreUnavailableError
from sojourn.retry import Retry, seconds_left


class World:
    """A monotonic clock in the hand, and a store that takes its time to fail, but no longer than it is given."""

    def __init__(self, *, takes: float = 0.0) -> None:
        self.now = 50.0
        self.pauses: list[float] = []
        self.asked = 0
        self._takes = takes

    def retry(self, *, jitter: float = 1.0, attempts: int = 3) -> Retry:
        """A policy in this world."""
        return Retry(attempts=attempts, monotonic=lambda: self.now, sleep=self._sleep, jitter=lambda: jitter)

    def failing(self, *errors: StoreUnavailableError) -> Callable[[], str]:
        """An attempt that fails so often, then answers."""
        remaining = list(errors)

        def attempt() -> str:
            self.asked += 1
            self.now += min(self._takes, seconds_left())
            if remaining:
                raise remaining.pop(0)
            return "answer"

        return attempt

    def _sleep(self, pause: float) -> None:
        self.pauses.append(pause)
        self.now += pause


def _transient(*, doubt: bool = False) -> StoreUnavailableError:
    return StoreUnavailableError("busy", is_transient=True, outcome_unknown=doubt)


def test_an_answer_is_passed_on_at_once() -> None:
    """No pause, no second question."""
    world = World()
    assert world.retry().run(world.failing()) == "answer"
    assert (world.asked, world.pauses) == (1, [])


def test_a_transient_failure_is_tried_three_times() -> None:
    """Then its reason is told."""
    world = World()
    assert world.retry().run(world.failing(_transient(), _transient())) == "answer"
    assert world.asked == 3
    with pytest.raises(StoreUnavailableError, match="busy"):
        world.retry().run(world.failing(*[_transient()] * 3))
    assert world.asked == 6


def test_waits_grow_and_are_jittered_in_full() -> None:
    """From nothing up to a limit that doubles."""
    world = World()
    world.retry(attempts=4, jitter=1.0).run(world.failing(*[_transient()] * 3))
    world.retry(attempts=2, jitter=0.0).run(world.failing(_transient()))
    assert world.pauses == [0.05, 0.1, 0.2, 0.0]


def test_waits_are_capped() -> None:
    """However many attempts there are."""
    world = World()
    world.retry(attempts=12).run(world.failing(*[_transient()] * 11))
    assert max(world.pauses) == world.pauses[-1] == 1.0


def test_what_cannot_help_is_not_tried_again() -> None:
    """Forbidden stays forbidden."""
    world = World()
    with pytest.raises(StoreUnavailableError) as error:
        world.retry().run(world.failing(StoreUnavailableError("forbidden")))
    assert (world.asked, error.value.is_transient) == (1, False)


def test_doubt_of_any_attempt_is_doubt_of_the_whole() -> None:
    """The last failure may have been harmless, the first not."""
    world = World()
    with pytest.raises(StoreUnavailableError) as error:
        world.retry().run(world.failing(_transient(doubt=True), _transient(), _transient()))
    assert error.value.outcome_unknown
    with pytest.raises(StoreUnavailableError) as certain:
        world.retry().run(world.failing(*[_transient()] * 3))
    assert not certain.value.outcome_unknown


def test_other_errors_pass_through() -> None:
    """Only an unavailable store is asked again."""

    def attempt() -> str:
        raise ValueError("bug")

    with pytest.raises(ValueError, match="bug"):
        World().retry().run(attempt)


def test_nothing_is_asked_that_could_outlast_the_deadline() -> None:
    """An attempt needs a second and a half; trying again later may help."""
    world = World()
    with pytest.raises(StoreUnavailableError, match="no time") as error:
        world.retry().within(1.49).run(world.failing())
    assert (world.asked, error.value.is_transient, error.value.outcome_unknown) == (0, True, False)
    assert world.retry().within(1.5).run(world.failing()) == "answer"


def test_no_time_left_after_a_doubtful_attempt_leaves_the_doubt() -> None:
    """Nobody may take it for a refusal."""
    world = World(takes=3.0)
    with pytest.raises(StoreUnavailableError) as error:
        world.retry().within(4.4).run(world.failing(_transient(doubt=True)))
    assert (world.asked, error.value.outcome_unknown, world.pauses) == (1, True, [])


def test_a_sleep_that_takes_too_long_is_noticed() -> None:
    """A frozen process wakes up late; it asks no more then."""
    world = World()
    retry = Retry(monotonic=lambda: world.now, sleep=lambda _pause: setattr(world, "now", world.now + 60))
    with pytest.raises(StoreUnavailableError, match="no time") as error:
        retry.within(10).run(world.failing(_transient(doubt=True)))
    assert (world.asked, error.value.outcome_unknown) == (1, True)


def test_a_narrower_deadline_counts_and_a_wider_one_does_not() -> None:
    """Nobody gets more time than was given from outside."""
    world = World()
    assert world.retry().within(10).within(4).until == world.retry().within(4).within(10).until == 54.0


@given(
    seconds=st.floats(min_value=0, max_value=30),
    takes=st.floats(min_value=0, max_value=3),
    jitter=st.floats(min_value=0, max_value=1),
    attempts=st.integers(min_value=1, max_value=8),
)
def test_no_deadline_is_ever_passed(seconds: float, takes: float, jitter: float, attempts: int) -> None:
    """Whatever the jitter draws and the attempts take."""
    world = World(takes=takes)
    with pytest.raises(StoreUnavailableError):
        world.retry(jitter=jitter, attempts=attempts).within(seconds).run(world.failing(*[_transient()] * 9))
    assert world.now <= 50.0 + seconds + 1e-9
    assert world.asked <= attempts

"""When a session stops being valid. Knows nothing about storage; the caller brings the time."""

from sojourn.values import dataclass

_RENEWAL_SHARE = 10


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a session may live: ``idle`` since last use, ``absolute`` since it began, in seconds."""

    idle: int
    absolute: int

    def deadline(self, *, began_at: int, now: int) -> int:
        """The epoch second from which on a session last used ``now`` is dead."""
        return min(now + self.idle, began_at + self.absolute)


def is_dead(*, expires_at: int, now: int) -> bool:
    """Whether a session is over at ``now``; the deadline itself is already too late."""
    return expires_at <= now


def renewal_is_due(*, expires_at: int, renewed_to: int, idle: int) -> bool:
    """Whether moving the deadline to ``renewed_to`` is worth a write unit.

    Only when a tenth of the idle time is gained. A session in constant use is so renewed ten times per
    idle period at the most, however often it is read.
    """
    return (renewed_to - expires_at) * _RENEWAL_SHARE >= idle

"""How long a Django session lives, and its cookie with it. Calls no store.

https://docs.djangoproject.com/en/stable/topics/http/sessions/#browser-length-sessions-vs-persistent-sessions
"""

from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING

from django.utils import timezone

from sojourn.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn.session import Session
    from sojourn.settings import Settings

_EXPIRY = "_session_expiry"


@dataclass(frozen=True, slots=True)
class Expiry:
    """What ``set_expiry`` left: seconds without a visit, a date, 0 for the browser's window, or nothing."""

    value: int | float | str | None = None

    @classmethod
    def of(cls, data: "Mapping[str, object]") -> "Expiry":
        """That of what is in a session; anything else than Django puts there is nothing."""
        found = data.get(_EXPIRY)
        return cls(found if isinstance(found, int | float | str) else None)

    @property
    def date(self) -> datetime | None:
        """When it ends, if that is a date; the store knows of idle seconds alone."""
        return datetime.fromisoformat(self.value) if isinstance(self.value, str) and self.value else None

    @property
    def is_past(self) -> bool:
        """Whether it is a date that has come."""
        return self.date is not None and self.date <= timezone.now()

    def idle(self, age: int) -> int:
        """Seconds without a visit; ``age`` where the session has no expiry of its own."""
        if self.date is not None:
            return max(1, ceil((self.date - timezone.now()).total_seconds()))
        return max(1, int(self.value or age))

    def absolute(self, idle: int, limits: "Settings", *, since: int, is_login: bool) -> int:
        """The absolute lifetime in seconds, counted from the beginning of the stay, which is ``since`` seconds ago.

        At least the store's; longer where ``idle`` seconds from now on end later.

        Seconds end at the maximum; a date beyond it is for the store to refuse.
        """
        wanted = since + (max(idle, limits.absolute_seconds) if is_login else idle)
        if self.date is None and idle <= limits.max_absolute_seconds:
            wanted = min(wanted, limits.max_absolute_seconds)
        return max(wanted, limits.absolute_seconds)

    def cookie_until(self, held: "Session") -> int:
        """The epoch second until which the cookie lasts, unless it goes with the window."""
        return held.absolute_at if self.date is None else min(int(self.date.timestamp()), held.absolute_at)

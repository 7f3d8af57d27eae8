"""What Lambda hands to a function, as far as we look at it. Judges nothing."""

from collections.abc import Mapping
from typing import Protocol

Event = Mapping[str, object]
"""An event as parsed from JSON; a client may have written any part of it, so nothing in it is taken for granted."""

RESERVE_SECONDS = 0.5
"""What is left of an invocation for saying how it ended, instead of being cut off in the middle of a call."""


class Context(Protocol):
    """Of Lambda's context object, what we use."""

    @property
    def aws_request_id(self) -> str:
        """The invocation's id, as Lambda's own log lines show it."""

    def get_remaining_time_in_millis(self) -> int:
        """How many milliseconds are left until Lambda ends the invocation."""


def seconds_left(context: Context) -> float:
    """How long the store may take, so that there is still time to answer."""
    return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

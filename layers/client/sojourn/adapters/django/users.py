"""Whose a Django session is: the user that is logged in. Opens no session."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from sojourn.adapters.rules import subject_under

if TYPE_CHECKING:
    from collections.abc import Mapping

AUTH = (SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY)
"""What a login puts into a session."""

_subject_under_key = subject_under(SESSION_KEY)


def subject_of(data: "Mapping[str, Any]") -> str | None:
    """The user whose session it is. Raises ``InvalidDataError`` where its id is neither text nor a whole number."""
    return _subject_under_key(data) if getattr(settings, "SOJOURN_SUBJECT", True) else None

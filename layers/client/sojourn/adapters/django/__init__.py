"""Sessions for Django: ``SESSION_ENGINE = "sojourn.adapters.django"``.

https://docs.djangoproject.com/en/stable/topics/http/sessions/
"""

from sojourn.adapters.django import checks  # noqa: F401  # importing it registers them
from sojourn.adapters.django.middleware import SojournMiddleware
from sojourn.adapters.django.opening import the_store
from sojourn.adapters.django.sessions import SessionStore, session_of

__all__ = ["SessionStore", "SojournMiddleware", "session_of", "the_store"]

"""Sessions for Django: ``SESSION_ENGINE = "sojourn.adapters.django"``.

https://docs.djangoproject.com/en/stable/topics/http/sessions/
"""

from sojourn.adapters.django.middleware import SojournMiddleware
from sojourn.adapters.django.opening import the_store
from sojourn.adapters.django.sessions import SessionStore

__all__ = ["SessionStore", "SojournMiddleware", "the_store"]

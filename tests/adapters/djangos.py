"""The one Django that a process can have: its settings, and what can be imported only after them."""

import django
from django.conf import settings

OURS = "sojourn.adapters.django.SojournMiddleware"
DJANGOS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTH = "django.contrib.auth.middleware.AuthenticationMiddleware"

settings.configure(
    SECRET_KEY="not a secret",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="tests.adapters.django.pages",
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "sojourn.adapters.django",
    ],
    MIDDLEWARE=[OURS, AUTH],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    LOGGING_CONFIG=None,
    DEBUG_PROPAGATE_EXCEPTIONS=False,
    SESSION_ENGINE="sojourn.adapters.django",
    SESSION_COOKIE_NAME="__Host-session",
    SESSION_COOKIE_SECURE=True,
    SESSION_COOKIE_AGE=1_800,
    SESSION_EXPIRE_AT_BROWSER_CLOSE=True,
)
django.setup()

from django.contrib.auth.models import User, update_last_login  # noqa: E402  # only after setup

__all__ = ["DJANGOS", "OURS", "User", "update_last_login"]

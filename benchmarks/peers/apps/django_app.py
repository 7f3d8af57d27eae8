"""Django with one of its own session engines, with django-dysession or with Sojourn, each as documented."""

import os
import sys
from typing import Any

import django
import serve
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import re_path

KIND = sys.argv[1]
_SESSIONS = "django.contrib.sessions"
_MIDDLEWARE = "django.contrib.sessions.middleware.SessionMiddleware"
_KINDS: dict[str, dict[str, Any]] = {
    "db": {"INSTALLED_APPS": [_SESSIONS], "MIDDLEWARE": [_MIDDLEWARE]},
    "cache": {
        "MIDDLEWARE": [_MIDDLEWARE],
        "SESSION_ENGINE": "django.contrib.sessions.backends.cache",
        "CACHES": {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": os.environ.get("REDIS_URL"),
            }
        },
    },
    "dysession": {
        "INSTALLED_APPS": ["dysession"],
        "MIDDLEWARE": [_MIDDLEWARE],
        "SESSION_ENGINE": "dysession.backends.db",
        "DYSESSION": {"DYNAMODB_REGION": os.environ.get("AWS_DEFAULT_REGION")},
    },
    "sojourn": {
        "INSTALLED_APPS": ["sojourn.adapters.django"],
        "MIDDLEWARE": ["sojourn.adapters.django.SojournMiddleware"],
        "SESSION_ENGINE": "sojourn.adapters.django",
        "SESSION_COOKIE_NAME": "__Host-session",
        "SESSION_COOKIE_SECURE": True,
    },
}


def _login(request: HttpRequest, user: str) -> None:
    # What django.contrib.auth.login() does to a session, without the table of users.
    request.session.cycle_key()
    request.session["_auth_user_id"] = user
    request.session["user"] = user


def _page(request: HttpRequest) -> HttpResponse:
    return JsonResponse(
        serve.page(
            lambda: request.session,
            request.environ,
            login=lambda user: _login(request, user),
            logout=lambda: request.session.flush(),  # noqa: PLW0108  # opens the session
        )
    )


def _counted(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
    serve.counters["calls"] = [*serve.counters.get("calls", []), sql.split(maxsplit=1)[0]]
    return execute(sql, params, many, context)


def _count(connection: Any, **_event: object) -> None:
    if _counted not in connection.execute_wrappers:
        connection.execute_wrappers.append(_counted)


settings.configure(
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="of a benchmark",  # noqa: S106  # no secret
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"]}},
    LOGGING_CONFIG=None,
    **_KINDS[KIND],
)
urlpatterns = [re_path("", _page)]
django.setup()
if os.environ.get("FIRST") == "1" and KIND == "db":
    call_command("migrate", verbosity=0)
if os.environ.get("FIRST") == "1" and KIND == "dysession":
    call_command("dysession_init")
if KIND == "db":
    connection_created.connect(_count)
serve.serve(get_wsgi_application())

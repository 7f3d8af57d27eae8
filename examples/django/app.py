"""A shop in Django, in one file: `python app.py runserver` with SOJOURN_TABLE set, behind HTTPS."""

import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST

from sojourn.adapters.django import the_store

settings.configure(
    SECRET_KEY="no session is signed with it",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["sojourn.adapters.django.SojournMiddleware"],
    SESSION_ENGINE="sojourn.adapters.django",
    SESSION_COOKIE_NAME="__Host-session",
    SESSION_COOKIE_SECURE=True,
)


def home(request: HttpRequest) -> JsonResponse:
    """The user, what is in the cart, and the user's devices."""
    user, here = request.session.get("_auth_user_id"), request.session.id
    found = the_store().sessions(subject=user) if user else ()
    devices = [{"id": device.id, "label": device.label, "is_this": device.id == here} for device in found]
    return JsonResponse({"user": user, "cart": request.session.get("cart", []), "devices": devices})


def put_in(request: HttpRequest, item: str) -> JsonResponse:
    """A nested change is a change."""
    request.session.setdefault("cart", []).append(item)
    return home(request)


def login(request: HttpRequest, user: str) -> JsonResponse:
    """What django.contrib.auth.login does, for a user without a password."""
    request.session.label = request.headers.get("user-agent")
    request.session["_auth_user_id"] = user
    request.session.begin_anew()
    return JsonResponse({"user": user})


def logout(request: HttpRequest, session_id: str = "", *, everywhere: bool = False) -> JsonResponse:
    """Ends this session, another one of the user's, or all of them."""
    user = request.session.get("_auth_user_id")
    if session_id:
        return JsonResponse({"revoked": the_store().expire_one(subject=user, session_id=session_id)})
    ended = the_store().expire_all(subject=user).expired if everywhere else request.session.flush()
    return JsonResponse({"ended": ended, "user": None})


routes = {"cart/<item>": put_in, "login/<user>": login, "logout": logout, "devices/<session_id>/revoke": logout}
urlpatterns = [path("", home), *(path(route, require_POST(view)) for route, view in routes.items())]
urlpatterns += [path("logout-everywhere", require_POST(logout), {"everywhere": True})]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)

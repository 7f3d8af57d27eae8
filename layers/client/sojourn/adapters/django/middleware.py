"""Django's session middleware with answers in the place of errors, and a cookie as strict as the other adapters'.

Stores nothing itself: see ``sessions``.
"""

import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.signals import got_request_exception
from django.dispatch import receiver

from sojourn.adapters.django.answers import carry_cookies, refused
from sojourn.adapters.django.opening import outage_rules, the_store
from sojourn.adapters.django.requests import keys_of_request
from sojourn.adapters.django.sessions import SessionStore
from sojourn.adapters.refusals import REFUSALS, report_dropped
from sojourn.adapters.rules import SAFE_METHODS
from sojourn.errors import StoreUnavailableError
from sojourn.events import Cause

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

_REFUSALS = (*REFUSALS, UpdateError)


class SojournMiddleware(SessionMiddleware):
    """In the place of Django's own: what the store refuses is an answer, 409, 401 or 503, and not a 500.

    Only the exact cookie counts. It is sent when it is another one or lasts otherwise, also with an answer that says
    5xx, and with ``SESSION_SAVE_EVERY_REQUEST`` every time; it lasts as long as the session may live, unless it ends
    with the browser. Where there is none, ``SOJOURN_FORMER_COOKIE`` names the one of an older store.
    ``SOJOURN_ON_UNAVAILABLE`` is ``on_unavailable`` of ``sojourn.adapters.lambda_handler.Sessions``.

    Under ASGI a request that does not look at its session takes no thread for it. With another engine than Sojourn's
    or one that extends it, it is Django's own.
    """

    SessionStore: type[SessionBase]

    def __init__(self, get_response: "Callable[[HttpRequest], HttpResponseBase]") -> None:
        """Open the store. Raises ``ConfigurationError``."""
        super().__init__(get_response)
        if issubclass(self.SessionStore, SessionStore):
            the_store()
            outage_rules()

    async def __acall__(self, request: "HttpRequest") -> "HttpResponseBase":
        """See Django."""
        self.process_request(request)
        response: Any = await self.get_response(request)  # type: ignore[misc]  # a coroutine function, in this mode
        if _may_call_store(request):
            return await sync_to_async(self.process_response, thread_sensitive=True)(request, response)
        return self.process_response(request, response)

    def process_request(self, request: "HttpRequest") -> None:
        """See Django."""
        key, *others = keys_of_request(request) or (None,)
        session = request.session = self.SessionStore(key)
        if not isinstance(session, SessionStore):
            super().process_request(request)
            return
        session.kept.others = tuple(others)
        session.kept.is_safe = request.method in SAFE_METHODS
        session.kept.may_go_without = outage_rules().may_go_without(request.method, request.path)
        session.kept.arrived_at = the_store().resources.clock() if key else None

    def process_exception(self, request: "HttpRequest", error: Exception) -> "HttpResponse | None":
        """See Django."""
        session = getattr(request, "session", None)
        if not isinstance(session, SessionStore) or not isinstance(error, _REFUSALS):
            return None
        session.kept.refusal = error
        return refused(session)

    def process_response(self, request: "HttpRequest", response: "HttpResponse") -> "HttpResponse":
        """See Django."""
        session = getattr(request, "session", None)
        if not isinstance(session, SessionStore):
            return super().process_response(request, response)
        if session.kept.refusal is None and response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            _save(session)
        answer = response if session.kept.refusal is None else refused(session)
        session.kept.is_answered = True
        carry_cookies(request, answer, session)
        return answer


@receiver(got_request_exception)
def _remember_refusal(*, request: Any = None, **_: object) -> None:
    """Another middleware met it, or a template: Django answers 500 to that, in whose place ours goes out."""
    session, error = getattr(request, "session", None), sys.exc_info()[1]
    if isinstance(session, SessionStore) and isinstance(error, _REFUSALS):
        session.kept.refusal = error


def _may_call_store(request: "HttpRequest") -> bool:
    session = getattr(request, "session", None)
    return not isinstance(session, SessionStore) or session.accessed or _is_wanted(session)


def _is_wanted(session: SessionStore) -> bool:
    return session.modified or settings.SESSION_SAVE_EVERY_REQUEST


def _save(session: SessionStore) -> None:
    try:
        if _is_wanted(session) and (session.keys() or not session.is_empty()) and not _is_left_alone(session):
            session.save()
    except StoreUnavailableError as error:
        if session.kept.may_go_without and session.is_mere_change:
            if session.kept.outage is not None:  # else the store has told it
                report_dropped(the_store(), session.kept.key, Cause.UNAVAILABLE)
            session.kept.outage = error
        else:
            session.kept.refusal = error
    except _REFUSALS as error:
        session.kept.refusal = error


def _is_left_alone(session: SessionStore) -> bool:
    """Whether another request replaced the key, and this one put nothing in."""
    return session.kept.is_superseded and not session.keys()

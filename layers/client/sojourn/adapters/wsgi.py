"""Sessions for any WSGI application (PEP 3333): a middleware that needs no framework."""

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any

from sojourn.adapters.cookies import Cookie, CookieUpdate, carrying, warn_of_plain_http
from sojourn.adapters.refusals import REFUSALS, refusal_of
from sojourn.adapters.rules import SAFE_METHODS, OnUnavailable, SubjectOf, rules_of
from sojourn.adapters.visit import Visit
from sojourn.factory import open_store
from sojourn.store import Store
from sojourn.writing import OnConflict

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
Write = Callable[[bytes], object]
Start = Callable[[str, Headers, Any], Write]
Application = Callable[[Environ, Any], Iterable[bytes]]

_SERVER_ERROR = 500


class SojournMiddleware:
    """``app = SojournMiddleware(app)``; the session of a request is ``environ["sojourn.session"]``.

    It is stored when the application calls ``start_response``, with the headers that can still carry the cookie, and is
    not when that says 5xx. What the store refuses is an answer: 409, 401 or 503. The arguments are those of
    ``sojourn.adapters.lambda_handler.Sessions``; ``key`` is the name in ``environ``.
    """

    def __init__(
        self,
        app: Application,
        store: Store | None = None,
        *,
        key: str = "sojourn.session",
        cookie: Cookie | None = None,
        subject_of: SubjectOf | str | None = None,
        on_conflict: OnConflict = "raise",
        on_unavailable: OnUnavailable = "refuse",
    ) -> None:
        self._app = app
        self._store = store or open_store()
        self._key = key
        self._cookie = (cookie or Cookie()).in_namespace(self._store.settings.namespace)
        self._rules = rules_of(subject_of, on_conflict, on_unavailable)

    def __call__(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        """See PEP 3333."""
        tokens = self._cookie.tokens_in([environ.get("HTTP_COOKIE", "")])
        method, path = environ.get("REQUEST_METHOD"), environ.get("PATH_INFO", "")
        may_go_without = self._rules.may_go_without(method, path)
        visit = Visit(self._store, tokens, self._rules, is_safe=method in SAFE_METHODS, may_go_without=may_go_without)
        environ[self._key] = visit
        request = _Request(visit, self._cookie, start_response, is_plain=environ.get("wsgi.url_scheme") == "http")
        try:
            answer = self._app(environ, request.start)
        except REFUSALS as error:
            request.refuse(error)
            return request.refusal
        # Servers know what to do with the iterable itself, a file among others; a generator has not even begun.
        return answer if request.is_started and not request.refusal else request.rest_of(answer)


class _Request:
    """One request on its way back."""

    def __init__(self, visit: Visit, cookie: Cookie, start_response: Start, *, is_plain: bool) -> None:
        self._visit = visit
        self._cookie = cookie
        self._start_response = start_response
        self._is_plain = is_plain
        self.is_started = False
        self.refusal: list[bytes] = []

    def start(self, status: str, headers: Headers, exc_info: Any = None) -> Write:  # as PEP 3333 has it
        """The application's ``start_response``."""
        try:
            update = self._visit.close(is_kept=int(status[:3]) < _SERVER_ERROR)
        except REFUSALS as error:
            return self.refuse(error)
        self.is_started = True
        return self._start_response(status, self._carried(list(headers), update), exc_info)

    def refuse(self, error: Exception) -> Write:
        """Answer in the application's place; what it writes is not sent."""
        if self.is_started:
            raise error
        refusal = refusal_of(error)
        self.is_started, self.refusal = True, [refusal.text.encode()]
        headers = [*refusal.headers, ("Content-Length", str(len(self.refusal[0])))]
        # A rotation, or a logout, that went before the refusal holds all the same.
        headers = self._carried(headers, self._visit.close(is_kept=False))
        self._start_response(f"{refusal.status} {HTTPStatus(refusal.status).phrase}", headers, None)
        return lambda _: None

    def _carried(self, headers: Headers, update: CookieUpdate) -> Headers:
        if update.token is not None and self._cookie.secure and self._is_plain:
            warn_of_plain_http()
        return carrying(headers, self._cookie, update)

    def rest_of(self, answer: Iterable[bytes]) -> Iterator[bytes]:
        """What the application yields, or the refusal."""
        try:
            for chunk in answer:
                if self.refusal:
                    break
                yield chunk
        except REFUSALS as error:
            self.refuse(error)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        yield from self.refusal

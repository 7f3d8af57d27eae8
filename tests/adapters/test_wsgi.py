"""The WSGI middleware, and what WSGI allows beside."""

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from sojourn import InvalidDataError, Store, StoreUnavailableError
from sojourn.adapters.wsgi import Application, SojournMiddleware
from sojourn.tokens import mint
from tests.adapters.browser import Answer, Browser, CountingBackend, Page, Wire, page
from tests.adapters.contract import AdapterContract, Made


def wire_to(app: Application) -> Wire:
    """A server: every request and every answer is judged by PEP 3333."""

    def request(path: str, cookies: Sequence[str], also: str, method: str = "GET") -> Answer:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "wsgi.input": io.BytesIO(),
            "QUERY_STRING": "",
        }
        setup_testing_defaults(environ)
        line = "; ".join([*cookies, *([also] if also else [])])
        if line:
            environ["HTTP_COOKIE"] = line.encode().decode("latin-1")
        told: list[Any] = []
        answer: Any = None

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], object]:
            told[:] = [status, headers]
            return lambda _: None

        try:
            answer = validator(app)(environ, start_response)
            body = b"".join(answer)
        except ZeroDivisionError:
            return Answer(500)
        finally:
            if answer is not None:
                answer.close()
        status, headers = told
        names = [name for name, _ in headers]
        assert names.count("Vary") <= 1
        found = [value for name, value in headers if name == "Set-Cookie"]
        lower = {name.lower(): value for name, value in headers}
        return Answer(int(status[:3]), body.decode(), found, dict(headers).get("Vary", ""), lower)

    return request


def application(store: Store) -> Application:
    """The pages, as a WSGI application."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        status = "200 OK"
        body = ""
        try:
            body = page(environ["PATH_INFO"], environ["sojourn.session"], store)
        except Page as other:
            status = f"{other.status} Other"
        start_response(status, [("Content-Type", "text/plain")])
        return [body.encode()]

    return app


class TestWsgi(AdapterContract):
    """The contract."""

    @pytest.fixture
    def adapter(self) -> Made:
        """The middleware around the pages."""
        return lambda store, **options: wire_to(SojournMiddleware(application(store), store, **options))


@pytest.fixture
def streaming(store: Store) -> Callable[[Application], Browser]:
    """A browser in front of an application of one's own."""
    return lambda app: Browser(wire_to(SojournMiddleware(app, store)))


def test_a_stream_is_stored_before_it_begins(streaming: Callable[[Application], Browser]) -> None:
    """A generator begins when the server asks for the first part; the cookie goes with the headers."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        session = environ["sojourn.session"]
        before = len(session)
        session["a"] = 1
        start_response("200 OK", [("Content-Type", "text/plain"), ("Vary", "Accept")])
        yield f"{before} ".encode()
        yield b"and more"

    browser = streaming(app)
    assert browser.get("/").body == "0 and more"
    answer = browser.get("/")
    assert (answer.body, answer.vary) == ("1 and more", "Accept, Cookie")


def test_a_stream_that_cannot_be_stored_is_refused(
    streaming: Callable[[Application], Browser], backend: CountingBackend
) -> None:
    """Nothing of it is sent."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        environ["sojourn.session"]["a"] = 1
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"stored!"

    backend.is_away = True
    answer = streaming(app).get("/")
    assert (answer.status, answer.body) == (503, "The session store does not answer. Try again.")


def test_a_stream_that_looks_too_late_is_cut_short(
    streaming: Callable[[Application], Browser], backend: CountingBackend
) -> None:
    """After the headers there is no other answer: the error is the server's to log."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"begun"
        yield str(dict(environ["sojourn.session"])).encode()

    browser = streaming(app)
    browser.jar["__Host-session"] = mint().reveal()
    backend.is_away = True
    with pytest.raises(StoreUnavailableError):
        browser.get("/")


def test_what_comes_after_the_headers_is_refused(streaming: Callable[[Application], Browser]) -> None:
    """It could not be stored any more; reading goes on."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        session = environ["sojourn.session"]
        session["a"] = 1
        start_response("200 OK", [("Content-Type", "text/plain")])
        session.update(b=2)
        for late in (session.logout, session.rotate, lambda: session.login("ada")):
            with pytest.raises(InvalidDataError, match="any more"):
                late()
        yield str(session["a"]).encode()

    browser = streaming(app)
    assert browser.get("/").body == "1"
    assert browser.get("/").body == "1"


def test_an_answer_that_is_begun_again_begins_no_second_session(
    streaming: Callable[[Application], Browser], backend: CountingBackend
) -> None:
    """As PEP 3333 allows it to whoever fails before the first byte is sent."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["sojourn.session"]["a"] = 1
        start_response("200 OK", [("Content-Type", "text/plain")])
        try:
            environ["no such key"]
        except KeyError:
            start_response("500 Oh", [("Content-Type", "text/plain")], sys.exc_info())
        return [b"oh"]

    browser = streaming(app)
    assert browser.get("/").status == 500
    assert len(backend.records) == len(browser.jar) == 1

"""A browser and an application, whatever lies between the two."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from threading import Thread
from typing import Any, Protocol, cast
from urllib.parse import unquote

from sojourn import Store, StoreUnavailableError
from sojourn.adapters.visit import Visit
from sojourn.backend import Record
from sojourn.backends.memory import MemoryBackend


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser sees."""

    status: int
    body: str = ""
    cookies: Sequence[str] = ()
    vary: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    """In small letters."""


class Wire(Protocol):
    """What lies between a browser and an application."""

    def __call__(self, path: str, cookies: Sequence[str], also: str, method: str = "GET", /) -> Answer:
        """One request: a path, its cookies, each ``name=value``, and one more ``Cookie`` line as it stands."""


class Meanwhile:
    """What happens while a request is being served, once; in a thread of its own, as other requests are."""

    def __init__(self) -> None:
        self._pending: Callable[[], object] | None = None

    def do(self, happening: Callable[[], object]) -> None:
        """At the next page whose path begins with ``/meanwhile`` or ``/opened``."""
        self._pending = happening

    def happen(self) -> None:
        """Now."""
        happening, self._pending = self._pending, None
        assert happening is not None
        failed: list[BaseException] = []

        def run() -> None:
            try:
                happening()
            except BaseException as error:  # noqa: BLE001  # raised below, in the thread of the test
                failed.append(error)

        thread = Thread(target=run)
        thread.start()
        thread.join()
        if failed:
            raise failed[0]


MEANWHILE = Meanwhile()


class Page(Exception):  # noqa: N818  # it is no error but an answer
    """An answer with another status than 200."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def remember(session: Any, subject: str, seconds: int) -> None:
    """A login whose form has a box "remember me"."""
    if hasattr(session, "set_expiry"):
        session.login(subject)
        session.set_expiry(seconds)
    else:
        session.idle = seconds
        session.login(subject)


def page(path: str, session: Visit, store: Store) -> str:  # noqa: C901, PLR0912, PLR0915  # a case each
    """The application: what it answers to ``path``. Raises ``Page`` for another status, and bugs."""
    _, verb, *words = path.split("/")
    if verb in ("meanwhile", "opened"):
        if verb == "opened":
            len(session)
        MEANWHILE.happen()
        verb, *words = words
    match verb, words:
        case "static", []:
            return "no session needed"
        case "show", []:
            return repr(sorted(cast("dict[str, Any]", dict(session)).items()))
        case "whose", []:
            return f"{session.subject}"
        case "put", [key, value]:
            session[key] = value
        case "setdefault", [key, value]:
            session.setdefault(key, value)
        case "clear", []:
            session.clear()
        case "clear-put", [key, value]:
            session.clear()
            session[key] = value
        case "logout-refused", []:
            session.logout()
            raise StoreUnavailableError("unplugged", is_transient=True)
        case "number", [key, value]:
            session[key] = int(value)
        case "logout-put", [key, value]:
            session.logout()
            session[key] = value
        case "remember", [subject, seconds]:
            remember(session, subject, int(seconds))
        case "count", []:
            session["n"] = cast("int", session.get("n", 0)) + 1
        case "nest", [value]:
            cast("list[str]", session.setdefault("cart", [])).append(value)
        case "drop", [key]:
            del session[key]
        case "login", [subject]:
            session.login(subject, label="a browser")
        case "rotate", []:
            session.rotate()
        case "logout", []:
            session.logout()
        case "relogin", [subject]:
            session.logout()
            session.login(subject)
        case "nest-login", [subject]:
            session["b"] = "2"
            cast("list[str]", session["cart"]).append("more")
            session.login(subject)
        case "login-named", [subject, label]:
            session.login(subject, label=unquote(label))
        case "login-fails", [subject]:
            session.login(subject)
            raise Page(500)
        case "logout-fails", []:
            session.logout()
            raise Page(500)
        case "fails", [value]:
            session["a"] = value
            raise Page(500)
        case "refuses", [value]:
            session["a"] = value
            raise Page(404)
        case "breaks", [value]:
            session["a"] = value
            raise ZeroDivisionError
        case "slow", [value]:  # somebody else ends the session in between
            session["a"] = value
            (found,) = store.sessions(subject=str(session.subject))
            store.expire_one(subject=str(session.subject), session_id=found.id)
        case _:
            raise LookupError(path)
    return "done"


@dataclass
class Browser:
    """A cookie jar for one host, as a browser keeps it."""

    wire: Wire
    jar: dict[str, str] = field(default_factory=dict)
    last: list[str] = field(default_factory=list)
    """The ``Set-Cookie`` headers of the last answer."""

    def get(self, path: str, *, also: str = "") -> Answer:
        """One request, with a further ``Cookie`` line perhaps."""
        return self.take(self.send(path, also=also))

    def post(self, path: str) -> Answer:
        """One request of a form."""
        return self.take(self.send(path, method="POST"))

    def send(self, path: str, *, method: str = "GET", also: str = "") -> Answer:
        """One request, whose answer has not arrived: see ``take``."""
        return self.wire(path, [f"{name}={value}" for name, value in self.jar.items()], also, method)

    def take(self, answer: Answer) -> Answer:
        """An answer that arrives."""
        self.last = list(answer.cookies)
        for header in answer.cookies:
            for morsel in SimpleCookie(header).values():
                if morsel["max-age"] == "0":
                    self.jar.pop(morsel.key, None)
                else:
                    self.jar[morsel.key] = morsel.value
        return answer

    def twin(self) -> "Browser":
        """Another tab that was opened a moment ago."""
        return Browser(self.wire, dict(self.jar))


_FREE = ("document", "mark", "sweep")
"""What a small session needs no call for, or one a minute."""


class CountingBackend(MemoryBackend):
    """Counts what is asked of it, tells ``on_call``, and is away when told so."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.is_away = False
        self.on_call: Callable[[], object] = lambda: None

    def __getattribute__(self, name: str) -> Any:  # whatever it is
        found = super().__getattribute__(name)
        if name.startswith("_") or not callable(found) or name in ("counted", "on_call"):
            return found
        if name in _FREE:
            return found
        self.calls.append("load" if name == "load_with_mark" else name)
        self.on_call()
        if self.is_away:
            raise StoreUnavailableError("unplugged", is_transient=True)
        return found

    @contextmanager
    def counted(self) -> Iterator[list[str]]:
        """What is asked inside of the ``with`` block."""
        before = len(self.calls)
        told: list[str] = []
        yield told
        told += self.calls[before:]

    @property
    def records(self) -> list[Record]:
        """All that is stored."""
        return list(self._records.values())

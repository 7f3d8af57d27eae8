"""A browser and an application, whatever lies between the two."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any, cast

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


Wire = Callable[[str, Sequence[str], str], Answer]
"""One request: a path, its cookies, each ``name=value``, and one more ``Cookie`` line as it stands."""


class Page(Exception):  # noqa: N818  # it is no error but an answer
    """An answer with another status than 200."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def page(path: str, session: Visit, store: Store) -> str:  # noqa: C901, PLR0912  # a case each
    """The application: what it answers to ``path``. Raises ``Page`` for another status, and bugs."""
    _, verb, *words = path.split("/")
    match verb, words:
        case "static", []:
            return "no session needed"
        case "show", []:
            return repr(sorted(cast("dict[str, Any]", dict(session)).items()))
        case "whose", []:
            return f"{session.subject}"
        case "put", [key, value]:
            session[key] = value
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
        answer = self.wire(path, [f"{name}={value}" for name, value in self.jar.items()], also)
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


_FREE = ("document", "mark")
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
        self.calls.append(name)
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

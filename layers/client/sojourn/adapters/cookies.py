"""The session cookie: how it is written, found and deleted. Opens no session.

RFC 6265bis, section 4.1.3 (name prefixes); OWASP Session Management Cheat Sheet, "Cookies"; RFC 9111, section 5.2.2.4.
"""

import functools
import logging
import re
from collections.abc import Iterable, Iterator
from email.utils import formatdate
from typing import Literal, NamedTuple

from sojourn.errors import ConfigurationError
from sojourn.tokens import PREFIX
from sojourn.values import dataclass, replace

logger: logging.Logger = logging.getLogger(__name__)

NOT_SHARED = 'no-cache="Set-Cookie", private'
"""``Cache-Control`` of an answer that sets a cookie, where the application says nothing of caches."""

_DEFAULT_NAME = "__Host-session"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]+", re.ASCII)
_MAX_HEADER_CHARACTERS = 16_384
"""More than servers let through; a longer one is no cookie of ours."""
_MAX_CANDIDATES = 4
"""Each costs a read. A browser has one cookie of a name for each path and domain."""


class CookieUpdate(NamedTuple):
    """What an answer has to carry.

    ``token`` is new, or its lifetime is, and goes to the client; its session lives until ``until`` (epoch seconds),
    ``max_age`` seconds from now, at the most. ``is_ended`` takes the old one from it; ``is_accessed``: the answer
    depends on the session; ``is_adopted``: it came from an older store, whose cookie can go. ``is_unavailable``: it was
    made without the session, and is true for this once.
    """

    token: str | None = None
    until: int = 0
    max_age: int = 0
    is_ended: bool = False
    is_accessed: bool = False
    is_adopted: bool = False
    is_unavailable: bool = False

    @property
    def is_for_client(self) -> bool:
        """Whether there is a cookie to be set or deleted."""
        return self.token is not None or self.is_ended or self.is_adopted


class CookieError(ConfigurationError, ValueError):
    """A cookie that browsers refuse, or that is weak; a ``ValueError``, as frameworks raise for it."""


@dataclass(frozen=True, slots=True)
class FormerCookie:
    """A cookie of an older store: by its path and domain it is deleted when its session has moved in."""

    name: str
    path: str = "/"
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class Cookie:
    """How the session's cookie is set, the same whenever it is set and whenever it is deleted.

    ``name`` is ``__Host-session``, and ``__Host-session-`` with the namespace where that is not the default one: two
    applications on one host have a cookie each. ``persistent`` lets it outlive the browser's window, for as long as the
    session can live at the most; the session's idle deadline holds all the same. ``former_names`` are cookies of an
    older store: where there is none of this name they are looked at, and when a session is adopted from them, or
    ends, they are deleted; one with another path than ``/`` or a domain is a ``FormerCookie``.

    ``secure=False``, ``httponly=False`` and ``samesite=None``, which leaves the choice to browsers, raise
    ``CookieError`` unless ``is_development``: over plain HTTP browsers take no ``Secure`` cookie.
    """

    name: str | None = None
    path: str = "/"
    domain: str | None = None
    secure: bool = True
    httponly: bool = True
    samesite: Literal["Strict", "Lax", "None"] | None = "Lax"
    partitioned: bool = False
    persistent: bool = False
    is_development: bool = False
    former_names: tuple[str | FormerCookie, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what browsers would, and what weakens the session."""
        if not all(_NAME.fullmatch(name) for name in (self._name, *(former.name for former in self._former()))):
            raise CookieError("the name of a cookie takes letters, digits and some signs (RFC 9110, token)")
        if self.samesite not in ("Strict", "Lax", "None", None):
            raise CookieError("SameSite is Strict, Lax or None")
        for value in (self.path, *([] if self.domain is None else [self.domain])):
            if not _ATTRIBUTE.fullmatch(value):
                raise CookieError("a cookie's path and domain take visible ASCII without a semicolon")
        is_host = self.secure and self.domain is None and self.path == "/"
        if self._name.lower().startswith("__host-") and not is_host:
            raise CookieError(
                "browsers refuse a __Host- cookie with a domain, with another path than / or without Secure; "
                "name it otherwise"
            )
        if self._name.lower().startswith("__secure-") and not self.secure:
            raise CookieError("browsers refuse a __Secure- cookie without Secure; name it otherwise")
        if (self.samesite == "None" or self.partitioned) and not self.secure:
            raise CookieError("browsers refuse SameSite=None and Partitioned without Secure")
        if not (self.secure and self.httponly and self.samesite) and not self.is_development:
            raise CookieError("a session cookie is Secure, HttpOnly and SameSite; is_development=True takes less")

    @property
    def _name(self) -> str:
        return _DEFAULT_NAME if self.name is None else self.name

    def in_namespace(self, namespace: str) -> "Cookie":
        """This cookie under the name that it has there, if it was given none."""
        if self.name is not None or namespace == "default":
            return self
        return replace(self, name=f"{_DEFAULT_NAME}-{namespace}")

    def tokens_in(self, headers: Iterable[str]) -> tuple[str, ...]:
        """The tokens in ``Cookie`` headers, or in their parts: one, or several different ones under this name.

        The name counts to the letter. Where a value has the form of a token, no other value counts. A former name
        holds no token, and counts only when its cookies are of one value.
        """
        pairs = [pair for header in headers if len(header) <= _MAX_HEADER_CHARACTERS for pair in _pairs(header)]
        values = dict.fromkeys(value for name, value in pairs if name == self._name and value)
        tokens = tuple(value for value in values if value.startswith(PREFIX))
        if tokens:
            return tokens if len(tokens) <= _MAX_CANDIDATES else ()
        if values:
            return tuple(values) if len(values) == 1 else ()
        for former in self._former():
            keys = {value for name, value in pairs if name == former.name and not value.startswith(PREFIX)}
            if keys:
                return tuple(keys) if len(keys) == 1 else ()
        return ()

    def updated(self, update: CookieUpdate) -> list[str]:
        """The ``Set-Cookie`` headers of an answer."""
        if not update.is_for_client:
            return []
        gone = []
        if update.is_adopted or update.is_ended:
            gone = [
                replace(self, name=former.name, path=former.path, domain=former.domain, former_names=()).deleted()
                for former in self._former()
            ]
        if update.token is not None:
            return [self.set_to(update.token, until=update.until, max_age=update.max_age), *gone]
        return [self.deleted(), *gone] if update.is_ended else []

    def set_to(self, token: str, *, until: int, max_age: int) -> str:
        """The ``Set-Cookie`` header that hands ``token`` out, whose session can live ``max_age`` seconds.

        ``until`` is the same in epoch seconds, for clients that know no ``Max-Age``.
        """
        lasts = [f"Max-Age={max_age}", f"expires={formatdate(until, usegmt=True)}"] if self.persistent else []
        return "; ".join([f"{self._name}={token}", *lasts, *self._attributes()])

    def deleted(self) -> str:
        """The ``Set-Cookie`` header that takes it back, with the attributes it was set with."""
        lasts = ["Max-Age=0", "expires=Thu, 01 Jan 1970 00:00:00 GMT"]
        return "; ".join([f"{self._name}=", *lasts, *self._attributes()])

    def _former(self) -> Iterator[FormerCookie]:
        return (FormerCookie(former) if isinstance(former, str) else former for former in self.former_names)

    def _attributes(self) -> list[str]:
        return [
            f"path={self.path}",
            *([f"domain={self.domain}"] if self.domain is not None else []),
            *(["secure"] if self.secure else []),
            *(["httponly"] if self.httponly else []),
            *([f"samesite={self.samesite}"] if self.samesite is not None else []),
            *(["partitioned"] if self.partitioned else []),
        ]


def _pairs(header: str) -> Iterator[tuple[str, str]]:
    """RFC 6265, section 5.2: spaces and tabs around a name and a value are no part of it; no other character is one."""
    for pair in header.split(";"):
        name, separator, value = pair.partition("=")
        if separator:
            value = value.strip(" \t")
            is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
            yield name.strip(" \t"), value[1:-1] if is_quoted else value


@functools.cache
def warn_of_plain_http() -> None:
    """Say once in a process why a session seems to be forgotten."""
    logger.warning(
        "a Secure session cookie was set over plain HTTP: browsers and test clients drop it, so no session is found "
        "again. Use https, base_url='https://testserver' in tests, or is_development=True on a development machine; a "
        "proxy that speaks https for this server has to say so (X-Forwarded-Proto)"
    )


def varying(vary: str | None, on: str) -> str:
    """A ``Vary`` header that names ``on`` beside what it named."""
    named = [name.strip() for name in (vary or "").split(",") if name.strip()]
    if "*" in named or on.lower() in (name.lower() for name in named):
        return ", ".join(named)
    return ", ".join([*named, on])


def carrying(headers: list[tuple[str, str]], cookie: Cookie, update: CookieUpdate) -> list[tuple[str, str]]:
    """The headers of an answer, with what ``update`` adds: ``Vary``, ``Set-Cookie`` and a rule for caches."""
    if update.is_accessed:
        vary = ", ".join(value for name, value in headers if name.lower() == "vary")
        headers = [pair for pair in headers if pair[0].lower() != "vary"]
        headers.append(("Vary", varying(vary, "Cookie")))
    cookies = [("Set-Cookie", written) for written in cookie.updated(update)]
    if update.is_unavailable:
        headers = [pair for pair in headers if pair[0].lower() != "cache-control"]
        headers.append(("Cache-Control", "no-store"))
    elif cookies and not any(name.lower() == "cache-control" for name, _ in headers):
        cookies.append(("Cache-Control", NOT_SHARED))
    return [*headers, *cookies]

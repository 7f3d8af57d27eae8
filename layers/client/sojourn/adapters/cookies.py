"""The session cookie: how it is written, found and deleted. Opens no session.

RFC 6265bis, section 4.1.3 (name prefixes); OWASP Session Management Cheat Sheet, "Cookies".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Literal

from sojourn.errors import ConfigurationError

if TYPE_CHECKING:
    from sojourn.adapters.visit import CookieUpdate

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]+", re.ASCII)
_MAX_HEADER_CHARACTERS = 16_384
"""More than servers let through; a longer one is no cookie of ours."""


@dataclass(frozen=True, slots=True)
class Cookie:
    """How the session's cookie is set, the same whenever it is set and whenever it is deleted.

    ``persistent`` lets it outlive the browser's window, for as long as the session can live at the most; the
    session's idle deadline holds all the same. ``former_names`` are cookies of an older store: where there is none of
    this name they are looked at, and when a session is adopted from them they are deleted.

    A set that is weaker than the default raises ``ConfigurationError``, unless ``is_development`` says that it is
    meant: over plain HTTP browsers take no ``Secure`` cookie.
    """

    name: str = "__Host-session"
    path: str = "/"
    domain: str | None = None
    secure: bool = True
    httponly: bool = True
    samesite: Literal["Strict", "Lax", "None"] = "Lax"
    partitioned: bool = False
    persistent: bool = False
    is_development: bool = False
    former_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what browsers would, and what weakens the session."""
        if not all(_NAME.fullmatch(name) for name in (self.name, *self.former_names)):
            raise ConfigurationError("the name of a cookie takes letters, digits and some signs (RFC 9110, token)")
        if self.samesite not in ("Strict", "Lax", "None"):
            raise ConfigurationError("SameSite is Strict, Lax or None")
        for value in (self.path, *([] if self.domain is None else [self.domain])):
            if not _ATTRIBUTE.fullmatch(value):
                raise ConfigurationError("a cookie's path and domain take visible ASCII without a semicolon")
        is_host = self.secure and self.domain is None and self.path == "/"
        if self.name.lower().startswith("__host-") and not is_host:
            raise ConfigurationError(
                "browsers refuse a __Host- cookie with a domain, with another path than / or without Secure; "
                "name it otherwise"
            )
        if self.name.lower().startswith("__secure-") and not self.secure:
            raise ConfigurationError("browsers refuse a __Secure- cookie without Secure; name it otherwise")
        if (self.samesite == "None" or self.partitioned) and not self.secure:
            raise ConfigurationError("browsers refuse SameSite=None and Partitioned without Secure")
        is_weaker = not self.secure or not self.httponly or self.samesite == "None" or self.domain is not None
        if is_weaker and not self.is_development:
            raise ConfigurationError(
                "a session cookie is Secure, HttpOnly, SameSite=Lax or Strict, and has no Domain; "
                "is_development=True takes less"
            )

    def found_in(self, headers: Iterable[str]) -> str | None:
        """The token in ``Cookie`` headers, or in their parts; ``None`` when it is not there.

        Two cookies of this name with different values are none: one of them was set by somebody else.
        """
        pairs = [
            (name.strip(), value.strip().strip('"'))
            for header in headers
            if len(header) <= _MAX_HEADER_CHARACTERS
            for name, separator, value in (pair.partition("=") for pair in header.split(";"))
            if separator
        ]
        for wanted in (self.name, *self.former_names):
            values = {value for name, value in pairs if name == wanted}
            if values:
                return values.pop() if len(values) == 1 else None
        return None

    def updated(self, update: "CookieUpdate") -> list[str]:
        """The ``Set-Cookie`` headers of an answer."""
        former = self.former_names if update.is_adopted else ()
        gone = [replace(self, name=name, former_names=()).deleted() for name in former]
        if update.token is not None:
            return [self.set_to(update.token, until=update.until), *gone]
        return [self.deleted(), *gone] if update.is_ended else []

    def set_to(self, token: str, *, until: int) -> str:
        """The ``Set-Cookie`` header that hands ``token`` out; ``until`` (epoch seconds) its session can live."""
        lasts = [f"Expires={formatdate(until, usegmt=True)}"] if self.persistent else []
        return "; ".join([f"{self.name}={token}", *lasts, *self._attributes()])

    def deleted(self) -> str:
        """The ``Set-Cookie`` header that takes it back, with the attributes it was set with."""
        return "; ".join([f"{self.name}=", "Max-Age=0", "Expires=Thu, 01 Jan 1970 00:00:00 GMT", *self._attributes()])

    def _attributes(self) -> list[str]:
        return [
            f"Path={self.path}",
            *([f"Domain={self.domain}"] if self.domain is not None else []),
            *(["Secure"] if self.secure else []),
            *(["HttpOnly"] if self.httponly else []),
            f"SameSite={self.samesite}",
            *(["Partitioned"] if self.partitioned else []),
        ]


def varying(vary: str | None, on: str) -> str:
    """A ``Vary`` header that names ``on`` beside what it named."""
    named = [name.strip() for name in (vary or "").split(",") if name.strip()]
    if "*" in named or on.lower() in (name.lower() for name in named):
        return ", ".join(named)
    return ", ".join([*named, on])

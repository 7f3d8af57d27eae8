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
    from sojourn.adapters.visit import Farewell

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]+", re.ASCII)
_MAX_HEADER_CHARACTERS = 16_384
"""More than servers let through; whatever is longer is nobody's cookie."""


@dataclass(frozen=True, slots=True)
class Cookie:
    """How the session's cookie is set, the same whenever it is set and whenever it is deleted.

    ``is_persistent`` lets it outlive the browser's window, for as long as the session can live at the most; the
    session's idle deadline holds all the same. ``former_names`` are cookies of an older store: where there is none of
    this name they are looked at, and when a session is adopted from them they are deleted.

    A set that is weaker than the default raises ``ConfigurationError``, unless ``is_development`` says that it is
    meant: over plain HTTP browsers take no ``Secure`` cookie.
    """

    name: str = "__Host-session"
    path: str = "/"
    domain: str | None = None
    is_secure: bool = True
    is_http_only: bool = True
    same_site: Literal["Strict", "Lax", "None"] = "Lax"
    is_partitioned: bool = False
    is_persistent: bool = False
    is_development: bool = False
    former_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what browsers would, and what weakens the session."""
        if not all(_NAME.fullmatch(name) for name in (self.name, *self.former_names)):
            raise ConfigurationError("the name of a cookie takes letters, digits and some signs (RFC 9110, token)")
        if self.same_site not in ("Strict", "Lax", "None"):
            raise ConfigurationError("SameSite is Strict, Lax or None")
        for value in (self.path, *([] if self.domain is None else [self.domain])):
            if not _ATTRIBUTE.fullmatch(value):
                raise ConfigurationError("a cookie's path and domain take visible ASCII without a semicolon")
        is_host = self.is_secure and self.domain is None and self.path == "/"
        if self.name.lower().startswith("__host-") and not is_host:
            raise ConfigurationError(
                "browsers refuse a __Host- cookie with a domain, with another path than / or without Secure; "
                "name it otherwise"
            )
        if self.name.lower().startswith("__secure-") and not self.is_secure:
            raise ConfigurationError("browsers refuse a __Secure- cookie without Secure; name it otherwise")
        if (self.same_site == "None" or self.is_partitioned) and not self.is_secure:
            raise ConfigurationError("browsers refuse SameSite=None and Partitioned without Secure")
        is_weaker = not self.is_secure or not self.is_http_only or self.same_site == "None" or self.domain is not None
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

    def told(self, farewell: "Farewell") -> list[str]:
        """The ``Set-Cookie`` headers of an answer."""
        former = self.former_names if farewell.is_adopted else ()
        gone = [replace(self, name=name, former_names=()).deleted() for name in former]
        if farewell.token is not None:
            return [self.set_to(farewell.token, until=farewell.until), *gone]
        return [self.deleted(), *gone] if farewell.is_ended else []

    def set_to(self, token: str, *, until: int) -> str:
        """The ``Set-Cookie`` header that hands ``token`` out; ``until`` (epoch seconds) its session can live."""
        lasts = [f"Expires={formatdate(until, usegmt=True)}"] if self.is_persistent else []
        return "; ".join([f"{self.name}={token}", *lasts, *self._attributes()])

    def deleted(self) -> str:
        """The ``Set-Cookie`` header that takes it back, with the attributes it was set with."""
        return "; ".join([f"{self.name}=", "Max-Age=0", "Expires=Thu, 01 Jan 1970 00:00:00 GMT", *self._attributes()])

    def _attributes(self) -> list[str]:
        return [
            f"Path={self.path}",
            *([f"Domain={self.domain}"] if self.domain is not None else []),
            *(["Secure"] if self.is_secure else []),
            *(["HttpOnly"] if self.is_http_only else []),
            f"SameSite={self.same_site}",
            *(["Partitioned"] if self.is_partitioned else []),
        ]


def varying(vary: str | None, on: str) -> str:
    """A ``Vary`` header that names ``on`` beside what it named."""
    named = [name.strip() for name in (vary or "").split(",") if name.strip()]
    if "*" in named or on.lower() in (name.lower() for name in named):
        return ", ".join(named)
    return ", ".join([*named, on])

"""Tokens: what a client holds, of which the store keeps only a hash. Reads and writes no session.

A token is ``sjn_``, the session id (12 characters, 72 bits) and a secret (24 characters, 144 bits). Both are base64url
of whole bytes, so each token has exactly one spelling.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable
from typing import Final

from sojourn.errors import InvalidDataError

PREFIX: Final = "sjn_"
"""Marks a token for secret scanners, and for a reader of the wrong place that one is found in."""

_ID_BYTES: Final = 9
_SECRET_BYTES: Final = 18
_DOMAIN: Final = b"sojourn-v1"
_TOKEN: Final = re.compile(r"sjn_([A-Za-z0-9_-]{12})([A-Za-z0-9_-]{24})", re.ASCII)


class Token:
    """A session id and the secret that opens the session. Shows the id alone.

    ``str``, ``repr``, ``pickle`` and tracebacks hold no secret; ``reveal`` is the one way to the text. A pickled token
    comes back without its secret and opens nothing.
    """

    __slots__ = ("_secret", "session_id")

    def __init__(self, session_id: str, secret: str | None) -> None:
        self.session_id: str = session_id
        self._secret = secret

    def reveal(self) -> str:
        """The 40 characters, for a cookie or a header."""
        return f"{PREFIX}{self.session_id}{self._known_secret()}"

    def secret_bytes(self) -> bytes:
        """The 18 bytes of the secret: what a key is derived from."""
        return base64.urlsafe_b64decode(self._known_secret())

    def hash(self, *, namespace: str) -> bytes:
        """The 32 bytes that the store keeps of it: one-way, and of use in this namespace alone."""
        parts = (_DOMAIN, namespace.encode(), self.reveal().encode())
        return hashlib.sha256(delimited(*parts)).digest()

    def _known_secret(self) -> str:
        if self._secret is None:
            raise InvalidDataError("was pickled, and its secret is not in the copy: read the session", path=("token",))
        return self._secret

    def __repr__(self) -> str:
        return f"<Token of session {self.session_id}>"

    def __copy__(self) -> "Token":
        return self

    def __deepcopy__(self, _memo: object) -> "Token":
        return self

    def __reduce__(self) -> tuple[type["Token"], tuple[str, None]]:
        return Token, (self.session_id, None)


def parsed(token: object) -> Token | None:
    """The token that a client sent, or ``None`` when it cannot be one of ours."""
    if isinstance(token, Token):
        return token
    form = _TOKEN.fullmatch(token) if isinstance(token, str) else None
    return Token(form[1], form[2]) if form else None


def mint(entropy: Callable[[int], bytes] = secrets.token_bytes) -> Token:
    """A token for a new session: 216 bits, drawn from the operating system at the moment of the call.

    So neither a fork nor a SnapStart snapshot can make two environments draw the same one.
    """
    return Token(_base64url(entropy(_ID_BYTES)), _base64url(entropy(_SECRET_BYTES)))


def reminted(session_id: str, entropy: Callable[[int], bytes] = secrets.token_bytes) -> Token:
    """Another token for the session with this id."""
    return Token(session_id, _base64url(entropy(_SECRET_BYTES)))


def new_write_id() -> str:
    """Marks one write among all others: 96 random bits, 16 characters."""
    return secrets.token_urlsafe(12)


def delimited(*parts: bytes) -> bytes:
    """Every part preceded by its length in four bytes, so that no two lists of parts share an encoding."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii")

"""Documents sealed with a key that only their token gives: format 2 (docs/item-format.md).

Knows no storage, and nothing of what is inside. AES-256-GCM comes from the package ``cryptography``, which is
imported only where a document is sealed or opened.
"""

import secrets
from typing import TYPE_CHECKING, Final

from sojourn.backend import Record
from sojourn.errors import ConfigurationError, CorruptSessionError
from sojourn.tokens import Token, delimited

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT: Final = 2
"""The first byte of a sealed document."""

_PURPOSE: Final = b"sojourn-document-2"
"""Binds keys to this format: nothing else that is ever made from a token is one of them."""

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_SEAL_BYTES: Final = 1 + _NONCE_BYTES + _TAG_BYTES


class Sealing:
    """Seals encoded documents if it ``is_on``, and opens those that are sealed whether or not it is.

    Those that are not sealed are taken as they are, so that switching it on ends no session, unless it
    ``is_required``. Raises ``ConfigurationError`` when it is on and there is nothing to seal with.
    """

    def __init__(self, *, is_on: bool, is_required: bool) -> None:
        self._is_on = is_on
        self._is_required = is_required
        if is_on:
            try:
                _cipher(bytes(_KEY_BYTES))
            except ImportError as error:
                raise ConfigurationError(
                    "SOJOURN_ENCRYPTION needs the package cryptography, which cannot be imported; install "
                    "sojourn[encryption], or add the encryption layer to the function (docs/operations.md)"
                ) from error

    @property
    def overhead(self) -> int:
        """How many bytes longer a document gets."""
        return _SEAL_BYTES if self._is_on else 0

    def sealed(self, encoded: bytes, record: Record, *, token: Token) -> bytes:
        """What to store in ``record`` of the session that ``token`` opens.

        The record's id, version, write id and subject are settled. A new nonce each time: the same
        document never looks the same.
        """
        if not self._is_on:
            return encoded
        nonce = _nonce()
        return bytes((FORMAT,)) + nonce + _cipher(_key(token)).encrypt(nonce, encoded, _bound_to(record))

    def opened(self, stored: bytes, record: Record, *, token: Token) -> bytes:
        """The encoded document that is stored in ``record``.

        Raises ``CorruptSessionError`` for what was not sealed with this token for this very write.
        """
        if not is_sealed(stored):
            if self._is_required:
                raise CorruptSessionError("it is not encrypted, and SOJOURN_ENCRYPTION is required")
            return stored
        if len(stored) < _SEAL_BYTES:
            raise CorruptSessionError("it is encrypted and cut short")
        try:
            cipher = _cipher(_key(token))
        except ImportError as error:
            raise CorruptSessionError("it is encrypted: install sojourn[encryption] to read it") from error
        # Loaded by now; a process that reads no sealed document never loads it.
        from cryptography.exceptions import InvalidTag

        nonce, ciphertext = stored[1 : 1 + _NONCE_BYTES], stored[1 + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, ciphertext, _bound_to(record))
        except InvalidTag:
            raise CorruptSessionError(
                "it was not encrypted for this token and this version, or changed since"
            ) from None


def is_sealed(stored: bytes) -> bool:
    """Whether only a token opens what is stored."""
    return stored[:1] == bytes((FORMAT,))


def _nonce() -> bytes:
    # 96 random bits, under a key that serves one session: they cannot run out (NIST SP 800-38D, section 8.3).
    return secrets.token_bytes(_NONCE_BYTES)


def _key(token: Token) -> bytes:
    """HKDF-SHA256 (RFC 5869) over the token's secret. No salt: the secret is uniformly random already."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=_PURPOSE).derive(token.secret_bytes())


def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _bound_to(record: Record) -> bytes:
    """What the ciphertext is worth nothing without: which write of which session it is, and whose that session is."""
    parts = (record.session_id, str(record.version), record.write_id, record.subject or "")
    return delimited(*(part.encode() for part in parts))

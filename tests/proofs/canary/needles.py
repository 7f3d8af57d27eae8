"""A secret in every encoding that somebody may have written it in, and where it is found. Knows no session."""

import base64
import gzip
import zlib
from collections.abc import Callable, Iterator
from typing import Final

from sojourn.document.dictionary import DICTIONARY_1

_LENGTH: Final = 16
"""Characters of a needle: what stands in a haystack by chance is shorter."""

_RAW_LENGTH: Final = 8
"""The same of bytes that may be any."""


class Needles:
    """What to look for."""

    def __init__(self, *secrets: bytes) -> None:
        """Each secret is what a token carries beside its id, or the beginning that several have in common."""
        self._needles: dict[bytes, str] = {}
        for secret in secrets:
            for name, written in encodings(secret):
                length = _RAW_LENGTH if name == "raw" else _LENGTH
                for start in range(0, len(written) - length + 1, length // 2):
                    self._needles[written[start : start + length]] = name

    def found(self, haystack: bytes | str) -> set[str]:
        """The encodings in which a part of a secret stands there, compressed or not."""
        raw = haystack.encode(errors="surrogateescape") if isinstance(haystack, str) else haystack
        return {name for text in unpacked(raw) for needle, name in self._needles.items() if needle in text}


def encodings(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """``secret`` and its text at the end of a token, each as text that may be longer or cut at either end."""
    token = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    texts = {
        "as it is": token,
        "small letters": token.lower(),
        "capitals": token.upper(),
        "backwards": token[::-1],
        "standard base64": token.replace("-", "+").replace("_", "/"),
        "numbers": ", ".join(map(str, secret)),
        "numbers without spaces": ",".join(map(str, secret)),
        "the repr of bytes": repr(secret)[2:-1],
        "escapes of bytes": "".join(f"\\x{byte:02x}" for byte in secret),
        "a number": str(int.from_bytes(secret, "big"))[: len(secret) * 2],
        "percent": "".join(f"%{ord(letter):02x}" for letter in token),
        "percent in capitals": "".join(f"%{ord(letter):02X}" for letter in token),
        "escapes of JSON": "".join(f"\\u{ord(letter):04x}" for letter in token),
        "entities": "".join(f"&#{ord(letter)};" for letter in token),
    }
    for name, text in texts.items():
        yield name, text.encode()
    yield "UTF-16", token.encode("utf-16-le")
    yield "UTF-32", token.encode("utf-32-le")
    yield "raw", secret
    for whose, raw in (("of the secret", secret), ("of the token", token.encode())):
        for name, encode in _BINARY.items():
            yield f"{name} {whose}", encode(raw)
        for once in _shifted(raw):
            yield f"base64 {whose}", once
            yield f"base64url {whose}", once.replace(b"+", b"-").replace(b"/", b"_")
            for twice in _shifted(once):
                yield f"base64 of base64 {whose}", twice


_BINARY: Final[dict[str, Callable[[bytes], bytes]]] = {
    "hex": lambda raw: raw.hex().encode(),
    "hex in capitals": lambda raw: raw.hex().upper().encode(),
    "hex with spaces": lambda raw: raw.hex(" ").encode(),
    "hex with colons": lambda raw: raw.hex(":").encode(),
    "base32": lambda raw: base64.b32encode(raw[: len(raw) // 5 * 5]),
    "base85": lambda raw: base64.b85encode(raw[: len(raw) // 4 * 4]),
    "ascii85": lambda raw: base64.a85encode(raw[: len(raw) // 4 * 4]),
}


def _shifted(raw: bytes) -> Iterator[bytes]:
    """The base64 of ``raw`` inside of something longer, which begins 0, 1 or 2 bytes before a group of three."""
    for before in range(3):
        core = raw[(3 - before) % 3 :]
        yield base64.b64encode(core[: len(core) // 3 * 3])


def unpacked(raw: bytes) -> Iterator[bytes]:
    """``raw``, and what it is if it is compressed: gzip, zlib (also with the codec's dictionary), or bare deflate."""
    yield raw
    for start in range(min(len(raw), 32)):
        for unpack in (gzip.decompress, _zlib, _deflate):
            try:
                found = unpack(raw[start:])
            except (OSError, EOFError, zlib.error):
                continue
            if len(found) > _LENGTH:
                yield found


def _zlib(raw: bytes) -> bytes:
    return zlib.decompressobj(zdict=DICTIONARY_1).decompress(raw)


def _deflate(raw: bytes) -> bytes:
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw)

"""That the search for tokens would find them."""

import base64
import gzip
import hashlib
import random
import zlib
from collections.abc import Callable

import pytest

from sojourn.document.codec import dump_document, encode
from sojourn.tokens import Token, mint
from tests.proofs.canary.needles import Needles, encodings

SECRET = hashlib.sha256(b"a canary").digest()[:18]


def minted(secret: bytes = SECRET) -> Token:
    """A token with this secret."""
    return mint(lambda size: secret if size == len(secret) else bytes(range(size)))


ENCODINGS = list(encodings(SECRET))
"""Their names and how they write the secret."""


@pytest.mark.parametrize("name", sorted({name for name, _ in ENCODINGS}))
def test_half_a_secret_is_found_anywhere(name: str) -> None:
    """In every encoding, wherever it begins and ends."""
    dice = random.Random(name)  # noqa: S311  # a test's dice
    needles = Needles(SECRET)
    for written in (written for found, written in ENCODINGS if found == name):
        length = min(len(written), max(24, len(written) // 2))
        start = dice.randrange(len(written) - length + 1)
        assert needles.found(dice.randbytes(1_000) + written[start : start + length] + b'"}, "more"')


def test_the_base64_of_a_line_that_holds_a_token_is_found() -> None:
    """As a wire log writes a body, at every offset."""
    needles = Needles(SECRET)
    token = minted().reveal()
    for before in range(12):
        line = "x" * before + token + ", and more"
        once = base64.b64encode(line.encode())
        twice = base64.b64encode(once)
        assert needles.found(once)
        assert needles.found(twice)


@pytest.mark.parametrize(
    "pack", [gzip.compress, zlib.compress, lambda raw: b"\x01\x02" + zlib.compress(raw, wbits=-15)]
)
def test_a_compressed_token_is_found(pack: Callable[[bytes], bytes]) -> None:
    """Also behind a header."""
    needles = Needles(SECRET)
    assert needles.found(pack(minted().reveal().encode() * 3))


def test_a_token_in_a_document_is_found() -> None:
    """As the codec stores it, when that compresses."""
    document = {
        "user": {"id": 1, "name": "ada", "email": "ada@example.com"},
        "token": minted().reveal(),
        "n": "a" * 5_000,
    }
    stored = encode(dump_document(document, max_bytes=1 << 20))
    assert stored[1] == 1
    assert Needles(SECRET).found(stored)


def test_the_beginning_that_tokens_have_in_common_is_enough() -> None:
    """So that one search finds them all."""
    needles = Needles(SECRET[:16])
    other = minted(SECRET[:16] + bytes(2)).reveal()
    assert needles.found(f"token={other}")
    assert needles.found(repr({"t": other.encode().hex()}))


def test_nothing_else_is_found() -> None:
    """Neither another token, nor the id of this one, nor chance."""
    needles = Needles(SECRET)
    dice = random.Random(1)  # noqa: S311  # a test's dice
    assert not needles.found(minted(SECRET[::-1]).reveal())
    assert not needles.found(minted().session_id)
    assert not needles.found(f"sjn_{minted().session_id}")
    assert not needles.found(minted().hash(namespace="default"))
    assert not needles.found(dice.randbytes(1_000_000))
    assert not needles.found(" ".join(str(dice.random()) for _ in range(50_000)))

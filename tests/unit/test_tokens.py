"""Tokens: what is accepted, what the store keeps of one, and that nothing shows its secret."""

import base64
import copy
import hashlib
import json
import os
import pickle
import re
import string
import subprocess
import sys
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn import InvalidDataError
from sojourn.tokens import Token, mint, new_write_id, parsed, reminted

TEXT = "sjn_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBka"
"""The token of the 9 bytes 0 to 8 and the 18 bytes 9 to 26."""

SECRET = TEXT[16:]
URL_SAFE = string.ascii_letters + string.digits + "-_"


def _token(text: str = TEXT) -> Token:
    token = parsed(text)
    assert token is not None
    return token


def test_a_token_is_a_prefix_an_id_and_a_secret() -> None:
    """40 characters, so that scanners and people recognise it, and every framework's column holds it."""
    token = mint()
    assert re.fullmatch(r"sjn_[A-Za-z0-9_-]{36}", token.reveal())
    assert re.fullmatch(r"[A-Za-z0-9_-]{12}", token.session_id)
    assert token.reveal()[4:16] == token.session_id


def test_a_token_carries_all_the_entropy_it_was_given() -> None:
    """72 bits and 144 bits, none of them dropped on the way."""
    asked: list[int] = []

    def entropy(size: int) -> bytes:
        start = sum(asked)
        asked.append(size)
        return bytes(range(start, start + size))

    assert mint(entropy).reveal() == TEXT
    assert asked == [9, 18]
    assert _token().secret_bytes() == bytes(range(9, 27))


def test_another_token_of_a_session_has_its_id_and_another_secret() -> None:
    """A rotation."""
    token = _token()
    others = [reminted(token.session_id) for _ in range(1_000)]
    assert {other.session_id for other in others} == {token.session_id}
    assert len({other.reveal() for other in others} | {token.reveal()}) == 1_001
    assert reminted(token.session_id, lambda size: bytes(range(9, 9 + size))).reveal() == TEXT


def test_no_two_tokens_are_alike() -> None:
    """Drawn afresh at each call, as the marks of writes are."""
    assert len({mint().reveal() for _ in range(1_000)}) == 1_000
    assert len({new_write_id() for _ in range(1_000)}) == 1_000
    assert re.fullmatch(r"[A-Za-z0-9_-]{16}", new_write_id())


CLONES = """
import json, os, random, sys
import sojourn
from sojourn import retry, tokens
from sojourn.document import sealing
store = sojourn.open_store()
state = random.getstate()
for number in range(8):
    if os.fork() == 0:
        random.setstate(state)
        drawn = tokens.mint().reveal(), tokens.new_write_id(), tokens.reminted("A" * 12).reveal()
        drawn += sealing._nonce().hex(), retry.Retry().jitter(), random.random()
        os.write(1, json.dumps(drawn).encode() + b"\\n")
        os._exit(0)
    os.wait()
"""


def test_clones_of_one_process_draw_nothing_alike() -> None:
    """A fork, or environments that Lambda restores from one snapshot: same memory, other tokens, marks and pauses."""
    environment = os.environ | {"SOJOURN_TABLE": "sessions", "AWS_DEFAULT_REGION": "us-east-1"}
    run = subprocess.run([sys.executable, "-c", CLONES], env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    drawn = [json.loads(line) for line in run.stdout.splitlines()]
    *ours, python = zip(*drawn, strict=True)
    assert len(drawn) == 8
    assert len(set(python)) == 1, "they are no clones"
    assert [len(set(values)) for values in ours] == [8, 8, 8, 8, 8]


def test_a_hash_is_what_the_specification_says() -> None:
    """SHA-256 over the length-delimited parts; another language computes the same."""
    parts = (b"sojourn-v1", b"shop", TEXT.encode())
    digest = hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
    assert _token().hash(namespace="shop") == digest


def test_a_hash_stays_what_it_is() -> None:
    """A change of this value logs everybody out."""
    assert _token().hash(namespace="default").hex() == (
        "98b4b26815da1e8b49ddd55cd76cf98a23b668dbb2ec8567d36980fbd2d2b9bd"
    )


@given(st.binary(min_size=27, max_size=27), st.text(URL_SAFE, min_size=1, max_size=64), st.text(URL_SAFE, min_size=1))
def test_the_same_token_has_another_hash_in_another_namespace(raw: bytes, one: str, other: str) -> None:
    """And neither of them contains a part of the token."""
    token = _token("sjn_" + base64.urlsafe_b64encode(raw).decode())
    here, there = token.hash(namespace=one), token.hash(namespace=other)
    assert (here == there) is (one == other)
    assert len(here) == 32
    assert raw[9:] not in here


def test_every_spelling_is_another_token() -> None:
    """The secret is whole bytes: no character has bits to spare."""
    hashes = {_token(TEXT[:-1] + last).hash(namespace="default") for last in URL_SAFE}
    assert len(hashes) == 64


@pytest.mark.parametrize(
    "malformed",
    [
        None,
        42,
        b"sjn_" + b"A" * 36,
        "",
        "sjn_",
        TEXT[:-1],
        TEXT + "A",
        TEXT + "\n",
        TEXT + "=",
        " " + TEXT,
        TEXT.upper(),
        TEXT.removeprefix("sjn_"),
        TEXT[4:16],
        "SJN_" + "A" * 36,
        "sjn-" + "A" * 36,
        "sjn_" + "A" * 35 + "+",
        "sjn_" + "A" * 35 + "/",
        "sjn_" + "A" * 35 + "é",
        "sjn_" + "\uff21" * 36,
        "sjn_" + "٣" * 36,
        "sjn_" + "\x00" * 36,
        "sjn_" + "A" * 43,
        "sjn_" + "A" * 1_000_000,
    ],
    ids=range(23),
)
def test_what_is_no_token_is_none(malformed: object) -> None:
    """Nothing else tells them apart."""
    assert parsed(malformed) is None


@given(st.text())
def test_no_text_upsets_it(text: str) -> None:
    """A cookie holds whatever was put there."""
    assert parsed(text) is None


def test_a_token_shows_its_session_and_not_its_secret() -> None:
    """In text, in a representation, in a format, in a container, and in whatever looks at its attributes."""
    token = _token()
    shown = [str(token), repr(token), f"{token}", f"{token!r}", repr([token]), repr({"token": token}), repr((token,))]
    assert shown[0] == f"<Token of session {token.session_id}>"
    assert not hasattr(token, "__dict__")
    assert all(SECRET not in text for text in shown)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_token_has_lost_its_secret(protocol: int) -> None:
    """It says what happened when it is asked for it, and opens nothing."""
    pickled = pickle.dumps(_token(), protocol)
    assert SECRET.encode() not in pickled
    assert bytes(range(9, 27)) not in pickled
    unpickled = pickle.loads(pickled)  # noqa: S301  # our own
    assert unpickled.session_id == _token().session_id
    for use in (unpickled.reveal, unpickled.secret_bytes, lambda: unpickled.hash(namespace="default")):
        with pytest.raises(InvalidDataError, match="pickled"):
            use()


def test_a_reduced_token_has_lost_its_secret() -> None:
    """Copying by hand, as some serializers do."""
    token = _token()
    for reduced in (token.__reduce__(), token.__reduce_ex__(2), token.__reduce_ex__(4)):
        assert SECRET not in repr(reduced)


def test_a_copied_token_opens_what_the_token_opens() -> None:
    """A copy in this process is the very object."""
    token = _token()
    assert copy.copy(token) is copy.deepcopy(token) is token
    assert copy.deepcopy({"token": token})["token"].reveal() == TEXT


def test_a_traceback_with_locals_shows_no_secret() -> None:
    """Of a frame that holds the token."""

    def fail(token: Token) -> None:
        raise ValueError(token.session_id)

    with pytest.raises(ValueError, match=TEXT[4:16]) as raised:
        fail(_token())
    told = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    assert "<Token of session" in told
    assert SECRET not in told.replace(f'TEXT = "{TEXT}"', "")

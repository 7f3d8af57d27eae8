"""Tokens and session ids: what is accepted, and that the one cannot be told from the other."""

import base64
import hashlib
import json
import os
import re
import string
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn import ConfigurationError, InvalidDataError
from sojourn.tokens import (
    checked_label,
    checked_namespace,
    checked_subject,
    is_session_id,
    mint,
    session_id,
)

TOKEN = "sjn_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
"""The token of the 32 bytes 0 to 31."""

URL_SAFE = string.ascii_letters + string.digits + "-_"


def test_a_token_is_a_prefix_and_43_characters() -> None:
    """So that scanners and people recognise it."""
    assert re.fullmatch(r"sjn_[A-Za-z0-9_-]{43}", mint())


def test_a_token_carries_all_the_entropy_it_was_given() -> None:
    """256 bits, none of them dropped on the way."""
    asked: list[int] = []

    def entropy(size: int) -> bytes:
        asked.append(size)
        return bytes(range(size))

    assert mint(entropy) == TOKEN
    assert asked == [32]


def test_no_two_tokens_are_alike() -> None:
    """Drawn afresh at each call."""
    assert len({mint() for _ in range(1_000)}) == 1_000


CLONES = """
import json, os, random, sys
import sojourn
from sojourn import protocol, retry, tokens
from sojourn.document import sealing
store = sojourn.open_store()
state = random.getstate()
for number in range(8):
    if os.fork() == 0:
        random.setstate(state)
        drawn = tokens.mint(), protocol.new_write_id(), sealing._nonce().hex(), retry.Retry().jitter(), random.random()
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
    assert [len(set(values)) for values in ours] == [8, 8, 8, 8]


def test_an_id_is_what_the_specification_says() -> None:
    """SHA-256 over the length-delimited parts; another language computes the same."""
    parts = (b"sojourn-v1", b"shop", bytes(range(32)))
    digest = hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
    assert session_id(TOKEN, namespace="shop") == base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_an_id_stays_what_it_is() -> None:
    """A change of this value logs everybody out."""
    assert session_id(TOKEN, namespace="default") == "ynWnNyysq73p2jSiqW9wBeE99Rbz-WxoGZ0V7eB9uUw"


@given(st.binary(min_size=32, max_size=32), st.text(URL_SAFE, min_size=1, max_size=64), st.text(URL_SAFE, min_size=1))
def test_the_same_token_has_another_id_in_another_namespace(secret: bytes, one: str, other: str) -> None:
    """And neither of them is, or contains, the token."""
    token = mint(lambda _size: secret)
    here, there = session_id(token, namespace=one), session_id(token, namespace=other)
    assert here is not None
    assert (here == there) is (one == other)
    assert is_session_id(here)
    assert here not in token


def test_only_one_spelling_of_a_token_counts() -> None:
    """The last character has two bits too many: its four spellings decode alike, one is the token."""
    accepted = [last for last in URL_SAFE if session_id(TOKEN[:-1] + last, namespace="default")]
    assert len(accepted) == 16
    assert TOKEN[-1] in accepted


@pytest.mark.parametrize(
    "malformed",
    [
        None,
        42,
        b"sjn_" + b"A" * 43,
        "",
        "sjn_",
        TOKEN[:-1],
        TOKEN + "A",
        TOKEN + "\n",
        TOKEN + "=",
        " " + TOKEN,
        TOKEN.upper(),
        TOKEN.removeprefix("sjn_"),
        "SJN_" + "A" * 43,
        "sjn-" + "A" * 43,
        "sjn_" + "A" * 42 + "+",
        "sjn_" + "A" * 42 + "/",
        "sjn_" + "A" * 42 + "é",
        "sjn_" + "\uff21" * 43,
        "sjn_" + "٣" * 43,
        "sjn_" + "\x00" * 43,
        "sjn_" + "A" * 1_000_000,
    ],
    ids=range(21),
)
def test_what_is_no_token_has_no_id(malformed: object) -> None:
    """Nothing else tells them apart."""
    assert session_id(malformed, namespace="default") is None


@given(st.text())
def test_no_text_upsets_it(text: str) -> None:
    """A cookie holds whatever somebody put there."""
    assert session_id(text, namespace="default") is None


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("A" * 43, True),
        ("-_" + "9" * 41, True),
        ("A" * 42, False),
        ("A" * 44, False),
        ("A" * 42 + "=", False),
        ("A" * 43 + "\n", False),
        ("\uff21" * 43, False),
        ("", False),
    ],
)
def test_an_id_is_known_by_its_shape(text: str, *, is_one: bool) -> None:
    """Lists of devices hand it out; whatever else comes back is refused."""
    assert is_session_id(text) is is_one


@pytest.mark.parametrize("namespace", ["a", "A.b-c_9", "x" * 64])
def test_a_namespace_is_letters_digits_and_three_signs(namespace: str) -> None:
    """Never the sign that ends it in a key."""
    assert checked_namespace(namespace) == namespace


@pytest.mark.parametrize("namespace", ["", "x" * 65, "a#b", "a b", "é", "a/b", "a\n", "٣"])
def test_any_other_namespace_is_refused(namespace: str) -> None:
    """At start, by the name of its setting."""
    with pytest.raises(ConfigurationError, match="SOJOURN_NAMESPACE"):
        checked_namespace(namespace)


@pytest.mark.parametrize("subject", ["u", "x" * 512, "é" * 256, "a#b", "\x00"])
def test_a_subject_is_up_to_512_bytes(subject: str) -> None:
    """Of UTF-8, whatever they say."""
    assert checked_subject(subject) == subject


@pytest.mark.parametrize("subject", ["", "x" * 513, "é" * 257, "\ud800", None, 42, b"u"])
def test_any_other_subject_is_refused(subject: str) -> None:
    """Without repeating it."""
    with pytest.raises(InvalidDataError) as refusal:
        checked_subject(subject)
    assert refusal.value.path == ("subject",)


@pytest.mark.parametrize("label", ["l", "🦊" * 256, "a#b"])
def test_a_label_is_up_to_256_characters(label: str) -> None:
    """In any script."""
    assert checked_label(label) == label


@pytest.mark.parametrize("label", ["", "x" * 257, "\udfff", "ok\ud800", 42])
def test_any_other_label_is_refused(label: str) -> None:
    """Without repeating it."""
    with pytest.raises(InvalidDataError) as refusal:
        checked_label(label)
    assert refusal.value.path == ("label",)

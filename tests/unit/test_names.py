"""Names: how they carry their namespace, and which are taken, refused or cleaned."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn import ConfigurationError, InvalidDataError
from sojourn.names import (
    Namespace,
    bare,
    checked_label,
    checked_namespace,
    checked_subject,
    cleaned_label,
    epoch_of,
    is_object_of,
    is_session_id,
    lock_of,
    object_of,
)

ID = "AAECAwQFBgcI"
KEY = f"shop#{ID}"
CONTROL = ["\x00", "\n", "\t", "\x1f", "\x7f", "\x80", "\x85", "\x9f"]
BIDIRECTIONAL = list("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def test_a_namespace_leads_every_name() -> None:
    """Up to its first sign, which no namespace holds."""
    shop = Namespace("shop")
    assert (shop.session(ID), shop.subject("a#b"), shop.not_before()) == (KEY, "shop#a#b", "shop#!not-before")
    assert (epoch_of("shop#a#b"), lock_of(KEY)) == ("shop#!epoch#a#b", f"shop#!lock#{ID}")
    assert (bare(KEY), bare("shop#a#b")) == (ID, "a#b")


@pytest.mark.parametrize("name", ["shop2#x", "sho#x", "SHOP#x", "shop", "#x", ""])
def test_a_namespace_owns_no_other_ones_names(name: str) -> None:
    """One that begins alike is another."""
    assert Namespace("shop").owns("shop#x")
    assert not Namespace("shop").owns(name)


def test_sessions_and_control_items_are_told_apart_by_shape() -> None:
    """What is neither is not the namespace's to name."""
    shop = Namespace("shop")
    controls = ["!not-before", "!epoch#u", "!epoch#a#b\n", f"!lock#{ID}", f"!adopted#{'A' * 43}"]
    neither = [
        "",
        "!",
        "!lock#",
        "!lock#short",
        f"!lock#{ID}x",
        "!epoch#",
        "!adopted#x",
        "!other",
        "not-before",
        ID + "x",
    ]
    assert shop.is_session(KEY)
    for name in controls:
        assert shop.is_control(f"shop#{name}")
        assert not shop.is_control(f"shop2#{name}")
        assert not shop.is_session(f"shop#{name}")
    for name in neither:
        assert not shop.is_control(f"shop#{name}")
        assert not shop.is_session(f"shop#{name}")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("A" * 12, True),
        ("-_" + "9" * 10, True),
        ("A" * 11, False),
        ("A" * 13, False),
        ("A" * 43, False),
        ("A" * 11 + "=", False),
        ("A" * 12 + "\n", False),
        ("\uff21" * 12, False),
        ("", False),
        (None, False),
        (12, False),
    ],
)
def test_an_id_is_known_by_its_shape(text: object, *, is_one: bool) -> None:
    """Lists of devices hand it out; whatever else comes back is refused."""
    assert is_session_id(text) is is_one


def test_an_object_is_its_session_s_by_prefix_and_shape() -> None:
    """The item that names it may have been written by another application that may write into the table."""
    mine = object_of(KEY, "w" * 16)
    assert mine == f"shop/{ID}/{'w' * 16}"
    assert is_object_of(mine, KEY)
    for foreign in (
        object_of("shop#AAAAAAAAAAAA", "w" * 16),
        object_of(f"admin#{ID}", "w" * 16),
        f"shop/{ID}/short",
        f"shop/{ID}/{'w' * 17}",
        f"shop/{ID}/{'w' * 15}/",
        f"shop/{ID}/../{'w' * 13}",
        f"shop/{ID}/{'w' * 15}\n",
        f"shop#{ID}/{'w' * 16}",
        f"/{mine}",
        "",
        None,
        7,
    ):
        assert not is_object_of(foreign, KEY)


@pytest.mark.parametrize("namespace", ["a", "A.b-c_9", "x" * 64])
def test_a_namespace_is_letters_digits_and_three_signs(namespace: str) -> None:
    """Never the sign that ends it in a key."""
    assert checked_namespace(namespace) == namespace


@pytest.mark.parametrize("namespace", ["", "x" * 65, "a#b", "a b", "é", "a/b", "a\n", "٣"])
def test_any_other_namespace_is_refused(namespace: str) -> None:
    """At start, by the name of its setting."""
    with pytest.raises(ConfigurationError, match="SOJOURN_NAMESPACE"):
        checked_namespace(namespace)


@pytest.mark.parametrize("subject", ["u", "x" * 512, "é" * 256, "a#b", "日本", "👩\u200d👧", "a\u200cb", "a\xadb"])
def test_a_subject_is_up_to_512_bytes(subject: str) -> None:
    """Of UTF-8, in any script; joiners belong to words and pictures."""
    assert checked_subject(subject) == subject


@pytest.mark.parametrize("subject", ["", "x" * 513, "é" * 257, "\ud800", None, 42, b"u", *CONTROL, *BIDIRECTIONAL])
def test_any_other_subject_is_refused(subject: str) -> None:
    """Without repeating it."""
    with pytest.raises(InvalidDataError) as refusal:
        checked_subject(subject)
    assert refusal.value.path == ("subject",)


@pytest.mark.parametrize("label", ["l", "🦊" * 256, "a#b"])
def test_a_label_is_up_to_256_characters(label: str) -> None:
    """In any script."""
    assert checked_label(label) == label


@pytest.mark.parametrize("label", ["", "x" * 257, "\udfff", "ok\ud800", 42, *CONTROL, *BIDIRECTIONAL])
def test_any_other_label_is_refused(label: str) -> None:
    """Without repeating it."""
    with pytest.raises(InvalidDataError) as refusal:
        checked_label(label)
    assert refusal.value.path == ("label",)


def test_what_does_not_show_as_it_is_is_refused_wherever_it_stands() -> None:
    """At the beginning, in the middle and at the end."""
    for sign in (*CONTROL, *BIDIRECTIONAL):
        for text in (f"{sign}ab", f"a{sign}b", f"ab{sign}"):
            with pytest.raises(InvalidDataError):
                checked_subject(text)
            with pytest.raises(InvalidDataError):
                checked_label(text)


def test_names_are_kept_in_normal_form_c() -> None:
    """Composed or not, it is the same name; and the bounds hold for what is kept."""
    assert checked_subject("Zoe\u0308") == checked_subject("Zo\u00eb") == "Zo\u00eb"
    assert checked_label("\u212b") == "\u00c5"
    assert checked_label("e\u0308" * 256) == "\u00eb" * 256


@given(st.text(max_size=40))
def test_a_name_that_is_taken_is_taken_again_as_it_is(text: str) -> None:
    """Normalising is done once and for all."""
    for checked in (checked_subject, checked_label):
        try:
            kept = checked(text)
        except InvalidDataError:
            continue
        assert checked(kept) == kept == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("label", "cleaned"),
    [
        ("Firefox on Linux", "Firefox on Linux"),
        ("x" * 300, "x" * 256),
        ("  a  ", "a"),
        ("a\nb\x00c", "a b c"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("\u200f\u2066", None),
        ("\n\t ", None),
        ("", None),
        ("Zoe\u0308", "Zo\u00eb"),
        ("a\ud800b", "a?b"),
        (None, None),
        (42, None),
    ],
)
def test_a_label_that_a_client_sent_is_cleaned(label: object, cleaned: str | None) -> None:
    """A login must not fail over a User-Agent."""
    assert cleaned_label(label) == cleaned


@given(st.text(max_size=600))
def test_what_was_cleaned_is_a_label(text: str) -> None:
    """The store takes it."""
    cleaned = cleaned_label(text)
    assert cleaned is None or checked_label(cleaned) == unicodedata.normalize("NFC", cleaned)

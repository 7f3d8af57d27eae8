"""The session cookie: what it refuses to be, what it reads and what it writes."""

from typing import Any

import pytest

from sojourn import ConfigurationError
from sojourn.adapters.cookies import Cookie, CookieUpdate, FormerCookie, carrying, varying

TOKEN = "sjn_token"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "a=b"}, "name"),
        ({"name": "a;b"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"name": "\u00e9"}, "name"),
        ({"path": "/;domain=evil.example"}, "path"),
        ({"path": "/\r\nSet-Cookie: a=b"}, "path"),
        ({"path": ""}, "path"),
        ({"samesite": "lax"}, "SameSite"),
        ({"samesite": ""}, "SameSite"),
        ({"path": "/shop"}, "__Host-"),
        ({"domain": "shop.example", "is_development": True}, "__Host-"),
        ({"secure": False, "is_development": True}, "__Host-"),
        ({"name": "__HOST-sid", "path": "/shop"}, "__Host-"),
        ({"name": "__Secure-sid", "secure": False, "is_development": True}, "__Secure-"),
        ({"name": "sid", "secure": False, "samesite": "None", "is_development": True}, "SameSite=None"),
        ({"name": "sid", "secure": False, "partitioned": True, "is_development": True}, "Partitioned"),
        ({"name": "sid", "secure": False}, "is_development"),
        ({"httponly": False}, "is_development"),
        ({"samesite": None}, "is_development"),
    ],
)
def test_a_cookie_that_browsers_refuse_or_that_is_weak_cannot_be_made(options: dict[str, Any], reason: str) -> None:
    """The message says what to do."""
    with pytest.raises(ConfigurationError, match=reason):
        Cookie(**options)


@pytest.mark.parametrize(
    ("options", "attributes"),
    [
        ({}, "path=/; secure; httponly; samesite=Lax"),
        ({"samesite": "Strict"}, "path=/; secure; httponly; samesite=Strict"),
        ({"partitioned": True}, "path=/; secure; httponly; samesite=Lax; partitioned"),
        (
            {"name": "sid", "domain": "shop.example"},
            "path=/; domain=shop.example; secure; httponly; samesite=Lax",
        ),
        ({"httponly": False, "is_development": True}, "path=/; secure; samesite=Lax"),
        (
            {"samesite": "None", "partitioned": True},
            "path=/; secure; httponly; samesite=None; partitioned",
        ),
    ],
)
@pytest.mark.parametrize("is_persistent", [False, True])
def test_it_is_deleted_with_the_attributes_it_was_set_with(
    options: dict[str, Any], attributes: str, *, is_persistent: bool
) -> None:
    """Or browsers keep it."""
    cookie = Cookie(**options, persistent=is_persistent)
    name = cookie.name or "__Host-session"
    lasts = "; Max-Age=60; expires=Fri, 13 Feb 2009 23:31:30 GMT" if is_persistent else ""
    assert cookie.set_to(TOKEN, until=1_234_567_890, max_age=60) == f"{name}={TOKEN}{lasts}; {attributes}"
    gone = "Max-Age=0; expires=Thu, 01 Jan 1970 00:00:00 GMT"
    assert cookie.deleted() == f"{name}=; {gone}; {attributes}"


@pytest.mark.parametrize(
    "headers",
    [
        ["sid=T"],
        ["a=b; sid=T; c=d"],
        ["a=b;sid=T;c=d"],
        ["a=b", "sid=T"],
        ['sid="T"'],
        ["  sid = T  "],
        ["sid=T; sid=T"],
        ["sid=; sid=T"],
        ["sid=junk; sid=sjn_T"],
        ["sid=T", "sid=T"],
        [";;;sid=T;;"],
        ["a; =b; sid=T; \u00e9=\u20ac"],
        ["SID=other; sid=T"],
        ["sidx=other; xsid=other; sid=T"],
        ["a=sid=other; sid=T"],
    ],
)
def test_it_is_found_among_others(headers: list[str]) -> None:
    """However they are written."""
    (token,) = Cookie(name="sid").tokens_in(headers)
    assert token in ("T", "sjn_T")


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [""],
        ["sid"],
        ["sid;"],
        ["SID=T"],
        ["a=sid=T"],
        ["sid=T; sid=U"],
        ["sid=T", "sid=U"],
        ["a=" + "x" * 20_000 + "; sid=T"],
    ],
)
def test_what_is_not_there_or_not_clear_is_not_found(headers: list[str]) -> None:
    """Two different values: one of them is somebody else's."""
    assert not Cookie(name="sid").tokens_in(headers)


def test_of_several_values_those_that_look_like_tokens_count() -> None:
    """A few of them: each is looked up."""
    tokens = [f"sjn_{number}" for number in range(4)]
    pairs = [f"sid={token}" for token in ["junk", *tokens, tokens[0]]]
    assert Cookie(name="sid").tokens_in(pairs) == tuple(tokens)
    assert Cookie(name="sid").tokens_in([*pairs, "sid=sjn_4"]) == ()


def test_a_former_name_holds_no_token() -> None:
    """A sibling domain may set a cookie of that name."""
    cookie = Cookie(former_names=("old", FormerCookie("older", path="/shop")))
    assert cookie.tokens_in(["old=key"]) == ("key",)
    assert cookie.tokens_in(["older=key; old=sjn_T"]) == ("key",)
    assert cookie.tokens_in(["old=key; old=other"]) == ()
    assert cookie.tokens_in(["old=key; __Host-session=sjn_T"]) == ("sjn_T",)


@pytest.mark.parametrize("update", [CookieUpdate(is_ended=True), CookieUpdate("sjn_T", 60, 60, is_adopted=True)])
def test_former_cookies_go_with_their_own_place(update: CookieUpdate) -> None:
    """Or browsers keep them, and the next visit moves in again."""
    cookie = Cookie(former_names=("old", FormerCookie("older", path="/shop", domain="shop.example")))
    gone = "=; Max-Age=0; expires=Thu, 01 Jan 1970 00:00:00 GMT"
    _, old, older = cookie.updated(update)
    assert old == f"old{gone}; path=/; secure; httponly; samesite=Lax"
    assert older == f"older{gone}; path=/shop; domain=shop.example; secure; httponly; samesite=Lax"


def test_two_namespaces_on_one_host_have_a_cookie_each() -> None:
    """Unless the application names it."""
    assert Cookie().in_namespace("default").set_to("sjn_T", until=0, max_age=0).startswith("__Host-session=sjn_T; ")
    assert Cookie().in_namespace("shop").set_to("sjn_T", until=0, max_age=0).startswith("__Host-session-shop=sjn_T; ")
    assert Cookie(name="sid").in_namespace("shop").name == "sid"


def test_an_answer_with_a_cookie_is_not_shared() -> None:
    """RFC 9111, section 5.2.2.4, unless the application says something of caches."""
    update = CookieUpdate("sjn_T", is_accessed=True)
    headers = dict(carrying([("vary", "Accept")], Cookie(), update))
    assert (headers["Vary"], headers["Cache-Control"]) == ("Accept, Cookie", 'no-cache="Set-Cookie", private')
    assert dict(carrying([("cache-control", "no-store")], Cookie(), update))["cache-control"] == "no-store"
    assert "Cache-Control" not in dict(carrying([], Cookie(), CookieUpdate(is_accessed=True)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "Cookie"),
        ("", "Cookie"),
        ("Accept", "Accept, Cookie"),
        ("Accept,Origin", "Accept, Origin, Cookie"),
        ("cookie", "cookie"),
        ("Accept, COOKIE", "Accept, COOKIE"),
        ("*", "*"),
        ("Accept, *", "Accept, *"),
        (" , ,", "Cookie"),
    ],
)
def test_vary_names_each_header_once(before: str | None, after: str) -> None:
    """RFC 9110, section 12.5.5."""
    assert varying(before, "Cookie") == after

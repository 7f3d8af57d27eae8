"""The session cookie: what it refuses to be, what it reads and what it writes."""

from typing import Any

import pytest

from sojourn import ConfigurationError
from sojourn.adapters.cookies import Cookie, varying

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
        ({"path": "/;Domain=evil.example"}, "path"),
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
        ({"name": "sid", "domain": "shop.example"}, "is_development"),
        ({"httponly": False}, "is_development"),
        ({"samesite": "None"}, "is_development"),
    ],
)
def test_a_cookie_that_browsers_refuse_or_that_is_weak_cannot_be_made(options: dict[str, Any], reason: str) -> None:
    """The message says what to do."""
    with pytest.raises(ConfigurationError, match=reason):
        Cookie(**options)


@pytest.mark.parametrize(
    ("options", "attributes"),
    [
        ({}, "Path=/; Secure; HttpOnly; SameSite=Lax"),
        ({"samesite": "Strict"}, "Path=/; Secure; HttpOnly; SameSite=Strict"),
        ({"partitioned": True}, "Path=/; Secure; HttpOnly; SameSite=Lax; Partitioned"),
        (
            {"name": "sid", "domain": "shop.example", "is_development": True},
            "Path=/; Domain=shop.example; Secure; HttpOnly; SameSite=Lax",
        ),
        ({"httponly": False, "is_development": True}, "Path=/; Secure; SameSite=Lax"),
        (
            {"samesite": "None", "partitioned": True, "is_development": True},
            "Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
        ),
    ],
)
@pytest.mark.parametrize("is_persistent", [False, True])
def test_it_is_deleted_with_the_attributes_it_was_set_with(
    options: dict[str, Any], attributes: str, *, is_persistent: bool
) -> None:
    """Or browsers keep it."""
    cookie = Cookie(**options, persistent=is_persistent)
    lasts = "; Expires=Fri, 13 Feb 2009 23:31:30 GMT" if is_persistent else ""
    assert cookie.set_to(TOKEN, until=1_234_567_890) == f"{cookie.name}={TOKEN}{lasts}; {attributes}"
    gone = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    assert cookie.deleted() == f"{cookie.name}=; {gone}; {attributes}"


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
    assert Cookie(name="sid").found_in(headers) == "T"


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
        ["sid=; sid=T"],
        ["a=" + "x" * 20_000 + "; sid=T"],
    ],
)
def test_what_is_not_there_or_not_clear_is_not_found(headers: list[str]) -> None:
    """Two different values: one of them is somebody else's."""
    assert not Cookie(name="sid").found_in(headers)


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

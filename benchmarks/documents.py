"""Made-up session documents that look like real ones, always the same for the same seed. Measures nothing.

Their keys are those that frameworks and shops write; their values are drawn from a seeded generator. ``FAMILIES`` are
what the phrases of the preset dictionary were chosen for; ``HELD_OUT`` shares neither shape nor vocabulary with them
and shows what the dictionary does for documents that nobody thought of.
"""

import base64
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final
from uuid import UUID

Document = dict[str, object]

_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
_NAMES: Final = (
    "anna",
    "ben",
    "carla",
    "david",
    "elena",
    "farid",
    "grace",
    "hugo",
    "ines",
    "jonas",
    "karim",
    "lena",
    "maria",
    "noah",
    "olga",
    "paul",
)
_SURNAMES: Final = (
    "Adler",
    "Brown",
    "Costa",
    "Dubois",
    "Evans",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ito",
    "Jansen",
    "Kumar",
    "Lopez",
    "Meyer",
    "Novak",
)
_ADJECTIVES: Final = (
    "Classic",
    "Compact",
    "Organic",
    "Wireless",
    "Vintage",
    "Ceramic",
    "Leather",
    "Cotton",
    "Steel",
    "Smart",
    "Folding",
    "Large",
)
_THINGS: Final = (
    "Teapot",
    "Mug",
    "Backpack",
    "Lamp",
    "Keyboard",
    "Scarf",
    "Notebook",
    "Chair",
    "Headphones",
    "Bottle",
    "Jacket",
    "Clock",
)
_COLOURS: Final = ("black", "white", "red", "navy", "green", "grey")
_SIZES: Final = ("XS", "S", "M", "L", "XL")
_ZONES: Final = ("Europe/Berlin", "Europe/London", "America/New_York", "Asia/Tokyo", "America/Sao_Paulo")
_PAGES: Final = (
    "/",
    "/account",
    "/cart",
    "/checkout",
    "/dashboard",
    "/orders",
    "/products",
    "/settings",
    "/search",
    "/profile",
)
_THEMES: Final = ("light", "dark", "system")
_BROWSERS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"
        " (KHTML, like Gecko) Version/18.1 Safari/605.1.15"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15"
        " (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
    ),
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
)


def _hex(random: Random, characters: int) -> str:
    return random.randbytes(characters // 2).hex()


def _base64url(random: Random, raw: int) -> str:
    return base64.urlsafe_b64encode(random.randbytes(raw)).decode().rstrip("=")


def _uuid(random: Random) -> UUID:
    return UUID(bytes=random.randbytes(16), version=4)


def _moment(random: Random) -> datetime:
    return _EPOCH + timedelta(microseconds=random.randrange(86_400_000_000 * 300))


def _instant(random: Random) -> float:
    return _moment(random).timestamp()


def _email(random: Random) -> str:
    host = random.choice(["gmail.com", "example.com", "example.org", "outlook.com"])
    return f"{random.choice(_NAMES)}.{random.choice(_SURNAMES).lower()}@{host}"


def _money(random: Random) -> Decimal:
    return Decimal(random.randrange(499, 19_999)) / 100


def _address(random: Random) -> Document:
    return {
        "first_name": random.choice(_NAMES).title(),
        "last_name": random.choice(_SURNAMES),
        "street": f"{random.choice(_SURNAMES)} Street {random.randrange(1, 200)}",
        "city": random.choice(["Berlin", "London", "Lisbon", "New York", "Lyon"]),
        "postal_code": str(random.randrange(10_000, 99_999)),
        "country": random.choice(["DE", "GB", "PT", "US", "FR"]),
        "phone": f"+49{random.randrange(10**9, 10**10)}",
    }


def django_login(random: Random) -> Document:
    """What django.contrib.auth and messages leave behind."""
    return {
        "_auth_user_id": str(random.randrange(1, 100_000)),
        "_auth_user_backend": "django.contrib.auth.backends.ModelBackend",
        "_auth_user_hash": _hex(random, 64),
        "_session_expiry": 1_209_600,
        "_messages": '[["__json_message",0,25,"Your changes have been saved.",""]]',
        "_language": random.choice(["en", "de", "fr"]),
    }


def django_allauth(random: Random) -> Document:
    """A social login in django-allauth."""
    return {
        "_auth_user_id": str(random.randrange(1, 100_000)),
        "_auth_user_backend": "allauth.account.auth_backends.AuthenticationBackend",
        "_auth_user_hash": _hex(random, 64),
        "socialaccount_states": {
            _base64url(random, 12): [{"process": "login", "next": "/"}, _moment(random).timestamp()]
        },
        "account_authentication_methods": [
            {
                "method": "socialaccount",
                "at": _moment(random).timestamp(),
                "provider": "google",
                "uid": _hex(random, 20),
            }
        ],
    }


def flask_login(random: Random) -> Document:
    """Flask-Login, Flask-WTF and two flashed messages."""
    return {
        "_fresh": True,
        "_id": _hex(random, 128),
        "_user_id": str(random.randrange(1, 100_000)),
        "_permanent": True,
        "csrf_token": _hex(random, 40),
        "_flashes": [("message", "Please log in to access this page."), ("success", "You were logged in.")],
        "next": random.choice(_PAGES),
    }


def connect_cookie(random: Random) -> Document:
    """express-session with passport, as connect stores write it."""
    return {
        "cookie": {
            "originalMaxAge": 86_400_000,
            "expires": _moment(random).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "secure": True,
            "httpOnly": True,
            "domain": None,
            "path": "/",
            "sameSite": "lax",
        },
        "passport": {"user": _hex(random, 24)},
        "flash": {},
        "returnTo": random.choice(_PAGES),
        "csrfSecret": _base64url(random, 18),
    }


def rails_devise(random: Random) -> Document:
    """Rails with Devise."""
    return {
        "session_id": _hex(random, 32),
        "_csrf_token": _base64url(random, 32),
        "warden.user.user.key": [[random.randrange(1, 100_000)], "$2a$12$" + _base64url(random, 16)],
        "warden.user.user.session": {"last_request_at": int(_instant(random))},
        "flash": {"discard": [], "flashes": {"notice": "Signed in successfully."}},
        "user_return_to": random.choice(_PAGES),
    }


def laravel(random: Random) -> Document:
    """Laravel's web guard."""
    return {
        "_token": _base64url(random, 30),
        "_previous": {"url": f"https://www.example.com{random.choice(_PAGES)}"},
        "_flash": {"old": [], "new": []},
        "url": {"intended": "https://www.example.com/dashboard"},
        "login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d": random.randrange(1, 100_000),
    }


def oauth_state(random: Random) -> Document:
    """Authlib between the redirect and the callback."""
    state, nonce = _base64url(random, 22), _base64url(random, 15)
    query = f"response_type=code&client_id={_hex(random, 24)}&scope=openid+email+profile&state={state}&nonce={nonce}"
    return {
        f"_state_google_{state}": {
            "data": {
                "redirect_uri": "https://www.example.com/auth/callback",
                "code_verifier": _base64url(random, 36),
                "nonce": nonce,
                "url": f"https://accounts.google.com/o/oauth2/v2/auth?{query}&code_challenge_method=S256",
            },
            "exp": _instant(random),
        }
    }


def oauth_user(random: Random) -> Document:
    """What an application keeps of an OpenID Connect login."""
    name, surname = random.choice(_NAMES).title(), random.choice(_SURNAMES)
    issued_at = int(_instant(random))
    return {
        "user": {
            "iss": "https://accounts.google.com",
            "aud": f"{_hex(random, 24)}.apps.googleusercontent.com",
            "sub": str(random.randrange(10**20, 10**21)),
            "email": _email(random),
            "email_verified": True,
            "name": f"{name} {surname}",
            "given_name": name,
            "family_name": surname,
            "picture": f"https://lh3.googleusercontent.com/a/{_base64url(random, 30)}=s96-c",
            "locale": "en",
            "iat": issued_at,
            "exp": issued_at + 3600,
        },
        "token": {
            "access_token": _base64url(random, 60),
            "refresh_token": _base64url(random, 40),
            "token_type": "Bearer",
            "expires_in": 3599,
            "expires_at": issued_at + 3599,
            "scope": "openid email profile",
        },
    }


def cart(random: Random, *, items: int | None = None) -> Document:
    """A shop in the middle of a visit: 1 to 12 articles in the cart."""
    lines = [_cart_line(random) for _ in range(items or random.randrange(1, 13))]
    return {
        "user_id": random.randrange(1, 100_000),
        "csrf_token": _hex(random, 40),
        "locale": "en",
        "currency": "EUR",
        "cart": {
            "id": _uuid(random),
            "items": lines,
            "subtotal": Decimal(random.randrange(10**5)) / 100,
            "coupon": None,
        },
        "recently_viewed": [random.randrange(1_000, 9_999) for _ in range(8)],
        "updated_at": _moment(random),
    }


def _cart_line(random: Random) -> Document:
    number = random.randrange(1_000, 9_999)
    return {
        "product_id": number,
        "sku": f"SKU-{number}-{random.choice(_SIZES)}",
        "name": f"{random.choice(_ADJECTIVES)} {random.choice(_THINGS)}",
        "quantity": random.randrange(1, 4),
        "price": _money(random),
        "image": f"/static/images/products/{number}.jpg",
        "options": {"color": random.choice(_COLOURS), "size": random.choice(_SIZES)},
    }


def checkout(random: Random) -> Document:
    """A checkout wizard at its last step."""
    return {
        "user_id": _uuid(random),
        "email": _email(random),
        "checkout": {
            "step": "payment",
            "completed_steps": ["cart", "address", "shipping"],
            "shipping_address": _address(random),
            "billing_address": _address(random),
            "shipping_method": "standard",
            "payment_method": "card",
            "payment_intent": f"pi_{_base64url(random, 18)}",
            "total": _money(random),
        },
        "created_at": _moment(random),
    }


def form_wizard(random: Random) -> Document:
    """django-formtools half-way through a form."""
    fields = {
        "csrfmiddlewaretoken": [_base64url(random, 48)],
        "0-first_name": ["Grace"],
        "0-last_name": ["Ito"],
        "0-email": [_email(random)],
        "0-date_of_birth": ["1990-04-01"],
    }
    return {
        "wizard_contact_wizard": {
            "step": "1",
            "step_data": {
                "0": {"csrfmiddlewaretoken": [_base64url(random, 48)], **{f"0-{k}": v for k, v in fields.items()}}
            },
            "step_files": {"0": {}},
            "extra_data": {},
        }
    }


def features(random: Random) -> Document:
    """A user with roles, feature flags and experiments."""
    flags = ["new_checkout", "dark_mode", "beta_search", "new_dashboard", "notifications", "two_factor", "onboarding"]
    return {
        "user": {
            "id": _uuid(random),
            "username": random.choice(_NAMES),
            "email": _email(random),
            "is_active": True,
            "is_staff": False,
            "is_admin": False,
            "roles": {"user", "editor"},
            "permissions": ["read", "write", "delete", "admin"][: random.randrange(1, 5)],
            "tenant_id": _uuid(random),
        },
        "feature_flags": {flag: random.random() < 0.5 for flag in flags},
        "experiments": {"checkout_button": random.choice(["control", "treatment"]), "pricing_page": "variant_a"},
        "preferences": {
            "theme": random.choice(["light", "dark", "system"]),
            "language": "en",
            "timezone": random.choice(_ZONES),
        },
    }


def device(random: Random) -> Document:
    """What an audit trail wants to know about a login."""
    return {
        "user_id": _uuid(random),
        "ip_address": ".".join(str(random.randrange(256)) for _ in range(4)),
        "user_agent": random.choice(_BROWSERS),
        "login_at": _moment(random),
        "last_seen_at": _moment(random),
        "last_activity": int(_instant(random)),
        "auth_method": random.choice(["password", "sso", "passkey", "magic_link"]),
        "mfa_verified": True,
        "visited": [random.choice(_PAGES) for _ in range(6)],
    }


def catalogue(random: Random) -> Document:
    """Search filters and their first page of results, kept for the back button."""
    found = [
        {
            "id": _uuid(random),
            "title": f"{random.choice(_ADJECTIVES)} {random.choice(_THINGS)}",
            "description": f"{random.choice(_THINGS)} in {random.choice(_COLOURS)}, in stock",
            "category": random.choice(["home", "garden", "fashion", "electronics"]),
            "rating": random.randrange(10, 51) / 10,
            "available": random.random() < 0.9,
            "url": f"https://www.example.com/products/{random.randrange(10_000)}",
            "created_at": _moment(random),
        }
        for _ in range(random.randrange(2, 9))
    ]
    return {
        "filters": {"category": "home", "min_price": 10, "max_price": 200, "sort": "price", "order": "asc", "page": 1},
        "query": random.choice(_THINGS).lower(),
        "results": found,
        "total": random.randrange(500),
    }


FAMILIES: Final[dict[str, Callable[[Random], Document]]] = {
    "django login": django_login,
    "django allauth": django_allauth,
    "flask login": flask_login,
    "express cookie": connect_cookie,
    "rails devise": rails_devise,
    "laravel": laravel,
    "oauth state": oauth_state,
    "oauth user": oauth_user,
    "cart": cart,
    "checkout": checkout,
    "form wizard": form_wizard,
    "features": features,
    "device": device,
    "catalogue": catalogue,
}
"""What the dictionary was made for, by name."""


def visitor(random: Random) -> Document:
    """The typical 3 KB session: a signed-in visitor on a known device, with a cart of ten articles."""
    return django_login(random) | device(random) | cart(random, items=10)


def _buyer(random: Random) -> Document:
    return flask_login(random) | checkout(random) | cart(random, items=7)


def _insider(random: Random) -> Document:
    return flask_login(random) | device(random) | features(random) | oauth_user(random) | {"tab": "reports"}


def _carts(items: int) -> Callable[[Random], Document]:
    return lambda random: cart(random, items=items)


def _booking(random: Random) -> Document:
    """A flight search, in camel case."""
    legs = [
        {
            "flightNumber": f"SJ{random.randrange(100, 999)}",
            "departureAirport": random.choice(["FRA", "LHR", "JFK", "GRU"]),
            "arrivalAirport": random.choice(["NRT", "CDG", "LIS", "MEX"]),
            "departsAt": _moment(random).replace(tzinfo=None),
            "seats": [f"{random.randrange(1, 40)}{random.choice('ACDF')}" for _ in range(2)],
            "fare": {"amount": random.randrange(50, 900), "cabin": "economy", "refundable": False},
        }
        for _ in range(6)
    ]
    travellers = [
        {"givenNames": name.title(), "birth": date(1980 + len(name), 2, 3), "meal": "none"} for name in _NAMES[:3]
    ]
    return {
        "basketRef": _base64url(random, 9),
        "legs": legs,
        "travellers": travellers,
        "hold": {"until": _moment(random)},
    }


def _quiz(random: Random) -> Document:
    """A learning game: short keys, many numbers."""
    rounds = [
        {"q": random.randrange(900), "a": random.choice("abcd"), "ms": random.randrange(9_000)} for _ in range(45)
    ]
    return {"player": random.choice(_NAMES), "seed": random.randrange(2**31), "lives": 2, "rounds": rounds, "streak": 4}


def _chat(random: Random) -> Document:
    """A support conversation in prose."""
    lines = (
        "Hello! I ordered a kettle last Tuesday and the parcel still has not arrived, could you have a look?",
        "Of course. The carrier tried to deliver it yesterday afternoon, but apparently nobody was at home.",
        "Strange, I was in all day and nobody rang. Is there any way to have it left with the neighbours?",
        "I have asked them to bring it tomorrow before noon, and to leave it next door if you are out.",
        "Wonderful, thank you so much. Should it go wrong again I would rather have my money back, though.",
    )
    turns = [
        {"who": "agent" if turn % 2 else "guest", "said": line, "at": turn * 40} for turn, line in enumerate(lines * 2)
    ]
    return {"ticket": random.randrange(10**6), "mood": "calm", "turns": turns[:7], "bot": False}


def _signed_tokens(random: Random) -> Document:
    """Tokens of an identity provider: random but for their headers, the worst case."""
    jwt = ".".join(("eyJraWQiOiJhYmMiLCJhbGciOiJSUzI1NiJ9", _base64url(random, 420), _base64url(random, 256)))
    return {"idToken": jwt, "accessToken": jwt[::-1], "refreshToken": _base64url(random, 500), "clockDrift": 0}


def _bytes(random: Random) -> Document:
    """A WebAuthn ceremony: raw bytes."""
    return {
        "challenge": random.randbytes(32),
        "handle": random.randbytes(64),
        "credentials": [random.randbytes(70)] * 2,
    }


HELD_OUT: Final[dict[str, Callable[[Random], Document]]] = {
    "flight booking": _booking,
    "quiz": _quiz,
    "support chat": _chat,
    "signed tokens": _signed_tokens,
    "webauthn bytes": _bytes,
}
"""What the dictionary has never seen."""

COMPOSED: Final[dict[str, Callable[[Random], Document]]] = {
    "3 KB cart": _carts(14),
    "3 KB visitor": visitor,
    "3 KB buyer": _buyer,
    "insider": _insider,
    "cart of 60": _carts(60),
    "cart of 400": _carts(400),
}
"""What known families add up to."""

"""Django's system checks for what would fail, or be weak, in production. Those for databases call AWS, no other does.

https://docs.djangoproject.com/en/stable/topics/checks/
"""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004  # its name there
from django.utils.module_loading import import_string

from sojourn.adapters.cookies import Cookie
from sojourn.adapters.django.conflicts import chosen
from sojourn.adapters.django.middleware import SojournMiddleware
from sojourn.adapters.django.opening import made_store, outage_rules
from sojourn.adapters.django.sessions import SessionStore
from sojourn.adapters.rules import checked_lifetime
from sojourn.errors import ConfigurationError, InvalidDataError, SojournError
from sojourn.tokens import mint
from sojourn.writing import Rule

if TYPE_CHECKING:
    from sojourn.store import Store

_ENGINE = "sojourn.adapters.django"
_SETTINGS = (
    "SOJOURN_STORE",
    "SOJOURN_ON_CONFLICT",
    "SOJOURN_ON_UNAVAILABLE",
    "SOJOURN_SUBJECT",
    "SOJOURN_FORMER_COOKIE",
)
_NEED_SESSIONS = (
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
)
_NEEDS_SESSIONS_PERHAPS = "django.middleware.csrf.CsrfViewMiddleware"


# ---- what Django runs. Any: it hands over keywords of its own


@register(Tags.security)
def check_settings(**_: Any) -> list[CheckMessage]:
    """``manage.py check``: the store, lifetimes, the cookie and middleware."""
    if not _is_engine():
        return [*_check_lone_middleware()]
    return [
        *_check_store(),
        *_check_choice(),
        *_check_outage(),
        *_check_names(),
        *_check_cookie(),
        *_check_middleware(),
    ]


@register(Tags.security, deploy=True)
def check_deployment(**_: Any) -> list[CheckMessage]:
    """``manage.py check --deploy``: a cookie that scripts, other hosts or other sites can use."""
    return [*_check_strength()] if _is_engine() and not [*_check_cookie()] else []


@register(Tags.database)
def check_table(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """``manage.py check --database default``, and ``migrate``: one read of the table.

    A warning: a migration need not wait for sessions.
    """
    if not databases or not _is_engine():
        return []
    try:
        made_store().read(mint(), touch=False)
    except ConfigurationError:
        return []  # E001
    except SojournError as error:
        hint = "Deploy the stack; look at SOJOURN_TABLE, at the region and at the permissions of this process."
        return [Warning(f"Sessions cannot be read: {error}.", hint=hint, id="sojourn.W005")]
    return []


# ---- the store


def _check_store() -> Iterator[CheckMessage]:
    try:
        store = made_store()
    except ConfigurationError as error:
        hint = "Set SOJOURN_TABLE in the environment, or SOJOURN_STORE to a function that makes the store."
        yield Error(f"No store can be opened: {error}.", hint=hint, id="sojourn.E001")
        return
    yield from _check_lifetime(store)
    yield from _check_namespace(store)


def _check_lifetime(store: "Store") -> Iterator[CheckMessage]:
    try:
        checked_lifetime(settings.SESSION_COOKIE_AGE, store.settings, name="SESSION_COOKIE_AGE")
    except ConfigurationError as error:
        hint = "Choose fewer seconds, or raise SOJOURN_MAX_ABSOLUTE_SECONDS in the environment."
        yield Error(f"No session can live that long: {error}.", hint=hint, id="sojourn.E002")


def _check_namespace(store: "Store") -> Iterator[CheckMessage]:
    namespace, name = store.settings.namespace, settings.SESSION_COOKIE_NAME
    if name == "sessionid" and namespace != "default":
        yield Warning(
            f'The cookie of namespace "{namespace}" has Django\'s own name, "{name}": another application on the same '
            "host that does not name its cookie either would log users out.",
            hint=f'Set SESSION_COOKIE_NAME = "__Host-session-{namespace}" and SESSION_COOKIE_SECURE = True.',
            id="sojourn.W001",
        )


# ---- settings


def _check_choice() -> Iterator[CheckMessage]:
    try:
        Rule(on_conflict=chosen())
    except InvalidDataError as error:
        hint = "Without it the last of two requests counts, as with Django's own engines."
        yield Error(f"SOJOURN_ON_CONFLICT {error.reason}.", hint=hint, id="sojourn.E003")


def _check_outage() -> Iterator[CheckMessage]:
    try:
        outage_rules()
    except ConfigurationError as error:
        hint = "Without it such a page is a 503."
        yield Error(f"SOJOURN_ON_UNAVAILABLE: {error}.", hint=hint, id="sojourn.E008")


def _check_names() -> Iterator[CheckMessage]:
    for name in dir(settings):
        if name.startswith("SOJOURN_") and name not in _SETTINGS:
            nearest = get_close_matches(name, _SETTINGS, n=1, cutoff=0.8)
            hint = f"Did you mean {nearest[0]}?" if nearest else "Sojourn's own settings are environment variables."
            yield Warning(f"{name} is no setting of the Django adapter, and is ignored.", hint=hint, id="sojourn.W002")


# ---- the cookie


def _check_cookie() -> Iterator[CheckMessage]:
    try:
        _cookie()
    except ConfigurationError as error:
        hint = "Change SESSION_COOKIE_NAME, or the setting that the message names."
        yield Error(f"Browsers would not take the session's cookie: {error}.", hint=hint, id="sojourn.E004")


def _check_strength() -> Iterator[CheckMessage]:
    weak = {
        "SESSION_COOKIE_SECURE is off: it travels over plain HTTP": not settings.SESSION_COOKIE_SECURE,
        "SESSION_COOKIE_HTTPONLY is off: scripts read it": not settings.SESSION_COOKIE_HTTPONLY,
        "SESSION_COOKIE_SAMESITE is neither Lax nor Strict: forms of other sites use it": (
            settings.SESSION_COOKIE_SAMESITE not in ("Lax", "Strict")
        ),
    }
    for text in (text for text, is_so in weak.items() if is_so):
        hint = "Leave it as Django has it." if "SECURE" not in text else "Set SESSION_COOKIE_SECURE = True."
        yield Warning(f"The session's cookie is weak. {text}.", hint=hint, id="sojourn.W003")
    if not settings.SESSION_COOKIE_NAME.startswith("__Host-"):
        hint = 'Set SESSION_COOKIE_NAME = "__Host-session": browsers take that from this very host over HTTPS alone.'
        text = "Other hosts of the same site, and anyone on the way over plain HTTP, can set the session's cookie."
        yield Warning(text, hint=hint, id="sojourn.W004")


def _cookie() -> Cookie:
    """The cookie of the settings. Raises ``ConfigurationError`` for what browsers refuse."""
    return Cookie(
        name=settings.SESSION_COOKIE_NAME,
        path=settings.SESSION_COOKIE_PATH,
        domain=settings.SESSION_COOKIE_DOMAIN,
        secure=bool(settings.SESSION_COOKIE_SECURE),
        httponly=bool(settings.SESSION_COOKIE_HTTPONLY),
        samesite=settings.SESSION_COOKIE_SAMESITE or "Lax",
        is_development=True,
    )


# ---- middleware


def _check_middleware() -> Iterator[CheckMessage]:
    paths = settings.MIDDLEWARE
    at = [position for position, path in enumerate(paths) if _is_of(path, SessionMiddleware)]
    if not at:
        hint = f'Add "{_ENGINE}.SojournMiddleware" to MIDDLEWARE.'
        yield Error("No middleware stores sessions.", hint=hint, id="sojourn.E005")
    elif len(at) > 1:
        hint = "Sojourn's takes the place of Django's: leave one of them."
        text = f"More than one middleware stores sessions: {', '.join(paths[position] for position in at)}."
        yield Error(text, hint=hint, id="sojourn.E006")
    else:
        yield from _check_order(paths[: at[0]], paths[at[0]])


def _check_order(before: Sequence[str], opening: str) -> Iterator[CheckMessage]:
    in_need = (*_NEED_SESSIONS, *([_NEEDS_SESSIONS_PERHAPS] if settings.CSRF_USE_SESSIONS else []))
    for path in before:
        if any(_is_of(path, _imported(needing)) for needing in in_need):
            text = f"{path} needs the session, and comes before {opening}."
            yield Error(text, hint="Change their order in MIDDLEWARE.", id="sojourn.E007")


def _check_lone_middleware() -> Iterator[CheckMessage]:
    if any(_is_of(path, SojournMiddleware) for path in settings.MIDDLEWARE):
        text = f"{_ENGINE}.SojournMiddleware is Django's own with another engine, and SESSION_ENGINE names one."
        yield Warning(text, hint=f'Set SESSION_ENGINE = "{_ENGINE}".', id="sojourn.W006")


def _is_engine() -> bool:
    return _is_of(f"{settings.SESSION_ENGINE}.SessionStore", SessionStore)


def _is_of(path: str, kind: object) -> bool:
    found = _imported(path)
    return isinstance(found, type) and isinstance(kind, type) and issubclass(found, kind)


def _imported(path: str) -> object:
    """What ``path`` names; ``None`` where it cannot be imported, as Django itself says."""
    try:
        return import_string(path)
    except ImportError:
        return None

"""The one store of a Django process, by its settings. Opens no session."""

import threading
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver

from sojourn.adapters.rules import Rules, checked_lifetime, rules_of
from sojourn.factory import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn.store import Store

_opening = threading.Lock()
_opened: list["Store"] = []


def the_store() -> "Store":
    """The environment's store, or the one that the setting ``SOJOURN_STORE``, a function, makes. One a process.

    Raises ``ConfigurationError`` for a ``SESSION_COOKIE_AGE`` that no session can live.
    """
    if not _opened:
        with _opening:  # the first requests may come at once
            if not _opened:
                store = made_store()
                checked_lifetime(settings.SESSION_COOKIE_AGE, store.settings, name="SESSION_COOKIE_AGE")
                _opened.append(store)
    return _opened[0]


def made_store() -> "Store":
    """A store as the settings describe it, whatever lifetimes they ask for."""
    make: Callable[[], Store] = getattr(settings, "SOJOURN_STORE", open_store)
    return make()


def outage_rules() -> Rules:
    """What ``SOJOURN_ON_UNAVAILABLE`` says. Raises ``ConfigurationError``."""
    return rules_of(None, "raise", getattr(settings, "SOJOURN_ON_UNAVAILABLE", "refuse"))


@receiver(setting_changed)
def _forget_the_store(*, setting: str, **_: object) -> None:
    if setting in ("SOJOURN_STORE", "SESSION_COOKIE_AGE"):
        _opened.clear()

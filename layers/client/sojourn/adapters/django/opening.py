"""The one store of a Django process, by its settings. Opens no session."""

import functools
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver

from sojourn.adapters.rules import checked_lifetime
from sojourn.factory import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn.store import Store


@functools.cache
def the_store() -> "Store":
    """The environment's store, or the one that the setting ``SOJOURN_STORE``, a function, makes. One a process.

    Raises ``ConfigurationError`` for a ``SESSION_COOKIE_AGE`` that no session can live.
    """
    make: Callable[[], Store] = getattr(settings, "SOJOURN_STORE", open_store)
    store = make()
    checked_lifetime(settings.SESSION_COOKIE_AGE, store.settings, name="SESSION_COOKIE_AGE")
    return store


@receiver(setting_changed)
def _forget_the_store(*, setting: str, **_: object) -> None:
    if setting in ("SOJOURN_STORE", "SESSION_COOKIE_AGE"):
        the_store.cache_clear()

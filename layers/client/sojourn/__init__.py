"""Sojourn, a serverless session store: sessions in DynamoDB that end when they should.

    from sojourn import open_store

    store = open_store()
    session = store.create({"cart": []}, subject="user-42")

Importing this package imports nothing else: each name brings its module when it is first asked for. The AWS library
comes with the first store.
"""

import typing

if typing.TYPE_CHECKING:
    from sojourn.absence import Absence
    from sojourn.errors import (
        ConfigurationError,
        ConflictError,
        CorruptSessionError,
        InvalidDataError,
        LockLostError,
        SessionGoneError,
        SessionLockedError,
        SessionTooLargeError,
        SojournError,
        StoreUnavailableError,
    )
    from sojourn.events import Cause, Outcome, SessionEvent
    from sojourn.factory import open_store, rehearsed
    from sojourn.session import Session, SessionDescription, SessionSummary
    from sojourn.settings import Settings
    from sojourn.store import Store
    from sojourn.subjects import BulkExpiry, SessionPage
    from sojourn.sweep.report import Share, SweepReport
    from sojourn.tokens import Token
    from sojourn.writing import KEEP, REMOVED, Conflict

__all__ = [
    "KEEP",
    "REMOVED",
    "Absence",
    "BulkExpiry",
    "Cause",
    "ConfigurationError",
    "Conflict",
    "ConflictError",
    "CorruptSessionError",
    "InvalidDataError",
    "LockLostError",
    "Outcome",
    "Session",
    "SessionDescription",
    "SessionEvent",
    "SessionGoneError",
    "SessionLockedError",
    "SessionPage",
    "SessionSummary",
    "SessionTooLargeError",
    "Settings",
    "Share",
    "SojournError",
    "Store",
    "StoreUnavailableError",
    "SweepReport",
    "Token",
    "open_store",
    "rehearsed",
]

__version__ = "0.1.0"

_MODULES = {
    "Absence": "absence",
    "ConfigurationError": "errors",
    "ConflictError": "errors",
    "CorruptSessionError": "errors",
    "InvalidDataError": "errors",
    "LockLostError": "errors",
    "SessionGoneError": "errors",
    "SessionLockedError": "errors",
    "SessionTooLargeError": "errors",
    "SojournError": "errors",
    "StoreUnavailableError": "errors",
    "Cause": "events",
    "Outcome": "events",
    "SessionEvent": "events",
    "open_store": "factory",
    "rehearsed": "factory",
    "Session": "session",
    "SessionDescription": "session",
    "SessionSummary": "session",
    "Settings": "settings",
    "Store": "store",
    "BulkExpiry": "subjects",
    "SessionPage": "subjects",
    "Share": "sweep.report",
    "SweepReport": "sweep.report",
    "Token": "tokens",
    "KEEP": "writing",
    "REMOVED": "writing",
    "Conflict": "writing",
}
"""Where each name is."""


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'sojourn' has no attribute {name!r}")
    # Imported here, and the module with it: each start pays for what it loads.
    from importlib import import_module

    found: object = getattr(import_module(f"sojourn.{_MODULES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*globals(), *__all__]

"""Sojourn, a serverless session store: sessions in DynamoDB that end when they should.

    from sojourn import open_store

    store = open_store()
    session = store.create({"cart": []}, subject="user-42")

Importing this package imports no AWS library; ``open_store`` does.
"""

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
from sojourn.factory import open_store
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
]

__version__ = "0.1.0"

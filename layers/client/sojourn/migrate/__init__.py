"""Moving in from another session store without logging anyone out. See docs/migration.md."""

from sojourn.migrate.source import Found, Source, UnreadableError
from sojourn.migrate.store import MigratingStore, Report

__all__ = ["Found", "MigratingStore", "Report", "Source", "UnreadableError"]

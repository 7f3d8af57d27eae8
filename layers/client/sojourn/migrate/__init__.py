"""Moving in from another session store without logging anyone out. See docs/migration.md."""

from sojourn.migrate.store import Found, MigratingStore, Report, Source, UnreadableError

__all__ = ["Found", "MigratingStore", "Report", "Source", "UnreadableError"]

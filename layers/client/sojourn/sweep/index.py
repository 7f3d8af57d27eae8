"""Where a session stands in the sweep index. Calls nothing."""

import hashlib

from sojourn.backend import Record
from sojourn.settings import Settings
from sojourn.values import replace


def placed(record: Record, settings: Settings) -> Record:
    """``record`` with its place in the sweep index, set once in its life and paid for once.

    No touch and no write moves it; a sweeper that finds the session alive moves it ahead.
    """
    if not settings.sweep_index:
        return replace(record, sweep_shard=None, sweep_at=None)
    digest = hashlib.sha256(record.session_id.encode()).digest()
    shard = int.from_bytes(digest[:4], "big") % settings.sweep_shards
    return replace(record, sweep_shard=str(shard), sweep_at=record.expires_at + settings.sweep_grace_seconds)

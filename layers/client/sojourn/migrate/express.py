"""Sessions of Express, as connect-dynamodb keeps them.

connect-dynamodb, ``lib/connect-dynamodb.js``: ``{id: {S: "sess:…"}, expires: {N}, sess: {S: JSON}}``; cookie-signature:
``s:<id>.<HMAC-SHA256 in base64 without padding>``, percent-encoded.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sojourn.migrate.source import Found, UnreadableError, checked_secrets, found_as

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SIGNED = "s:"
_MILLISECONDS = 10**11
"""From here on it is milliseconds, as old versions wrote; seconds get here in the year 5138."""


class DynamoSessions:
    """The items of connect-dynamodb. Their ``cookie`` member is Express's own and stays behind.

    ``secrets`` are those of express-session, the first and all others; an empty one, with which anybody could sign,
    raises ``ConfigurationError``. ``subject`` is the key in the session under which its user stands, if one does. One
    read unit and one write unit for each session adopted.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        *,
        table: str,
        secrets: Sequence[str],
        prefix: str = "sess:",
        hash_key: str = "id",
        subject: str | None = None,
    ) -> None:
        self._client = client
        self._table = table
        self._secrets = checked_secrets(secrets, name="secrets")
        self._prefix = prefix
        self._hash_key = hash_key
        self._subject = subject

    def find(self, key: str) -> Found | None:
        """See ``Source``. A cookie that none of the secrets signed opens nothing, and no table is read."""
        session_id = self._unsigned(key)
        if session_id is None:
            return None
        item = self._client.get_item(TableName=self._table, Key=self._key(session_id), ConsistentRead=True).get("Item")
        if item is None:
            return None
        try:
            data = json.loads(item["sess"]["S"])
            until = int(item["expires"]["N"]) if "expires" in item else None
        except (KeyError, TypeError, ValueError, RecursionError):
            raise UnreadableError("is no item of connect-dynamodb") from None
        if isinstance(data, dict):
            data.pop("cookie", None)
        if until is not None and until >= _MILLISECONDS:
            until //= 1000
        return found_as(data, subject=self._subject, until=until)

    def end(self, key: str) -> None:
        """See ``Source``."""
        session_id = self._unsigned(key)
        if session_id is not None:
            self._client.delete_item(TableName=self._table, Key=self._key(session_id))

    def _key(self, session_id: str) -> dict[str, dict[str, str]]:
        return {self._hash_key: {"S": self._prefix + session_id}}

    def _unsigned(self, key: str) -> str | None:
        value = unquote(key)
        session_id, dot, signature = value.removeprefix(_SIGNED).rpartition(".")
        if not value.startswith(_SIGNED) or not dot or not session_id:
            return None
        for secret in self._secrets:
            digest = hmac.digest(secret, session_id.encode(), hashlib.sha256)
            if hmac.compare_digest(base64.b64encode(digest).rstrip(b"="), signature.encode()):
                return session_id
        return None

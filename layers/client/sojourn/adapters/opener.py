"""How a visit reaches its session: by the tokens that its client sent. Stores nothing."""

import logging
from typing import TYPE_CHECKING, Protocol

from sojourn.absence import Absence
from sojourn.store import Store
from sojourn.tokens import PREFIX

if TYPE_CHECKING:
    from sojourn.session import Session

logger = logging.getLogger(__name__)


class Opener(Protocol):
    """What a visit calls."""

    @property
    def token(self) -> str | None:
        """The one that counts of those that the client sent."""

    def find(self) -> "Session | Absence":
        """The session, or why there is none. Raises what ``Store.find`` raises."""


class TokenOpener:
    """Asks the store, in the caller's thread.

    A client may send several values under the cookie's name, where one of another path or domain is left over or was
    put there by another site: the one that opens a session counts, if exactly one does.
    """

    def __init__(self, store: Store, tokens: tuple[str, ...], *, is_read_only: bool = False) -> None:
        """``is_read_only``: no new token can be handed out, so no session of an older store is adopted."""
        self._store = store
        self._tokens = tuple(token for token in tokens if not is_read_only or token.startswith(PREFIX))
        self._arrived_at = store.resources.clock()
        self.token = tokens[0] if tokens else None

    def find(self) -> "Session | Absence":
        """See ``Opener``."""
        found = {token: self._store.find(token, arrived_at=self._arrived_at) for token in self._tokens}
        opened = [token for token, one in found.items() if not isinstance(one, Absence)]
        if len(opened) > 1:
            logger.warning("%d cookies of one name open a session each: none of them counts", len(opened))
            return Absence.AMBIGUOUS
        superseded = [token for token, one in found.items() if one is Absence.SUPERSEDED]
        for token in (*opened, *superseded, *self._tokens):
            self.token = token
            return found[token]
        return Absence.MALFORMED

    def within(self, seconds: float) -> None:
        """Give each call that is to come ``seconds`` from now at the most."""
        self._store = self._store.within(seconds)

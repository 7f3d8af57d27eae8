"""How a visit reaches its session: by the tokens that its client sent. Stores nothing."""

from typing import TYPE_CHECKING, Protocol

from sojourn.absence import Absence
from sojourn.adapters.refusals import ambiguous
from sojourn.adapters.rules import SubjectOf
from sojourn.migrate.store import found_in
from sojourn.store import Store

if TYPE_CHECKING:
    from sojourn.migrate.candidate import Candidate
    from sojourn.session import Session


class Opener(Protocol):
    """What a visit calls."""

    @property
    def token(self) -> str | None:
        """The one that counts of those that the client sent."""

    def again(self) -> "Session | Candidate | Absence":
        """What the token that counts opens by now. Raises what ``Store.find`` raises."""

    def find(self) -> "Session | Candidate | Absence":
        """The session, one of an older store that did not move in yet, or why there is none.

        Raises what ``Store.find`` raises.
        """


class TokenOpener:
    """Asks the store, in the caller's thread.

    A client may send several values under the cookie's name, where one of another path or domain is left over or was
    put there by another site: the one that opens a session counts, if exactly one does.
    """

    def __init__(self, store: Store, tokens: tuple[str, ...], *, subject_of: SubjectOf | None) -> None:
        """``subject_of`` says whose a session of an older store is, where that does not know."""
        self._store = store
        self._tokens = tokens
        self._subject_of = subject_of
        self._arrived_at = store.resources.clock()
        self.token = tokens[0] if tokens else None

    def find(self) -> "Session | Candidate | Absence":
        """See ``Opener``."""
        found = {token: self._found(token, arrived_at=self._arrived_at) for token in self._tokens}
        opened = [token for token, one in found.items() if not isinstance(one, Absence)]
        if len(opened) > 1:
            return ambiguous(self._store)
        superseded = [token for token, one in found.items() if one is Absence.SUPERSEDED]
        for token in (*opened, *superseded, *self._tokens):
            self.token = token
            return found[token]
        return Absence.MALFORMED

    def again(self) -> "Session | Candidate | Absence":
        """What the token that counts opens by now."""
        return Absence.MALFORMED if self.token is None else self._found(self.token, arrived_at=None)

    def _found(self, token: str, *, arrived_at: int | None) -> "Session | Candidate | Absence":
        return found_in(self._store, token, arrived_at=arrived_at, subject_of=self._subject_of)

    def within(self, seconds: float) -> None:
        """Give each call that is to come ``seconds`` from now at the most."""
        self._store = self._store.within(seconds)

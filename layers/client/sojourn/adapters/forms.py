"""The session of a Lambda function, with what a framework would have brought: messages and tokens of forms."""

from typing import Any

from sojourn.adapters.csrf import csrf_token_of, is_csrf_token_of
from sojourn.adapters.rules import merged_messages
from sojourn.adapters.visit import Visit
from sojourn.errors import ConflictError
from sojourn.tokens import parsed
from sojourn.values import replace
from sojourn.writing import Conflict, OnConflict

_FLASHES = "_flashes"
_FORM = "_form"

_merged_flashes = merged_messages(_FLASHES)


class Session(Visit):
    """What ``session_of()`` returns."""

    # ---- messages

    def flash(self, message: str, category: str = "message") -> None:
        """Leave a message for the page that is shown next. Of two requests at once the messages of both are kept."""
        self._merge_flashes()
        self[_FLASHES] = [*self.get(_FLASHES, []), [category, message]]

    def flashes(self) -> list[tuple[str, str]]:
        """The messages that no page has shown yet, oldest first, each as category and text. They are gone then."""
        if _FLASHES not in self:
            return []
        self._merge_flashes()
        return [(category, text) for category, text in self.pop(_FLASHES)]

    def _merge_flashes(self) -> None:
        rules = self._holder.rules
        self._holder.rules = replace(rules, on_conflict=self._deciding(rules.on_conflict))

    def _deciding(self, choice: OnConflict) -> OnConflict:
        """``choice``, for every key but the one of messages."""

        def decide(conflict: Conflict) -> object:
            if conflict.key == _FLASHES:
                return _merged_flashes(conflict)
            if callable(choice):
                return choice(conflict)
            if choice == "raise" and conflict.mine != conflict.theirs:
                raise ConflictError(self.id or "", keys=frozenset({conflict.key}))
            return conflict.theirs if choice == "theirs" else conflict.mine

        return decide

    # ---- forms

    def csrf_token(self) -> str:
        """For a field ``csrf_token`` of a form, or a header ``X-CSRF-Token``: see ``with_session(checks_csrf=True)``.

        Another one each time, 64 characters; all of them hold until the session's token is replaced. A visitor without
        a session gets one, which is stored at once, and so is a login or a rotation of this request.
        """
        self.before_look()
        if not self.is_stored:
            self.setdefault(_FORM, True)
        self.store_pending()
        return csrf_token_of(self._current_token() or "")

    def accepts(self, csrf_token: str | None) -> bool:
        """Whether the request that brought ``csrf_token`` comes from a page of this session.

        Calls the store only where a client sent several cookies: the one that opens its session counts, or was replaced
        while the request was on its way.
        """
        if self.has_several_tokens:
            self.before_look()
            if not self.is_stored and not self._holder.is_superseded:
                return False  # any of them may be another site's
        token = parsed(self._opener.token)
        return token is not None and csrf_token is not None and is_csrf_token_of(token.reveal(), csrf_token)

    def _current_token(self) -> Any:
        session = self._holder.session
        return self._opener.token if session is None else session.token

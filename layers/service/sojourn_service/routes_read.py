"""The routes that only read: one session by its token, a subject's sessions by the subject."""

from typing import Final

from sojourn.absence import Absence
from sojourn.store import Store
from sojourn_service.api import Route
from sojourn_service.cursors import position_of
from sojourn_service.preconditions import entity_tag
from sojourn_service.problems import ProblemError, absent, malformed
from sojourn_service.requests import Request
from sojourn_service.responses import Answer, page_answer, session_answer

_MAX_PAGE: Final = 100
_COUNTS: Final = {"SessionsRead": 1}


def read(request: Request, store: Store) -> Answer:
    """The session of the token, without it; 304 when the caller holds this version already."""
    tags = request.condition("If-None-Match")
    snapshot = store.find_text(request.token(), touch=request.flag("touch", default=True))
    if isinstance(snapshot, Absence):
        raise absent(snapshot)
    version = snapshot.record.version
    if tags is not None and tags.hold_weakly(version):
        headers = {"ETag": entity_tag(version)}
        return Answer(304, headers=headers, counts=_COUNTS, session_id=snapshot.token.session_id)
    return session_answer(snapshot, counts=_COUNTS)


def list_sessions(request: Request, store: Store) -> Answer:
    """A page of the subject's live sessions, newest first."""
    subject = request.subject()
    limit = request.whole_number("limit", least=1, most=_MAX_PAGE)
    cursor = request.parameters.get("after")
    after = None if cursor is None else position_of(cursor, namespace=store.settings.namespace)
    if cursor is not None and after is None:
        raise ProblemError(malformed("after takes what next held on the page before.", parameter="after"))
    page = store.session_page(subject=subject, limit=limit, after=after)
    return page_answer(page)


ROUTES: Final = (
    Route("GET /session", "read", read, frozenset({"touch"})),
    Route("GET /sessions", "list", list_sessions, frozenset({"subject", "limit", "after"})),
)

"""The routes that change a session: create, write (a whole document or a patch of it), touch, rotate, log in."""

from collections.abc import Callable
from typing import Final

from sojourn import KEEP
from sojourn.absence import Absence
from sojourn.document.codec import stored_json
from sojourn.errors import ConflictError, InvalidDataError
from sojourn.session import Session
from sojourn.store import Store
from sojourn_service.api import Route
from sojourn_service.bodies import MERGE_PATCH, document_from, document_of, fields_of, seconds_of, text_of
from sojourn_service.merge_patch import patched
from sojourn_service.preconditions import EntityTags
from sojourn_service.problems import PRECONDITION_FAILED, PRECONDITION_REQUIRED, ProblemError, absent
from sojourn_service.requests import Request
from sojourn_service.responses import Answer, deadlines_answer, session_answer

_TRIES: Final = 5
"""How often a change is reapplied to what other requests wrote meanwhile, on top of what the store merges itself."""

Document = dict[str, object]


def create(request: Request, store: Store) -> Answer:
    """A new session. Only this answer and those of a rotation and a login show a token."""
    limit = store.settings.max_bytes
    fields = fields_of(request, ("data", "subject", "label", "idle", "absolute"), max_bytes=limit)
    session = store.create(
        document_of(fields, max_bytes=limit),
        subject=text_of(fields, "subject"),
        label=text_of(fields, "label"),
        idle=seconds_of(fields, "idle"),
        absolute=seconds_of(fields, "absolute"),
    )
    return session_answer(session.snapshot, status=201, shows_token=True)


def replace(request: Request, store: Store) -> Answer:
    """Write a whole document in the place of the version that ``If-Match`` names; ``*`` names any."""
    token, condition = request.token(), request.condition("If-Match")
    if condition is None:
        raise ProblemError(PRECONDITION_REQUIRED)
    limit = store.settings.max_bytes
    document = document_of(fields_of(request, ("data",), max_bytes=limit), max_bytes=limit)
    session = _written(store, token, lambda _: document, condition=condition, merge=False)
    return session_answer(session.snapshot, counts={"SessionsWritten": 1})


def patch(request: Request, store: Store) -> Answer:
    """Write a merge patch of the document; edits that other requests make at the same time survive."""
    token, condition = request.token(), request.condition("If-Match")
    limit = store.settings.max_bytes
    fields = fields_of(request, ("data",), max_bytes=limit, media_type=MERGE_PATCH)
    if not isinstance(fields.get("data"), dict):
        raise InvalidDataError("is not a JSON object", path=("data",))
    # Applied to nothing it shows whether it is nested too deeply, before any call.
    patched({}, fields["data"], path=("data",))

    def merged(session: Session) -> Document:
        document = patched(stored_json(session.dumped()), fields["data"], path=("data",))
        return document_from(document, max_bytes=limit)

    is_strict = condition is not None and not condition.is_any
    session = _written(store, token, merged, condition=condition, merge=not is_strict)
    return session_answer(session.snapshot, counts={"SessionsWritten": 1})


def touch(request: Request, store: Store) -> Answer:
    """Renew the idle deadline; the body may give new idle seconds, and new seconds since the stay began."""
    token = request.token()
    fields = fields_of(request, ("idle", "absolute"), max_bytes=store.settings.max_bytes, is_optional=True)
    idle, absolute = seconds_of(fields, "idle"), seconds_of(fields, "absolute")
    session = _found(store, token)
    store.touch(session, idle=idle, absolute=absolute)
    return deadlines_answer(session, counts={"SessionsTouched": 1})


def rotate(request: Request, store: Store) -> Answer:
    """A new token for the session, and the end of the old one. Nothing else changes, so the body has no field."""
    token = request.token()
    fields_of(request, (), max_bytes=store.settings.max_bytes, is_optional=True)
    session = _found(store, token)
    store.rotate(session)
    return session_answer(session.snapshot, shows_token=True)


def login(request: Request, store: Store) -> Answer:
    """A rotation that makes the session the subject's and begins its stay anew."""
    token = request.token()
    fields = fields_of(request, ("subject", "label", "idle", "absolute"), max_bytes=store.settings.max_bytes)
    subject = text_of(fields, "subject")
    if subject is None:
        raise InvalidDataError("is required", path=("subject",))
    label = text_of(fields, "label") if "label" in fields else KEEP
    idle, absolute = seconds_of(fields, "idle"), seconds_of(fields, "absolute")
    session = _found(store, token)
    store.login(session, subject=subject, label=label, idle=idle, absolute=absolute)
    return session_answer(session.snapshot, shows_token=True)


def _found(store: Store, token: str) -> Session:
    # touch=False: what follows renews the session itself, and one renewal is paid for once.
    session = store.find(token, touch=False)
    if isinstance(session, Absence):
        raise absent(session)
    return session


def _written(
    store: Store,
    token: str,
    change: Callable[[Session], Document],
    *,
    condition: EntityTags | None,
    merge: bool,
) -> Session:
    """The session after ``change`` was applied and stored, to the version that ``condition`` names if it names one."""
    tries = 0
    while True:
        tries += 1
        session = _found(store, token)
        if condition is not None and not condition.hold_strongly(session.version):
            raise ProblemError(PRECONDITION_FAILED)
        try:
            _write(store, session, change(session), merge=merge)
        except ConflictError as error:
            if condition is not None and not condition.is_any:
                raise ProblemError(PRECONDITION_FAILED) from error
            if tries == _TRIES:
                raise
        else:
            return session


def _write(store: Store, session: Session, document: Document, *, merge: bool) -> None:
    version = session.version
    session.clear()
    session.update(document)
    try:
        store.write(session, merge=merge)
    except InvalidDataError as error:
        # Flawless alone, but not together with what other requests wrote meanwhile.
        raise InvalidDataError(error.reason, path=("data", *error.path)) from error
    if session.version == version:
        # Nothing was changed, so nothing was stored; but the session was used.
        store.touch(session)


ROUTES: Final = (
    Route("POST /sessions", "create", create),
    Route("PUT /session", "write", replace),
    Route("PATCH /session", "write", patch),
    Route("POST /session/touch", "touch", touch),
    Route("POST /session/rotate", "rotate", rotate),
    Route("POST /session/login", "login", login),
)

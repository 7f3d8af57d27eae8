"""No token anywhere but in the hands of who asked for it: not in a log, an error, a trace, a table or a bucket."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from sojourn.tokens import mint
from tests.canary.needles import Needles
from tests.canary.places import COMMON, Places, lived
from tests.canary.watch import Watch
from tests.mutants import Mutant
from tests.roles.work import Place, a_place

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "strict": {"strict_expire_all": True},
    "encrypted": {"encryption": "token"},
}
EVERYWHERE = {"log", "standard output", "answers", "errors", "shown", "traces", "table None", "table subject", "bucket"}


@pytest.fixture
def place(request: pytest.FixtureRequest, ministack: str, credentials: None) -> Iterator[Place]:  # noqa: ARG001
    """With what a test asks for, or with the defaults."""
    with a_place(ministack, **SETTINGS[getattr(request, "param", "default")]) as made:
        yield made


NEEDLES = Needles(COMMON)


@pytest.mark.parametrize("place", SETTINGS, indirect=True)
def test_no_token_is_anywhere(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any encoding, at DEBUG, with the wire logged, whatever is asked and whatever goes wrong."""
    places = lived(place, Places(), capsys, monkeypatch)
    sizes = {name: sum(map(len, written)) for name, written in places.written.items()}
    print(sizes)  # noqa: T201  # `pytest -rP` shows the figures
    assert {name for name, size in sizes.items() if size} >= EVERYWHERE
    assert places.betrayed(NEEDLES) == {}


READ, DUMP = "session_id = tokens.session_id(token, namespace=self._settings.namespace)", "__import__('logging').debug"
_API = "sojourn_service.api:Api._identified"
_GONE = "raise SessionGoneError(session.id)"
_LOGGED = "shortened(session_id) if session_id else None"
MUTANTS = {
    "a session's repr": Mutant("sojourn.session:Session.__repr__", "shortened(self.id)", "self._token"),
    "a line at DEBUG": Mutant("sojourn.store:Store.read", READ, f"{READ}; {DUMP}('reading %s', token)"),
    "a line in hex": Mutant("sojourn.store:Store.read", READ, f"{READ}; {DUMP}(str(token).encode().hex())"),
    "a part of it in a line": Mutant("sojourn.store:Store.read", READ, f"{READ}; {DUMP}(str(token)[8:34])"),
    "a request's line": Mutant(_API, _LOGGED, "request.headers.get(TOKEN_HEADER.lower())"),
    "all of a request's headers": Mutant(_API, _LOGGED, "dict(request.headers)"),
    "a bug's message": Mutant("sojourn_service.api:_told_of", "described(error)", "{'error': repr(error)}"),
    "a metric": Mutant(
        "sojourn_service.api:Api.handle",
        "self._telemetry.count(answer.counts)",
        "self._telemetry.count({**answer.counts, str(request.headers.get('session-token')): 1})",
    ),
    "the id that is stored": Mutant(
        "sojourn.tokens:session_id",
        "_base64url(hashlib.sha256(delimited(_DOMAIN, namespace.encode(), found)).digest())",
        "_base64url(found[:20] + hashlib.sha256(delimited(_DOMAIN, namespace.encode(), found)).digest()[20:])",
    ),
    "an error": Mutant("sojourn.store:Store.touch", _GONE, "raise SessionGoneError(session.token)"),
    "an error's cause": Mutant("sojourn.store:Store.touch", _GONE, f"{_GONE} from KeyError(session.token)"),
    "a nonce": Mutant(
        "sojourn.document.sealing:Sealing.sealed", "_nonce()", "cast('bytes', tokens.secret(token))[:_NONCE_BYTES]"
    ),
    "an answer": Mutant("sojourn_service.requests:Request.condition", 'f"{header} takes * or', 'f"{text} is no * or'),
}


@pytest.mark.slow
@pytest.mark.parametrize("place", ["encrypted"], indirect=True)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_token_that_is_left_somewhere_is_found(
    place: Place, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever that is."""
    MUTANTS[name].apply(monkeypatch)
    assert lived(place, Places(), capsys, monkeypatch).betrayed(NEEDLES)
    watch().found.clear()


def watch() -> Watch:
    """The one that every test has."""
    (found,) = (handler for handler in logging.getLogger().handlers if isinstance(handler, Watch))
    return found


def test_every_test_is_watched() -> None:
    """Whatever it tests, by whichever logger, at any level, in a message, an argument or a traceback."""
    logger, token = logging.getLogger("somebody.else"), mint()
    logger.debug("read %s", token[:30])
    try:
        {"": 0}[token]
    except KeyError:
        logger.debug("it failed", exc_info=True)
    logger.debug("with more", extra={"told": {"token": token}})
    found = list(watch().found)
    watch().found.clear()
    assert len(found) == 3
    assert not any(token[4:20] in line for line in found)

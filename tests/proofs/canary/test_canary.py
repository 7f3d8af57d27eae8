"""No token anywhere but with its client: not in a log, an error, a pickle, a trace, a table or a bucket."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from sojourn.tokens import mint
from tests.proofs.canary.needles import Needles
from tests.proofs.canary.places import COMMON, Places, lived
from tests.proofs.canary.watch import Watch
from tests.proofs.roles.work import Place, a_place
from tests.support.mutants import Mutant

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "strict": {"strict_expire_all": True},
    "encrypted": {"encryption": "token"},
}
EVERYWHERE = {
    "log",
    "standard output",
    "answers",
    "errors",
    "shown",
    "pickles",
    "frames",
    "traces",
    "table None",
    "table subject",
    "bucket",
}


@pytest.fixture
def place(request: pytest.FixtureRequest, ministack: str, credentials: None) -> Iterator[Place]:  # noqa: ARG001
    """With what a test asks for, or with the defaults."""
    with a_place(ministack, **SETTINGS[getattr(request, "param", "default")]) as made:
        yield made


NEEDLES = Needles(COMMON)


@pytest.mark.parametrize(
    "place",
    [name if name == "default" else pytest.param(name, marks=pytest.mark.slow) for name in SETTINGS],
    indirect=True,
)
def test_no_token_is_anywhere(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In any encoding, at DEBUG, with the wire logged, whatever is asked and whatever goes wrong."""
    places = lived(place, Places(), capsys, monkeypatch)
    sizes = {name: sum(map(len, written)) for name, written in places.written.items()}
    print(sizes)  # noqa: T201  # `pytest -rP` shows the figures
    assert {name for name, size in sizes.items() if size} >= EVERYWHERE
    assert places.betrayed(NEEDLES) == {}


READ, DUMP = "found = self.find(token, touch=touch)", "__import__('logging').debug"
TEXT = "(token.reveal() if token else '')"
_API = "sojourn_service.api:Api._identified"
_GONE = "raise gone(seen, renewed)"
_LOGGED = "session_id = answer.session_id or (token.session_id if token else None)"
MUTANTS = {
    "a session's repr": Mutant("sojourn.session:Session.__repr__", "{self.id}", "{self.token}"),
    "a token's repr": Mutant("sojourn.tokens:Token.__repr__", "{self.session_id}", "{self.reveal()}"),
    "a pickle": Mutant("sojourn.tokens:Token.__reduce__", "(self.session_id, None)", "(self.session_id, self._secret)"),
    "a frame": Mutant("sojourn.changing:Changer.touch", _GONE, f"text = session.token; {_GONE}"),
    "a line at DEBUG": Mutant("sojourn.store:Store.read", READ, f"{DUMP}('reading %s', {TEXT}); {READ}"),
    "a line in hex": Mutant("sojourn.store:Store.read", READ, f"{DUMP}({TEXT}.encode().hex()); {READ}"),
    "a part of it in a line": Mutant("sojourn.store:Store.read", READ, f"{DUMP}({TEXT}[14:34]); {READ}"),
    "a request's line": Mutant(_API, _LOGGED, "session_id = token and token.reveal()"),
    "all of a request's headers": Mutant(_API, _LOGGED, "session_id = dict(request.headers)"),
    "a bug's message": Mutant("sojourn_service.api:_logged", "described(error)", "{'error': repr(error)}"),
    "a metric": Mutant(
        "sojourn_service.api:Api.handle",
        "self._telemetry.count(answer.counts)",
        "self._telemetry.count({**answer.counts, str(request.headers.get('session-token')): 1})",
    ),
    "the hash that is stored": Mutant(
        "sojourn.tokens:Token.hash",
        "hashlib.sha256(delimited(*parts)).digest()",
        "self.secret_bytes() + hashlib.sha256(delimited(*parts)).digest()[18:]",
    ),
    "a label": Mutant("sojourn.writing:Writer._filled", "replace(record, ", "replace(record, label=token.reveal(), "),
    "an error": Mutant("sojourn.changing:Changer.touch", _GONE, "raise SessionGoneError(session.token)"),
    "an error's cause": Mutant("sojourn.changing:Changer.touch", _GONE, f"{_GONE} from KeyError(session.token)"),
    "a nonce": Mutant("sojourn.document.sealing:Sealing.sealed", "_nonce()", "token.secret_bytes()[:_NONCE_BYTES]"),
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
    logger, token = logging.getLogger("another.library"), mint().reveal()
    logger.debug("read %s", token[:30])
    try:
        {"": 0}[token]
    except KeyError:
        logger.debug("it failed", exc_info=True)
    logger.debug("with more", extra={"told": {"token": token}})
    found = list(watch().found)
    watch().found.clear()
    assert len(found) == 3
    assert not any(token[16:32] in line for line in found)

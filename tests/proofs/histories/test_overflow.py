"""Documents in a bucket behind the item: what the item points to is there, and is shown to no superseded token."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, cast

import pytest
from botocore.exceptions import ReadTimeoutError

from devstack.clients import Clients
from sojourn import Absence, CorruptSessionError, Session, Settings, Store, StoreUnavailableError
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.retry import Retry
from sojourn.testing import FakeClock
from tests.contract.tables import MemoryObjects, sessions_table
from tests.support.mutants import Mutant

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


Change: TypeAlias = Callable[[Store, Session], None]


class LosingClient:
    """Loses the answer to the next update, when it is told to."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self._client = client
        self.loses = False

    def __getattr__(self, name: str) -> Callable[..., object]:
        call = getattr(self._client, name)

        def called(**request: object) -> object:
            answer = call(**request)
            if name == "update_item" and self.loses:
                self.loses = False
                raise ReadTimeoutError(endpoint_url="the table")
            return answer

        return called


class MeetingObjects(MemoryObjects):
    """A bucket in which something happens just before an object is read."""

    meanwhile: Callable[[], object] | None = None

    def get(self, key: str) -> bytes | None:
        """See ``ObjectStore.get``."""
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return super().get(key)


@dataclass
class Scene:
    """A store whose every document lies in a bucket."""

    endpoint_url: str
    table: str
    objects: MeetingObjects = field(default_factory=MeetingObjects)

    def __post_init__(self) -> None:
        self.client = LosingClient(dynamodb_client(endpoint_url=self.endpoint_url))
        backend = DynamoBackend(
            cast("DynamoDBClient", self.client), table=self.table, objects=self.objects, overflow_bytes=1
        )
        self.store = Store(backend, Settings(), clock=FakeClock(), retry=Retry(sleep=lambda _seconds: None))


@pytest.fixture
def scene(dynamodb_local: str, credentials: None) -> Iterator[Scene]:  # noqa: ARG001  # the clients read them
    """One table a test."""
    with sessions_table(Clients(dynamodb_local).dynamodb) as name:
        yield Scene(dynamodb_local, name)


def _written(store: Store, session: Session) -> None:
    session["a"] = 2
    store.write(session)


def _logged_in(store: Store, session: Session) -> None:
    session["a"] = 2
    store.login(session, subject="ada")


CHANGES: dict[str, Change] = {"write": _written, "login": _logged_in}


def lost_answer(scene: Scene, change: Change) -> None:
    """The second attempt finds what the first has stored, and leaves its object alone."""
    session = scene.store.create({"a": 1})
    scene.client.loses = True
    change(scene.store, session)
    assert not scene.client.loses
    found = scene.store.read(session.token)
    assert found is not None, "the object that the item points to was removed"
    assert dict(found) == {"a": 2}
    assert found.snapshot.record.overflow in scene.objects.bodies


def reload(scene: Scene, change: Change) -> None:
    """Between the item and its object another request changes the session, and the object is gone."""
    session, other = scene.store.create({"a": 1}), None
    token = session.token

    def meanwhile() -> None:
        change(scene.store, session)

    scene.objects.meanwhile = meanwhile
    other = scene.store.find(token)
    if session.token == token:
        assert not isinstance(other, Absence)
        assert dict(other) == {"a": 2}
    else:
        assert other is Absence.SUPERSEDED, "a superseded token was shown what a login put there"


@pytest.mark.parametrize("change", CHANGES)
def test_a_lost_answer_costs_no_document(scene: Scene, change: str) -> None:
    """The object is that of the write, whichever attempt stored it."""
    lost_answer(scene, CHANGES[change])


@pytest.mark.parametrize("change", CHANGES)
def test_a_reload_shows_nothing_to_a_superseded_token(scene: Scene, change: str) -> None:
    """And the newer document to the token that opens it."""
    reload(scene, CHANGES[change])


MUTANTS = {
    "an object is removed that the item points to": (
        Mutant("sojourn.backends.dynamodb:DynamoBackend._settled", " and current.overflow != stored.overflow", ""),
        lost_answer,
    ),
    "a reload trusts the id": (
        Mutant(
            "sojourn.protocol:SessionProtocol._judged",
            "not compare_digest(record.token_hash, bearer.token_hash)",
            "False",
        ),
        reload,
    ),
    "nothing is reloaded": (
        Mutant("sojourn.protocol:SessionProtocol.document", "for _ in range(_ROUNDS):", "for _ in range(1):"),
        reload,
    ),
}


@pytest.mark.parametrize("mistake", MUTANTS)
def test_a_mistake_is_noticed(scene: Scene, mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line of the library is wrong."""
    mutant, check = MUTANTS[mistake]
    mutant.apply(monkeypatch)
    assert not all(_passes(check, scene, change) for change in CHANGES.values())


def _passes(check: Callable[[Scene, Change], None], scene: Scene, change: Change) -> bool:
    try:
        check(scene, change)
    except (AssertionError, CorruptSessionError, StoreUnavailableError):
        return False
    return True

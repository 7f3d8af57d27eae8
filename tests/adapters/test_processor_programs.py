"""The programs of benchmarks/processor run: a change of an adapter does not break what counts its instructions."""

from collections.abc import Iterator

import pytest

from benchmarks import costs
from benchmarks.processor.counting import Place, said
from benchmarks.processor.frameworks import COOKIE, FRAMEWORKS
from benchmarks.processor.measuring import PACKAGES, environment_of, plain, store_in
from benchmarks.processor.stub import stub
from devstack.layout import ROOT
from sojourn import Session, Store


@pytest.fixture(scope="module")
def endpoint_url() -> Iterator[str]:
    """A stub in this process."""
    with stub() as url:
        yield url


@pytest.fixture
def store(endpoint_url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store in the stub."""
    for name, value in environment_of(endpoint_url).items():
        monkeypatch.setenv(name, value)
    return store_in(endpoint_url)


@pytest.fixture
def session(store: Store) -> Session:
    """A session of 3 KB."""
    return store.create(plain(costs.SIZES["3 KB"]))


@pytest.fixture
def place(endpoint_url: str) -> Place:
    """The library as it is in this tree, and what these tests have installed."""
    return Place([ROOT / "layers" / "client"], [PACKAGES, ROOT], environment_of(endpoint_url))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_request_is_answered_without_sessions_and_with_ours(name: str, place: Place, session: Session) -> None:
    """The programs check the answers themselves."""
    ended = [section for section, *_ in said("framework", place, name=name, token=session.token)]
    assert [section for section in ended if "before" not in section] == ["empty", "sojourn"]


def test_what_the_frameworks_are_put_beside_is_counted(place: Place, session: Session) -> None:
    """The library's read, boto3's, and a large session's requests."""
    key = session.snapshot.record.session_id
    assert said("library", place, token=session.token, key=key)[-1][0] == "boto3"
    large = said("large_session", place, kind="Sojourn", cookie=f"{COOKIE}={session.token}")
    assert large[-1][0] == "read, change, write"


def test_deletes_are_counted_a_second(place: Place, session: Session) -> None:
    """By the library and by boto3."""
    (rates,) = said("rates", place, keys=[session.snapshot.record.session_id] * 25, calls=1, rounds=1)
    assert all(rates[name] > 0 for name in ("sojourn", "boto3"))

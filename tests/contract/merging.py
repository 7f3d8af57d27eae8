"""What a store promises when several hold the same session and write."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from sojourn import (
    REMOVED,
    Conflict,
    ConflictError,
    InvalidDataError,
    Session,
    SessionTooLargeError,
    Store,
    StoreUnavailableError,
)
from sojourn.backend import Record, Refused
from sojourn.retry import Retry
from tests.contract.stores import Stores, alive


def _two(store: Store, document: dict[str, object]) -> tuple[Session, Session]:
    token = store.create(document).token
    return alive(store.read(token)), alive(store.read(token))


def _stored(store: Store, session: Session) -> dict[str, object]:
    return dict(alive(store.read(session.token)))


class Merging:
    """Part of the store contract."""

    def test_a_write_is_read_by_every_reader(self, store: Store) -> None:
        """With the next version."""
        session = store.create({"a": 1})
        session["a"] = 2
        session["b"] = {"nested": [1, 2]}
        store.write(session)
        found = alive(store.read(session.token))
        assert dict(found) == {"a": 2, "b": {"nested": [1, 2]}}
        assert found.version == session.version == 2
        assert not session.is_changed

    def test_a_nested_change_is_noticed(self, store: Store) -> None:
        """No caller has to say that something changed."""
        session = store.create({"cart": {"items": [1]}})
        items = alive(store.read(session.token))
        cart = items["cart"]
        assert isinstance(cart, dict)
        cart["items"].append(2)
        assert items.is_changed
        store.write(items)
        assert _stored(store, session) == {"cart": {"items": [1, 2]}}

    def test_a_write_without_a_change_is_none(self, store: Store) -> None:
        """The version stays, whatever was done and undone."""
        session = store.create({"a": [1]})
        session["a"] = [2]
        session["a"] = [1]
        store.write(session)
        assert alive(store.read(session.token)).version == 1

    def test_versions_are_consecutive(self, store: Store) -> None:
        """Every acknowledged write takes one."""
        one, other = _two(store, {})
        for number in range(5):
            one["one"] = number
            store.write(one)
            other["other"] = number
            store.write(other)
            assert (one.version, other.version) == (2 + 2 * number, 3 + 2 * number)

    def test_edits_of_different_keys_both_survive(self, store: Store) -> None:
        """The one that wrote last then holds both."""
        one, other = _two(store, {"a": 1, "b": 1})
        one["a"] = 2
        other["b"] = 2
        store.write(one)
        store.write(other)
        assert dict(other) == _stored(store, one) == {"a": 2, "b": 2}
        assert not other.is_changed

    def test_edits_of_the_same_key_conflict_and_name_it(self, store: Store) -> None:
        """The first writer's value stays, the second keeps its own in hand."""
        one, other = _two(store, {"a": 1, "b": 1, "c": 1})
        one.update(a=2, b=2)
        other.update(a=3, b=3, c=3)
        store.write(one)
        with pytest.raises(ConflictError) as conflict:
            store.write(other)
        assert conflict.value.keys == {"a", "b"}
        assert conflict.value.session_id == one.id
        assert _stored(store, one) == {"a": 2, "b": 2, "c": 1}
        assert dict(other) == {"a": 3, "b": 3, "c": 3}
        assert other.is_changed

    def test_setting_the_same_value_is_no_conflict(self, store: Store) -> None:
        """Nor is it a write."""
        one, other = _two(store, {"a": 1})
        for session in (one, other):
            session["a"] = 2
            store.write(session)
        assert (one.version, other.version) == (2, 2)

    def test_removing_and_editing_the_same_key_conflict(self, store: Store) -> None:
        """In either order."""
        for first_removes in (True, False):
            one, other = _two(store, {"a": 1, "b": 1})
            remover, editor = (one, other) if first_removes else (other, one)
            del remover["a"]
            editor["a"] = 2
            store.write(one)
            with pytest.raises(ConflictError) as conflict:
                store.write(other)
            assert conflict.value.keys == {"a"}

    def test_removing_and_editing_different_keys_merge(self, store: Store) -> None:
        """The removed key stays away."""
        one, other = _two(store, {"a": 1, "b": 1})
        del one["a"]
        other["b"] = 2
        store.write(one)
        store.write(other)
        assert dict(other) == _stored(store, one) == {"b": 2}

    def test_removing_the_same_key_is_no_conflict(self, store: Store) -> None:
        """Both wanted it gone."""
        one, other = _two(store, {"a": 1})
        for session in (one, other):
            del session["a"]
            store.write(session)
        assert _stored(store, one) == {}

    def test_adding_the_same_key_with_different_values_conflicts(self, store: Store) -> None:
        """Neither knew of the other."""
        one, other = _two(store, {})
        one["a"] = 1
        other["a"] = 2
        store.write(one)
        with pytest.raises(ConflictError):
            store.write(other)

    def test_values_that_python_calls_equal_are_different_to_a_merge(self, store: Store) -> None:
        """1, 1.0 and True are three values in a document."""
        one, other = _two(store, {"a": 1})
        one["a"] = True
        other["a"] = 1.0
        store.write(one)
        with pytest.raises(ConflictError):
            store.write(other)
        assert _stored(store, one)["a"] is True

    @pytest.mark.parametrize(("policy", "a"), [("mine", 3), ("theirs", 2)])
    def test_a_policy_decides_conflicts_and_merges_the_rest(self, store: Store, policy: str, a: int) -> None:
        """The caller's choice, key by key."""
        one, other = _two(store, {"a": 1, "b": 1, "c": 1})
        one.update(a=2, b=2)
        other.update(a=3, c=3)
        store.write(one)
        store.write(other, on_conflict="mine" if policy == "mine" else "theirs")
        assert dict(other) == _stored(store, one) == {"a": a, "b": 2, "c": 3}

    def test_a_function_decides_conflicts_key_by_key(self, store: Store) -> None:
        """It sees all three sides, a removed key too, and is asked about keys that both changed alike."""
        one, other = _two(store, {"n": 5, "tags": ["a"], "gone": 1, "left": 1, "alone": 1})
        one.update(n=6, tags=["a", "b"], left=2)
        del one["gone"]
        other.update(n=6, tags=["a", "c"], gone=2, alone=2)
        del other["left"]
        asked = {}

        def resolve(conflict: Conflict) -> object:
            asked[conflict.key] = (conflict.base, conflict.mine, conflict.theirs)
            match conflict:
                case Conflict("n", int(base), int(mine), int(theirs)):
                    return mine + theirs - base
                case Conflict("tags", _, list(mine), list(theirs)):
                    return tuple(dict.fromkeys([*theirs, *mine]))
            return REMOVED

        store.write(one)
        store.write(other, on_conflict=resolve)
        assert asked == {
            "n": (5, 6, 6),
            "tags": (["a"], ["a", "c"], ["a", "b"]),
            "gone": (1, 2, REMOVED),
            "left": (1, REMOVED, 2),
        }
        assert dict(other) == _stored(store, one) == {"n": 7, "tags": ("a", "b", "c"), "alone": 2}

    def test_what_a_function_answers_must_be_storable(self, store: Store) -> None:
        """Or nothing is stored, and the session keeps its changes."""
        one, other = _two(store, {"a": 1})
        one["a"] = 2
        other["a"] = 3
        store.write(one)
        with pytest.raises(InvalidDataError, match="a"):
            store.write(other, on_conflict=lambda _conflict: {"b": object()})
        assert _stored(store, one) == {"a": 2}
        assert dict(other) == {"a": 3}

    @pytest.mark.parametrize("policy", ["Mine", ""])
    def test_an_unknown_policy_is_refused(self, store: Store, policy: str) -> None:
        """Before any call; a misspelt one would decide which side loses."""
        session = store.create({"a": 1})
        session["a"] = 2
        for attempt in (store.write, store.rotate, partial(store.login, subject="u")):
            with pytest.raises(InvalidDataError, match="on_conflict"):
                attempt(session, on_conflict=policy)  # type: ignore[arg-type]  # as a program without types would
        assert _stored(store, session) == {"a": 1}

    def test_a_caller_that_does_not_want_a_merge_gets_none(self, store: Store) -> None:
        """Any concurrent change is a conflict then; nothing is stored."""
        one, other = _two(store, {"a": 1, "b": 1})
        one["a"] = 2
        other["b"] = 2
        store.write(one)
        with pytest.raises(ConflictError):
            store.write(other, merge=False)
        assert _stored(store, one) == {"a": 2, "b": 1}

    def test_the_same_document_without_a_merge_is_no_conflict(self, store: Store) -> None:
        """There is nothing to be merged."""
        one, other = _two(store, {"a": 1})
        for session in (one, other):
            session["a"] = 2
            store.write(session, merge=False)
        assert (one.version, other.version) == (2, 2)

    def test_a_conflict_is_over_once_the_session_was_read_again(self, store: Store) -> None:
        """Read, reapply, write."""
        one, other = _two(store, {"a": 1})
        one["a"] = 2
        other["a"] = 3
        store.write(one)
        with pytest.raises(ConflictError):
            store.write(other)
        again = alive(store.read(other.token))
        again["a"] = 3
        store.write(again)
        assert _stored(store, one) == {"a": 3}

    def test_a_merge_carries_every_type(self, store: Store) -> None:
        """What others wrote comes through a merge unchanged."""
        one, other = _two(store, {})
        one.update(
            raw=b"\x00", pair=(1, 2), many={1, 2}, text="Zoë \u2028 \x7f 🦊", number=1e300, tag={"$tuple": "mine"}
        )
        other["mine"] = 1
        written = dict(one)
        store.write(one)
        store.write(other)
        assert _stored(store, one) == written | {"mine": 1}

    def test_two_documents_that_do_not_fit_together_are_refused(self, store: Store) -> None:
        """By size; the first one stays."""
        one, other = _two(store, {})
        one["a"] = "x" * 600_000
        other["b"] = "y" * 600_000
        store.write(one)
        with pytest.raises(SessionTooLargeError):
            store.write(other)
        assert list(_stored(store, one)) == ["a"]

    @pytest.mark.parametrize("verb", ["write", "rotate"])
    def test_two_documents_that_have_too_many_values_together_are_refused(self, store: Store, verb: str) -> None:
        """A merge must not make a session that no reader could read."""
        one, other = _two(store, {})
        one["a"] = [0] * 40_000
        other["b"] = [0] * 40_000
        store.write(one)
        with pytest.raises(InvalidDataError):
            store.write(other) if verb == "write" else store.rotate(other)
        assert list(_stored(store, one)) == ["a"]

    def test_a_write_can_change_the_idle_time_while_others_write(self, store: Store) -> None:
        """Also when the document turns out to hold everything already."""
        one, other = _two(store, {"a": 1})
        for session in (one, other):
            session["a"] = 2
        store.write(one)
        store.write(other, idle=60)
        assert other.idle == alive(store.read(one.token, touch=False)).idle == 60

    def test_a_write_after_a_merge_builds_on_it(self, store: Store) -> None:
        """No phantom edits of keys that came from others."""
        one, other = _two(store, {"a": 1})
        one["a"] = 2
        store.write(one)
        other["b"] = 1
        store.write(other)
        one["a"] = 3
        store.write(one)
        other["b"] = 2
        store.write(other)
        assert _stored(store, one) == {"a": 3, "b": 2}

    def test_clearing_a_session_removes_what_the_writer_knew(self, store: Store) -> None:
        """A key that was added meanwhile was not meant."""
        one, other = _two(store, {"a": 1, "b": 1})
        one["new"] = 1
        other.clear()
        store.write(one)
        store.write(other)
        assert _stored(store, one) == {"new": 1}

    def test_many_writers_of_one_session_lose_nothing_and_none_is_refused(self, stores: Stores) -> None:
        """8 threads write 50 keys each of their own, one write a key."""
        threads, keys = 8, 50
        store = stores(retry=Retry())
        token = store.create().token

        def write(thread: int) -> None:
            session = alive(store.read(token))
            for number in range(keys):
                session[f"{thread}-{number}"] = number
                store.write(session)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(write, range(threads)))
        found = alive(store.read(token))
        assert dict(found) == {f"{thread}-{number}": number for thread in range(threads) for number in range(keys)}
        assert found.version == threads * keys + 1

    def test_a_writer_that_loses_too_often_hears_that_the_store_is_busy(self, stores: Stores) -> None:
        """And of no conflict: no key of its own was touched. It keeps its changes."""
        pauses: list[float] = []
        store, other = stores(retry=Retry(sleep=pauses.append, jitter=lambda: 1.0)), stores()
        session = store.create({"mine": 1})
        faster = alive(other.read(session.token))
        backend, is_inside = store.resources.backend, False
        replace = backend.replace

        def overtaken(record: Record, *, seen: Record, now: int) -> Record | Refused:
            nonlocal is_inside
            if not is_inside:
                is_inside = True
                faster["theirs"] = faster.version
                other.write(faster)
                is_inside = False
            return replace(record, seen=seen, now=now)

        session["mine"] = 2
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backend, "replace", overtaken)
            with pytest.raises(StoreUnavailableError) as busy:
                store.write(session)
        assert busy.value.is_transient
        assert not busy.value.outcome_unknown
        assert len(pauses) == 127
        assert max(pauses) <= 1
        assert pauses[:3] == sorted(pauses[:3])
        assert session.is_changed
        store.write(session)
        assert alive(store.read(session.token))["mine"] == 2

    def test_a_merge_ends_when_time_does(self, stores: Stores) -> None:
        """It pauses no longer than the caller waits."""
        now = [0.0]

        def sleep(pause: float) -> None:
            now[0] += pause

        store, other = stores(retry=Retry(monotonic=lambda: now[0], sleep=sleep, jitter=lambda: 1.0)), stores()
        session = store.create({"mine": 1})
        faster = alive(other.read(session.token))
        backend, is_inside = store.resources.backend, False
        replace = backend.replace

        def overtaken(record: Record, *, seen: Record, now: int) -> Record | Refused:
            nonlocal is_inside
            if not is_inside:
                is_inside = True
                faster["theirs"] = faster.version
                other.write(faster)
                is_inside = False
            return replace(record, seen=seen, now=now)

        session["mine"] = 2
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backend, "replace", overtaken)
            with pytest.raises(StoreUnavailableError) as busy:
                store.within(5).write(session)
        assert busy.value.is_transient
        assert now[0] <= 5

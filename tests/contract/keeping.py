"""What every backend promises about one session: insert, load, document, replace, renew, delete."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from sojourn.backend import Backend, Mark, Match, Record, Refused
from sojourn.sweep.backend import Hint, Move
from tests.contract.records import IDLE, LARGE, NOW, Changes, a_hash, a_record, key, logged_in, rotated, written
from tests.contract.stores import sweep_of

SPOILED: dict[str, Callable[[Record], Changes]] = {
    "another version": lambda record: {"version": record.version + 1},
    "another token": lambda record: {
        "token_hash": a_hash("other"),
        "former_hashes": record.token_hash,
        "rotated_at": NOW,
    },
    "a later deadline": lambda record: {"expires_at": record.expires_at + 61},
    "another idle time": lambda record: {"idle": record.idle + 1},
    "an earlier absolute deadline": lambda record: {"absolute_at": record.absolute_at - 1},
    "a later absolute deadline": lambda record: {"absolute_at": record.absolute_at + 1},
}
"""What another client may have done to a session since it was read, so that a change of it must be refused."""

UNNOTICED_BY_A_RENEWAL = frozenset({"another version"})

FOLLOWING: dict[str, Callable[[Record], Record]] = {"write": written, "rotation": rotated, "login": logged_in}
"""What a replacement may bring besides the document."""

every_replacement = pytest.mark.parametrize("follow", FOLLOWING.values(), ids=FOLLOWING)

SHORTER: Changes = {"idle": 60, "expires_at": NOW + 60, "sweep_at": NOW + 70}


class OneSession:
    """Part of the backend contract."""

    def test_what_is_inserted_can_be_loaded_as_it_was(self, backend: Backend) -> None:
        """Every attribute comes back, with its type."""
        record = a_record(
            subject="app#Zoë#1",
            label="Firefox 🦊",
            epoch="an-epoch",
            former_hashes=a_hash("before") + a_hash("long before"),
            rotated_at=NOW - 1,
            began_at=NOW - 2,
            sweep_shard="7",
            sweep_at=NOW + 9,
        )
        assert backend.insert(record) == record
        assert backend.load(record.session_id) == record

    def test_what_was_left_out_stays_absent(self, backend: Backend) -> None:
        """Sparse attributes do not come back as empty text."""
        record = a_record()
        backend.insert(record)
        assert backend.load(record.session_id) == record

    def test_a_taken_id_is_refused_with_what_is_stored_there(self, backend: Backend) -> None:
        """Creating never overwrites."""
        first = a_record()
        backend.insert(first)
        assert backend.insert(a_record(token_hash=a_hash("intruder"), data=b"other")) == Refused(first)
        assert backend.load(first.session_id) == first

    @pytest.mark.parametrize("name", ["a.b-c_d", "#", "x" * 500, "Ünïcode ✓"])
    def test_subjects_pass_untouched(self, backend: Backend, name: str) -> None:
        """A backend never reads anything into a subject."""
        record = a_record(subject=f"app#{name}")
        backend.insert(record)
        assert backend.load(record.session_id) == record
        assert [found.session_id for found in backend.of_subject(f"app#{name}", limit=9).positions] == [key()]

    def test_the_same_id_in_another_namespace_is_another_session(self, backend: Backend) -> None:
        """A key is compared as a whole."""
        backend.insert(a_record())
        assert backend.load(key().replace("app#", "app2#")) is None

    def test_an_unknown_id_is_none(self, backend: Backend) -> None:
        """Absence is no error."""
        assert backend.load(key("absent")) is None

    def test_a_dead_session_is_loaded_too(self, backend: Backend) -> None:
        """Judging a deadline is not the backend's business."""
        dead = a_record(expires_at=1)
        backend.insert(dead)
        assert backend.load(dead.session_id) == dead

    def test_a_load_without_consistency_finds_what_has_settled(self, backend: Backend) -> None:
        """The cheap read returns the same record."""
        record = a_record()
        backend.insert(record)
        assert backend.load(record.session_id, is_consistent=False) == record

    def test_a_session_and_a_mark_are_loaded_together(self, backend: Backend) -> None:
        """Each is the latest, and each may be missing."""
        name, record, mark = "app#!not-before", a_record(data=LARGE), Mark("", number=7)
        assert backend.load_with_mark(key(), name) == (None, None)
        backend.insert(record)
        found, none = backend.load_with_mark(key(), name)
        assert found == backend.load(key())
        assert none is None
        backend.set_mark(name, mark, seen=None, expires_at=None)
        assert backend.load_with_mark(key(), name) == (found, mark)
        assert found is not None
        assert backend.document(found) == LARGE
        assert backend.load_with_mark(key("absent"), name) == (None, mark)

    @pytest.mark.parametrize("data", [b"", b"\x00\xff", LARGE], ids=["empty", "bytes", "100 KB"])
    def test_a_document_comes_back_byte_for_byte(self, backend: Backend, data: bytes) -> None:
        """Wherever it is kept."""
        backend.insert(a_record(data=data))
        loaded = backend.load(key())
        assert loaded is not None
        assert backend.document(loaded) == data

    @pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "100 KB"])
    def test_a_replaced_document_is_the_old_one_or_none(self, backend: Backend, data: bytes) -> None:
        """A reader that was overtaken never gets bytes of another version."""
        old = backend.insert(a_record(data=data))
        assert isinstance(old, Record)
        backend.replace(written(old), seen=old, now=NOW)
        assert backend.document(old) in (data, None)

    # replace

    @pytest.mark.parametrize("before", [b"small", LARGE], ids=["small", "100 KB"])
    @pytest.mark.parametrize("after", [b"small too", LARGE[::-1]], ids=["small", "100 KB"])
    @every_replacement
    def test_a_replacement_shows_and_leaves_the_rest(
        self, backend: Backend, before: bytes, after: bytes, follow: Callable[[Record], Record]
    ) -> None:
        """Document, version, write id, deadline and whatever else differs change; the rest does not."""
        old = backend.insert(a_record(data=before, subject="app#u", label="l", sweep_shard="1", sweep_at=NOW + 5))
        assert isinstance(old, Record)
        new = replace(follow(old), data=after)
        stored = backend.replace(new, seen=old, now=NOW)
        current = backend.load(old.session_id)
        assert isinstance(stored, Record)
        assert current is not None
        assert replace(current, data=None, overflow=None) == replace(new, data=None, overflow=None)
        assert replace(stored, data=None, overflow=None) == replace(new, data=None, overflow=None)
        assert backend.document(stored) == backend.document(current) == after

    def test_a_replacement_leaves_alone_what_it_does_not_change(self, backend: Backend) -> None:
        """What is stored counts where the change and what was seen agree."""
        seen = a_record(label="l", sweep_shard="1", sweep_at=NOW + 5)
        backend.insert(replace(seen, label="other", sweep_at=NOW + 6))
        backend.replace(written(seen), seen=seen, now=NOW)
        current = backend.load(seen.session_id)
        assert current is not None
        assert (current.label, current.sweep_at, current.version) == ("other", NOW + 6, 2)

    def test_a_replacement_removes_what_it_leaves_out(self, backend: Backend) -> None:
        """A login without a label takes the label away."""
        seen = a_record(label="l", epoch="e", subject="app#u")
        backend.insert(seen)
        new = replace(rotated(seen), label=None, epoch=None, subject=None)
        assert isinstance(backend.replace(new, seen=seen, now=NOW), Record)
        assert backend.load(seen.session_id) == new
        assert backend.of_subject("app#u", limit=9).positions == ()

    @pytest.mark.parametrize("change", SPOILED.values(), ids=SPOILED)
    @every_replacement
    def test_a_replacement_of_what_has_changed_is_refused(
        self, backend: Backend, change: Callable[[Record], Changes], follow: Callable[[Record], Record]
    ) -> None:
        """The refusal brings what is stored, and nothing moves."""
        seen = a_record()
        current = replace(seen, **change(seen))
        backend.insert(current)
        assert backend.replace(follow(seen), seen=seen, now=NOW) == Refused(current)
        assert backend.load(seen.session_id) == current

    @every_replacement
    def test_a_replacement_is_refused_from_the_deadline_on(
        self, backend: Backend, follow: Callable[[Record], Record]
    ) -> None:
        """The second named by the deadline is too late; the one before is not."""
        seen = a_record()
        backend.insert(seen)
        new = replace(follow(seen), expires_at=seen.expires_at + 9)
        assert backend.replace(new, seen=seen, now=seen.expires_at) == Refused(seen)
        assert isinstance(backend.replace(new, seen=seen, now=seen.expires_at - 1), Record)

    @every_replacement
    def test_a_replacement_creates_nothing(self, backend: Backend, follow: Callable[[Record], Record]) -> None:
        """A late write never brings back a session that ended."""
        seen = a_record()
        assert backend.replace(follow(seen), seen=seen, now=NOW) == Refused(None)
        assert backend.load(seen.session_id) is None

    def test_a_replacement_does_not_bring_the_deadline_forward(self, backend: Backend) -> None:
        """A renewal that was acknowledged holds."""
        seen = a_record()
        backend.insert(seen)
        assert backend.replace(written(seen, expires_at=seen.expires_at - 1), seen=seen, now=NOW) == Refused(seen)

    def test_a_replacement_with_a_new_lifetime_may_bring_the_deadline_forward(self, backend: Backend) -> None:
        """That is what shortening is for."""
        seen = a_record(sweep_shard="1", sweep_at=NOW + IDLE + 10)
        backend.insert(seen)
        backend.replace(written(seen, **SHORTER), seen=seen, now=NOW)
        current = backend.load(seen.session_id)
        assert current is not None
        assert (current.idle, current.expires_at, current.sweep_at) == (60, NOW + 60, NOW + 70)
        assert sweep_of(backend).due("1", until=NOW + 70, limit=9).hints == (Hint(key(), NOW + 70),)

    @every_replacement
    def test_the_same_replacement_takes_effect_once(self, backend: Backend, follow: Callable[[Record], Record]) -> None:
        """A repeated request is refused with our own write in it."""
        seen = a_record()
        backend.insert(seen)
        new = follow(seen)
        backend.replace(new, seen=seen, now=NOW)
        again = backend.replace(new, seen=seen, now=NOW)
        assert isinstance(again, Refused)
        assert again.current is not None
        assert (again.current.write_id, again.current.token_hash) == (new.write_id, new.token_hash)
        assert backend.document(again.current) == new.data

    @pytest.mark.parametrize("former", [1, 2, 3])
    def test_a_rotation_keeps_up_to_three_former_hashes(self, backend: Backend, former: int) -> None:
        """By which a request in flight is known."""
        hashes = b"".join(a_hash(f"former {number}") for number in range(former))
        seen = a_record()
        backend.insert(seen)
        backend.replace(rotated(seen, former_hashes=hashes), seen=seen, now=NOW)
        current = backend.load(seen.session_id)
        assert current is not None
        assert (current.former_hashes, current.rotated_at) == (hashes, NOW + 5)

    # renew

    def test_a_renewal_moves_the_deadline_and_nothing_else(self, backend: Backend) -> None:
        """Not even what the caller's copy has wrong."""
        current = a_record(version=5, write_id="newer-----------", data=b"newer", sweep_shard="1", sweep_at=NOW + 5)
        backend.insert(current)
        stale = a_record()
        renewed = backend.renew(replace(stale, expires_at=NOW + 3_000), seen=stale, now=NOW)
        assert isinstance(renewed, Record)
        assert renewed.expires_at == NOW + 3_000
        assert backend.load(current.session_id) == replace(current, expires_at=NOW + 3_000)

    @pytest.mark.parametrize(
        "change", [change for name, change in SPOILED.items() if name not in UNNOTICED_BY_A_RENEWAL]
    )
    @pytest.mark.parametrize("idle", [IDLE, 60])
    def test_a_renewal_of_what_has_changed_is_refused(
        self, backend: Backend, change: Callable[[Record], Changes], idle: int
    ) -> None:
        """By another token, past a moved absolute deadline, or behind a later renewal: nothing moves."""
        seen = a_record()
        current = replace(seen, **change(seen))
        backend.insert(current)
        late = replace(seen, idle=idle, expires_at=seen.expires_at + 30)
        assert backend.renew(late, seen=seen, now=NOW) == Refused(current)
        assert backend.load(seen.session_id) == current

    @pytest.mark.parametrize("ahead", [0, -1])
    def test_a_renewal_that_gains_nothing_is_refused(self, backend: Backend, ahead: int) -> None:
        """An acknowledged deadline is never brought forward."""
        seen = a_record()
        backend.insert(seen)
        assert backend.renew(replace(seen, expires_at=seen.expires_at + ahead), seen=seen, now=NOW) == Refused(seen)
        assert backend.load(seen.session_id) == seen

    def test_a_renewal_is_refused_from_the_deadline_on(self, backend: Backend) -> None:
        """The second named by the deadline is too late; the one before is not."""
        seen = a_record()
        backend.insert(seen)
        ahead = replace(seen, expires_at=seen.expires_at + 9)
        assert backend.renew(ahead, seen=seen, now=seen.expires_at) == Refused(seen)
        assert isinstance(backend.renew(ahead, seen=seen, now=seen.expires_at - 1), Record)

    def test_a_renewal_with_a_new_lifetime_is_refused_from_the_deadline_on(self, backend: Backend) -> None:
        """Dead is dead, whatever else is asked."""
        seen = a_record()
        backend.insert(seen)
        longer = replace(seen, idle=9_000, expires_at=seen.expires_at + 9_000)
        assert backend.renew(longer, seen=seen, now=seen.expires_at) == Refused(seen)

    def test_a_renewal_creates_nothing(self, backend: Backend) -> None:
        """A late touch never brings back a session that ended."""
        seen = a_record()
        for idle in (IDLE, 60):
            assert backend.renew(replace(seen, idle=idle, expires_at=NOW + 3_000), seen=seen, now=NOW) == Refused(None)
        assert backend.load(seen.session_id) is None

    @pytest.mark.parametrize(
        "lifetime",
        [
            {"idle": 60, "expires_at": NOW + 60},
            {"absolute_at": NOW + 90, "expires_at": NOW + 90},
            {"idle": 60_000, "absolute_at": NOW + 50_000, "expires_at": NOW + 50_000},
            SHORTER,
        ],
        ids=["idle", "absolute", "both", "with its place"],
    )
    def test_a_renewal_with_a_new_lifetime_stores_it(self, backend: Backend, lifetime: Changes) -> None:
        """And may bring the deadline forward, with the place in the sweep index."""
        seen = a_record(sweep_shard="1", sweep_at=NOW + IDLE + 10)
        backend.insert(seen)
        renewed = backend.renew(replace(seen, **lifetime), seen=seen, now=NOW)
        assert isinstance(renewed, Record)
        assert renewed == backend.load(seen.session_id) == replace(seen, **lifetime)

    @pytest.mark.parametrize("change", [{"idle": 600}, {"expires_at": NOW + IDLE + 61}], ids=["idle time", "deadline"])
    @pytest.mark.parametrize("verb", ["renew", "replace"])
    def test_a_new_lifetime_is_refused_when_the_deadline_has_moved(
        self, backend: Backend, change: Changes, verb: str
    ) -> None:
        """A duplicate that arrives late must not undo a renewal that was acknowledged since."""
        seen = a_record()
        current = replace(seen, **change)
        backend.insert(current)
        late = replace(seen if verb == "renew" else written(seen), idle=60, expires_at=NOW + 60)
        assert getattr(backend, verb)(late, seen=seen, now=NOW) == Refused(current)
        assert backend.load(seen.session_id) == current

    @pytest.mark.parametrize("verb", ["renew", "replace"])
    def test_a_new_lifetime_is_refused_when_the_sweep_has_moved_the_session(self, backend: Backend, verb: str) -> None:
        """It would stay where it is no longer due."""
        seen = a_record(sweep_shard="1", sweep_at=NOW + 5)
        backend.insert(seen)
        assert sweep_of(backend).postpone([Move(Hint(key(), NOW + 5), NOW + 4_000, seen.expires_at)]).moved == 1
        shorter = replace(seen if verb == "renew" else written(seen), idle=60, expires_at=NOW + 60)
        refused = getattr(backend, verb)(shorter, seen=seen, now=NOW)
        assert refused == Refused(replace(seen, sweep_at=NOW + 4_000))

    def test_a_renewal_leaves_the_place_where_the_sweep_has_moved_it(self, backend: Backend) -> None:
        """A renewal of the same lifetime need not know of it."""
        seen = a_record(sweep_shard="1", sweep_at=NOW + 5)
        backend.insert(replace(seen, sweep_at=NOW + 4_000))
        backend.renew(replace(seen, expires_at=seen.expires_at + 9), seen=seen, now=NOW)
        assert backend.load(key()) == replace(seen, expires_at=seen.expires_at + 9, sweep_at=NOW + 4_000)

    # delete

    @pytest.mark.parametrize(
        "match",
        [
            Match(token_hash=a_hash("one")),
            Match(rotated_at=NOW - 1),
            Match(version=1),
            Match(expires_at=NOW + IDLE),
            Match(subject="app#u"),
            Match(token_hash=a_hash("one"), rotated_at=NOW - 1),
            Match(expires_at=NOW + IDLE, version=1),
            Match(token_hash=a_hash("one"), rotated_at=NOW - 1, version=1, expires_at=NOW + IDLE, subject="app#u"),
        ],
        ids=str,
    )
    def test_a_session_is_removed_if_all_that_is_asked_holds(self, backend: Backend, match: Match) -> None:
        """One condition or several; deleting again finds nothing."""
        backend.insert(a_record(subject="app#u", former_hashes=a_hash("before"), rotated_at=NOW - 1))
        assert backend.delete(key(), match=match) is None
        assert backend.load(key()) is None
        assert backend.delete(key(), match=match) == Refused(None)

    @pytest.mark.parametrize(
        "match",
        [
            Match(token_hash=a_hash("before")),
            Match(token_hash=a_hash("other")),
            Match(rotated_at=NOW),
            Match(version=2),
            Match(expires_at=NOW + IDLE + 1),
            Match(expires_at=NOW + IDLE - 1),
            Match(subject="app#v"),
            Match(token_hash=a_hash("one"), rotated_at=NOW),
            Match(token_hash=a_hash("other"), rotated_at=NOW - 1),
            Match(expires_at=NOW + IDLE, version=2),
            Match(expires_at=NOW, subject="app#u"),
            Match(expires_at=NOW + IDLE, subject="app#v"),
            Match(token_hash=a_hash("other"), subject="app#u"),
        ],
        ids=str,
    )
    def test_a_deletion_is_refused_with_what_is_stored(self, backend: Backend, match: Match) -> None:
        """When any part of what is asked does not hold; nothing is changed."""
        record = a_record(subject="app#u", former_hashes=a_hash("before"), rotated_at=NOW - 1)
        backend.insert(record)
        assert backend.delete(key(), match=match) == Refused(record)
        assert backend.load(key()) == record

    def test_a_session_without_subject_or_rotation_matches_none(self, backend: Backend) -> None:
        """So no list of devices can end it, and no logout in flight."""
        record = a_record()
        backend.insert(record)
        assert backend.delete(key(), match=Match(subject="app#u")) == Refused(record)
        assert backend.delete(key(), match=Match(token_hash=record.token_hash, rotated_at=NOW)) == Refused(record)
        assert backend.delete(key("absent"), match=Match(subject="app#u", expires_at=1)) == Refused(None)

    def test_nothing_is_removed_without_a_condition(self, backend: Backend) -> None:
        """Neither by mistake nor by default."""
        backend.insert(a_record())
        with pytest.raises(ValueError, match="condition"):
            backend.delete(key(), match=Match())
        assert backend.load(key()) is not None

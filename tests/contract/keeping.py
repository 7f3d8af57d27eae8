"""What every backend promises about one session: insert, load, document, replace, renew, rotate, delete."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from sojourn.backend import Record, Refused
from sojourn.sweep.backend import SweepBackend
from tests.contract.records import IDLE, LARGE, NOW, Changes, a_record, rotated, written

SPOILED: dict[str, Callable[[Record], Changes]] = {
    "another version": lambda record: {"version": record.version + 1},
    "a later deadline": lambda record: {"expires_at": record.expires_at + 61},
    "another idle time": lambda record: {"idle": record.idle + 1},
}
"""What somebody else may have done to a session since it was read, so that a change of it must be refused."""


class OneSession:
    """Part of the backend contract."""

    def test_what_is_inserted_can_be_loaded_as_it_was(self, backend: SweepBackend) -> None:
        """Every attribute comes back, with its type."""
        record = a_record(subject="app#Zoë#1", label="Firefox 🦊", sweep_shard="7", sweep_at=NOW + 9)
        assert backend.insert(record) == record
        assert backend.load(record.session_id) == record

    def test_what_was_left_out_stays_absent(self, backend: SweepBackend) -> None:
        """Sparse attributes do not come back as empty text."""
        record = a_record()
        backend.insert(record)
        assert backend.load(record.session_id) == record

    def test_a_taken_id_is_refused_with_what_is_stored_there(self, backend: SweepBackend) -> None:
        """Creating never overwrites."""
        first = a_record()
        backend.insert(first)
        assert backend.insert(a_record(write_id="intruder", data=b"other")) == Refused(first)
        assert backend.load(first.session_id) == first

    @pytest.mark.parametrize("name", ["a.b-c_d", "#", "x" * 500, "Ünïcode ✓"])
    def test_keys_pass_untouched(self, backend: SweepBackend, name: str) -> None:
        """A backend never reads anything into an id or a subject."""
        record = a_record(name, subject=f"app#{name}")
        backend.insert(record)
        assert backend.load(f"app#{name}") == record
        assert backend.load(f"app2#{name}") is None
        assert [found.session_id for found in backend.of_subject(f"app#{name}", limit=9).positions] == [f"app#{name}"]

    def test_an_unknown_id_is_none(self, backend: SweepBackend) -> None:
        """Absence is no error."""
        assert backend.load("app#nobody") is None

    def test_a_dead_session_is_loaded_too(self, backend: SweepBackend) -> None:
        """Judging a deadline is not the backend's business."""
        dead = a_record(expires_at=1)
        backend.insert(dead)
        assert backend.load(dead.session_id) == dead

    def test_a_load_without_consistency_finds_what_has_settled(self, backend: SweepBackend) -> None:
        """The cheap read answers the same record."""
        record = a_record()
        backend.insert(record)
        assert backend.load(record.session_id, is_consistent=False) == record

    @pytest.mark.parametrize("data", [b"", b"\x00\xff", LARGE], ids=["empty", "bytes", "100 KB"])
    def test_a_document_comes_back_byte_for_byte(self, backend: SweepBackend, data: bytes) -> None:
        """Wherever it is kept."""
        backend.insert(a_record(data=data))
        loaded = backend.load("app#one")
        assert loaded is not None
        assert backend.document(loaded) == data

    @pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "100 KB"])
    def test_a_replaced_document_is_the_old_one_or_none(self, backend: SweepBackend, data: bytes) -> None:
        """A reader that was overtaken never gets bytes of another version."""
        old = backend.insert(a_record(data=data))
        assert isinstance(old, Record)
        backend.replace(written(old), seen=old, now=NOW)
        assert backend.document(old) in (data, None)

    # replace

    @pytest.mark.parametrize("before", [b"small", LARGE], ids=["small", "100 KB"])
    @pytest.mark.parametrize("after", [b"small too", LARGE[::-1]], ids=["small", "100 KB"])
    def test_a_replacement_shows_and_leaves_the_rest(self, backend: SweepBackend, before: bytes, after: bytes) -> None:
        """Document, version, write id and deadline change; owner, label, birth and sweep place do not."""
        old = backend.insert(a_record(data=before, subject="app#u", label="l", sweep_shard="1", sweep_at=NOW + 5))
        assert isinstance(old, Record)
        new = written(old, data=after, expires_at=old.expires_at + 60)
        stored = backend.replace(replace(new, sweep_at=NOW + 6, label="no"), seen=old, now=NOW)
        current = backend.load(old.session_id)
        assert isinstance(stored, Record)
        assert current is not None
        assert replace(current, data=None, overflow=None) == replace(new, data=None, overflow=None)
        assert (stored.version, stored.write_id) == (new.version, new.write_id)
        assert backend.document(stored) == backend.document(current) == after

    @pytest.mark.parametrize("change", SPOILED.values(), ids=SPOILED)
    def test_a_replacement_of_what_has_changed_is_refused(
        self, backend: SweepBackend, change: Callable[[Record], Changes]
    ) -> None:
        """The refusal brings what is stored, and nothing moves."""
        seen = a_record()
        current = replace(seen, **change(seen))
        backend.insert(current)
        assert backend.replace(written(seen), seen=seen, now=NOW) == Refused(current)
        assert backend.load(seen.session_id) == current

    def test_a_replacement_is_refused_from_the_deadline_on(self, backend: SweepBackend) -> None:
        """The second named by the deadline is too late; the one before is not."""
        seen = a_record()
        backend.insert(seen)
        new = written(seen, expires_at=seen.expires_at + 9)
        assert backend.replace(new, seen=seen, now=seen.expires_at) == Refused(seen)
        assert isinstance(backend.replace(new, seen=seen, now=seen.expires_at - 1), Record)

    def test_a_replacement_creates_nothing(self, backend: SweepBackend) -> None:
        """A late write never brings back a session that ended."""
        seen = a_record()
        assert backend.replace(written(seen), seen=seen, now=NOW) == Refused(None)
        assert backend.load(seen.session_id) is None

    def test_a_replacement_with_a_new_idle_time_may_bring_the_deadline_forward(self, backend: SweepBackend) -> None:
        """That is what shortening is for."""
        seen = a_record()
        backend.insert(seen)
        backend.replace(written(seen, idle=60, expires_at=NOW + 60), seen=seen, now=NOW)
        current = backend.load(seen.session_id)
        assert current is not None
        assert (current.idle, current.expires_at) == (60, NOW + 60)

    def test_the_same_replacement_takes_effect_once(self, backend: SweepBackend) -> None:
        """A repeated request is refused with our own write in it."""
        seen = a_record()
        backend.insert(seen)
        backend.replace(written(seen), seen=seen, now=NOW)
        again = backend.replace(written(seen), seen=seen, now=NOW)
        assert isinstance(again, Refused)
        assert again.current is not None
        assert again.current.write_id == written(seen).write_id
        assert backend.document(again.current) == written(seen).data

    # renew

    def test_a_renewal_moves_the_deadline_and_nothing_else(self, backend: SweepBackend) -> None:
        """Not even what the caller's copy has wrong."""
        current = a_record(version=5, write_id="newer", data=b"newer", sweep_shard="1", sweep_at=NOW + 5)
        backend.insert(current)
        stale = a_record()
        renewed = backend.renew(replace(stale, expires_at=NOW + 3_000), seen=stale, now=NOW)
        assert isinstance(renewed, Record)
        assert renewed.expires_at == NOW + 3_000
        assert backend.load(current.session_id) == replace(current, expires_at=NOW + 3_000)

    @pytest.mark.parametrize("ahead", [0, -1])
    def test_a_renewal_that_gains_nothing_is_refused(self, backend: SweepBackend, ahead: int) -> None:
        """An acknowledged deadline is never brought forward."""
        seen = a_record()
        backend.insert(seen)
        assert backend.renew(replace(seen, expires_at=seen.expires_at + ahead), seen=seen, now=NOW) == Refused(seen)
        assert backend.load(seen.session_id) == seen

    def test_a_renewal_is_refused_from_the_deadline_on(self, backend: SweepBackend) -> None:
        """The second named by the deadline is too late; the one before is not."""
        seen = a_record()
        backend.insert(seen)
        ahead = replace(seen, expires_at=seen.expires_at + 9)
        assert backend.renew(ahead, seen=seen, now=seen.expires_at) == Refused(seen)
        assert isinstance(backend.renew(ahead, seen=seen, now=seen.expires_at - 1), Record)

    def test_a_renewal_with_a_new_idle_time_is_refused_from_the_deadline_on(self, backend: SweepBackend) -> None:
        """Dead is dead, whatever else is asked."""
        seen = a_record()
        backend.insert(seen)
        longer = replace(seen, idle=9_000, expires_at=seen.expires_at + 9_000)
        assert backend.renew(longer, seen=seen, now=seen.expires_at) == Refused(seen)

    def test_a_renewal_creates_nothing(self, backend: SweepBackend) -> None:
        """A late touch never brings back a session that ended."""
        seen = a_record()
        for idle in (IDLE, 60):
            assert backend.renew(replace(seen, idle=idle, expires_at=NOW + 3_000), seen=seen, now=NOW) == Refused(None)
        assert backend.load(seen.session_id) is None

    def test_a_renewal_is_refused_when_the_idle_time_has_changed(self, backend: SweepBackend) -> None:
        """It was computed with an idle time that holds no more."""
        seen = a_record()
        current = replace(seen, idle=60, expires_at=NOW + 60)
        backend.insert(current)
        assert backend.renew(replace(seen, expires_at=NOW + 3_000), seen=seen, now=NOW) == Refused(current)

    def test_a_renewal_with_a_new_idle_time_stores_it(self, backend: SweepBackend) -> None:
        """And may bring the deadline forward."""
        seen = a_record()
        backend.insert(seen)
        renewed = backend.renew(replace(seen, idle=60, expires_at=NOW + 60), seen=seen, now=NOW)
        assert isinstance(renewed, Record)
        assert backend.load(seen.session_id) == replace(seen, idle=60, expires_at=NOW + 60)

    @pytest.mark.parametrize("change", [{"idle": 600}, {"expires_at": NOW + IDLE + 61}], ids=["idle time", "deadline"])
    def test_a_new_idle_time_is_refused_when_the_deadline_has_moved(
        self, backend: SweepBackend, change: Changes
    ) -> None:
        """A duplicate that arrives late must not undo a renewal that was acknowledged since."""
        seen = a_record()
        current = replace(seen, **change)
        backend.insert(current)
        late = replace(seen, idle=60, expires_at=NOW + 60)
        assert backend.renew(late, seen=seen, now=NOW) == Refused(current)
        assert backend.load(seen.session_id) == current

    @pytest.mark.parametrize("change", [{"idle": 600}, {"expires_at": NOW + IDLE + 61}], ids=["idle time", "deadline"])
    def test_a_replacement_with_a_new_idle_time_is_refused_when_the_deadline_has_moved(
        self, backend: SweepBackend, change: Changes
    ) -> None:
        """The same for a write."""
        seen = a_record()
        current = replace(seen, **change)
        backend.insert(current)
        assert backend.replace(written(seen, idle=60, expires_at=NOW + 60), seen=seen, now=NOW) == Refused(current)
        assert backend.load(seen.session_id) == current

    # rotate

    @pytest.mark.parametrize("before", [b"small", LARGE], ids=["small", "100 KB"])
    @pytest.mark.parametrize("after", [b"small too", LARGE[::-1]], ids=["small", "100 KB"])
    def test_a_rotation_ends_the_old_id_and_begins_the_new(
        self, backend: SweepBackend, before: bytes, after: bytes
    ) -> None:
        """Both at once, with the document that goes along."""
        old = backend.insert(a_record(data=before, subject="app#u"))
        assert isinstance(old, Record)
        new = rotated(old, data=after, subject="app#v", label="l", sweep_shard="1", sweep_at=NOW + 5)
        stored = backend.rotate(new, seen=old, now=NOW)
        current = backend.load(new.session_id)
        assert isinstance(stored, Record)
        assert current is not None
        assert backend.load(old.session_id) is None
        assert replace(current, data=None, overflow=None) == replace(new, data=None)
        assert backend.document(stored) == backend.document(current) == after

    @pytest.mark.parametrize("change", SPOILED.values(), ids=SPOILED)
    def test_a_rotation_of_what_has_changed_is_refused(
        self, backend: SweepBackend, change: Callable[[Record], Changes]
    ) -> None:
        """Neither half of it happens."""
        seen = a_record()
        current = replace(seen, **change(seen))
        backend.insert(current)
        assert backend.rotate(rotated(seen), seen=seen, now=NOW) == Refused(current)
        assert backend.load(seen.session_id) == current
        assert backend.load("app#new") is None

    def test_a_rotation_is_refused_from_the_deadline_on(self, backend: SweepBackend) -> None:
        """A new token is no way around the deadline."""
        seen = a_record()
        backend.insert(seen)
        assert backend.rotate(rotated(seen), seen=seen, now=seen.expires_at) == Refused(seen)
        assert backend.load("app#new") is None
        assert isinstance(backend.rotate(rotated(seen), seen=seen, now=seen.expires_at - 1), Record)

    def test_a_rotation_of_what_ended_creates_nothing(self, backend: SweepBackend) -> None:
        """A late rotation never brings back a session that ended."""
        assert backend.rotate(rotated(a_record()), seen=a_record(), now=NOW) == Refused(None)
        assert backend.load("app#new") is None

    def test_a_rotation_onto_a_taken_id_is_refused(self, backend: SweepBackend) -> None:
        """Both sessions stay as they are."""
        seen, other = a_record(), a_record("new", write_id="other")
        backend.insert(seen)
        backend.insert(other)
        assert isinstance(backend.rotate(rotated(seen), seen=seen, now=NOW), Refused)
        assert backend.load(seen.session_id) == seen
        assert backend.load(other.session_id) == other

    @pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "100 KB"])
    def test_the_same_rotation_takes_effect_once_and_keeps_its_document(
        self, backend: SweepBackend, data: bytes
    ) -> None:
        """A repeated request must not destroy what the first one stored."""
        seen = a_record()
        backend.insert(seen)
        backend.rotate(rotated(seen, data=data), seen=seen, now=NOW)
        assert isinstance(backend.rotate(rotated(seen, data=data), seen=seen, now=NOW), Refused)
        current = backend.load("app#new")
        assert current is not None
        assert backend.document(current) == data

    # delete

    def test_a_deleted_session_is_gone_and_deleting_again_finds_nothing(self, backend: SweepBackend) -> None:
        """Idempotent, and honest about it."""
        backend.insert(a_record())
        assert backend.delete("app#one") is True
        assert backend.load("app#one") is None
        assert backend.delete("app#one") is False

    @pytest.mark.parametrize(
        ("expires_at", "subject", "is_removed"),
        [
            (NOW + IDLE, None, True),
            (NOW + IDLE + 1, None, False),
            (NOW + IDLE - 1, None, False),
            (None, "app#u", True),
            (None, "app#v", False),
            (NOW + IDLE, "app#u", True),
            (NOW, "app#u", False),
            (NOW + IDLE, "app#v", False),
        ],
    )
    def test_a_deletion_keeps_to_its_conditions(
        self, backend: SweepBackend, expires_at: int | None, subject: str | None, *, is_removed: bool
    ) -> None:
        """All of them have to hold."""
        backend.insert(a_record(subject="app#u"))
        assert backend.delete("app#one", expires_at=expires_at, subject=subject) is is_removed
        assert (backend.load("app#one") is None) is is_removed

    def test_a_session_without_subject_is_nobodys(self, backend: SweepBackend) -> None:
        """So nobody's list of devices can end it."""
        backend.insert(a_record())
        assert backend.delete("app#one", subject="app#u") is False
        assert backend.delete("app#nobody", subject="app#u", expires_at=1) is False
        assert backend.load("app#one") is not None

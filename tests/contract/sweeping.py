"""What every backend promises to the sweeper: hints from the index and from the scan, and removal by condition."""

import random
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Protocol

import pytest

from sojourn import Settings, Store
from sojourn.backend import Backend, Record
from sojourn.retry import Retry
from sojourn.sweep.backend import SWEEP_BATCH, Fate, Hint, HintPage, Move
from sojourn.sweep.index import placed
from sojourn.testing import FakeClock
from tests.contract.records import IDLE, LARGE, NOW, a_record, key, written
from tests.contract.stores import sweep_of

SHARDS = 4


class Asking(Protocol):
    """A list of hints, asked for page by page."""

    def __call__(self, *, after: object | None = None) -> HintPage:
        """The page after ``after``."""


def all_of(ask: Asking) -> list[Hint]:
    """The hints of every page."""
    named, after = list[Hint](), None
    while True:
        page = ask(after=after)
        named += page.hints
        after = page.after
        if after is None:
            return named


def scanned(backend: Backend, *, until: int, segments: int = 1) -> list[str]:
    """The sessions that a scan of the whole table names, each as often as it is named."""
    parts = (partial(sweep_of(backend).scan, segment, segments=segments, until=until) for segment in range(segments))
    return sorted(hint.session_id for part in parts for hint in all_of(part))


class Sweeping:
    """Part of the backend contract."""

    # the index

    def test_due_is_what_the_index_names_up_to_that_second(self, backend: Backend) -> None:
        """Of one shard, the oldest first."""
        for name, shard, sweep_at in (("b", "1", 20), ("a", "1", 10), ("c", "1", 21), ("d", "2", 10)):
            backend.insert(a_record(name, sweep_shard=shard, sweep_at=sweep_at))
        backend.insert(a_record("outside"))
        page = sweep_of(backend).due("1", until=20, limit=10)
        assert page.hints == (Hint(key("a"), 10), Hint(key("b"), 20))
        assert page.after is None

    @pytest.mark.parametrize("limit", [1, 2, 3, 7])
    def test_pages_of_hints_name_every_session_once(self, backend: Backend, limit: int) -> None:
        """Also those that are due in the same second."""
        for number in range(7):
            backend.insert(a_record(str(number), sweep_shard="1", sweep_at=10 + number // 3))
        assert len(sweep_of(backend).due("1", until=99, limit=limit).hints) == min(limit, 7)
        named = all_of(partial(sweep_of(backend).due, "1", until=99, limit=limit))
        assert sorted(hint.session_id for hint in named) == [key(str(number)) for number in range(7)]

    def test_pages_go_on_while_their_sessions_are_removed(self, backend: Backend) -> None:
        """As a run does: the page that names the next one is gone when that is asked for."""
        for number in range(7):
            backend.insert(a_record(str(number), sweep_shard="1", sweep_at=10, expires_at=10))
        removed, after = 0, None
        for _ in range(4):
            page = sweep_of(backend).due("1", until=99, limit=2, after=after)
            removed += sum(v.fate is Fate.SWEPT for v in sweep_of(backend).delete_stale(page.hints, cutoff=99).verdicts)
            after = page.after
        assert removed == 7

    # the scan

    def test_a_scan_finds_what_no_index_names(self, backend: Backend) -> None:
        """Sessions created without an index, and those in shards that nobody asks for any more."""
        backend.insert(a_record("bare", expires_at=50))
        backend.insert(a_record("high", expires_at=50, sweep_shard="1023", sweep_at=60))
        backend.insert(a_record("edge", expires_at=100))
        backend.insert(a_record("alive", expires_at=101))
        assert scanned(backend, until=100) == [key("bare"), key("edge"), key("high")]

    def test_a_scan_s_hint_says_no_place_in_the_index(self, backend: Backend) -> None:
        """So that nobody moves what it names."""
        backend.insert(a_record(expires_at=50, sweep_shard="1", sweep_at=60))
        assert all_of(partial(sweep_of(backend).scan, 0, segments=1, until=100)) == [Hint(key("one"), None)]

    @pytest.mark.parametrize("segments", [1, 2, 7, 100])
    def test_segments_together_are_the_table_once(self, backend: Backend, segments: int) -> None:
        """No session is in two of them, and none is in no one."""
        for number in range(50):
            backend.insert(a_record(str(number), expires_at=50))
        assert scanned(backend, until=100, segments=segments) == sorted(key(str(number)) for number in range(50))

    def test_a_segment_holds_the_same_sessions_every_time(self, backend: Backend) -> None:
        """Whatever was inserted since: a rolling scan would miss what moves."""
        for number in range(20):
            backend.insert(a_record(str(number), expires_at=50))
        ask = partial(sweep_of(backend).scan, 1, segments=3, until=100)
        before = set(all_of(ask))
        for number in range(20, 40):
            backend.insert(a_record(str(number), expires_at=50))
        assert before <= set(all_of(ask))
        assert {hint for hint in all_of(ask) if int(hint.session_id[4:].strip("_")) < 20} == before

    def test_a_scan_of_large_sessions_goes_on_to_the_end(self, backend: Backend) -> None:
        """A service may answer in parts."""
        for number in range(30):
            backend.insert(a_record(f"{number:02}", expires_at=50, data=LARGE[:60_000]))
        assert scanned(backend, until=100) == [key(f"{number:02}") for number in range(30)]

    def test_an_empty_table_has_no_hints(self, backend: Backend) -> None:
        """Neither in the index nor in the scan."""
        assert scanned(backend, until=100) == []
        assert all_of(partial(sweep_of(backend).due, "1", until=100, limit=10)) == []

    # the removal

    def test_only_what_is_stale_is_swept(self, backend: Backend) -> None:
        """One answer for each hint, in order, with the deadline of what was removed or lives."""
        stale, edge = a_record("stale", expires_at=99), a_record("edge", expires_at=100)
        alive = a_record("alive", expires_at=101, sweep_shard="1", sweep_at=50)
        for record in (stale, edge, alive):
            backend.insert(record)
        hints = [Hint(key(name), 50) for name in ("alive", "stale", "missing", "edge")]
        removal = sweep_of(backend).delete_stale(hints, cutoff=100)
        assert removal.verdicts == (
            (Fate.ALIVE, 101),
            (Fate.SWEPT, 99),
            (Fate.MISSING, None),
            (Fate.SWEPT, 100),
        )
        assert backend.peek([key("stale"), key("edge")]) == []
        assert backend.load(key("alive")) == alive

    @pytest.mark.parametrize("seed", range(3))
    def test_a_full_batch_is_answered_in_order(self, backend: Backend, seed: int) -> None:
        """Stale, alive and missing ones mixed as they come."""
        fates = random.Random(seed).choices([Fate.SWEPT, Fate.ALIVE, Fate.MISSING], k=SWEEP_BATCH)  # noqa: S311  # dice
        for number, fate in enumerate(fates):
            if fate is not Fate.MISSING:
                backend.insert(a_record(str(number), expires_at=50 if fate is Fate.SWEPT else 500))
        removal = sweep_of(backend).delete_stale(
            [Hint(key(str(number)), 50) for number in range(SWEEP_BATCH)], cutoff=100
        )
        assert [verdict.fate for verdict in removal.verdicts] == fates
        living = [record.session_id for record in backend.peek([key(str(number)) for number in range(SWEEP_BATCH)])]
        assert living == [key(str(number)) for number, fate in enumerate(fates) if fate is Fate.ALIVE]

    def test_a_repeated_removal_finds_nothing(self, backend: Backend) -> None:
        """What one sweeper removed is missing for the next."""
        backend.insert(a_record(expires_at=50))
        fates = [sweep_of(backend).delete_stale([Hint(key("one"), 50)], cutoff=100).verdicts[0].fate for _ in range(3)]
        assert fates == [Fate.SWEPT, Fate.MISSING, Fate.MISSING]

    def test_a_removal_says_what_it_cost(self, backend: Backend) -> None:
        """Nobody deletes for nothing, nor asks for nothing: a refused condition is billed, too."""
        backend.insert(a_record(expires_at=50))
        assert sweep_of(backend).delete_stale([Hint(key("one"), 50), Hint(key("missing"), 50)], cutoff=100).units >= 2

    def test_a_swept_document_leaves_with_its_session(self, backend: Backend) -> None:
        """Also a large one."""
        stored = backend.insert(a_record(data=LARGE, expires_at=50))
        assert isinstance(stored, Record)
        assert sweep_of(backend).delete_stale([Hint(key("one"), 50)], cutoff=100).verdicts == ((Fate.SWEPT, 50),)
        assert backend.load(key("one")) is None

    # moving ahead

    def test_a_postponed_hint_is_due_later(self, backend: Backend) -> None:
        """And nothing else of the session changes."""
        record = a_record(sweep_shard="1", sweep_at=10)
        backend.insert(record)
        assert sweep_of(backend).postpone([Move(Hint(key("one"), 10), 500)]).moved == 1
        assert backend.load(key("one")) == replace(record, sweep_at=500)
        assert sweep_of(backend).due("1", until=499, limit=10).hints == ()
        assert sweep_of(backend).due("1", until=500, limit=10).hints == (Hint(key("one"), 500),)

    def test_a_hint_that_was_moved_is_not_moved_again(self, backend: Backend) -> None:
        """Two sweepers may meet; who comes second changes nothing."""
        backend.insert(a_record(sweep_shard="1", sweep_at=10))
        sweep_of(backend).postpone([Move(Hint(key("one"), 10), 500)])
        assert sweep_of(backend).postpone([Move(Hint(key("one"), 10), 400)]).moved == 0
        assert sweep_of(backend).due("1", until=500, limit=10).hints == (Hint(key("one"), 500),)

    @pytest.mark.parametrize(("brought_forward", "moved"), [(1, 0), (0, 1), (-1, 1)])
    def test_a_move_is_refused_when_the_deadline_was_brought_forward(
        self, backend: Backend, brought_forward: int, moved: int
    ) -> None:
        """A session cut short meanwhile keeps its place, where it is due in time; a longer one may be moved."""
        record = a_record(sweep_shard="1", sweep_at=10)
        backend.insert(replace(record, expires_at=record.expires_at - brought_forward))
        assert sweep_of(backend).postpone([Move(Hint(key(), 10), NOW + 5_000, record.expires_at)]).moved == moved
        due = sweep_of(backend).due("1", until=NOW, limit=9).hints
        assert due == (() if moved else (Hint(key(), 10),))

    def test_a_shorter_lifetime_and_a_move_that_race_leave_the_session_due_in_time(self, backend: Backend) -> None:
        """Whichever comes second is refused, so the place never lies behind the deadline."""
        seen = a_record(sweep_shard="1", sweep_at=NOW + 5)
        backend.insert(seen)
        shorter = replace(written(seen), idle=60, expires_at=NOW + 60, sweep_at=NOW + 70)
        assert isinstance(backend.replace(shorter, seen=replace(seen, sweep_at=NOW + 5), now=NOW), Record)
        late = Move(Hint(key(), NOW + 5), NOW + IDLE + 10, seen.expires_at)
        assert sweep_of(backend).postpone([late]).moved == 0
        assert sweep_of(backend).due("1", until=NOW + 70, limit=9).hints == (Hint(key(), NOW + 70),)

    def test_postponing_creates_nothing(self, backend: Backend) -> None:
        """A session that ended meanwhile stays ended."""
        assert sweep_of(backend).postpone([Move(Hint(key("one"), 10), 500)]).moved == 0
        assert backend.load(key("one")) is None

    def test_a_full_batch_of_moves_counts_those_that_took_effect(self, backend: Backend) -> None:
        """Every second one was moved by somebody else."""
        for number in range(SWEEP_BATCH):
            backend.insert(a_record(f"{number:02}", sweep_shard="1", sweep_at=10 + number % 2))
        moves = [Move(Hint(key(f"{number:02}"), 10), 500) for number in range(SWEEP_BATCH)]
        assert sweep_of(backend).postpone(moves).moved == 13
        left = sweep_of(backend).due("1", until=499, limit=99).hints
        assert sorted(left) == [Hint(key(f"{number:02}"), 11) for number in range(1, SWEEP_BATCH, 2)]

    # a whole run

    @pytest.mark.parametrize("has_index", [True, False])
    def test_a_run_leaves_what_lives_and_nothing_else(self, backend: Backend, has_index: bool) -> None:
        """Stale, renewed, young and rotated ones, more than a batch of each; then there is nothing left to do."""
        clock = FakeClock()
        settings = Settings(sweep_index=has_index, sweep_shards=SHARDS, sweep_grace_seconds=0)
        store = Store(backend, settings, clock=clock, retry=Retry(sleep=lambda _seconds: None))
        stale = [store.create(idle=60) for _ in range(70)]
        for session in stale[:20]:
            store.rotate(session)
        renewed = [store.create(idle=60) for _ in range(30)]
        clock.advance(50)
        young = [store.create() for _ in range(30)]
        for session in renewed:
            assert store.touch(session)
        clock.advance(20)
        report = store.sweep(deadline=clock() + 600)
        assert (report.swept, report.moved, report.left, report.more) == (70, 30 if has_index else 0, 0, False)
        again = store.sweep(deadline=clock() + 600)
        assert (again.swept, again.moved, again.missing) == (0, 0, 0)
        assert all(store.read(session.token, touch=False) for session in renewed + young)
        assert not any(store.read(session.token) for session in stale)

    def test_a_lowered_number_of_shards_hides_nothing_from_the_scan(self, backend: Backend) -> None:
        """Nor does a switched setting: every stale session is named by the scan."""
        settings = [Settings(sweep_shards=1_024), Settings(sweep_shards=2), Settings(sweep_index=False)]
        for number in range(60):
            backend.insert(placed(a_record(f"{number:02}", expires_at=50), settings[number % 3]))
        known = {
            hint.session_id
            for shard in range(2)
            for hint in all_of(partial(sweep_of(backend).due, str(shard), until=10**6, limit=10))
        }
        assert 20 <= len(known) < 40
        assert Counter(scanned(backend, until=100, segments=3)) == Counter(key(f"{number:02}") for number in range(60))

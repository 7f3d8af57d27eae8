"""``end``, ``sweep``, ``restore`` and ``cost``: what is done, what is asked before, and what an interruption leaves."""

import signal
import time

import pytest

from devstack.clients import Clients
from sojourn import Store
from sojourn.cli.interruption import interruptible
from sojourn.cli.invocation import Machine
from sojourn.cli.terminal import Terminal
from tests.cli.command import Command


def test_nothing_is_ended_without_a_yes(command: Command, store: Store) -> None:
    """Where nobody can be asked a script has to say it, in words."""
    session = store.create(subject="ada")
    for words in ([session.id], ["--subject", "ada"], ["--before", "now"]):
        ran = command.run("end", *words, "--json")
        assert (ran.status, ran.answer["error"]["kind"]) == (2, "UsageError")
        assert "--yes" in ran.answer["error"]["message"]
    assert store.read(session.token) is not None


def test_one_those_of_a_subject_or_all_are_ended(command: Command, store: Store) -> None:
    """Each way says how many; what is not there is no error."""
    one = store.create()
    scripted = ("--yes", "--json")
    assert command.run("end", one.id, *scripted).result["ended"] == 1
    assert command.run("end", one.id, *scripted).result["ended"] == 0
    mine, other = [store.create(subject="ada") for _ in range(3)], store.create(subject="bob")
    assert command.run("end", "--subject", "ada", *scripted).result["ended"] == 3
    assert [store.read(session.token) for session in mine] == [None] * 3
    assert store.read(other.token) is not None
    instant = int(time.time()) - 1
    assert command.run("end", "--before", str(instant), *scripted).result["before"] == instant
    for wrong in ("2026-01-01", "0001-01-01T00:00:00+14:00", "999999999999"):
        ran = command.run("end", "--before", wrong, *scripted)
        assert (ran.status, ran.answer["command"]) == (2, "end")
    assert command.run("end", *scripted).status == 2


def test_a_dry_run_of_the_sweep_removes_nothing(command: Command, clients: Clients, bare_table: str) -> None:
    """And the real one, without grace, what was due."""
    clients.dynamodb.put_item(
        TableName=bare_table,
        Item={
            "session_id": {"S": "default#AAAAAAAAAAAA"},
            "expires_at": {"N": "1000"},
            "sweep_shard": {"S": "3"},
            "sweep_at": {"N": "1000"},
        },
    )
    table = ("--table", bare_table, "--json")
    assert command.run("sweep", "--dry-run", *table).result["due"] == 1
    assert command.run("sweep", *table).status == 2
    ran = command.run("sweep", "--yes", *table)
    assert (ran.status, ran.result["swept"], ran.result["more"]) == (0, 1, False)


def test_an_interrupted_sweep_says_what_was_done(command: Command) -> None:
    """Ctrl-C before a run begins it not, and the report is still one."""
    calls = iter(range(100))

    def clock() -> int:
        if next(calls) == 1:
            signal.raise_signal(signal.SIGINT)
        return int(time.time())

    ran = command.run("sweep", "--yes", "--json", machine=Machine(clock=clock))
    assert (ran.status, ran.result["interrupted"], ran.result["swept"], ran.result["more"]) == (130, True, 0, True)
    assert "stopping when the call under way has ended" in ran.err


def test_the_second_ctrl_c_ends_at_once() -> None:
    """And afterwards Ctrl-C means again what it meant before."""
    before = signal.getsignal(signal.SIGINT)
    with interruptible(Terminal(is_json=True)) as interruption:
        signal.raise_signal(signal.SIGINT)
        assert interruption.is_wanted
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_over_the_records_api_it_says_what_cannot_be_done(command: Command) -> None:
    """In a sentence, before any call."""
    records = {"SOJOURN_RECORDS_URL": "http://127.0.0.1:9", "SOJOURN_TABLE": ""}
    for words in (["sweep"], ["restore", "--to", "new"], ["cost", "--from-table"]):
        ran = command.run(*words, "--json", environment=records)
        assert (ran.status, ran.answer["error"]["kind"]) == (2, "ConfigurationError")
        assert "cannot be done over SOJOURN_RECORDS_URL" in ran.answer["error"]["message"]


def test_a_store_that_is_away_is_no_empty_list(command: Command) -> None:
    """It names the action or the table and the region, and the exit status is of its own."""
    ran = command.run("list", "ada", "--table", "nowhere", "--json")
    assert ran.status == 3
    assert "there is no table nowhere in us-east-1" in ran.answer["error"]["message"]


def test_a_restore_goes_on_where_it_stopped(command: Command, clients: Clients, table: str) -> None:
    """Every step is looked at, done once, and the last one is left to the operator."""
    restore = ("restore", "--to", "restored", "--json")
    assert command.run(*restore).status == 2
    ran = command.run(*restore, "--yes", "--also", "shop")
    assert ran.status == 1
    assert len(ran.result["done"]) == 6
    assert "ExistingTableName=restored" in ran.result["next"]["why"]
    ttl = clients.dynamodb.describe_time_to_live(TableName="restored")["TimeToLiveDescription"]
    assert ttl["TimeToLiveStatus"] == "ENABLED"
    again = command.run("restore", "--to", "restored", "--also", "shop")
    assert again.err.count("done already") == 6
    assert "Left: Point the stack and its consumers at restored" in again.out
    assert command.run("restore", "--to", table, "--also", "sh#op").status == 2


def test_a_bill_is_of_the_flags_the_settings_and_the_prices(command: Command) -> None:
    """Twice the price of a write unit is seen in the line of the writes."""
    half = command.run("cost", "--json", "--sessions", "1000000").result
    ran = command.run("cost", "--json", "--price", "write_units=1.25", environment={"SOJOURN_IDLE_SECONDS": "600"})
    assert ran.result["load"]["idle_seconds"] == 600
    assert ran.result["prices"]["write_units"] == 1.25
    assert ran.result["dollars"] > half["dollars"] > 0
    for wrong in ("gold=1", "write_units=nan", "write_units=inf", "write_units=-1", "write_units"):
        assert command.run("cost", "--price", wrong).status == 2
    assert "in all" in command.run("cost").out

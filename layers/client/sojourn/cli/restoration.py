"""The steps of a restore, as docs/operations.md has them under "Backup and restore". Asks no person.

Every step looks first, so that an interrupted restore goes on where it stopped.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from sojourn.cli.aws import RefusedError
from sojourn.cli.invocation import Invocation
from sojourn.cli.text import duration, moment
from sojourn.errors import ConfigurationError
from sojourn.names import checked_namespace
from sojourn.store import Store

_POLL_SECONDS: Final = 5


def _nothing() -> None:
    """A step that depends on nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """``is_done`` looks, ``demand`` raises where the step is impossible. ``act`` is ``None`` where a person acts."""

    name: str
    why: str
    question: str
    is_done: Callable[[], bool]
    act: Callable[[], None] | None
    demand: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is restored: ``backup``, or the point in time ``at``, or the latest one."""

    source: str
    target: str
    backup: str | None
    at: int | None
    key: str | None
    namespaces: Sequence[str]


class Restoration:
    """One restore, from a table to a new one."""

    def __init__(self, run: Invocation, wanted: Wanted) -> None:
        for namespace in wanted.namespaces:
            checked_namespace(namespace)
        self._run = run
        self._wanted = wanted

    def steps(self) -> Iterator[Step]:
        """In the order in which they have to be taken."""
        target = self._wanted.target
        yield Step(
            f"Restore {self._origin()} to the new table {target}",
            "The old table stays as it is. The new one holds the sessions of that moment, those that were ended since "
            "included: nothing may read it before they are ended again.",
            f"Restore to {target}?",
            self._is_there,
            self._restore,
            self._demand_origin,
        )
        yield Step(
            "Switch on TTL",
            "A restored table comes without it.",
            f"Switch on TTL for {target}?",
            lambda: self._ttl() in ("ENABLED", "ENABLING"),
            self._switch_on_ttl,
        )
        yield Step(
            "Switch on point-in-time recovery",
            "A restored table comes without it.",
            f"Switch on point-in-time recovery for {target}?",
            lambda: self._recovers(target),
            self._switch_on_recovery,
        )
        yield Step(
            "Switch on deletion protection",
            "A restored table comes without it.",
            f"Switch on deletion protection for {target}?",
            self._is_protected,
            partial(self._on_target, "update_table", DeletionProtectionEnabled=True),
        )
        for namespace in self._wanted.namespaces:
            yield Step(
                f"End what is in it, namespace {namespace}",
                "Logouts since that moment would be undone. Everybody logs in again; it takes one read and one write.",
                f"End every session of namespace {namespace} in {target}?",
                partial(self._is_ended, namespace),
                partial(self._end, namespace),
            )
        yield Step(
            f"Point the stack and its consumers at {target}",
            f"sam deploy --parameter-overrides ExistingTableName={target}, and write it into samconfig.toml; deploy "
            "each consumer, which looks the table up. With --stack this command sees whether it is done.",
            "",
            self._is_in_use,
            None,
        )

    # ---- the table

    def _origin(self) -> str:
        if self._wanted.backup is not None:
            return f"the backup {self._wanted.backup}"
        at = self._wanted.at
        return f"{self._wanted.source} as of {'the latest point in time' if at is None else moment(at)}"

    def _demand_origin(self) -> None:
        if self._wanted.source == self._wanted.target:
            raise ConfigurationError("--to takes the name of a new table")
        if self._wanted.backup is None and not self._recovers(self._wanted.source):
            raise RefusedError("", f"point-in-time recovery is off for {self._wanted.source}: say --backup")

    def _is_there(self) -> bool:
        try:
            table = self._table()
        except RefusedError as refusal:
            if refusal.code == "ResourceNotFoundException":
                return False
            raise
        if [key["AttributeName"] for key in table["KeySchema"]] != ["session_id"]:
            raise ConfigurationError(f"{self._wanted.target} is there, and is no sessions table: say another name")
        if table["TableStatus"] != "ACTIVE":
            self._wait()
        return True

    def _restore(self) -> None:
        of = self._wanted
        request: dict[str, Any] = {"TargetTableName": of.target}
        if of.key is not None:
            request["SSESpecificationOverride"] = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": of.key}
        if of.backup is not None:
            self._call("restore_table_from_backup", of.target, BackupArn=of.backup, **request)
        else:
            at = (
                {"UseLatestRestorableTime": True}
                if of.at is None
                else {"RestoreDateTime": datetime.fromtimestamp(of.at, UTC)}
            )
            self._call("restore_table_to_point_in_time", of.source, SourceTableName=of.source, **at, **request)
        self._wait()

    def _wait(self) -> None:
        began = time.monotonic()
        with self._run.terminal.working("restoring") as say:
            while self._table()["TableStatus"] != "ACTIVE":
                time.sleep(_POLL_SECONDS)
                say(f"restoring, for {duration(time.monotonic() - began)}; Ctrl-C ends the wait, not the restore")

    # ---- what a restored table comes without

    def _ttl(self) -> str:
        return str(self._on_target("describe_time_to_live")["TimeToLiveDescription"].get("TimeToLiveStatus"))

    def _switch_on_ttl(self) -> None:
        self._on_target("update_time_to_live", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"})

    def _recovers(self, table: str) -> bool:
        answer = self._call("describe_continuous_backups", table, TableName=table)
        recovery = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        return bool(recovery.get("PointInTimeRecoveryStatus") == "ENABLED")

    def _switch_on_recovery(self) -> None:
        wanted = {"PointInTimeRecoveryEnabled": True}
        self._on_target("update_continuous_backups", PointInTimeRecoverySpecification=wanted)

    def _is_protected(self) -> bool:
        return str(self._table().get("DeletionProtectionEnabled", False)).lower() == "true"

    # ---- who may go on

    def _is_ended(self, namespace: str) -> bool:
        """Whether everything from before the restore is over; an older instant came along with the backup."""
        return self._store(namespace).not_before() >= int(self._table()["CreationDateTime"].timestamp())

    def _end(self, namespace: str) -> None:
        self._store(namespace).expire_before(self._run.now)

    def _store(self, namespace: str) -> Store:
        return self._run.opened(replace(self._run.settings, table=self._wanted.target, namespace=namespace))

    def _is_in_use(self) -> bool:
        return self._run.published.get("table") == self._wanted.target

    # ----

    def _table(self) -> Any:
        return self._on_target("describe_table")["Table"]

    def _on_target(self, operation: str, **request: Any) -> Any:
        return self._call(operation, self._wanted.target, TableName=self._wanted.target, **request)

    def _call(self, operation: str, table: str, **request: Any) -> Any:
        return self._run.aws.call("dynamodb", operation, place=f"table {table}", **request)

"""Calls to the stores' servers beside the application: they count items, and change some between two requests."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import boto3

from benchmarks.peers.proxy import Meter, Meters
from devstack.emulator import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from devstack.layout import LOOPBACK, REGION, free_port

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table

LONG_AGO = 60 * 86_400
"""How far an item's instants are put back, in seconds: beyond every lifetime, and not so far that an engine minds."""


class Server(Protocol):
    """The server behind a store. ``environment`` is what an application needs to find it."""

    environment: dict[str, str]

    def take(self) -> Meter | None:
        """What was counted since the last time; None where the application counts itself."""

    def age(self) -> bool:
        """Whether every session was made to have expired, while it stays where it is."""

    def leave(self, *, is_silent: bool) -> bool:
        """Whether the server could be made unreachable, or mute."""

    def come_back(self) -> None:
        """As before."""


class DynamoDB:
    """DynamoDB Local behind the proxy."""

    def __init__(self, engine_url: str, proxy_url: str, meters: Meters) -> None:
        self.meters = meters
        session = boto3.Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY, region_name=REGION)
        self.resource: DynamoDBServiceResource = session.resource("dynamodb", endpoint_url=engine_url)
        self.environment = {
            "AWS_ENDPOINT_URL": proxy_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "SOJOURN_ENDPOINT_URL": proxy_url,
            "SESSION_LAMBDA_DYNAMODB_TABLE_NAME": "lambda-sessions",
        }

    def take(self) -> Meter:
        """See ``Server.take``."""
        return self.meters.take()

    def age(self) -> bool:
        """See ``Server.age``. Every top-level number that is an instant near today is one."""
        found = False
        for table in self.resource.tables.all():
            for item in _items(table):
                aged = {name: _aged(value) for name, value in item.items()}
                found |= aged != item
                table.put_item(Item=aged)
        return found

    def leave(self, *, is_silent: bool) -> bool:
        """See ``Server.leave``."""
        self.meters.mode = "silent" if is_silent else "refused"
        return True

    def come_back(self) -> None:
        """See ``Server.come_back``."""
        self.meters.mode = "pass"
        self.meters.never.set()
        self.meters.never.clear()


def _items(table: "Table") -> Iterator[dict[str, Any]]:
    after: dict[str, Any] = {}
    while True:
        page = table.scan(**after)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        after = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _aged(value: Any) -> Any:
    is_instant = isinstance(value, Decimal) and abs(value - int(datetime.now(UTC).timestamp())) < 400 * 86_400
    return value - LONG_AGO if is_instant else value


class Redis:
    """A Redis server of its own, from the package that brings one."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self.binary, self.folder, self.port = binary, folder, free_port()
        self.environment = {"REDIS_URL": f"redis://{LOOPBACK}:{self.port}/0"}
        self._start()
        self._seen = self._statistics()
        self._overhead = (0, 0)
        before = self.take()
        self._overhead = (len(before.calls), before.bytes)

    def _start(self) -> bytes:
        options = ["--port", str(self.port), "--bind", LOOPBACK, "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen([self.binary, *options], stdout=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError):
                return self._ask(b"PING\r\n")
            assert time.monotonic() < until, "the Redis server did not start"
            time.sleep(0.02)

    def _ask(self, command: bytes) -> bytes:
        with socket.create_connection((LOOPBACK, self.port), timeout=5) as connection:
            connection.sendall(command)
            return connection.recv(65_536)

    def _statistics(self) -> dict[str, int]:
        lines = self._ask(b"INFO stats\r\n").decode().splitlines()
        wanted = ("total_commands_processed", "total_net_input_bytes", "total_net_output_bytes")
        return {name: int(value) for name, _, value in (line.partition(":") for line in lines) if name in wanted}

    def take(self) -> Meter:
        """See ``Server.take``. Redis counts commands and not their names."""
        before, now = self._seen, self._statistics()
        self._seen = now
        commands, of_bytes = self._overhead
        calls = now["total_commands_processed"] - before["total_commands_processed"] - commands
        passed = sum(now[name] - before[name] for name in now if name.endswith("_bytes")) - of_bytes
        return Meter(["command"] * calls, bytes=passed)

    def age(self) -> bool:
        """See ``Server.age``. Redis itself removes what has expired in time."""
        return False

    def leave(self, *, is_silent: bool) -> bool:
        """See ``Server.leave``."""
        if is_silent:
            self.process.send_signal(signal.SIGSTOP)
        else:
            self.process.terminate()
            self.process.wait()
        return True

    def come_back(self) -> None:
        """See ``Server.come_back``."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
        else:
            self._start()

    def close(self) -> None:
        """End the server."""
        self.come_back()
        self.process.terminate()
        self.process.wait()


class SQLite:
    """A file beside the application."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "peers.sqlite3"
        self.path.unlink(missing_ok=True)
        self.environment = {"DATABASE": str(self.path)}

    def take(self) -> None:
        """See ``Server.take``."""

    def age(self) -> bool:
        """See ``Server.age``."""
        with sqlite3.connect(self.path) as connection:
            changed = connection.execute("UPDATE django_session SET expire_date = datetime(expire_date, '-60 days')")
        connection.close()
        return changed.rowcount > 0

    def leave(self, *, is_silent: bool) -> bool:  # noqa: ARG002  # nothing leaves
        """See ``Server.leave``. A file is always there."""
        return False

    def come_back(self) -> None:
        """See ``Server.come_back``."""


@contextmanager
def redis_server(binary: Path, folder: Path) -> Iterator[Redis]:
    """A Redis for the length of a ``with`` block."""
    server = Redis(binary, folder)
    try:
        yield server
    finally:
        server.close()


def bare_environment() -> dict[str, str]:
    """Of this process, without what would lead an application to another store."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SOJOURN_"))}

"""Measures every peer and Sojourn: writes benchmarks/results/peers.json, docs/comparison.md's tables and its picture.

    python -m benchmarks.peers            everything: some ten minutes
    python -m benchmarks.peers Redis      the peers whose name has that word in it; the others keep their results
    python -m benchmarks.peers --page     the page and the picture from the committed results

Needs Java and npm, as `make dynamodb-local` does.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers import comparison, picture
from benchmarks.peers.proxy import proxy, served
from benchmarks.peers.scenarios import HoldHandler, Holds, Stage, away, behaviours, costs
from benchmarks.peers.stores import DynamoDB, Server, SQLite, redis_server
from benchmarks.peers.workers import PEERS, Peer, prepared, redis_binary, version, worker
from devstack.clients import Clients
from devstack.dynamodb_local import dynamodb_local
from devstack.layout import ROOT
from tests.contract.tables import sessions_table


@contextmanager
def _server(peer: Peer, folder: Path) -> Iterator[Server]:
    with ExitStack() as stack:
        if peer.server == "Redis":
            yield stack.enter_context(redis_server(redis_binary(folder), folder))
        elif peer.server == "SQLite":
            yield SQLite(folder)
        else:
            engine_url = stack.enter_context(dynamodb_local(folder))
            proxy_url, meters = stack.enter_context(proxy(engine_url))
            server = DynamoDB(engine_url, proxy_url, meters)
            _make_tables(peer, server)
            table = stack.enter_context(sessions_table(Clients(engine_url).dynamodb))
            server.environment |= {"SOJOURN_TABLE": table, "SOJOURN_BUCKET": "carts"}
            yield server


def _make_tables(peer: Peer, server: DynamoDB) -> None:
    for name, key, kind in peer.tables:
        server.resource.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind}],  # type: ignore[typeddict-item]
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )


@contextmanager
def _stage(peer: Peer, folder: Path, server: Server, command: list[str], *, is_first: bool) -> Iterator[Stage]:
    with ExitStack() as stack:
        holds = Holds()
        control = {"CONTROL_URL": stack.enter_context(served(HoldHandler, holds=holds)), "DATABASE": ":memory:"}
        environment = control | server.environment
        first = stack.enter_context(worker(peer, command, environment | {"FIRST": f"{is_first:d}"}, folder=folder))
        second = stack.enter_context(worker(peer, command, environment, folder=folder))
        yield Stage((first, second), server, holds, peer.chosen, peer.begins_with)


def measured(peer: Peer, folder: Path) -> dict[str, Any]:
    """Everything about one peer."""
    command = prepared(peer, folder)
    with _server(peer, folder) as server:
        with _stage(peer, folder, server, command, is_first=True) as stage:
            found = {"costs": costs(stage), "behaviours": behaviours(stage)}
        for name, is_silent in (("refuses", False), ("silent", True)):
            # Workers of their own: one that waits for its store does nothing else.
            with _stage(peer, folder, server, command, is_first=False) as stage:
                found["behaviours"][f"store {name}"] = away(stage, is_silent=is_silent)
    return {"version": version(peer, folder), "server": peer.server, "configured": peer.configured, **found}


def main(wanted: list[str]) -> None:
    """Measure, write, draw."""
    folder = ROOT / ".local" / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    results = comparison.read_results() if comparison.RESULTS.exists() else {}
    for peer in PEERS if wanted != ["--page"] else ():
        if not wanted or any(word in peer.name for word in wanted):
            print(f"· {peer.name}", flush=True)
            try:
                results[peer.name] = measured(peer, folder)
            except subprocess.CalledProcessError as error:
                print(f"  could not be had, its results stay as they were: {error}")
                continue
            ordered = {each.name: results[each.name] for each in PEERS if each.name in results}
            comparison.RESULTS.write_text(json.dumps(ordered, indent=1) + "\n")
    comparison.write(comparison.read_results())
    picture.draw(comparison.read_results())


if __name__ == "__main__":
    main(sys.argv[1:])

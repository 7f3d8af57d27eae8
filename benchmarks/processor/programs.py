"""What is measured, each a program of its own: ``python -S programs.py NAME``, with its options on standard input.

A section ends by calling ``getloadavg`` of the C library, which nothing else does: callgrind closes its book there.
"""

from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False  # typing is not imported before it must
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

_closed = 0


def _ended(name: str, *, calls: int = 1) -> None:
    """What was executed since the last boundary is the section ``name``, of so many calls."""
    global _closed  # noqa: PLW0603  # as callgrind counts
    os.getloadavg()
    _closed += 1
    print("@" + json.dumps([name, calls, _closed]), file=sys.stderr)


def _repeated(name: str, act: Callable[[int], object], *, calls: int, warm: int = 2) -> None:
    for number in range(warm):
        act(number)
    _ended(f"{name}, before")
    for number in range(calls):
        act(warm + number)
    _ended(name, calls=calls)


def start(module: str | None) -> None:
    """The interpreter, and one module."""
    if module:
        __import__(module)
    _ended("start")


def bare_start() -> None:
    """What any function pays for a table: boto3, and one client."""
    import boto3

    boto3.client("dynamodb")
    _ended("start")


def serve(event: Any) -> None:
    """Start a function, and let it serve an event, again and again."""
    from handler import handler

    _ended("start")

    def act(_: int) -> None:
        response = handler(event, _Context())
        assert response["statusCode"] == 200, response

    act(0)
    _ended("first")
    _repeated("later", act, calls=20)


class _Context:
    aws_request_id = "7d1c0b0e-4a3e-4a5e-9f3b-2f5a1c9d8e7f"

    def get_remaining_time_in_millis(self) -> int:
        """As at the start of an invocation."""
        return 10_000


def verbs(sessions: Iterable[Any]) -> None:
    """Each verb of the library on each session, and the calls of boto3 with its defaults that do the same.

    No request is sent: each is answered where it would be.
    """
    import boto3

    from sojourn import open_store

    store, client, answers = open_store(), boto3.client("dynamodb"), _Answers()
    for each in (store.resources.backend._table._client, client):  # noqa: SLF001  # the library's has no other way
        each.meta.events.register("before-send.dynamodb", answers)
    for size, token, key, item, document in sessions:
        answers.hold(item)
        calls = 3 if len(str(document)) > 50_000 else 8
        for name, verb in _verbs(store, token, document).items():
            _repeated(f"{size}/sojourn/{name}", verb, calls=calls)
        for name, call in _bare(client, key, item).items():
            _repeated(f"{size}/boto3/{name}", call, calls=calls)


class _Answers:
    """Answers to requests for one session, as large as real ones, and written out before."""

    def hold(self, item: Any) -> None:
        """What is there from now on."""
        self._bodies = {
            "GetItem": self._complete({"Item": item}),
            "BatchGetItem": self._complete({"Responses": {"sessions": [item]}, "UnprocessedKeys": {}}),
            "DeleteItem": self._complete({"Attributes": item}),
        }
        self._done = self._complete({})

    def __call__(self, request: Any, **_: object) -> Any:
        """What the service answers."""
        from botocore.awsrequest import AWSResponse

        target = request.headers["X-Amz-Target"]  # which botocore has encoded, and the library has not
        operation = (target if isinstance(target, str) else target.decode()).partition(".")[2]
        headers, body = self._bodies.get(operation, self._done)
        return AWSResponse(request.url, 200, headers, _Body(body))

    @staticmethod
    def _complete(answer: Any) -> Any:
        import zlib

        from botocore.compat import HTTPHeaders

        body, headers = json.dumps(answer, separators=(",", ":")).encode(), HTTPHeaders()
        headers["Content-Type"] = "application/x-amz-json-1.0"
        headers["x-amzn-RequestId"] = "VSMRJ5QRBTCVQ8RJ8J5BQGBA4NVV4KQNSO5AEMVJF66Q9ASUAAJG"
        headers["x-amz-crc32"] = str(zlib.crc32(body))
        return headers, body


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: object) -> Iterator[bytes]:
        """See urllib3's response."""
        yield self._content


def _verbs(store: Any, token: str, document: Any) -> dict[str, Callable[[int], object]]:
    def changed(number: int) -> None:
        session = store.read(token)
        session["visits"] = number
        store.write(session)

    touched = store.read(token)
    return {
        "create": lambda _: store.create(document),
        "read": lambda _: store.read(token),
        "read, look": lambda _: store.read(token)["nonce"],
        "read, change, write": changed,
        "touch": lambda number: store.touch(touched, idle=touched.idle - 1 - number),
        "read, rotate": lambda _: store.rotate(store.read(token)),
        "read, login": lambda _: store.login(store.read(token), subject="user-42"),
        "expire": lambda _: store.expire(token),
    }


def _bare(client: Any, key: str, item: Any) -> dict[str, Callable[[int], object]]:
    import base64

    data = {"B": base64.b64decode(item["data"]["B"])}
    whole = {name: {"B": base64.b64decode(value["B"])} if "B" in value else value for name, value in item.items()}
    of = {"TableName": "sessions", "Key": {"session_id": {"S": key}}}
    update = {
        **of,
        "UpdateExpression": "SET #data = :data, version = :version, expires_at = :expires_at",
        "ConditionExpression": "version = :seen",
        "ExpressionAttributeNames": {"#data": "data"},
        "ExpressionAttributeValues": {
            ":data": data,
            ":version": {"N": "2"},
            ":seen": {"N": "1"},
            ":expires_at": {"N": "1800000000"},
        },
    }
    is_new = {"ConditionExpression": "attribute_not_exists(session_id)"}

    def renewed(_: int) -> None:
        client.update_item(
            **of,
            UpdateExpression="SET expires_at = :new",
            ConditionExpression="expires_at < :new",
            ExpressionAttributeValues={":new": {"N": "1800000000"}},
        )

    def changed(_: int) -> None:
        client.get_item(**of, ConsistentRead=True)
        client.update_item(**update)

    return {
        "put_item": lambda _: client.put_item(TableName="sessions", Item=whole, **is_new),
        "get_item": lambda _: client.get_item(**of, ConsistentRead=True),
        "get_item, update_item": changed,
        "update_item": renewed,
        "delete_item": lambda _: client.delete_item(**of, ReturnValues="ALL_OLD"),
    }


def sweep(keys: Any) -> None:
    """Conditional deletes, 25 a call."""
    from sojourn import open_store
    from sojourn.sweep.backend import Hint

    swept = open_store().resources.backend.sweep
    hints = [Hint(key, None) for key in keys]
    _repeated("25 deletes", lambda _: swept.delete_stale(hints, cutoff=1), calls=10)


def framework(name: str, token: str) -> None:
    """A request through a framework, without a session and with one."""
    from benchmarks.processor import frameworks

    frameworks.request(_ended, name, token)


def library(token: str, key: str) -> None:
    """The same read without a framework, and what boto3 takes for it."""
    from benchmarks.processor import frameworks

    frameworks.library(_ended, token, key)


def large_session(kind: str, cookie: str) -> None:
    """Requests to a Flask application with a large session."""
    from benchmarks.processor import frameworks

    frameworks.large_session(_ended, kind, cookie)


def deletes(keys: Any) -> None:
    """The statements of the sweep, 25 a call, by boto3 with its defaults."""
    _repeated("25 deletes", _bare_deletes(keys), calls=10)


def rates(keys: Any, *, calls: int, rounds: int) -> None:
    """Deletes a second of this process's time, by the library and by boto3 with its defaults: each one's best round."""
    from sojourn import open_store
    from sojourn.sweep.backend import Hint

    swept: Any = open_store().resources.backend.sweep
    hints = [Hint(key, None) for key in keys]
    ways = {"sojourn": lambda _: swept.delete_stale(hints, cutoff=1), "boto3": _bare_deletes(keys)}
    best = dict.fromkeys(ways, 0.0)
    for _ in range(rounds):
        for name, act in ways.items():
            best[name] = max(best[name], calls * len(keys) / _seconds(act, calls))
    print("@" + json.dumps({name: round(rate) for name, rate in best.items()}), file=sys.stderr)


def _seconds(act: Callable[[int], object], calls: int) -> float:
    """The time of the processor that this process takes for so many calls."""
    import time

    used = time.process_time()
    for number in range(calls):
        act(number)
    return time.process_time() - used


def _bare_deletes(keys: Any) -> Callable[[int], object]:
    import boto3

    client = boto3.client("dynamodb", endpoint_url=os.environ["SOJOURN_ENDPOINT_URL"])
    statement = 'DELETE FROM "sessions" WHERE session_id = ? AND expires_at <= ? RETURNING ALL OLD *'

    def act(_: int) -> None:
        answers = client.batch_execute_statement(
            Statements=[
                {
                    "Statement": statement,
                    "Parameters": [{"S": key}, {"N": "1"}],
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
                for key in keys
            ],
            ReturnConsumedCapacity="TOTAL",
        )["Responses"]
        assert len(answers) == len(keys)

    return act


def main() -> None:
    """Run one program."""
    asked = json.load(sys.stdin)
    sys.path[:1] = asked["before"]  # its first was this folder
    sys.path += asked["after"]
    globals()[sys.argv[1]](**asked["options"])


if __name__ == "__main__":
    main()

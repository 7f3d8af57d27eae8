"""Sends events of sessions to an event bus: at least once, and those of one session in order.

Knows no item: see announcements.

https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from sojourn.errors import CorruptSessionError
from sojourn.names import Namespace
from sojourn_service.announcements import Announcement, Change, announcements
from sojourn_service.invocation import Context, Event
from sojourn_service.telemetry import Telemetry, described

_MOST_ENTRIES: Final = 10
"""PutEvents takes no more, and an entry of ours has at most some 4 KB of the 256 that all may have."""

Failures = dict[str, list[dict[str, str]]]
"""What Lambda takes from the function: from the first of these records on it sends all of them again."""


class Bus(Protocol):
    """Of boto3's client for EventBridge, what we use."""

    def put_events(self, *, Entries: list[Any]) -> Mapping[str, Any]:  # noqa: N803  # AWS's name
        """The fate of each entry."""


class Announcer:
    """Serves batches of the table's stream."""

    def __init__(self, bus: Bus, *, name: str, namespace: str, telemetry: Telemetry) -> None:
        """``name`` is the event bus's; sessions of other namespaces than ``namespace`` are passed over."""
        self._bus = bus
        self._name = name
        self._namespace = Namespace(namespace)
        self._telemetry = telemetry

    def announce(self, event: Event, context: Context) -> Failures:
        """Send the events of a batch of records; the record from which on the batch has to come again, if any.

        A record that is no session's, or damaged, is passed over with a line in the log: it must not hold up others.
        """
        records: Any = event["Records"]
        fields: dict[str, object] = {"function_request_id": context.aws_request_id, "records": len(records)}
        sent, failed = 0, None
        for call in _calls(self._announcements(records)):
            refusal = self._refusal(call)
            if refusal is not None:
                # What comes after in this batch waits: a session's next event must not overtake this one.
                failed, fields = call[refusal[0]], fields | refusal[1]
                break
            sent += len(call)
        self._telemetry.record("events", {**fields, "sent": sent}, is_failure=failed is not None)
        return {"batchItemFailures": [] if failed is None else [{"itemIdentifier": str(failed.detail["sequence"])}]}

    def _announcements(self, records: Iterable[Event]) -> Iterator[Announcement]:
        for record in records:
            try:
                yield from announcements(Change.of(record), self._namespace)
            except (CorruptSessionError, KeyError, TypeError, ValueError) as error:
                reason = error.reason if isinstance(error, CorruptSessionError) else "it is no change of an item"
                self._telemetry.record("event left out", {"reason": reason, **_named(error)}, is_failure=True)

    def _refusal(self, call: list[Announcement]) -> tuple[int, dict[str, object]] | None:
        """The place of the first entry that was not accepted, and what the log says of it."""
        try:
            answer = self._bus.put_events(Entries=[one.entry(bus=self._name) for one in call])
        except ClientError as error:
            return 0, {"reason": str(error.response.get("Error", {}).get("Code", ""))}
        except BotoCoreError as error:
            return 0, described(error)
        if not answer.get("FailedEntryCount"):
            return None
        codes = [entry.get("ErrorCode") for entry in answer["Entries"]]
        place = next(place for place, code in enumerate(codes) if code)
        return place, {"reason": codes[place]}


def _calls(given: Iterable[Announcement]) -> Iterator[list[Announcement]]:
    """As many in a call as it takes, and one of each session: entries of one call may fail one by one."""
    call: list[Announcement] = []
    for one in given:
        if len(call) == _MOST_ENTRIES or any(other.session_id == one.session_id for other in call):
            yield call
            call = []
        call.append(one)
    if call:
        yield call


def _named(error: Exception) -> dict[str, object]:
    return {"session": error.session_id} if isinstance(error, CorruptSessionError) else {}

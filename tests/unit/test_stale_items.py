"""The sweep's requests and answers as AWS has them: DynamoDB Local tells no capacity and sends no old item along."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from sojourn import StoreUnavailableError
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.backends.items import Item, item_of
from sojourn.names import object_of
from sojourn.sweep.backend import Fate, Hint, Move, Postponement, Verdict
from tests.contract.records import a_record, a_write_id, key
from tests.contract.tables import MemoryObjects

Request = dict[str, Any]
ITEM = item_of(a_record(expires_at=500, sweep_shard="1", sweep_at=10))
REFUSED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}


class Service:
    """DynamoDB at the other end of the client: remembers what it was asked, answers what it was told to."""

    def __init__(self, **answers: Any) -> None:  # noqa: ANN401  # JSON
        self.requests: list[tuple[str, Request]] = []
        self._answers = answers

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def answer(**request: Any) -> Any:  # noqa: ANN401  # JSON
            self.requests.append((operation, request))
            found = self._answers[operation]
            if isinstance(found, Exception):
                raise found
            return found

        return answer


def backend(service: Service, objects: MemoryObjects | None = None) -> DynamoBackend:
    """The backend on a table whose name has to be quoted."""
    return DynamoBackend(cast("Any", service), table="my-sessions.1", objects=objects, overflow_bytes=65_536)


def verdict(answer: Request, **more: Any) -> Verdict:  # noqa: ANN401  # JSON
    """What is made of one statement's answer."""
    service = Service(batch_execute_statement={"Responses": [answer]}, **more)
    (only,) = backend(service).sweep.delete_stale([Hint(key(), 10)], cutoff=100).verdicts
    return only


def test_a_removal_names_the_session_and_the_condition() -> None:
    """Nothing that a client could have brought is part of a statement."""
    service = Service(batch_execute_statement={"Responses": [{}, {}]})
    backend(service).sweep.delete_stale([Hint("app#a' OR 1", 10), Hint("app#b", 10)], cutoff=100)
    ((operation, request),) = service.requests
    assert operation == "batch_execute_statement"
    assert request["ReturnConsumedCapacity"] == "TOTAL"
    text = 'DELETE FROM "my-sessions.1" WHERE session_id = ? AND expires_at <= ? RETURNING ALL OLD *'
    assert request["Statements"] == [
        {"Statement": text, "Parameters": [{"S": name}, {"N": "100"}], "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        for name in ("app#a' OR 1", "app#b")
    ]


def test_a_move_names_its_place_before_and_after() -> None:
    """And the deadline from which it was computed, where there is one: one cut short meanwhile keeps its place."""
    service = Service(batch_execute_statement={"Responses": [{}, {}]})
    backend(service).sweep.postpone([Move(Hint("app#a", 10), 500), Move(Hint("app#b", 10), 500, 400)])
    ((_, request),) = service.requests
    text = 'UPDATE "my-sessions.1" SET sweep_at = ? WHERE session_id = ? AND sweep_at = ?'
    assert [each["Statement"] for each in request["Statements"]] == [text, f"{text} AND expires_at >= ?"]
    assert request["Statements"][0]["Parameters"] == [{"N": "500"}, {"S": "app#a"}, {"N": "10"}]
    assert request["Statements"][1]["Parameters"] == [{"N": "500"}, {"S": "app#b"}, {"N": "10"}, {"N": "400"}]


def test_a_statement_that_removed_something_says_what() -> None:
    """With its deadline."""
    assert verdict({"TableName": "my-sessions.1", "Item": ITEM}) == (Fate.SWEPT, 500)


def test_a_statement_that_met_no_item_succeeded_without_one() -> None:
    """AWS calls that no error."""
    assert verdict({"TableName": "my-sessions.1"}) == (Fate.MISSING, None)
    assert verdict({"TableName": "my-sessions.1", "Item": {}}) == (Fate.MISSING, None)


def test_a_refused_statement_brings_the_item_along() -> None:
    """So nothing is read, and what is no session of ours is told apart."""
    assert verdict({"Error": REFUSED | {"Item": ITEM}}) == (Fate.ALIVE, 500)
    assert verdict({"Error": REFUSED | {"Item": {"session_id": {"S": key()}}}}) == (Fate.FOREIGN, None)


def test_a_refusal_without_the_item_is_read_after() -> None:
    """Strongly consistent: what it says was true after the refusal."""
    service = Service(batch_execute_statement={"Responses": [{"Error": REFUSED}]}, get_item={"Item": ITEM})
    assert backend(service).sweep.delete_stale([Hint(key(), 10)], cutoff=100).verdicts == ((Fate.ALIVE, 500),)
    assert service.requests[1][1]["ConsistentRead"] is True
    assert verdict({"Error": REFUSED}, get_item={}) == (Fate.MISSING, None)


@pytest.mark.parametrize(
    "code",
    [
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "InternalServerError",
        "TransactionConflict",
        "AnErrorOfTomorrow",
    ],
)
def test_an_error_of_a_statement_that_may_pass_leaves_it(code: str) -> None:
    """For another try."""
    assert verdict({"Error": {"Code": code}}) == (Fate.LEFT, None)


OF_THE_SWEEPER = ["AccessDenied", "ResourceNotFound"]
OF_THE_ITEM = ["ValidationError", "DuplicateItem", "ItemCollectionSizeLimitExceeded"]


@pytest.mark.parametrize("code", OF_THE_SWEEPER)
def test_a_sweeper_that_may_do_nothing_does_not_look_like_one_with_nothing_to_do(code: str) -> None:
    """Each statement is refused for itself while the call succeeds; all of them refused is an error, moves as well."""
    text = (
        "User: arn:aws:sts::1:assumed-role/sweep is not authorized to perform: dynamodb:PartiQLDelete on resource: arn"
    )
    error = {"Error": {"Code": code, "Message": text}}
    table = backend(Service(batch_execute_statement={"Responses": [error, error]})).sweep
    hints = [Hint(key("a"), 10), Hint(key("b"), 10)]
    with pytest.raises(StoreUnavailableError, match=f"{code}.*my-sessions.1") as told:
        table.delete_stale(hints, cutoff=100)
    assert not told.value.is_transient
    with pytest.raises(StoreUnavailableError, match=code):
        table.postpone([Move(hint, 500) for hint in hints])


@pytest.mark.parametrize("code", OF_THE_ITEM)
def test_a_bad_item_is_left_also_when_it_is_alone(code: str) -> None:
    """Any application of the table can store one: the alarm is on what is left, and the run goes on."""
    table = backend(Service(batch_execute_statement={"Responses": [{"Error": {"Code": code}}]})).sweep
    assert [verdict.fate for verdict in table.delete_stale([Hint(key(), 10)], cutoff=100).verdicts] == [Fate.REFUSED]
    assert table.postpone([Move(Hint(key(), 10), 500)]).left == 1


@pytest.mark.parametrize("code", [*OF_THE_SWEEPER, *OF_THE_ITEM])
def test_one_bad_item_does_not_stop_the_others(code: str) -> None:
    """It is left, and no second try is made for it; a bad move is counted, one that lost a race is not."""
    answers = [{"Item": ITEM}, {"Error": {"Code": code}}, {"Error": REFUSED | {"Item": ITEM}}]
    table = backend(Service(batch_execute_statement={"Responses": answers})).sweep
    hints = [Hint(key(name), 10) for name in "abc"]
    fates = [verdict.fate for verdict in table.delete_stale(hints, cutoff=100).verdicts]
    assert fates == [Fate.SWEPT, Fate.REFUSED, Fate.ALIVE]
    assert table.postpone([Move(hint, 500) for hint in hints]).left == 1


def test_a_missing_permission_is_named() -> None:
    """Also where the service says no more than that."""
    table = backend(Service(batch_execute_statement={"Responses": [{"Error": {"Code": "AccessDenied"}}]})).sweep
    with pytest.raises(StoreUnavailableError, match="dynamodb:PartiQLDelete is not allowed on table my"):
        table.delete_stale([Hint(key(), 10)], cutoff=100)
    with pytest.raises(StoreUnavailableError, match="dynamodb:PartiQLUpdate is not allowed"):
        table.postpone([Move(Hint(key(), 10), 500)])


def test_the_object_of_what_was_removed_goes_too_and_no_other() -> None:
    """Nothing is removed for a session that lives, is missing, or was left."""
    objects = MemoryObjects()
    names = ("gone", "alive", "left", "foreign")
    owned = {name: object_of(key(name), a_write_id(name)) for name in names}
    for each in owned.values():
        objects.put(each, b"")
    answers = [
        {"Item": ITEM | {"overflow": {"S": owned["gone"]}}},
        {"Error": REFUSED | {"Item": ITEM | {"overflow": {"S": owned["alive"]}}}},
        {"Error": {"Code": "ThrottlingError", "Item": ITEM | {"overflow": {"S": owned["left"]}}}},
        {"Item": ITEM | {"overflow": {"S": owned["alive"]}}},
    ]
    service = Service(batch_execute_statement={"Responses": answers})
    removal = backend(service, objects).sweep.delete_stale([Hint(key(name), 10) for name in names], cutoff=100)
    assert [verdict.fate for verdict in removal.verdicts] == [Fate.SWEPT, Fate.ALIVE, Fate.LEFT, Fate.SWEPT]
    assert set(objects.bodies) == {owned["alive"], owned["left"], owned["foreign"]}


@pytest.mark.parametrize("number", ["1.5", "1E+2", "-1", "99999999999999999999999999"])
def test_a_number_that_is_no_instant_of_ours_stops_nothing(number: str) -> None:
    """DynamoDB's numbers are wider than ours, and another application may have stored the item."""
    item: Item = ITEM | {"expires_at": {"N": number}}
    assert verdict({"Item": item}).fate is Fate.SWEPT
    service = Service(query={"Items": [{"session_id": {"S": key()}, "sweep_at": {"N": number}}]})
    (hint,) = backend(service).sweep.due("1", until=100, limit=10).hints
    assert hint == (key(), Decimal(number))


@pytest.mark.parametrize("number", ["0.5", "-7", "12.000000000000000000000000000000000001"])
def test_a_place_that_is_none_of_ours_is_left_for_another(number: str) -> None:
    """By its exact value, or the move would meet nothing, and the hint come back at every run."""
    service = Service(
        query={"Items": [{"session_id": {"S": key()}, "sweep_at": {"N": number}}]},
        batch_execute_statement={"Responses": [{}]},
    )
    table = backend(service).sweep
    (hint,) = table.due("1", until=100, limit=10).hints
    table.postpone([Move(hint, 500)])
    (statement,) = service.requests[1][1]["Statements"]
    assert statement["Parameters"][2] == {"N": number}


@pytest.mark.parametrize("number", ["-1E+60", "1E+60", "-1", "253402300800"])
def test_a_deadline_that_no_session_has_is_bounded(number: str) -> None:
    """It goes into a metric that raises an alarm."""
    found = verdict({"Item": ITEM | {"expires_at": {"N": number}}})
    assert found.expires_at is not None
    assert 0 <= found.expires_at <= 253_402_300_799


def test_units_are_those_that_the_service_reports() -> None:
    """Of every table it names; for a removal, a move, a query and a scan."""
    consumed = [{"TableName": "my-sessions.1", "CapacityUnits": 7.5}]
    service = Service(
        batch_execute_statement={"Responses": [{"Item": ITEM}], "ConsumedCapacity": consumed},
        query={"Items": [], "ConsumedCapacity": consumed[0]},
        scan={"Items": [], "ConsumedCapacity": consumed[0] | {"CapacityUnits": 0.5}},
    )
    table = backend(service).sweep
    assert table.delete_stale([Hint(key(), 10)], cutoff=100).units == 7.5
    assert table.postpone([Move(Hint(key(), 10), 500)]).units == 7.5
    assert table.due("1", until=100, limit=10).units == 7.5
    assert table.scan(0, segments=1, until=100).units == 0.5
    assert all(request["ReturnConsumedCapacity"] == "TOTAL" for _, request in service.requests)


def test_units_that_were_not_reported_are_priced_by_the_rule() -> None:
    """A statement is a unit; a removal one more for the index, a move two."""
    answers = [{"Item": ITEM}, {}, {"Error": REFUSED | {"Item": ITEM}}]
    table = backend(Service(batch_execute_statement={"Responses": answers})).sweep
    assert table.delete_stale([Hint(name, 10) for name in "abc"], cutoff=100).units == 3 + 1
    assert table.postpone([Move(Hint(name, 10), 500) for name in "abc"]) == Postponement(2, 3 + 2 * 2)


def test_a_list_of_hints_goes_on_where_the_service_says() -> None:
    """Its key is handed back as it came."""
    last = {"session_id": {"S": key()}}
    service = Service(query={"Items": [], "LastEvaluatedKey": last}, scan={"Items": [], "LastEvaluatedKey": last})
    table = backend(service).sweep
    assert table.due("1", until=100, limit=10, after=None).after == last
    assert table.scan(3, segments=8, until=100, after=last).after == last
    (_, query), (_, scan) = service.requests
    assert "ExclusiveStartKey" not in query
    assert (query["IndexName"], query["Limit"]) == ("sweep", 10)
    assert scan["ExclusiveStartKey"] == last
    assert (scan["Segment"], scan["TotalSegments"], scan["ProjectionExpression"]) == (3, 8, "session_id")
    assert "ConsistentRead" not in scan


@pytest.mark.parametrize(("code", "is_transient"), [("ThrottlingException", True), ("AccessDeniedException", False)])
def test_a_call_that_is_refused_as_a_whole_is_an_unavailable_store(code: str, is_transient: bool) -> None:
    """Nothing is known of any of its sessions."""
    refusal = ClientError({"Error": {"Code": code}}, "BatchExecuteStatement")
    table = backend(Service(batch_execute_statement=refusal)).sweep
    with pytest.raises(StoreUnavailableError) as error:
        table.delete_stale([Hint(key(), 10)], cutoff=100)
    assert error.value.is_transient is is_transient

"""The records of a table's stream that PartiQL statements make. MiniStack writes none for them; DynamoDB does.

The sweeper removes sessions with such statements, and events are made from the stream.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any

Statement = Callable[..., Any]


def record_what_statements_change() -> None:
    """Change MiniStack, before it serves anything. Raises ``AttributeError`` where a version has no such place."""
    from ministack.services import dynamodb  # type: ignore[import-not-found]

    def recording(statement: Statement) -> Statement:
        def recorded(table: Mapping[str, Any], parsed: Any, *others: Any) -> Any:
            hash_key, range_key, *_ = dynamodb._partiql_key_target(table, parsed)

            def stored() -> Any:
                return table["items"].get(hash_key, {}).get(range_key)

            before = copy.deepcopy(stored())
            answer = statement(table, parsed, *others)
            after = stored()
            if before is not None and before != after:
                name = "REMOVE" if after is None else "MODIFY"
                dynamodb._emit_stream_event(table["TableName"], name, before, after)
            return answer

        return recorded

    dynamodb._partiql_delete = recording(dynamodb._partiql_delete)
    dynamodb._partiql_update = recording(dynamodb._partiql_update)

"""What CloudFormation refuses and MiniStack carries out, refused here as well. Repairs nothing: devstack/repairs does.

A deployment that works on this machine and not on AWS is worse than none, because the first to notice is a user with
sessions in the table.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Exports = Mapping[str, Mapping[str, str]]
"""By its name each export, with its ``StackId`` and its ``Value``."""


def refuse_what_cloudformation_refuses() -> None:
    """Change MiniStack, before it serves anything. Raises ``AttributeError`` where a version has no such place."""
    from ministack.services import cloudformation  # type: ignore[import-not-found]
    from ministack.services.cloudformation import handlers, provisioners, stacks  # type: ignore[import-not-found]

    resolve = stacks._resolve_stack_outputs
    table = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    update = table["update"]

    def importers(export: str) -> list[str]:
        return [
            name
            for name, stack in cloudformation._stacks.items()
            if "DELETE" not in stack.get("StackStatus", "") and export in handlers._imported_export_names(stack, name)
        ]

    def resolved(*arguments: Any) -> Any:
        outputs, exports = resolve(*arguments)
        before = {
            name: export for name, export in cloudformation._exports.items() if export["StackId"] == arguments[-1]
        }
        for refusal in changed_exports(before, exports, importers):
            raise ValueError(refusal)
        return outputs, exports

    def updated(physical_id: str, old: Any, new: Any, *others: Any) -> Any:
        for refusal in changed_indexes(old, new):
            raise ValueError(refusal)
        return update(physical_id, old, new, *others)

    stacks._resolve_stack_outputs = resolved
    table["update"] = updated


def changed_exports(before: Exports, after: Exports, importers: Callable[[str], list[str]]) -> Iterator[str]:
    """A sentence for each export that has another value, or is gone, while another stack imports it."""
    for name, export in before.items():
        if name in after and after[name]["Value"] == export["Value"]:
            continue
        if used := importers(name):
            what = "updated" if name in after else "deleted"
            yield f"Export {name} cannot be {what} as it is in use by {', '.join(sorted(used))}"


def changed_indexes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """A sentence where an update of a table makes or removes more than one index, or changes one."""
    before, after = _indexes(old), _indexes(new)
    if len(before.keys() ^ after.keys()) > 1:
        yield "Cannot perform more than one GSI creation or deletion in a single update"
    for name in sorted(before.keys() & after.keys()):
        if before[name] != after[name]:
            yield f"Cannot update the keys or the projection of the GSI {name}: create another with a different name"


def _indexes(table: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    indexes = table.get("GlobalSecondaryIndexes") or ()
    return {index["IndexName"]: (index["KeySchema"], index["Projection"]) for index in indexes}

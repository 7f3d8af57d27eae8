"""Saved queries of CloudWatch Logs Insights, which MiniStack does not know: accepted, and not stored.

What they say is judged in tests/stack; here no console would show them.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4


def take_saved_queries() -> None:
    """Change MiniStack, before it serves anything."""
    from ministack.services.cloudformation import provisioners  # type: ignore[import-not-found]

    provisioners._RESOURCE_HANDLERS.setdefault("AWS::Logs::QueryDefinition", _handlers())


def _handlers() -> Mapping[str, Any]:
    def created(_logical_id: str, _properties: Any, _stack_name: str) -> tuple[str, dict[str, str]]:
        name = str(uuid4())
        return name, {"QueryDefinitionId": name}

    def updated(physical_id: str, _old: Any, _new: Any, _stack_name: str) -> tuple[str, dict[str, str]]:
        return physical_id, {"QueryDefinitionId": physical_id}

    def deleted(_physical_id: str, _properties: Any) -> None:
        """Nothing was kept."""

    return {"create": created, "update": updated, "delete": deleted}

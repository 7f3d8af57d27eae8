"""docs/openapi.yaml as a judge of answers. Makes no request."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

ROOT: Final = Path(__file__).parents[2]
_NAME: Final = "urn:openapi"


class Specification:
    """The OpenAPI document of the HTTP API."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
        self._registry: Registry[Any] = Registry().with_resource(_NAME, DRAFT202012.create_resource(self.document))

    def operations(self) -> dict[str, dict[str, Any]]:
        """Every operation by its route key."""
        methods = ("get", "put", "post", "patch", "delete")
        return {
            f"{method.upper()} {path}": item[method]
            for path, item in self.document["paths"].items()
            for method in methods
            if method in item
        }

    def parameters(self, key: str, *, place: str) -> set[str]:
        """The names of an operation's parameters in the ``query``, ``header`` or ``path``."""
        shared = self.document["paths"][key.split()[1]].get("parameters", [])
        own = self.operations()[key].get("parameters", [])
        return {each["name"] for each in map(self._followed, shared + own) if each["in"] == place}

    def judge(self, key: str, *, status: int, headers: Mapping[str, str], document: object) -> None:
        """Fails unless the operation may answer so; ``document`` is the parsed body, ``None`` when it is empty."""
        operation = self.operations()[key]
        assert str(status) in operation["responses"], f"{key} is not said to answer {status}"
        response = self._followed(operation["responses"][str(status)])
        for name, header in response["headers"].items():
            self._check(headers.get(name), self._followed(header)["schema"])
        if "content" not in response:
            assert document is None
            return
        content = response["content"][headers["Content-Type"]]
        self._check(document, content["schema"])

    def check_examples(self) -> int:
        """Fails unless every example of a body fits its schema; how many there are."""
        contents = list(self._contents(self.document))
        for schema, example in contents:
            self._check(example, schema)
        return len(contents)

    def _contents(self, node: object) -> Any:  # noqa: ANN401  # pairs of JSON values
        if isinstance(node, dict) and "schema" in node and "examples" in node:
            for example in node["examples"].values():
                yield node["schema"], self._followed(example)["value"]
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        for child in children:
            yield from self._contents(child)

    def _check(self, value: object, schema: Mapping[str, Any]) -> None:
        absolute = {"$ref": _NAME + schema["$ref"]} if "$ref" in schema else schema
        Draft202012Validator(absolute, registry=self._registry, format_checker=FormatChecker()).validate(value)

    def _followed(self, node: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in node:
            return node
        found: Any = self.document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return self._followed(found)

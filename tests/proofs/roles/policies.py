"""What IAM would say: policies of a template with their references filled in, and calls judged by them.

Knows just what Sojourn's policies say. Anything else is an error, never a pass.
"""

import fnmatch
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from devstack.template import Template

PARTITION = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "000000000000"}


class Call(NamedTuple):
    """One thing that IAM is asked about. ``keys`` are the values of partition keys; ``None`` where there are none."""

    action: str
    resource: str
    keys: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one resource; either may hold wildcards. ``keys`` is a pattern for partition keys."""

    action: str
    resource: str
    keys: str | None = None

    def allows(self, call: Call) -> bool:
        """Whether this alone is enough."""
        if not _matches(self.action, call.action) or not _matches(self.resource, call.resource):
            return False
        if self.keys is None:
            return True
        return bool(call.keys) and all(_matches(self.keys, key) for key in call.keys or ())


def allowed(grants: list[Grant], call: Call) -> bool:
    """Whether any of them allows it; none of our policies forbids."""
    return any(grant.allows(call) for grant in grants)


@dataclass(frozen=True, slots=True)
class Names:
    """What the references of a template stand for."""

    values: Mapping[str, str]
    conditions: Mapping[str, bool]

    def grants(self, document: Mapping[str, Any]) -> list[Grant]:
        """Every action on every resource of a policy document."""
        return list(self._grants(document))

    def _grants(self, document: Mapping[str, Any]) -> Iterator[Grant]:
        for given in document["Statement"]:
            statement = self.filled(given)
            if statement is None:
                continue
            if set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"} or statement["Effect"] != "Allow":
                raise NotImplementedError(statement)
            keys = _keys(statement.get("Condition"))
            for action in _listed(statement["Action"]):
                for resource in _listed(statement["Resource"]):
                    yield Grant(action, resource, keys)

    def filled(self, value: Any) -> Any:  # noqa: ANN401, PLR0911  # a template is JSON; a case each
        """``value`` with what references stand for; ``None`` for nothing at all."""
        if isinstance(value, list):
            return [self.filled(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        match value:
            case {"Ref": "AWS::NoValue"}:
                return None
            case {"Ref": name}:
                return self.values[name]
            case {"Fn::GetAtt": [resource, attribute]}:
                return self.values[f"{resource}.{attribute}"]
            case {"Fn::If": [condition, if_so, if_not]}:
                return self.filled(if_so if self.conditions[condition] else if_not)
            case {"Fn::Sub": [str(text), dict(more)]}:
                return self._substituted(text, {name: self.filled(part) for name, part in more.items()})
            case {"Fn::Sub": str(text)}:
                return self._substituted(text, {})
        if any(name.startswith("Fn::") for name in value):
            raise NotImplementedError(value)
        return {name: self.filled(part) for name, part in value.items()}

    def _substituted(self, text: str, more: Mapping[str, str]) -> str:
        return re.sub(r"\$\{([^}]+)\}", lambda name: {**self.values, **more}[name[1]], text)


def policy_of(template: Template, resource: str) -> Mapping[str, Any]:
    """The one policy document that a function or a managed policy of the template brings itself."""
    properties = template["Resources"][resource]["Properties"]
    if "PolicyDocument" in properties:
        document: Mapping[str, Any] = properties["PolicyDocument"]
        return document
    (own,) = [policy for policy in properties["Policies"] if "Statement" in policy]
    return dict(own)


def _keys(condition: Mapping[str, Any] | None) -> str | None:
    if condition is None:
        return None
    match condition:
        case {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": str(pattern)},
            "Null": {"dynamodb:LeadingKeys": "false"},
        }:
            return pattern
    raise NotImplementedError(condition)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _matches(pattern: str, text: str) -> bool:
    # IAM knows * and ?, and no brackets.
    return re.fullmatch(fnmatch.translate(pattern.replace("[", "[[]")), text) is not None

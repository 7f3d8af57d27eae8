"""Makes layers/only.yaml of template.yaml: the table, the layer, its policy and the sweep, without an HTTP API.

``python -m devstack.only`` writes it; a test keeps the two alike. Deploys nothing.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from devstack.layout import ROOT
from devstack.template import Template, read_template

TARGET = ROOT / "layers" / "only.yaml"

_LEFT_OUT = re.compile(
    r"(Read|Write|Expire)(Function|Logs|Integration|Permission)|Api.*|.*Route|.*Query|Dashboard|Authorizer.*"
    r"|Events.*|Stream.*|ServiceLayerArnParameter"
)
_HEAD = """# Sojourn for applications that import the library (Flask, Django or FastAPI, say) and need no HTTP API:
# the table, the bucket, the layer, its policy, the sweep and its alarms.
# Made of template.yaml by `python -m devstack.only`.
"""


def only() -> Template:
    """The template. What nothing refers to any more is left out."""
    template = read_template()
    template["Description"] = (
        "Sojourn - sessions in DynamoDB for applications that import the library, and their sweep."
    )
    template["Resources"] = {
        name: _moved(resource) for name, resource in template["Resources"].items() if not _LEFT_OUT.fullmatch(name)
    }
    conditions = template["Conditions"]
    kept = _closed(
        {name for part in (template["Resources"], template["Globals"]) for name in _conditions(part)}, conditions
    )
    template["Conditions"] = {name: rule for name, rule in conditions.items() if name in kept}
    template["Outputs"] = {
        name: output
        for name, output in template["Outputs"].items()
        if not _dangling(output, template) and name != "ServiceLayerArn"
    }
    for part in ("Mappings", "Parameters"):
        template[part] = {name: found for name, found in template[part].items() if name in _named(template)}
    template.pop("Rules", None)
    template["Metadata"] = _grouped(template)
    return template


def written() -> str:
    """The text of layers/only.yaml."""
    return _HEAD + yaml.dump(only(), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """Without anchors, which CloudFormation does not read."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # as PyYAML calls it
        return True


def _moved(resource: dict[str, Any]) -> dict[str, Any]:
    """With its code's folder as seen from layers/."""
    properties = resource.get("Properties", {})
    for name in ("CodeUri", "ContentUri"):
        if isinstance(properties.get(name), str):
            inside = properties[name].removeprefix("layers/")
            properties[name] = inside if inside != properties[name] else f"../{inside}"
    return resource


def _conditions(part: object) -> Iterator[str]:
    """The names of those that something in ``part`` depends on."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "Condition" and isinstance(value, str):
                yield value
            elif key == "Fn::If":
                yield value[0]
            yield from _conditions(value)
    elif isinstance(part, list):
        for item in part:
            yield from _conditions(item)


def _closed(names: set[str], conditions: dict[str, Any]) -> set[str]:
    """With those that they are made of."""
    more = names | {inner for name in names for inner in _conditions(conditions[name])}
    return names if more == names else _closed(more, conditions)


def _named(template: Template) -> set[str]:
    """Whatever resources, conditions, outputs and globals refer to."""
    parts = {name: template[name] for name in ("Resources", "Conditions", "Outputs", "Globals")}
    return set(re.findall(r"[A-Za-z0-9]+", yaml.dump(parts, Dumper=_Dumper)))


def _dangling(output: dict[str, Any], template: Template) -> bool:
    """Whether ``output`` is of something that is not there."""
    if "Condition" in output and output["Condition"] not in template["Conditions"]:
        return True
    value = output["Value"]
    target = value.get("Ref") or value["Fn::GetAtt"][0]
    return target not in template["Resources"] and target not in template["Parameters"]


def _grouped(template: Template) -> dict[str, Any]:
    """The groups of parameters, with those that are left."""
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    groups = [
        {**group, "Parameters": [name for name in group["Parameters"] if name in template["Parameters"]]}
        for group in interface["ParameterGroups"]
    ]
    return {"AWS::CloudFormation::Interface": {"ParameterGroups": [group for group in groups if group["Parameters"]]}}


def main(target: Path = TARGET) -> None:
    """Write it."""
    target.write_text(written())


if __name__ == "__main__":
    main()

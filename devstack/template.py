"""Reading template.yaml, with CloudFormation's short tags written out. Judges nothing."""

from pathlib import Path
from typing import Any, TypeAlias

import yaml

from devstack.layout import ROOT

Template: TypeAlias = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML with ``!Ref`` and its kind."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, object]:
    if suffix == "GetAtt" and isinstance(node, yaml.ScalarNode):
        return {"Fn::GetAtt": str(loader.construct_scalar(node)).split(".", 1)}
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)  # noqa: S101  # YAML has no fourth kind of node
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)


def read_template(file: Path = ROOT / "template.yaml") -> Template:
    """The template as plain dicts and lists, intrinsic functions in their long form."""
    return parsed(file.read_text())


def parsed(text: str) -> Template:
    """The same of a template's text."""
    content: Template = yaml.load(text, Loader=_Loader)  # noqa: S506  # built on SafeLoader
    return content

"""The template as CloudFormation gets it: `python -m tests.stack.translate template.yaml > translated.json`."""

import json
import sys
from pathlib import Path
from typing import Any

from samtranslator.translator.transform import transform  # type: ignore[import-untyped]

from devstack.template import read_template

# What is uploaded before a deployment; the translator refuses anything but an address in S3.
LOCAL = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


class NoManagedPolicies:
    """The template names no managed policy by AWS's name, so none is asked for."""

    def load(self) -> dict[str, str]:
        """None."""
        return {}


def translated(path: Path) -> dict[str, Any]:
    """The template at ``path`` after the SAM transform, with its parameters' defaults left as parameters."""
    template = dict(read_template(path))
    for resource in template["Resources"].values():
        if resource["Type"] in LOCAL:
            resource["Properties"][LOCAL[resource["Type"]]] = "s3://bucket/key"
    answer: dict[str, Any] = transform(template, {}, NoManagedPolicies())
    return answer


if __name__ == "__main__":
    json.dump(translated(Path(sys.argv[1])), sys.stdout, indent=1)

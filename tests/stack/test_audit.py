"""What the audits are made of, since their own answers change with the tools and the day."""

import re
from typing import Any

import pytest

from tests.stack.advisories import ENVIRONMENTS, ROOT, complaints
from tests.stack.translate import translated

SOUND = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "Dependency not found on PyPI"}
VULNERABLE = {"name": "c", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ([SOUND], []),
        ([], ["no package was audited"]),
        ([SKIPPED], ["b: not audited: Dependency not found on PyPI"]),
        ([SOUND, VULNERABLE, SKIPPED], ["c 2: PYSEC-1, fixed in 3", "b: not audited: Dependency not found on PyPI"]),
    ],
)
def test_what_was_not_audited_is_no_pass(packages: list[dict[str, object]], expected: list[str]) -> None:
    """Nor is nothing at all."""
    assert list(complaints({"dependencies": packages})) == expected


def test_every_environment_is_audited() -> None:
    """The tools, the emulator and what the layers ship."""
    names = {str(path.relative_to(ROOT)) for path in ENVIRONMENTS}
    assert names >= {"requirements/tools.txt", "layers/service/requirements.txt", "layers/encryption/requirements.txt"}


def test_every_skipped_check_has_its_reason() -> None:
    """Above it, in the file."""
    lines = (ROOT / ".checkov.yaml").read_text().split("skip-check:\n")[1].splitlines()
    skipped = [number for number, line in enumerate(lines) if re.fullmatch(r"  - CKV_AWS_\d+", line)]
    assert skipped
    assert all(lines[number - 1].startswith("  # ") for number in skipped)


def test_the_translated_template_is_what_cloudformation_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of SAM's is left; every route of the API asks for IAM; every function has a role of its own."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    resources: dict[str, Any] = translated(ROOT / "template.yaml")["Resources"]
    assert not [name for name, resource in resources.items() if "Serverless" in resource["Type"]]
    functions = [resource for resource in resources.values() if resource["Type"] == "AWS::Lambda::Function"]
    assert len({str(function["Properties"]["Role"]) for function in functions}) == len(functions) == 6
    routes = [resource for resource in resources.values() if resource["Type"] == "AWS::ApiGatewayV2::Route"]
    assert len(routes) > 9
    assert {route["Properties"]["AuthorizationType"] for route in routes} == {"AWS_IAM"}

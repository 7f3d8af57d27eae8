"""samconfig.toml: no command that the documentation shows can put one template over another's stack."""

import copy
import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

from devstack.layout import ROOT

Config = dict[str, Any]

# `default` and `local` deploy template.yaml, on AWS and to the emulator.
TEMPLATES = {
    "encryption": "layers/encryption.yaml",
    "namespace": "layers/namespace.yaml",
    "only": "layers/only.yaml",
    "records": "functions/records.yaml",
}


def collisions(config: Config, shop: Config) -> Iterator[str]:
    """What could go over what: an environment without its template, or two templates with one stack."""
    for name, template in TEMPLATES.items():
        tables = config.get(name, {})
        if template not in (tables.get(step, {}).get("parameters", {}).get("template_file") for step in tables):
            yield f"{name} does not say that it is {template}"
        build, deploy = (tables.get(step, {}).get("parameters", {}) for step in ("build", "deploy"))
        folder = build.get("build_dir")
        if build and (not folder or deploy.get("template_file") != f"{folder}/template.yaml"):
            yield f"{name} does not deploy what it built"
    folders = [config.get(name, {}).get("build", {}).get("parameters", {}).get("build_dir") for name in TEMPLATES]
    if len(set(folders)) != len(folders) or ".aws-sam/build" in folders:
        yield "two templates are built in one folder"
    taken: dict[str, str] = {}
    for file, content in (("", config), ("examples/shop", shop)):
        for name, tables in content.items():
            stack = isinstance(tables, dict) and tables.get("global", {}).get("parameters", {}).get("stack_name")
            template = file or TEMPLATES.get(name, "template.yaml")
            if stack and taken.setdefault(stack, template) != template:
                yield f"{stack} is a stack of {taken[stack]} and of {template}"


def read() -> tuple[Config, Config]:
    """The repository's own file, and the shop's."""
    files = (ROOT / "samconfig.toml", ROOT / "examples/shop/samconfig.toml")
    ours, shops = (tomllib.loads(file.read_text()) for file in files)
    return ours, shops


def test_every_template_has_an_environment_and_a_stack_of_its_own() -> None:
    """So `--guided` writes its answers where the next plain `sam deploy` does not find them."""
    assert list(collisions(*read())) == []


def test_a_shared_environment_is_noticed() -> None:
    """Without its template, without its environment, or with the name of another stack."""
    config, shop = read()
    changes: list[Callable[[Config], object]] = [
        lambda mutant: mutant["records"]["build"]["parameters"].pop("template_file"),
        lambda mutant: mutant.pop("namespace"),
        lambda mutant: mutant["records"]["global"]["parameters"].update(stack_name="sojourn"),
        lambda mutant: mutant["encryption"]["build"]["parameters"].pop("build_dir"),
        lambda mutant: mutant["records"]["deploy"]["parameters"].pop("template_file"),
        lambda mutant: mutant["records"]["build"]["parameters"].update(build_dir=".aws-sam/encryption"),
        lambda mutant: mutant["encryption"]["global"]["parameters"].update(stack_name="sojourn-shop"),
    ]
    for change in changes:
        mutant = copy.deepcopy(config)
        change(mutant)
        assert list(collisions(mutant, shop))


def test_the_documentation_deploys_each_template_in_its_environment() -> None:
    """No command names a template, and so puts it where plain commands look for another; nor a stack of another's."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    commands = [
        command
        for page in pages
        for command in re.findall(r"sam (?:build|deploy)[^\n&|]*", page.read_text().replace("\\\n", " "))
    ]
    assert len(commands) > 5
    for command in commands:
        assert "--template" not in command, command
        assert not re.search(r"--stack-name[ =]sojourn(-shop|-records|-encryption)?(\s|$)", command), command

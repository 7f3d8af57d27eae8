"""docs/operations.md as something to carry out: its code blocks, and its ``aws dynamodb`` commands with boto3."""

import re
import shlex
import textwrap
from typing import TYPE_CHECKING

from devstack.layout import ROOT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PAGE = (ROOT / "docs" / "operations.md").read_text()


def section(title: str) -> str:
    """From its heading to the next one."""
    return PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def blocks(title: str, language: str) -> list[str]:
    """The code blocks of one language in a section, without the indentation of a list."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", section(title), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in found]


def carry_out(client: "DynamoDBClient", block: str, **variables: str) -> None:
    """Each ``aws dynamodb`` command of a block. Its words are the API's, in other letters."""
    for line in block.replace("\\\n", " ").splitlines():
        words = [variables.get(word.removeprefix("$"), word) for word in shlex.split(line)]
        if words[:3] == ["aws", "dynamodb", "wait"]:
            client.get_waiter("table_exists").wait(TableName=words[-1])
        elif words[:2] == ["aws", "dynamodb"]:
            getattr(client, words[2].replace("-", "_"))(**_options(words[3:]))
        else:
            raise NotImplementedError(line)


def _options(words: list[str]) -> dict[str, object]:
    options: dict[str, object] = {}
    for word, following in zip(words, [*words[1:], "--"], strict=True):
        if not word.startswith("--"):
            continue
        name = re.sub("-(.)", lambda letter: letter[1].upper(), word.removeprefix("-"))
        options[name] = True if following.startswith("--") else _value(following)
    return options


def _value(text: str) -> object:
    """The CLI's short form of an object, or the text itself."""
    if "=" not in text:
        return text
    pairs = (pair.split("=", 1) for pair in text.split(","))
    return {name: {"true": True, "false": False}.get(value, value) for name, value in pairs}

"""Every command that docs/http-api.md shows is carried out, in its order, and the response is what the page shows."""

import argparse
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.service.gateway import Answer, Gateway
from tests.service.specification import ROOT

PAGE: Final = (ROOT / "docs/http-api.md").read_text()


@dataclass(frozen=True, slots=True)
class Example:
    """One command of curl's and the answer that the page shows."""

    command: str
    status: int
    headers: dict[str, str]
    document: object


def examples() -> list[Example]:
    """Every ``$ call`` of the page's console blocks."""
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [example(text) for block in blocks for text in re.split(r"^\$ call ", block, flags=re.MULTILINE)[1:]]


def example(text: str) -> Example:
    """A command, with its continuation lines, then the answer as ``curl -i`` prints it."""
    command, _, answer = text.partition("\nHTTP/2 ")
    head, _, body = answer.partition("\n\n")
    status, *lines = head.splitlines()
    headers = {name: value for name, _, value in (line.partition(": ") for line in lines)}
    return Example(command.replace("\\\n", " "), int(status), headers, json.loads(body) if body.strip() else None)


def sent(gateway: Gateway, command: str, variables: Mapping[str, str]) -> Answer:
    """The request that curl would make of a command."""
    filled = re.sub(r"\$([A-Z_]+)", lambda name: variables[name[1]], command)
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="body")
    parser.add_argument("--json", dest="document")
    given = parser.parse_args(shlex.split(filled))
    headers = {name.lower(): value for name, _, value in (header.partition(": ") for header in given.headers)}
    if given.document is not None:
        headers["content-type"] = "application/json"
    body = given.body or given.document
    return gateway.send(given.method or ("GET" if body is None else "POST"), given.url, headers=headers, body=body)


def fits(actual: object, shown: object) -> bool:
    """Whether an answer is as shown; a shown string that ends in … stands for whatever begins like it."""
    if isinstance(shown, str) and shown.endswith("…"):
        return isinstance(actual, str) and actual.startswith(shown[:-1])
    if isinstance(shown, dict) and isinstance(actual, dict):
        return list(shown) == list(actual) and all(fits(actual[name], value) for name, value in shown.items())
    if isinstance(shown, list) and isinstance(actual, list):
        return len(shown) == len(actual) and all(map(fits, actual, shown))
    return actual == shown


def test_the_pages_commands_answer_what_it_shows(gateway: Gateway) -> None:
    """A reader who types them in this order sees this."""
    variables = {"API_URL": "", "TOKEN": "", "OLD_TOKEN": "", "ID": ""}
    shown = examples()
    assert len(shown) == PAGE.count("$ call ") > 10
    for one in shown:
        answer = sent(gateway, one.command, variables)
        assert answer.status == one.status, one.command
        assert one.headers.items() <= {name.lower(): value for name, value in answer.headers.items()}.items()
        document = answer.json() if answer.body else None
        assert fits(document, one.document), (one.command, answer.body)
        if one.status < 300 and isinstance(document, dict) and "id" in document:
            variables["ID"] = document["id"]
            if "token" in document:
                variables |= {"OLD_TOKEN": variables["TOKEN"], "TOKEN": document["token"]}

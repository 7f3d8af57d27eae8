"""What `make status` says of a stack that runs."""

from pathlib import Path

import pytest

from devstack.guidance import guidance
from devstack.layout import Layout
from devstack.lifecycle import take_down
from devstack.stack import Credentials, Stack

STACK = Stack(
    api_url="http://127.0.0.1:4566/api",
    endpoint_url="http://127.0.0.1:4566",
    region="us-east-1",
    table="sessions",
    bucket="overflow",
    layer_arn="arn:layer:1",
    client_policy_arn="arn:policy",
    stack_name="sojourn",
    credentials=Credentials("test", "test"),
)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Of a stack on the usual port."""
    return Layout(local=tmp_path, port=4566)


def test_the_shop_is_remembered_as_long_as_the_stack(layout: Layout) -> None:
    """Its address is shown after `make demo`, and forgotten with the stack that it stood beside."""
    assert "the shop is open" not in guidance(STACK, layout)
    layout.shop_file.write_text("http://127.0.0.1:4566/shop/")
    assert "  # the shop is open\n  http://127.0.0.1:4566/shop/\n" in guidance(STACK, layout)
    take_down(layout)
    assert "the shop is open" not in guidance(STACK, layout)


def test_every_command_is_said_what_it_does(layout: Layout) -> None:
    """A comment leads each; of those that end or prove the stack, too."""
    parts = guidance(STACK, layout).strip().split("\n\n")[2:]
    assert [part for part in parts if not part.startswith("  # ")] == []
    assert [part.splitlines()[-1].split()[:2] for part in parts[-2:]] == [["make", "verify"], ["make", "down"]]

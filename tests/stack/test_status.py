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
    assert "The shop is open" not in guidance(STACK, layout)
    layout.shop_file.write_text("http://127.0.0.1:4566/shop/")
    assert "The shop is open: http://127.0.0.1:4566/shop/" in guidance(STACK, layout)
    take_down(layout)
    assert "The shop is open" not in guidance(STACK, layout)

"""The next version, deployed while other stacks stand on this one."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.request import urlopen

import pytest

from devstack import deployment
from devstack.beside import deploy_beside, open_shop
from devstack.clients import Clients
from devstack.layout import ROOT, Layout, free_port
from devstack.lifecycle import temporary_stack
from devstack.signing import call
from devstack.stack import Stack
from sojourn import Settings, open_store

RECORDS = ROOT / "functions" / "records.yaml"


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Sojourn, and the stacks beside it with the URLs of their APIs."""

    stack: Stack
    layout: Layout
    shop: str
    records: str


@pytest.fixture(scope="module")
def neighbourhood(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbourhood]:
    """All three, of this module's own: what is deployed here has a changed library."""
    layout = Layout(local=tmp_path_factory.mktemp("upgrade") / "local", port=free_port())
    layout.local.mkdir()
    with temporary_stack(layout) as stack:
        shop = open_shop(stack, layout)
        yield Neighbourhood(stack, layout, shop, deploy_beside(stack, layout, RECORDS, name="sojourn-records"))


def layers_of(stack: Stack, function: str) -> list[str]:
    """The versions that a deployed function is on."""
    functions = Clients(stack.endpoint_url).functions
    return [layer["Arn"] for layer in functions.get_function_configuration(FunctionName=function)["Layers"]]


def function_of(stack: Stack, stack_name: str, logical_id: str) -> str:
    """Its name."""
    described = Clients(stack.endpoint_url).cloudformation.describe_stack_resource(
        StackName=stack_name, LogicalResourceId=logical_id
    )
    return described["StackResourceDetail"]["PhysicalResourceId"]


def change_the_library(layout: Layout) -> None:
    """As an edit and `sam build` do."""
    for layer, package in (("ClientLayer", "sojourn"), ("ServiceLayer", "sojourn_service")):
        with (layout.build / layer / "python" / package / "__init__.py").open("a") as module:
            module.write("\n# the next version\n")


def every_way_works(there: Neighbourhood, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API, the shop and the records API."""
    assert call(there.stack, "POST", "/sessions", body={"data": {}}).status == 201
    with urlopen(there.shop, timeout=30) as page:  # noqa: S310  # our own
        assert page.status == 200
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", there.stack.credentials.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", there.stack.credentials.secret_access_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", there.stack.region)
    store = open_store(Settings(records_url=there.records))
    assert store.read(store.create({"a": 1}).token)


@pytest.mark.slow
def test_a_new_layer_is_deployed_under_the_stacks_that_use_it(
    neighbourhood: Neighbourhood, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They go on with the version they have, and take the new one with their own next deployment, unchanged."""
    stack, layout = neighbourhood.stack, neighbourhood.layout
    every_way_works(neighbourhood, monkeypatch)
    session = call(stack, "POST", "/sessions", body={"data": {"cart": ["teapot"]}}).json()
    functions = [function_of(stack, "sojourn-shop", "Shop"), function_of(stack, "sojourn-records", "Records")]
    before = {name: layers_of(stack, name) for name in functions}

    change_the_library(layout)
    deployment.deploy(layout, overrides={})
    renewed = deployment.describe(layout)
    assert renewed.layer_arn != stack.layer_arn
    assert {name: layers_of(stack, name) for name in functions} == before
    every_way_works(neighbourhood, monkeypatch)
    read = call(stack, "GET", "/session", headers={"session-token": session["token"]})
    assert (read.status, read.json()["data"]) == (200, {"cart": ["teapot"]})
    for arn in before[functions[1]]:  # both are retained, and can be attached again
        assert Clients(stack.endpoint_url).functions.get_layer_version_by_arn(Arn=arn)["Version"]

    open_shop(renewed, layout)
    deploy_beside(renewed, layout, RECORDS, name="sojourn-records")
    for name in functions:
        assert renewed.layer_arn in layers_of(stack, name)
        assert not set(layers_of(stack, name)) & set(before[name])
    every_way_works(neighbourhood, monkeypatch)

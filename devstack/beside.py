"""SAM applications beside a stack, which import its exports: the shop of examples/shop, and the records API."""

from pathlib import Path

from devstack.clients import Clients
from devstack.deployment import run_sam
from devstack.layout import ROOT, Layout
from devstack.stack import Stack

_SHOP = ROOT / "examples" / "shop"


def open_shop(stack: Stack, layout: Layout) -> str:
    """Build and deploy it, again where it is already; answers its URL."""
    return deploy_beside(stack, layout, _SHOP / "template.yaml", name="sojourn-shop") + "/"


def deploy_beside(stack: Stack, layout: Layout, template: Path, *, name: str) -> str:
    """Deploy a template whose one output is the URL of its API; answers it in the form that needs no name resolved."""
    built = (layout.local / f"{name}-build").resolve()
    # The settings of the shop's own file are for whoever deploys it by hand; these would do for any.
    config = ("--config-env=local", f"--config-file={_SHOP / 'samconfig.toml'}", f"--stack-name={name}")
    run_sam(layout, "build", *config[:2], f"--template-file={template}", f"--build-dir={built}")
    overrides = ("--parameter-overrides", f"Sojourn={stack.stack_name}")
    run_sam(layout, "deploy", *config, f"--template-file={built / 'template.yaml'}", *overrides)
    described = Clients(stack.endpoint_url).cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    (url,) = (output["OutputValue"] for output in described["Outputs"])
    api_id = url.removeprefix("http://").removeprefix("https://").partition(".")[0]
    return f"{stack.endpoint_url}/_aws/execute-api/{api_id}/$default"

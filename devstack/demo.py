"""The shop of examples/shop, deployed beside a stack as its own SAM application."""

from devstack.clients import Clients
from devstack.deployment import run_sam
from devstack.layout import ROOT, Layout
from devstack.stack import Stack

_SHOP = ROOT / "examples" / "shop"
_STACK_NAME = "sojourn-shop"


def open_shop(stack: Stack, layout: Layout) -> str:
    """Build and deploy it, again where it is already; answers its URL."""
    built = (layout.local / "shop-build").resolve()
    config = ("--config-env=local", f"--config-file={_SHOP / 'samconfig.toml'}")
    run_sam(layout, "build", *config, f"--template-file={_SHOP / 'template.yaml'}", f"--build-dir={built}")
    overrides = ("--parameter-overrides", f"Sojourn={stack.stack_name}")
    run_sam(layout, "deploy", *config, f"--template-file={built / 'template.yaml'}", *overrides)
    described = Clients(stack.endpoint_url).cloudformation.describe_stacks(StackName=_STACK_NAME)["Stacks"][0]
    (url,) = (output["OutputValue"] for output in described["Outputs"])
    api_id = url.removeprefix("http://").removeprefix("https://").partition(".")[0]
    return f"{stack.endpoint_url}/_aws/execute-api/{api_id}/$default/"

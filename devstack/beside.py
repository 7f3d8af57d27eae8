"""SAM applications beside a stack, which find it by its SSM parameters: the shop of examples/shop, the records API."""

from pathlib import Path

from devstack.clients import Clients
from devstack.deployment import run_sam
from devstack.layout import ROOT, Layout
from devstack.stack import Stack
from devstack.template import read_template

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
    overrides = ("--parameter-overrides", *_whereabouts(template, stack))
    run_sam(layout, "deploy", *config, f"--template-file={built / 'template.yaml'}", *overrides)
    described = Clients(stack.endpoint_url).cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    (url,) = (output["OutputValue"] for output in described["Outputs"])
    api_id = url.removeprefix("http://").removeprefix("https://").partition(".")[0]
    return f"{stack.endpoint_url}/_aws/execute-api/{api_id}/$default"


def _whereabouts(template: Path, stack: Stack) -> list[str]:
    """The template's parameters that name SSM parameters of the stack ``sojourn``, for this one."""
    return [
        f"{name}={parameter['Default'].replace('/sojourn/', f'/{stack.stack_name}/')}"
        for name, parameter in read_template(template)["Parameters"].items()
        if parameter["Type"] == "AWS::SSM::Parameter::Value<String>"
    ]

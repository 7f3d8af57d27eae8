"""What must hold of functions/records.yaml beside template.yaml. Each public function is one rule, as there."""

from collections.abc import Iterator
from typing import Any

from devstack.template import Template, read_template

# What both stacks must be told alike, and where the second has it from.
SHARED = {"OverflowBytes": "SOJOURN_OVERFLOW_BYTES", "MaxBytes": "SOJOURN_MAX_BYTES"}
PUBLISHED = {
    "Table": "table",
    "Bucket": "bucket",
    "ClientLayerArn": "layer-arn",
    "ServiceLayerArn": "service-layer-arn",
    "ClientPolicyArn": "client-policy-arn",
    "MaxAbsoluteSeconds": "max-absolute-seconds",
}


def it_stores_as_the_stack_does(template: Template) -> Iterator[str]:
    """The same limits with the same bounds: the stack has to read what was stored here."""
    theirs, ours = read_template()["Parameters"], template["Parameters"]
    for name, variable in SHARED.items():
        if _variables(template).get(variable) != {"Ref": name}:
            yield f"{variable} is not set"
        for bound in ("Default", "MinValue", "MaxValue"):
            if ours.get(name, {}).get(bound) != theirs[name].get(bound):
                yield f"{name} has another {bound} than the stack's"


def it_finds_the_stack_by_its_parameters(template: Template) -> Iterator[str]:
    """Looked up at each deployment; the longest life among them, which the bucket's objects are kept for."""
    for name, published in PUBLISHED.items():
        parameter = template["Parameters"].get(name, {})
        if parameter.get("Type") != "AWS::SSM::Parameter::Value<String>":
            yield f"{name} is not looked up"
        if parameter.get("Default") != f"/sojourn/{published}":
            yield f"{name} is not the stack's"
    if _variables(template).get("SOJOURN_MAX_ABSOLUTE_SECONDS") != {"Ref": "MaxAbsoluteSeconds"}:
        yield "a session may live longer than its document"


def its_certificates_are_chosen_as_the_stacks(template: Template) -> Iterator[str]:
    """Off by default, and the same file of the same layer."""
    whole = read_template()
    theirs = whole["Globals"]["Function"]["Environment"]["Variables"]["AWS_CA_BUNDLE"]
    if _variables(template).get("AWS_CA_BUNDLE") != theirs:
        yield "AWS_CA_BUNDLE is not the stack's"
    if template["Conditions"].get("TrustsAmazonAlone") != whole["Conditions"]["TrustsAmazonAlone"]:
        yield "the certificates do not follow AmazonRootsOnly"
    for part in ("Default", "AllowedValues"):
        if template["Parameters"]["AmazonRootsOnly"][part] != whole["Parameters"]["AmazonRootsOnly"][part]:
            yield f"AmazonRootsOnly has another {part} than the stack's"


def it_is_throttled(template: Template) -> Iterator[str]:
    """As the HTTP API is."""
    settings = template["Resources"]["Stage"]["Properties"].get("DefaultRouteSettings", {})
    for name in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
        if settings.get(name) != {"Ref": name}:
            yield f"{name} is not set"


def its_access_log_may_grow(template: Template) -> Iterator[str]:
    """Every group outside of /aws/vendedlogs is written into a policy with a limit, which all APIs share."""
    name = str(template["Resources"]["ApiLogs"]["Properties"]["LogGroupName"])
    if "/aws/vendedlogs/${AWS::StackName}" not in name:
        yield f"the access log goes to {name}"


def its_metrics_are_its_own(template: Template) -> Iterator[str]:
    """By the name of the stack, and none of its lines is filtered."""
    if _variables(template).get("POWERTOOLS_SERVICE_NAME") != {"Ref": "AWS::StackName"}:
        yield "the metrics of two stacks are one"
    if _function(template).get("LoggingConfig") != {"LogFormat": "Text", "LogGroup": {"Ref": "Logs"}}:
        yield "Lambda filters what it logs"


def its_route_is_signed(template: Template) -> Iterator[str]:
    """The only one."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::ApiGatewayV2::Route" and (
            resource["Properties"].get("AuthorizationType") != "AWS_IAM"
            or resource["Properties"]["RouteKey"] != "POST /records"
        ):
            yield f"{name} is open"


def _function(template: Template) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"]["Records"]["Properties"]
    return properties


def _variables(template: Template) -> dict[str, Any]:
    variables: dict[str, Any] = _function(template)["Environment"]["Variables"]
    return variables

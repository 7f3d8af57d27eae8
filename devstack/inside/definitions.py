"""The routes of an HTTP API that is defined with OpenAPI, as ``Events: HttpApi`` makes it. MiniStack ignores them.

What cannot be carried over is refused with a sentence: an API that is less strict here than on AWS is worse than none.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_FUNCTION = re.compile(r".*:lambda:path/2015-03-31/functions/(.+)/invocations")
_INTEGRATION = "x-amazon-apigateway-integration"


class Route(NamedTuple):
    """A route key, the function it calls, the version of its events, and whether it asks for IAM."""

    key: str
    function: str
    payload: str
    is_signed: bool


def carry_definitions_out() -> None:
    """Change MiniStack, before it serves anything. Raises ``AttributeError`` where a version has no such place."""
    from ministack.services.cloudformation import provisioners  # type: ignore[import-not-found]

    kind = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    create, update = kind["create"], kind["update"]

    def fill(api: str, properties: Mapping[str, Any], stack_name: str) -> None:
        if not properties.get("Body"):
            return
        made = list(routes(properties["Body"]))  # all of them are judged before the first is made
        service = provisioners._apigw_v2
        service._routes[api], service._integrations[api] = {}, {}
        for number, route in enumerate(made):
            integration = {
                "ApiId": api,
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": route.function,
                "PayloadFormatVersion": route.payload,
            }
            name, _ = provisioners._apigw_v2_integration_create(f"Integration{number}", integration, stack_name)
            asks = "AWS_IAM" if route.is_signed else "NONE"
            properties_of_it = {"ApiId": api, "RouteKey": route.key, "AuthorizationType": asks}
            target = {"Target": f"integrations/{name}"}
            provisioners._apigw_v2_route_create(f"Route{number}", properties_of_it | target, stack_name)

    def created(logical_id: str, properties: Any, stack_name: str) -> Any:
        if properties.get("Body"):
            list(routes(properties["Body"]))
            properties = {"Name": properties["Body"].get("info", {}).get("title", logical_id), **properties}
        answer = create(logical_id, properties, stack_name)
        fill(answer[0], properties, stack_name)
        return answer

    def updated(physical_id: str, old: Any, new: Any, stack_name: str, *others: Any) -> Any:
        answer = update(physical_id, old, new, stack_name, *others)
        fill(answer[0], new, stack_name)
        return answer

    kind["create"], kind["update"] = created, updated


def routes(definition: Mapping[str, Any]) -> Iterator[Route]:
    """Those of an OpenAPI definition. Raises ``ValueError`` for what the emulator would not do as AWS does."""
    schemes = definition.get("components", {}).get("securitySchemes", {})
    for path, methods in definition.get("paths", {}).items():
        for method, operation in methods.items():
            verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
            key = "$default" if path in ("$default", "/$default") else f"{verb} {path}"
            integration = operation.get(_INTEGRATION, {})
            function = _FUNCTION.fullmatch(str(integration.get("uri", "")))
            if integration.get("type", "").lower() != "aws_proxy" or function is None:
                raise ValueError(f"devstack: {key} calls no Lambda function, which this machine's API cannot do")
            asked = operation.get("security", definition.get("security", []))
            signed = [_is_iam(schemes.get(name, {}), name) for requirement in asked for name in requirement]
            if not all(signed):
                raise ValueError(
                    f"devstack: {key} has an authorizer that is not IAM, which this machine's API does not carry out: "
                    "write the API as AWS::ApiGatewayV2 resources, or leave the authorizer to AWS by a condition"
                )
            yield Route(key, function[1], str(integration.get("payloadFormatVersion", "2.0")), bool(signed))


def _is_iam(scheme: Mapping[str, Any], name: str) -> bool:
    return name == "AWS_IAM" or scheme.get("x-amazon-apigateway-authtype") == "awsSigv4"

"""A deployed stack as its outputs and parameters describe it, and clients with the caller's own credentials."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from verify.refusals import said

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient


class UnreachableError(Exception):
    """There is no such stack, or the caller may not look at it. The message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """``api_url`` is ``API_URL`` of the environment where that is set: a domain of one's own."""

    stack: str
    session: boto3.Session
    api_url: str
    table: str
    bucket: str
    namespace: str
    layer_arn: str
    client_policy_arn: str
    max_bytes: int
    overflow_bytes: int

    @classmethod
    def of(cls, stack: str) -> "Deployment":
        """The stack of this name, in the environment's region. Raises ``UnreachableError``."""
        try:
            session = boto3.Session()
            described = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        except (BotoCoreError, ClientError) as error:
            reason = f"cannot look at the stack {stack}: {said(error)}; check STACK, REGION and the credentials"
            raise UnreachableError(reason) from error
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
        given = {one["ParameterKey"]: one["ParameterValue"] for one in described.get("Parameters", [])}
        try:
            return cls(
                stack=stack,
                session=session,
                api_url=os.environ.get("API_URL", outputs["ApiUrl"]).rstrip("/"),
                table=outputs["TableName"],
                bucket=outputs["BucketName"],
                namespace=given["Namespace"],
                layer_arn=outputs["ClientLayerArn"],
                client_policy_arn=outputs["ClientPolicyArn"],
                max_bytes=int(given["MaxBytes"]),
                overflow_bytes=int(given["OverflowBytes"]),
            )
        except KeyError as absence:
            raise UnreachableError(f"the stack {stack} is not Sojourn's: it has no {absence}") from absence

    @property
    def region(self) -> str:
        """Where it is."""
        return self.session.region_name

    @property
    def credentials(self) -> "Credentials":
        """The caller's own."""
        found = self.session.get_credentials()
        if found is None:
            raise UnreachableError("there are no AWS credentials")
        return found

    @property
    def dynamodb(self) -> "DynamoDBClient":
        """A client."""
        return self.session.client("dynamodb")

    @property
    def functions(self) -> "LambdaClient":
        """A client for Lambda."""
        return self.session.client("lambda")

    @property
    def iam(self) -> "IAMClient":
        """A client."""
        return self.session.client("iam")

    @property
    def logs(self) -> "CloudWatchLogsClient":
        """A client."""
        return self.session.client("logs")

"""boto3 clients for an emulator: made here and nowhere else, so that none ever speaks to a real account."""

from functools import partial
from typing import TYPE_CHECKING

import boto3

from devstack.emulator import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from devstack.layout import REGION

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client


class Clients:
    """One client per service, all for the same emulator."""

    def __init__(self, endpoint_url: str) -> None:
        session = boto3.Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY, region_name=REGION)
        client = partial(session.client, endpoint_url=endpoint_url)
        self.cloudformation: CloudFormationClient = client("cloudformation")
        self.dynamodb: DynamoDBClient = client("dynamodb")
        self.functions: LambdaClient = client("lambda")
        self.iam: IAMClient = client("iam")
        self.logs: CloudWatchLogsClient = client("logs")
        self.s3: S3Client = client("s3")

"""template.yaml keeps every rule of template_rules.py, and every rule notices when it is broken."""

import inspect
from collections.abc import Callable, Iterator

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from devstack.layout import ROOT
from devstack.template import Template, read_template
from tests.stack import template_rules
from tests.stack.mutation import DELETE, changed

Rule = Callable[[Template], Iterator[str]]

RULES: dict[str, Rule] = {
    name: rule
    for name, rule in inspect.getmembers(template_rules, inspect.isfunction)
    if not name.startswith("_") and inspect.get_annotations(rule).get("return") == Iterator[str]
}

LONG_DESCRIPTION = " ".join(f"${{{name}}}" for name in read_template()["Parameters"])

TEMPLATES = [
    "template.yaml",
    "functions/records.yaml",
    "layers/encryption.yaml",
    "layers/namespace.yaml",
    "examples/authorizer/template.yaml",
    "examples/shop/template.yaml",
    "tests/e2e/consumer.yaml",
]


def _table(*path: object) -> tuple[object, ...]:
    return ("Resources", "SessionsTable", "Properties", *path)


def _bucket(*path: object) -> tuple[object, ...]:
    return ("Resources", "OverflowBucket", "Properties", *path)


def _of(resource: str, *path: object) -> tuple[object, ...]:
    return ("Resources", resource, "Properties", *path)


def _dashboard() -> tuple[object, ...]:
    return _of("Dashboard", "DashboardBody", "Fn::Sub", 0)


def _shown_otherwise(old: str, new: str) -> str:
    text: str = read_template()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][0]
    assert old in text
    return text.replace(old, new)


def _variable(name: str, *path: object) -> tuple[object, ...]:
    return ("Globals", "Function", "Environment", "Variables", name, *path)


def _described_without(function: str, parameter: str) -> str:
    text: str = read_template()["Resources"][function]["Properties"]["VersionDescription"]["Fn::Sub"][0]
    assert parameter in text
    return text.replace(f"${{{parameter}}}", "")


def _statement(function: str, number: int, *path: object) -> tuple[object, ...]:
    return _of(function, "Policies", 1, "Statement", number, *path)


def _managed_policy(action: str, resource: object) -> dict[str, object]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": {"Statement": [statement]}}}


# For each rule the smallest changes that break it: where in the template, and what stands there then.
MUTANTS: dict[str, list[tuple[tuple[object, ...], object]]] = {
    "the_table_expires_items": [
        (_table("TimeToLiveSpecification"), DELETE),
        (_table("TimeToLiveSpecification", "Enabled"), False),
        (_table("TimeToLiveSpecification", "AttributeName"), "absolute_at"),
    ],
    "indexes_hold_keys_alone": [
        (_table("GlobalSecondaryIndexes", 0, "Projection", "ProjectionType"), "ALL"),
        (_table("GlobalSecondaryIndexes", 1, "KeySchema", 1, "AttributeName"), "created_at"),
        (_table("GlobalSecondaryIndexes", 1), DELETE),
    ],
    "every_key_is_defined": [
        (_table("AttributeDefinitions", 4), DELETE),
        (_table("AttributeDefinitions", 4, "AttributeType"), "S"),
        (_table("KeySchema", 0, "AttributeName"), "token"),
    ],
    "the_table_is_billed_on_demand": [(_table("BillingMode"), "PROVISIONED")],
    "the_table_can_be_restored": [(_table("PointInTimeRecoverySpecification"), DELETE)],
    "the_table_is_encrypted": [
        (_table("SSESpecification", "SSEEnabled"), False),
        (_table("SSESpecification", "KMSMasterKeyId"), DELETE),
    ],
    "the_table_is_protected_from_deletion": [
        (_table("DeletionProtectionEnabled"), DELETE),
        (("Parameters", "DeletionProtection", "Default"), "false"),
    ],
    "what_is_stored_outlives_the_stack": [
        (("Resources", "SessionsTable", "DeletionPolicy"), "Delete"),
        (("Resources", "OverflowBucket", "DeletionPolicy"), "Retain"),
        (("Resources", "SessionsTable", "UpdateReplacePolicy"), DELETE),
        (("Resources", "OverflowBucket", "DeletionPolicy"), DELETE),
    ],
    "another_table_or_bucket_reaches_everything": [
        (("Globals", "Function", "Environment", "Variables", "SOJOURN_TABLE"), {"Ref": "SessionsTable"}),
        (("Resources", "SessionsTable", "Condition"), DELETE),
        (_of("ReadsThrottledAlarm", "Dimensions", 0, "Value"), {"Ref": "SessionsTable"}),
        (_of("TableArnParameter", "Value"), {"Fn::GetAtt": ["SessionsTable", "Arn"]}),
        (("Outputs", "BucketName", "Description"), {"Fn::Sub": "${OverflowBucket.Arn}"}),
    ],
    "a_version_can_be_described": [
        (_of("ReadFunction", "VersionDescription", "Fn::Sub", 0), LONG_DESCRIPTION),
    ],
    "the_bucket_is_private": [
        (_bucket("PublicAccessBlockConfiguration", "RestrictPublicBuckets"), False),
        (_bucket("OwnershipControls"), DELETE),
    ],
    "the_bucket_is_encrypted": [(_bucket("BucketEncryption"), DELETE)],
    "the_bucket_outlives_every_session": [
        (_bucket("LifecycleConfiguration", "Rules", 0, "ExpirationInDays"), 30),
        (_bucket("LifecycleConfiguration", "Rules", 0, "Status"), "Disabled"),
        (("Mappings", "Retention", "2592000", "Days"), 30),
        (("Parameters", "MaxAbsoluteSeconds", "AllowedValues", 0), 63072000),
    ],
    "the_bucket_drops_unfinished_uploads": [(_bucket("LifecycleConfiguration", "Rules", 1), DELETE)],
    "plain_http_is_refused": [
        (("Parameters", "EnforceTls", "Default"), "false"),
        (("Resources", "OverflowBucketPolicy"), DELETE),
        (("Conditions", "BucketRequiresTls"), {"Condition": "MakesBucket"}),
        (_of("SweepDeadLettersPolicy", "PolicyDocument", "Statement", 0, "Condition"), DELETE),
        (("Resources", "EventsDeadLettersPolicy"), DELETE),
    ],
    "every_route_is_signed": [
        (_of("ReadRoute", "AuthorizationType"), "NONE"),
        (_of("ExpireAllRoute", "AuthorizationType"), DELETE),
    ],
    "every_operation_has_its_route": [
        (("Resources", "RotateRoute"), DELETE),
        (_of("ReadRoute", "RouteKey"), "$default"),
        (_of("ReadRoute", "Target"), {"Fn::Sub": "integrations/${WriteIntegration}"}),
    ],
    "every_integration_calls_what_it_may": [
        (("Resources", "ReadPermission"), DELETE),
        (_of("ReadPermission", "FunctionName"), {"Ref": "ReadFunction"}),
        (_of("ReadPermission", "SourceArn"), DELETE),
        (_of("WriteIntegration", "PayloadFormatVersion"), "1.0"),
    ],
    "the_api_is_throttled": [(_of("ApiStage", "DefaultRouteSettings", "ThrottlingRateLimit"), DELETE)],
    "the_access_log_has_no_secrets": [
        (_of("ApiStage", "AccessLogSettings", "Format"), '{"path": "$context.path"}'),
        (_of("ApiStage", "AccessLogSettings", "Format"), '{"token": "$request.header.session-token"}'),
        (_of("ApiStage", "AccessLogSettings"), DELETE),
    ],
    "the_access_log_may_grow": [
        (_of("ApiLogs", "LogGroupName"), {"Fn::Sub": "/aws/apigateway/${AWS::StackName}"}),
        (_of("ApiLogs", "LogGroupName"), DELETE),
    ],
    "no_browser_may_call": [(_of("Api", "CorsConfiguration"), {"AllowOrigins": ["*"]})],
    "functions_run_on_python_3_13": [
        (("Globals", "Function", "Runtime"), "python3.11"),
        (_of("SweepFunction", "Architectures"), ["arm64"]),
    ],
    "every_setting_reaches_the_functions": [
        (_variable("SOJOURN_SWEEP_GRACE_SECONDS"), DELETE),
        (("Parameters", "IdleSeconds", "Default"), 3600),
        (("Parameters", "SweepIndex", "Default"), "false"),
        (("Parameters", "MaxAbsoluteSeconds", "Default"), 604800),
    ],
    "tracing_captures_nothing": [
        (_variable("POWERTOOLS_TRACE_ENABLED"), "true"),
        (("Parameters", "Tracing", "Default"), "Active"),
        (("Parameters", "Tracing", "AllowedValues", 0), "Disabled"),
    ],
    "every_function_has_its_own_role": [(_of("ReadFunction", "Role"), {"Ref": "SharedRole"})],
    "nobody_has_more_rights_than_calls": [
        (_statement("ReadFunction", 0, "Action", 0), "dynamodb:PutItem"),
        (_statement("WriteFunction", 0, "Resource"), {"Fn::GetAtt": ["OtherTable", "Arn"]}),
        (_of("ClientPolicy", "PolicyDocument", "Statement", 0, "Action", 0), "dynamodb:Scan"),
        (_of("ClientPolicy", "PolicyDocument", "Statement", 2), DELETE),
        (_statement("ExpireFunction", 1, "Fn::If", 0), "SweepsInTwo"),
        (_statement("AuthorizerFunction", 0, "Action", 0), "dynamodb:PutItem"),
        (_statement("EventsFunction", 0, "Resource"), {"Ref": "ExistingTableStreamArn"}),
    ],
    "no_right_is_a_wildcard": [
        (("Resources", "WidePolicy"), _managed_policy("dynamodb:*", {"Ref": "ExistingTableName"})),
        (("Resources", "WidePolicy"), _managed_policy("dynamodb:GetItem", "*")),
    ],
    "who_reaches_sessions_reaches_their_key": [
        (_of("ReadFunction", "Policies", 0), DELETE),
        (_of("ClientPolicy", "PolicyDocument", "Statement", 3), DELETE),
        (_of("KeyPolicy", "PolicyDocument", "Statement", 0, "Condition"), DELETE),
    ],
    "versions_follow_every_change": [
        (_of("ReadFunction", "AutoPublishAliasAllProperties"), DELETE),
        (_of("WriteFunction", "VersionDescription"), {"Fn::Sub": ["${IdleSeconds}", {}]}),
        (_of("ClientLayer", "PublishLambdaVersion"), DELETE),
        (_of("ExpireFunction", "Timeout"), {"Ref": "ThrottlingBurstLimit"}),
        (_of("ReadFunction", "VersionDescription", "Fn::Sub", 1, "EncryptionLayer"), "0"),
        (_of("AuthorizerFunction", "Environment", "Variables", "MORE"), {"Ref": "SweepGroups"}),
        (_of("AuthorizerFunction", "AutoPublishAlias"), DELETE),
        (
            _of("ReadFunction", "VersionDescription", "Fn::Sub", 0),
            _described_without("ReadFunction", "AmazonRootsOnly"),
        ),
    ],
    "certificates_are_the_layers_own": [
        (("Parameters", "AmazonRootsOnly", "Default"), "true"),
        (("Conditions", "TrustsAmazonAlone"), {"Fn::Equals": [{"Ref": "AmazonRootsOnly"}, "false"]}),
        (_variable("AWS_CA_BUNDLE"), DELETE),
        (_variable("AWS_CA_BUNDLE"), "/opt/python/sojourn/amazon-roots.pem"),
        (_variable("AWS_CA_BUNDLE", "Fn::If", 1), "/opt/sojourn/amazon-roots.pem"),
        (("Globals", "Function", "Layers", 0), DELETE),
        (_of("EventsFunction", "Environment", "Variables", "AWS_CA_BUNDLE"), "/etc/ssl/certs/ca-certificates.crt"),
    ],
    "encryption_has_its_layer": [
        (("Globals", "Function", "Layers", 2), DELETE),
        (("Rules", "EncryptionHasItsLayer"), DELETE),
        (("Rules", "EncryptionHasItsLayer", "Assertions", 0, "Assert", "Fn::Or", 1), {"Condition": "RequiresTls"}),
        (_of("WriteFunction", "Layers"), [{"Ref": "ClientLayer"}]),
    ],
    "every_log_ends": [
        (_of("SweepLogs", "RetentionInDays"), DELETE),
        (_of("ApiLogs", "RetentionInDays"), 3653),
        (_of("ReadFunction", "LoggingConfig"), DELETE),
    ],
    "no_log_line_is_filtered": [
        (_of("ReadFunction", "LoggingConfig", "LogFormat"), "JSON"),
        (_of("SweepFunction", "LoggingConfig", "ApplicationLogLevel"), "WARN"),
        (_variable("POWERTOOLS_LOG_LEVEL"), "INFO"),
    ],
    "routes_are_not_metered": [
        (_of("ApiStage", "DefaultRouteSettings", "DetailedMetricsEnabled"), True),
    ],
    "an_answer_holds_the_largest_document": [
        (("Parameters", "MaxBytes", "MaxValue"), DELETE),
        (("Parameters", "MaxBytes", "MaxValue"), 4_194_304),
    ],
    "one_role_starts_the_sweep": [
        (_of("SweepFunction", "Events", "Group3", "Properties", "RoleArn"), DELETE),
        (_of("SchedulerRole", "AssumeRolePolicyDocument", "Statement", 0, "Condition"), DELETE),
        (_of("SchedulerRole", "Policies", 0, "PolicyDocument", "Statement", 1), DELETE),
    ],
    "everything_that_can_fail_is_watched": [
        (("Resources", "SweepLeftAlarm"), DELETE),
        (("Resources", "ApiUnavailableAlarm"), DELETE),
    ],
    "every_alarm_leads_to_the_runbook": [
        (_of("WritesThrottledAlarm", "AlarmDescription", "Fn::Sub"), "Throttled. ${RunbookUrl}#the-table-throttles"),
        (_of("SweepErrorsAlarm", "AlarmDescription", "Fn::Sub"), "A run of the sweeper failed. ${RunbookUrl}#sweep"),
        (_of("SweepErrorsAlarm", "AlarmDescription"), "A run of the sweeper failed."),
        (_of("SweepErrorsAlarm", "AlarmDescription"), DELETE),
    ],
    "every_metric_that_is_shown_is_written": [
        (_of("SweepLeftAlarm", "MetricName"), "Remaining"),
        (_dashboard(), _shown_otherwise('"SessionsRead"', '"SessionReads"')),
        (_dashboard(), _shown_otherwise('\\"SessionsMissed\\"', '\\"SessionMisses\\"')),
        (_dashboard(), _shown_otherwise('"too large"', '"large"')),
        (_dashboard(), _shown_otherwise('[".", "SessionsRotated", ".", "."]', '[".", "Left", ".", "."]')),
    ],
    "the_dashboard_shows_the_day": [
        (_dashboard(), _shown_otherwise("SuccessfulRequestLatency", "Latency")),
        (_dashboard(), _shown_otherwise("${ExpireLogs}", "${ReadLogs}")),
    ],
    "queries_are_the_stacks_own": [
        (_of("ConflictsQuery", "Name"), {"Fn::Sub": "conflicts"}),
        (_of("ConflictsQuery", "LogGroupNames"), DELETE),
        (_of("ConflictsQuery", "LogGroupNames", 0), {"Ref": "WriteFunction"}),
    ],
    "metrics_are_the_stacks_own": [
        (_variable("POWERTOOLS_SERVICE_NAME"), "sojourn"),
        (_of("SweepOverdueAlarm", "Dimensions"), [{"Name": "service", "Value": "sojourn"}]),
        (_of("SweepLeftAlarm", "Dimensions"), DELETE),
        (
            _dashboard(),
            _shown_otherwise('["Sojourn", "Overdue", "service", "${AWS::StackName}"]', '["Sojourn", "Overdue"]'),
        ),
        (_dashboard(), _shown_otherwise('"Swept", "service", "${AWS::StackName}"', '"Swept", "service", "sojourn"')),
        (_dashboard(), _shown_otherwise(' service=\\"${AWS::StackName}\\"', "")),
    ],
    "refusals_are_counted_where_they_are_alarmed": [
        (_of("ApiUnavailableMetric", "FilterPattern"), "{ $.status = 503 }"),
        (_of("ApiUnavailableAlarm", "MetricName"), {"Fn::Sub": "${AWS::StackName}-503"}),
    ],
    "a_new_stack_is_not_silent": [
        (_of("SweepSilentAlarm", "TreatMissingData"), "breaching"),
        (_of("SweepSilentAlarm", "InsufficientDataActions"), DELETE),
    ],
    "a_key_is_named_by_its_own_arn": [
        (("Parameters", "KmsKeyArn", "AllowedPattern"), "(arn:[a-z-]+:kms:.*)?"),
        (("Parameters", "KmsKeyArn", "AllowedPattern"), "arn:[a-z-]+:kms:.*:key/.*"),
    ],
    "no_failed_sweep_is_forgotten": [
        (_of("SweepFunction", "Events", "Group0", "Properties", "RetryPolicy"), DELETE),
        (_of("SweepFunction", "Events", "Group7", "Properties", "DeadLetterConfig"), DELETE),
        (_of("SweepFunction", "EventInvokeConfig"), DELETE),
    ],
    "every_share_of_the_sweep_is_scheduled": [
        (_of("SweepFunction", "Events", "Group1", "Properties", "State"), DELETE),
        (_of("SweepFunction", "Events", "Group5", "Properties", "Input"), DELETE),
    ],
    "dead_letters_are_encrypted": [
        (_of("SweepDeadLetters", "SqsManagedSseEnabled"), False),
        (_of("EventsDeadLetters", "MessageRetentionPeriod"), DELETE),
    ],
    "what_is_optional_is_off": [
        (("Parameters", "Events", "Default"), "true"),
        (("Conditions", "MakesAuthorizer"), {"Condition": "HasAlarmTopic"}),
        (("Resources", "EventsSource", "Condition"), DELETE),
        (("Resources", "AuthorizerLogs", "Condition"), "SendsEvents"),
    ],
    "the_stream_comes_and_goes_with_the_events": [
        (_table("StreamSpecification"), {"StreamViewType": "NEW_AND_OLD_IMAGES"}),
        (_table("StreamSpecification", "Fn::If", 1, "StreamViewType"), "NEW_IMAGE"),
        (_of("StreamArnParameter", "Value"), {"Ref": "ExistingTableStreamArn"}),
        (("Rules", "EventsHaveTheirStream"), DELETE),
    ],
    "no_event_is_lost": [
        (_of("EventsSource", "StartingPosition"), "LATEST"),
        (_of("EventsSource", "FunctionResponseTypes"), DELETE),
        (_of("EventsSource", "BisectBatchOnFunctionError"), DELETE),
        (_of("EventsSource", "MaximumRecordAgeInSeconds"), 86_400),
        (_of("EventsSource", "MaximumRetryAttempts"), DELETE),
        (_of("EventsSource", "DestinationConfig"), DELETE),
    ],
    "what_is_no_event_costs_no_call": [
        (_of("EventsSource", "FilterCriteria"), DELETE),
        (
            _of("EventsSource", "FilterCriteria", "Filters", 0, "Pattern", "Fn::Sub"),
            '{"eventName": ["INSERT"], "dynamodb": {"Keys": {}}}',
        ),
    ],
    "the_client_layer_serves_every_python": [
        (_of("ClientLayer", "CompatibleRuntimes", 1), DELETE),
    ],
    "a_new_layer_takes_no_old_one_away": [
        (_of("ClientLayer", "RetentionPolicy"), "Delete"),
        (_of("ServiceLayer", "RetentionPolicy"), DELETE),
    ],
    "nothing_is_exported": [
        (("Outputs", "ClientLayerArn", "Export"), {"Name": {"Fn::Sub": "${AWS::StackName}-ClientLayerArn"}}),
        (("Outputs", "TableName", "Export"), {"Name": "table"}),
    ],
    "nothing_is_imported": [(_of("ApiStage", "Description"), {"Fn::ImportValue": "other-Table"})],
    "layers_are_built": [
        (("Resources", "ServiceLayer", "Metadata"), DELETE),
        (("Resources", "ClientLayer", "Metadata"), {"BuildMethod": "python3.13"}),
        (_of("ClientLayer", "CompatibleRuntimes"), ["python3.11", "python3.12", "python3.13", "python3.14"]),
    ],
    "everything_is_published_twice": [
        (("Outputs", "BucketName", "Value"), {"Fn::GetAtt": ["TableNameParameter", "Value"]}),
        (("Resources", "ApiUrlParameter"), DELETE),
        (("Outputs", "StreamArn", "Condition"), DELETE),
        (_of("ClientLayerArnParameter", "Name"), {"Fn::Sub": "/${AWS::StackName}/layer"}),
    ],
    "alarms_need_a_topic": [
        (("Resources", "SweepErrorsAlarm", "Condition"), DELETE),
        (("Resources", "EventsLateAlarm", "Condition"), "SendsEvents"),
        (_of("SweepDeadLettersAlarm", "AlarmActions"), DELETE),
    ],
}


@pytest.fixture(scope="module")
def template() -> Template:
    """The template as it is."""
    return read_template()


@pytest.mark.parametrize("rule", RULES)
def test_the_template_keeps_every_rule(rule: str, template: Template) -> None:
    """Nothing in the template breaks it."""
    assert list(RULES[rule](template)) == []


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_notices_when_it_is_broken(rule: str, template: Template) -> None:
    """Each mutant is reported by its own rule and by no other, so every rule says one thing."""
    assert MUTANTS[rule]
    for path, value in MUTANTS[rule]:
        mutant = changed(template, path, value)
        assert [name for name, judge in RULES.items() if list(judge(mutant))] == [rule], path


@pytest.mark.parametrize("file", TEMPLATES, ids=str)
def test_no_template_ties_its_stack_to_another(file: str) -> None:
    """Neither the examples nor what users deploy beside the stack."""
    template = read_template(ROOT / file)
    assert [*template_rules.nothing_is_exported(template), *template_rules.nothing_is_imported(template)] == []


def test_every_mutant_belongs_to_a_rule() -> None:
    """A rule that was renamed must not leave its mutants behind."""
    assert MUTANTS.keys() == RULES.keys()


def test_switching_events_on_and_off_replaces_no_table() -> None:
    """As CloudFormation's own schema has it, of which cfn-lint carries a copy."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::DynamoDB::Table").schema
    replacing = [*schema["createOnlyProperties"], *schema.get("conditionalCreateOnlyProperties", [])]
    assert "/properties/TableName" in replacing
    assert not [name for name in replacing if "Stream" in name]

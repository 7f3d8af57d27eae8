"""What must hold of template.yaml. Each public function is one rule; it answers what breaks it, nothing when it holds.

The emulator drops or ignores much of this without a word, so a green end-to-end test proves none of it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from devstack import roots
from devstack.layout import ROOT
from devstack.template import Template
from sojourn import Absence, Cause
from sojourn.emf import METRICS
from sojourn.settings import Settings

_DAY = 86_400

COUNTED = {
    *("SessionsRead", "SessionsWritten", "SessionsTouched"),
    *("Swept", "Moved", "Missing", "Foreign", "Left", "Overdue", "SweepReadUnits", "SweepWriteUnits", "SweepSeconds"),
}
"""What the functions count that is no event of a session; see test_telemetry and test_sweep."""

VERBS = {
    "POST /sessions": "Write",
    "GET /session": "Read",
    "PUT /session": "Write",
    "PATCH /session": "Write",
    "POST /session/touch": "Write",
    "POST /session/login": "Write",
    "POST /session/rotate": "Write",
    "DELETE /session": "Expire",
    "GET /sessions": "Read",
    "DELETE /sessions": "Expire",
    "DELETE /sessions/{id}": "Expire",
}

# Each call that a function makes, and where: on the table, an index or the bucket's objects.
RIGHTS = {
    "ReadFunction": {
        "table": "BatchGetItem DeleteItem GetItem UpdateItem",
        "index/subject": "Query",
        "objects": "DeleteObject GetObject",
    },
    "WriteFunction": {
        "table": "BatchGetItem DeleteItem GetItem PutItem UpdateItem",
        "objects": "DeleteObject GetObject PutObject",
    },
    "ExpireFunction": {
        "table": "DeleteItem",
        "table if EndsAllAtOnce": "GetItem UpdateItem",
        "index/subject": "Query",
        "objects": "DeleteObject",
    },
    "SweepFunction": {
        "table": "GetItem PartiQLDelete PartiQLUpdate Scan",
        "index/sweep": "Query",
        "objects": "DeleteObject",
    },
    "AuthorizerFunction": {
        "table": "BatchGetItem DeleteItem GetItem UpdateItem",
        "objects": "DeleteObject GetObject",
    },
    "EventsFunction": {
        "stream": "DescribeStream GetRecords GetShardIterator",
        "stream/*": "ListStreams",
        "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/${EventBusName}": "PutEvents",
        "EventsDeadLetters": "SendMessage",
    },
    "ClientPolicy": {
        "table": "BatchGetItem DeleteItem GetItem PutItem UpdateItem",
        "index/subject": "Query",
        "objects": "DeleteObject GetObject PutObject",
    },
}

INDEXES = {"subject": ("subject", "created_at"), "sweep": ("sweep_shard", "sweep_at")}

PUBLISHED = {
    "ApiUrl": "api-url",
    "TableName": "table",
    "BucketName": "bucket",
    "TableArn": "table-arn",
    "BucketArn": "bucket-arn",
    "ClientLayerArn": "layer-arn",
    "ServiceLayerArn": "service-layer-arn",
    "ClientPolicyArn": "client-policy-arn",
    "MaxAbsoluteSeconds": "max-absolute-seconds",
    "AuthorizerArn": "authorizer-arn",
    "StreamArn": "stream-arn",
}

# What there is where it is asked for, each with the parameter that asks and the condition that follows it.
OPTIONAL = {
    "MakesAuthorizer": ("Authorizer", {"AuthorizerFunction", "AuthorizerLogs", "AuthorizerArnParameter"}),
    "SendsEvents": (
        "Events",
        {"EventsFunction", "EventsLogs", "EventsSource", "EventsDeadLetters", "StreamArnParameter"},
    ),
}

NO_VALUE = {"Ref": "AWS::NoValue"}


# The table.


def the_table_expires_items(template: Template) -> Iterator[str]:
    """DynamoDB's free TTL runs on ``expires_at``."""
    if table(template).get("TimeToLiveSpecification") != {"AttributeName": "expires_at", "Enabled": True}:
        yield "TTL is not enabled on expires_at"


def indexes_hold_keys_alone(template: Template) -> Iterator[str]:
    """The two indexes of the design, KEYS_ONLY: anything more multiplies the bill of every write."""
    found = {index["IndexName"]: index for index in table(template)["GlobalSecondaryIndexes"]}
    if found.keys() != INDEXES.keys():
        yield f"indexes are {sorted(found)}"
    for name, index in found.items():
        if tuple(key["AttributeName"] for key in index["KeySchema"]) != INDEXES.get(name):
            yield f"index {name} has other keys"
        if index["Projection"] != {"ProjectionType": "KEYS_ONLY"}:
            yield f"index {name} projects more than keys"


def every_key_is_defined(template: Template) -> Iterator[str]:
    """DynamoDB refuses a key that is not defined and a definition that is no key; the emulator takes both."""
    definitions = {entry["AttributeName"]: entry["AttributeType"] for entry in table(template)["AttributeDefinitions"]}
    expected = {"session_id": "S", "subject": "S", "created_at": "N", "sweep_shard": "S", "sweep_at": "N"}
    if definitions != expected:
        yield f"attributes are {definitions}"
    if table(template)["KeySchema"] != [{"AttributeName": "session_id", "KeyType": "HASH"}]:
        yield "the key is not session_id"


def the_table_is_billed_on_demand(template: Template) -> Iterator[str]:
    """Nobody has to guess a capacity, and an idle store costs nothing."""
    if table(template)["BillingMode"] != "PAY_PER_REQUEST":
        yield "the table is not billed on demand"


def the_table_can_be_restored(template: Template) -> Iterator[str]:
    """Point-in-time recovery is on."""
    if table(template).get("PointInTimeRecoverySpecification") != {"PointInTimeRecoveryEnabled": True}:
        yield "point-in-time recovery is off"


def the_table_is_encrypted(template: Template) -> Iterator[str]:
    """With KMS, by the customer's key when there is one."""
    expected = {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": {"Fn::If": ["HasKmsKey", {"Ref": "KmsKeyArn"}, NO_VALUE]},
    }
    if table(template).get("SSESpecification") != expected:
        yield "the table's encryption is not KMS with an optional key"


def the_table_is_protected_from_deletion(template: Template) -> Iterator[str]:
    """Unless somebody says otherwise."""
    if table(template).get("DeletionProtectionEnabled") != {"Ref": "DeletionProtection"}:
        yield "deletion protection does not follow its parameter"
    if template["Parameters"]["DeletionProtection"]["Default"] != "true":
        yield "deletion protection is off by default"


def what_is_stored_outlives_the_stack(template: Template) -> Iterator[str]:
    """Deleting or replacing the stack must not log everybody out; what a failed first deployment made may go."""
    for name in ("SessionsTable", "OverflowBucket"):
        if template["Resources"][name].get("DeletionPolicy") != "RetainExceptOnCreate":
            yield f"{name} goes with the stack, or stays behind when the first deployment fails"
        if template["Resources"][name].get("UpdateReplacePolicy") != "Retain":
            yield f"{name} goes when it is replaced"


def another_table_or_bucket_reaches_everything(template: Template) -> Iterator[str]:
    """What was restored takes the place of the stack's own for every function, policy, alarm and consumer.

    All of them have name and ARN from one place, and only that place knows the stack's own.
    """
    own = {"SessionsTable": "MakesTable", "OverflowBucket": "MakesBucket"}
    knowing = {
        "TableNameParameter",
        "TableArnParameter",
        "BucketNameParameter",
        "BucketArnParameter",
        "OverflowBucketPolicy",
        "StreamArnParameter",
    }
    for name, condition in own.items():
        if template["Resources"][name].get("Condition") != condition:
            yield f"{name} is made where there is another"
        elsewhere = {**template["Globals"], **template["Resources"], **template["Outputs"]}
        for user, content in elsewhere.items():
            if user not in knowing and re.search(rf'(["{{]){name}[".}}]', json.dumps(content)):
                yield f"{user} has the stack's own {name}"
    for kind, parameter in (("Table", "ExistingTableName"), ("Bucket", "ExistingBucketName")):
        for what in ("Name", "Arn"):
            value = template["Resources"][f"{kind}{what}Parameter"]["Properties"]["Value"]
            if value.get("Fn::If", [""])[0] != f"Makes{kind}" or parameter not in json.dumps(value["Fn::If"][2]):
                yield f"the other {kind} is not published"


def a_version_can_be_described(template: Template) -> Iterator[str]:
    """A description takes 256 characters: with its longest choices, larger numbers and names of ordinary length."""
    for name in _VERSIONED:
        text = template["Resources"][name]["Properties"].get("VersionDescription", {"Fn::Sub": [""]})
        length = len(re.sub(r"\$\{(\w+)\}", lambda found: "x" * _length(template, found[1]), text["Fn::Sub"][0]))
        if length > 256:
            yield f"{name}'s version is described with {length} characters"


_VERSIONED = (*(f"{verb}Function" for verb in sorted(set(VERBS.values()))), "AuthorizerFunction")
"""What a gateway calls, by an alias."""


# The bucket.


def the_bucket_is_private(template: Template) -> Iterator[str]:
    """No public access of any kind, no access lists."""
    blocks = bucket(template).get("PublicAccessBlockConfiguration", {})
    for name in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"):
        if blocks.get(name) is not True:
            yield f"{name} is off"
    if bucket(template).get("OwnershipControls") != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
        yield "the bucket has access lists"


def the_bucket_is_encrypted(template: Template) -> Iterator[str]:
    """By the customer's key when there is one."""
    rules = bucket(template).get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [{}])
    expected = {
        "SSEAlgorithm": {"Fn::If": ["HasKmsKey", "aws:kms", "AES256"]},
        "KMSMasterKeyID": {"Fn::If": ["HasKmsKey", {"Ref": "KmsKeyArn"}, NO_VALUE]},
    }
    if rules[0].get("ServerSideEncryptionByDefault") != expected:
        yield "the bucket's encryption does not follow the key"


def the_bucket_outlives_every_session(template: Template) -> Iterator[str]:
    """Orphans go, but no object that a living session may point to: days before it dies would be a hole."""
    retention = {int(seconds): entry["Days"] for seconds, entry in template["Mappings"]["Retention"].items()}
    if set(template["Parameters"]["MaxAbsoluteSeconds"]["AllowedValues"]) != retention.keys():
        yield "not every MaxAbsoluteSeconds has a retention"
    for seconds, days in retention.items():
        if days * _DAY < seconds + 2 * _DAY:
            yield f"{days} days are too few for sessions of {seconds} seconds"
    expirations = [rule.get("ExpirationInDays") for rule in _lifecycle(template) if rule["Status"] == "Enabled"]
    if {"Fn::FindInMap": ["Retention", {"Ref": "MaxAbsoluteSeconds"}, "Days"]} not in expirations:
        yield "no lifecycle rule removes orphans after the retention"


def the_bucket_drops_unfinished_uploads(template: Template) -> Iterator[str]:
    """They are invisible and billed for ever."""
    if not any("AbortIncompleteMultipartUpload" in rule for rule in _lifecycle(template)):
        yield "unfinished uploads are kept"


def plain_http_is_refused(template: Template) -> Iterator[str]:
    """By bucket and queue, unless somebody runs an emulator."""
    if template["Parameters"]["EnforceTls"]["Default"] != "true":
        yield "TLS is not enforced by default"
    both = {"Fn::And": [{"Condition": "RequiresTls"}, {"Condition": "MakesBucket"}]}
    if template["Conditions"]["BucketRequiresTls"] != both:
        yield "the bucket refuses plain HTTP under another condition"
    for name, condition in {
        "OverflowBucketPolicy": "BucketRequiresTls",
        "SweepDeadLettersPolicy": "RequiresTls",
        "EventsDeadLettersPolicy": "EventsRequireTls",
    }.items():
        policy = template["Resources"].get(name, {})
        statements = policy.get("Properties", {}).get("PolicyDocument", {}).get("Statement", [])
        denials = [entry for entry in statements if entry["Effect"] == "Deny" and entry["Principal"] == "*"]
        if policy.get("Condition") != condition or not any(
            entry.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}} for entry in denials
        ):
            yield f"{name} does not refuse plain HTTP"


# The API.


def every_route_is_signed(template: Template) -> Iterator[str]:
    """There is no other way in than IAM."""
    for name, route in resources(template, "AWS::ApiGatewayV2::Route"):
        if route.get("AuthorizationType") != "AWS_IAM":
            yield f"{name} is not signed"


def every_operation_has_its_route(template: Template) -> Iterator[str]:
    """One route per operation, to the function of its verb; no catch-all."""
    found = {
        route["RouteKey"]: route["Target"]["Fn::Sub"] for _, route in resources(template, "AWS::ApiGatewayV2::Route")
    }
    expected = {key: f"integrations/${{{verb}Integration}}" for key, verb in VERBS.items()}
    for key in found.items() ^ expected.items():
        yield f"{key[0]} has not the route of the design"


def every_integration_calls_what_it_may(template: Template) -> Iterator[str]:
    """Payload 2.0 to the published version, with the permission that the emulator does not ask for."""
    permissions = dict(resources(template, "AWS::Lambda::Permission"))
    for name, integration in resources(template, "AWS::ApiGatewayV2::Integration"):
        verb = name.removesuffix("Integration")
        target = {"Ref": f"{verb}Function.Alias"}
        if integration["IntegrationUri"] != target or integration["PayloadFormatVersion"] != "2.0":
            yield f"{name} does not call {verb}Function's alias with payload 2.0"
        permission = permissions.get(f"{verb}Permission", {})
        if permission.get("FunctionName") != target or "${Api}" not in str(permission.get("SourceArn")):
            yield f"{name} may not call {verb}Function's alias, or others may too"


def the_api_is_throttled(template: Template) -> Iterator[str]:
    """A loop in one caller must not be everybody's bill."""
    settings = template["Resources"]["ApiStage"]["Properties"].get("DefaultRouteSettings", {})
    for name in ("ThrottlingRateLimit", "ThrottlingBurstLimit"):
        if settings.get(name) != {"Ref": name}:
            yield f"{name} is not set"


def routes_are_not_metered(template: Template) -> Iterator[str]:
    """Detailed metrics are billed by route and metric: sixty of them, for what the access log says."""
    if (
        template["Resources"]["ApiStage"]["Properties"]["DefaultRouteSettings"].get("DetailedMetricsEnabled")
        is not False
    ):
        yield "detailed metrics are on"


def an_answer_holds_the_largest_document(template: Template) -> Iterator[str]:
    """A function's answer has 6 MB, and quoting can make a document four times as large."""
    largest = template["Parameters"]["MaxBytes"].get("MaxValue")
    if largest is None or 4 * largest > 6_000_000:
        yield f"MaxBytes goes up to {largest}"


def the_access_log_has_no_secrets(template: Template) -> Iterator[str]:
    """No header (the token is one), no path or query (they name subjects)."""
    log = template["Resources"]["ApiStage"]["Properties"].get("AccessLogSettings", {})
    names = {str(value).removeprefix("$context.") for value in json.loads(log.get("Format", "{}")).values()}
    for name in sorted(names - _HARMLESS) or ([] if names else ["nothing"]):
        yield f"the access log has {name}"


def the_access_log_may_grow(template: Template) -> Iterator[str]:
    """Every group outside of /aws/vendedlogs is written into a policy with a limit, which all APIs share."""
    name = str(template["Resources"]["ApiLogs"]["Properties"].get("LogGroupName"))
    if "/aws/vendedlogs/${AWS::StackName}" not in name:
        yield f"the access log goes to {name}"


_HARMLESS = {
    "error.message",
    "identity.caller",
    "identity.sourceIp",
    "integrationErrorMessage",
    "integrationLatency",
    "requestId",
    "requestTimeEpoch",
    "responseLatency",
    "responseLength",
    "routeKey",
    "status",
}


def no_browser_may_call(template: Template) -> Iterator[str]:
    """A token belongs to a server; the API has no CORS."""
    if "CorsConfiguration" in template["Resources"]["Api"]["Properties"]:
        yield "the API has CORS"


# The functions.


def functions_run_on_python_3_13(template: Template) -> Iterator[str]:
    """All of them, on the architecture of the parameter."""
    for name, function in functions(template):
        if function.get("Runtime") != "python3.13":
            yield f"{name} runs on {function.get('Runtime')}"
        if function.get("Architectures") != [{"Ref": "Architecture"}]:
            yield f"{name} does not follow the Architecture parameter"


def every_setting_reaches_the_functions(template: Template) -> Iterator[str]:
    """Each setting of the library is set, and a parameter's default is the library's own."""
    variables = _variables(template)
    for field in fields(Settings):
        name = f"SOJOURN_{field.name.upper()}"
        if field.name in ("endpoint_url", "records_url"):  # for an emulator, and for callers without the table
            continue
        if name not in variables:
            yield f"{name} is not set"
        elif field.name == "max_absolute_seconds":
            # A consumer without the setting must not ask for more than the bucket keeps; less is fine.
            if int(str(_default(template, variables[name]))) < int(str(field.default)):
                yield f"{name} is lower than the library's"
        elif field.default is not None and not _same_default(template, variables[name], field.default):
            yield f"{name} has another default than the library"


def tracing_captures_nothing(template: Template) -> Iterator[str]:
    """Lambda's own segments and no more: responses hold documents and tokens. Off unless a caller asks for it.

    SAM leaves out ``Disabled``, so that a change to it would publish no version and change nothing.
    """
    if any("TRACE" in name for name in _variables(template)):
        yield "a tracer inside the function is configured"
    if template["Parameters"]["Tracing"]["AllowedValues"] != ["PassThrough", "Active"]:
        yield "tracing has a value that SAM leaves out"
    if template["Parameters"]["Tracing"]["Default"] != "PassThrough":
        yield "tracing is on by default"


def every_function_has_its_own_role(template: Template) -> Iterator[str]:
    """Made from its own statements; never a role that others share."""
    for name, function in functions(template):
        if "Role" in function or not list(statements(template, name)):
            yield f"{name} has no role of its own"


def nobody_has_more_rights_than_calls(template: Template) -> Iterator[str]:
    """Exactly the calls that each makes, exactly where. Who uses the client layer can do every verb and no Scan."""
    for name, expected in RIGHTS.items():
        found: dict[str, str] = {}
        for condition, statement in statements(template, name):
            if condition == "HasKmsKey":  # see who_reaches_sessions_reaches_their_key
                continue
            actions = sorted(action.split(":")[1] for action in listed(statement["Action"]))
            place = _place(statement["Resource"])
            found[f"{place} if {condition}" if condition else place] = " ".join(actions)
        if found != expected:
            yield f"{name} may {found}"


def no_right_is_a_wildcard(template: Template) -> Iterator[str]:
    """No ``*`` in any granted action or resource, save for the objects of the bucket."""
    for name, statement in granted(template):
        resource = json.dumps(statement["Resource"]).replace("${BucketArnParameter.Value}/*", "")
        # Listing a table's streams names none of them.
        resource = resource.replace("${TableArnParameter.Value}/stream/*", "")
        if "*" in json.dumps(statement["Action"]) + resource:
            yield f"{name} has a wildcard"


def who_reaches_sessions_reaches_their_key(template: Template) -> Iterator[str]:
    """A customer's key locks out whoever may not use it; through the two stores and no other way."""
    attached = {"Fn::If": ["HasKmsKey", {"Ref": "KeyPolicy"}, NO_VALUE]}
    for name, function in functions(template):
        if attached not in function["Policies"]:
            yield f"{name} may not use the key"
    ours = template["Resources"]["KeyPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    if {"Fn::If": ["HasKmsKey", ours, NO_VALUE]} not in _raw_statements(template, "ClientPolicy"):
        yield "clients may not use the key as the functions may"
    if "kms:ViaService" not in json.dumps(ours.get("Condition")):
        yield "the key is open to uses outside the stores"


def versions_follow_every_change(template: Template) -> Iterator[str]:
    """The API calls published versions, and SAM alone notices neither a changed layer nor a changed parameter."""
    for name in _VERSIONED:
        own = template["Resources"][name]["Properties"]
        function = template["Globals"]["Function"] | own
        if function.get("AutoPublishAlias") != "live" or function.get("AutoPublishAliasAllProperties") is not True:
            yield f"{name} does not publish every change"
        described = json.dumps(function.get("VersionDescription"))
        used = _references({key: function[key] for key in function.keys() & _CONFIGURATION}, template)
        used |= _references(_variables(template), template)  # SAM merges these with the function's own
        used |= {"ExistingTableName", "ExistingBucketName"}  # these come through SSM parameters
        used -= _OF_OTHER_VERBS if name == "AuthorizerFunction" else set()
        for parameter in sorted(used & template["Parameters"].keys()):
            if f"${{{parameter}}}" not in described:
                yield f"a changed {parameter} does not reach {name}'s version"
    for name, layer in resources(template, "AWS::Serverless::LayerVersion"):
        if layer.get("PublishLambdaVersion") is not True:
            yield f"a changed {name} does not reach the versions"


# A lifetime is the item's own once there is one, and the authorizer neither writes a document nor sweeps.
_OF_OTHER_VERBS = {
    "AbsoluteSeconds",
    "IdleSeconds",
    "MaxAbsoluteSeconds",
    "OverflowBytes",
    "SweepGraceSeconds",
    "SweepIndex",
    "SweepMinutes",
    "SweepPeriodSeconds",
    "SweepShards",
    "SweepWriteUnits",
}

_CONFIGURATION = {
    "Architectures",
    "Environment",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "SnapStart",
    "Timeout",
    "Tracing",
}


def encryption_has_its_layer(template: Template) -> Iterator[str]:
    """Off unless asked for, and never on without the layer; which stays when it is off, to read what was encrypted."""
    if template["Parameters"]["Encryption"]["Default"] != "off":
        yield "documents are encrypted by default"
    layer = {"Fn::If": ["HasEncryptionLayer", {"Ref": "EncryptionLayerArn"}, NO_VALUE]}
    if any(layer not in function.get("Layers", []) for _, function in functions(template)):
        yield "a function has not the encryption layer"
    is_off = {"Fn::Equals": [{"Ref": "Encryption"}, "off"]}
    has_layer = {"Fn::Not": [{"Fn::Equals": [{"Ref": "EncryptionLayerArn"}, ""]}]}
    assertions = template["Rules"].get("EncryptionHasItsLayer", {}).get("Assertions", [{}])
    if assertions[0].get("Assert") != {"Fn::Or": [is_off, has_layer]}:
        yield "encryption can be asked for without its layer"


def certificates_are_the_layers_own(template: Template) -> Iterator[str]:
    """Those of botocore unless asked for, and then the file that each function has with the client layer."""
    if template["Parameters"]["AmazonRootsOnly"]["Default"] != "false":
        yield "the functions trust fewer roots by default"
    if template["Conditions"].get("TrustsAmazonAlone") != {"Fn::Equals": [{"Ref": "AmazonRootsOnly"}, "true"]}:
        yield "the certificates do not follow AmazonRootsOnly"
    place = f"/opt/python/{roots.TARGET.relative_to(ROOT / 'layers' / 'client')}"
    if _variables(template).get("AWS_CA_BUNDLE") != {"Fn::If": ["TrustsAmazonAlone", place, NO_VALUE]}:
        yield f"AWS_CA_BUNDLE is not {place}, or not by choice"
    for name, function in functions(template):
        if {"Ref": "ClientLayer"} not in function.get("Layers", []):
            yield f"{name} has not the layer with the certificates"
        if "AWS_CA_BUNDLE" in template["Resources"][name]["Properties"].get("Environment", {}).get("Variables", {}):
            yield f"{name} has certificates of its own"


def every_log_ends(template: Template) -> Iterator[str]:
    """Each function logs to its own group, and each group forgets."""
    groups = dict(resources(template, "AWS::Logs::LogGroup"))
    for name, group in groups.items():
        if group.get("RetentionInDays") != {"Ref": "LogRetentionDays"}:
            yield f"{name} keeps logs for ever"
    for name, function in functions(template):
        if function.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref") not in groups:
            yield f"{name} does not log to a group of the stack"


def no_log_line_is_filtered(template: Template) -> Iterator[str]:
    """Lambda's JSON format drops lines below its level, and takes a metric or a line of Powertools' for INFO.

    With ``LogLevel: ERROR`` every metric would vanish, and every error too. Powertools' lines are JSON as they are, and
    ``POWERTOOLS_LOG_LEVEL`` is the level.
    """
    if _variables(template).get("POWERTOOLS_LOG_LEVEL") != {"Ref": "LogLevel"}:
        yield "LogLevel does not reach the functions"
    for name, function in functions(template):
        if set(function.get("LoggingConfig", {})) - {"LogFormat", "LogGroup"}:
            yield f"Lambda filters what {name} logs"
        elif function.get("LoggingConfig", {"LogFormat": "Text"}).get("LogFormat") != "Text":
            yield f"{name} logs in a format that Lambda filters"


# The schedule.


def no_failed_sweep_is_forgotten(template: Template) -> Iterator[str]:
    """Retried, then kept in the queue: calls that Lambda did not take, and runs that failed."""
    queue = {"Fn::GetAtt": ["SweepDeadLetters", "Arn"]}
    sweep = template["Resources"]["SweepFunction"]["Properties"]
    for name, event in sweep["Events"].items():
        schedule = event["Properties"]
        if schedule.get("RetryPolicy", {}).get("MaximumRetryAttempts", 185) > 5:
            yield f"the retries of {name} have no bound"
        if schedule.get("DeadLetterConfig") != {"Arn": queue}:
            yield f"calls of {name} that Lambda did not take are forgotten"
    failure = sweep.get("EventInvokeConfig", {}).get("DestinationConfig", {}).get("OnFailure")
    if failure != {"Type": "SQS", "Destination": queue}:
        yield "runs that failed are forgotten"


def one_role_starts_the_sweep(template: Template) -> Iterator[str]:
    """It may do that and keep what failed; for this account's schedules. SAM would make a role for each schedule."""
    for name, event in template["Resources"]["SweepFunction"]["Properties"]["Events"].items():
        if event["Properties"].get("RoleArn") != {"Fn::GetAtt": ["SchedulerRole", "Arn"]}:
            yield f"{name} has a role of its own"
    role = template["Resources"]["SchedulerRole"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    if trust.get("Condition") != {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}:
        yield "schedules of other accounts may take the role"
    granted_to_it = {
        statement["Action"]: statement["Resource"]["Fn::GetAtt"]
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    }
    if granted_to_it != {
        "lambda:InvokeFunction": ["SweepFunction", "Arn"],
        "sqs:SendMessage": ["SweepDeadLetters", "Arn"],
    }:
        yield f"the scheduler may {granted_to_it}"


def every_share_of_the_sweep_is_scheduled(template: Template) -> Iterator[str]:
    """With n groups the first n schedules are enabled, and each says which share it is."""
    enabling = {0: None, 1: "SweepsInTwo", 2: "SweepsInFour", 3: "SweepsInFour"}
    enabling |= dict.fromkeys(range(4, 8), "SweepsInEight")
    schedules = template["Resources"]["SweepFunction"]["Properties"]["Events"]
    for group, condition in enabling.items():
        schedule = schedules.get(f"Group{group}", {}).get("Properties", {})
        if schedule.get("Input") != {"Fn::Sub": f'{{"group": {group}, "groups": ${{SweepGroups}}}}'}:
            yield f"nobody sweeps share {group}"
        if schedule.get("State") != (condition and {"Fn::If": [condition, "ENABLED", "DISABLED"]}):
            yield f"share {group} is swept by another number of groups than it belongs to"


def dead_letters_are_encrypted(template: Template) -> Iterator[str]:
    """And kept as long as a queue keeps anything."""
    for name, queue in resources(template, "AWS::SQS::Queue"):
        if queue.get("SqsManagedSseEnabled") is not True or queue.get("MessageRetentionPeriod") != 14 * _DAY:
            yield f"{name} is open or short-lived"


# What there is beside the API, for those who ask for it.


def what_is_optional_is_off(template: Template) -> Iterator[str]:
    """Until a parameter says otherwise, and then all of it is there."""
    for condition, (parameter, names) in OPTIONAL.items():
        if template["Parameters"][parameter]["Default"] != "false":
            yield f"{parameter} is on by default"
        if template["Conditions"][condition] != {"Fn::Equals": [{"Ref": parameter}, "true"]}:
            yield f"{condition} does not follow {parameter}"
        for name in sorted(names):
            if template["Resources"][name].get("Condition") != condition:
                yield f"{name} does not follow {parameter}"


def the_stream_comes_and_goes_with_the_events(template: Template) -> Iterator[str]:
    """Nothing is kept of items that changed unless somebody asked; a change of it replaces no table."""
    view = {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    if table(template).get("StreamSpecification") != {"Fn::If": ["SendsEvents", view, NO_VALUE]}:
        yield "the table's stream does not follow the events"
    own = {"Fn::GetAtt": ["SessionsTable", "StreamArn"]}
    value = template["Resources"]["StreamArnParameter"]["Properties"]["Value"]
    if value != {"Fn::If": ["MakesTable", own, {"Ref": "ExistingTableStreamArn"}]}:
        yield "the stream is not that of the table"
    has_stream = {"Fn::Not": [{"Fn::Equals": [{"Ref": "ExistingTableStreamArn"}, ""]}]}
    off, own_table = ({"Fn::Equals": [{"Ref": name}, text]} for name, text in (("Events", "false"), _NO_OTHER_TABLE))
    assertions = template["Rules"].get("EventsHaveTheirStream", {}).get("Assertions", [{}])
    if assertions[0].get("Assert") != {"Fn::Or": [off, own_table, has_stream]}:
        yield "events can be asked for without a stream"


_NO_OTHER_TABLE = ("ExistingTableName", "")


def no_event_is_lost(template: Template) -> Iterator[str]:
    """From the stream's beginning; what fails comes again, in halves, for hours, and then its place is kept."""
    source = template["Resources"]["EventsSource"]["Properties"]
    expected = {
        "EventSourceArn": {"Fn::GetAtt": ["StreamArnParameter", "Value"]},
        "StartingPosition": "TRIM_HORIZON",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["EventsDeadLetters", "Arn"]}}},
    }
    for name, value in expected.items():
        if source.get(name) != value:
            yield f"{name} is {source.get(name)}"
    # The stream keeps a record for a day: what waits longer is lost without a word.
    if not 3_600 <= source.get("MaximumRecordAgeInSeconds", -1) <= _DAY / 2:
        yield "a record is given up too early, or too late to look at it"
    if not 10 <= source.get("MaximumRetryAttempts", -1) <= 10_000:
        yield "the tries have no bound, or are few"


def what_is_no_event_costs_no_call(template: Template) -> Iterator[str]:
    """Most changes of a table of sessions are renewals. Each filter is for sessions of the stack's namespace."""
    source = template["Resources"]["EventsSource"]["Properties"]
    filters = [json.loads(one["Pattern"]["Fn::Sub"]) for one in source.get("FilterCriteria", {}).get("Filters", [])]
    told = {
        one["eventName"][0]: {image: list(one["dynamodb"][image]) for image in one["dynamodb"].keys() - {"Keys"}}
        for one in filters
        if one["dynamodb"]["Keys"] == {"session_id": {"S": [{"prefix": "${Namespace}#"}]}}
    }
    expected = {
        "INSERT": {"NewImage": ["token_hash"]},
        "MODIFY": {"NewImage": ["rotated_at"]},
        "REMOVE": {"OldImage": ["token_hash"]},
    }
    if told != expected or len(filters) != len(expected):
        yield f"the function is called for {told}"


# What others use.


def the_client_layer_serves_every_python(template: Template) -> Iterator[str]:
    """Those that the package promises, on both architectures."""
    layer = template["Resources"]["ClientLayer"]["Properties"]
    if sorted(layer["CompatibleRuntimes"]) != [f"python3.{minor}" for minor in (11, 12, 13, 14)]:
        yield f"the client layer is for {layer['CompatibleRuntimes']}"
    if layer.get("CompatibleArchitectures") != ["arm64", "x86_64"]:
        yield "the client layer is not for both architectures"


def a_new_layer_takes_no_old_one_away(template: Template) -> Iterator[str]:
    """Functions of other stacks stay on the version that they were deployed with, and start with it again."""
    for name, layer in resources(template, "AWS::Serverless::LayerVersion"):
        if layer.get("RetentionPolicy") != "Retain":
            yield f"a new {name} deletes the one that others use"


def nothing_is_exported(template: Template) -> Iterator[str]:
    """CloudFormation refuses to change an export that another stack imports, and each of these changes one day.

    A layer's ARN holds its version: the first stack to import it would have been the last deployment of this one.
    """
    for name, output in template.get("Outputs", {}).items():
        if "Export" in output:
            yield f"{name} is exported, so it could not change any more"


def nothing_is_imported(template: Template) -> Iterator[str]:
    """For the same reason, seen from the other side: SSM parameters take its place."""
    if "Fn::ImportValue" in json.dumps(template):
        yield "a value is imported, so its stack could not change it any more"


def layers_are_built(template: Template) -> Iterator[str]:
    """By their Makefiles, which leave bytecode: without a build method SAM does not even copy them.

    With ``--use-container`` SAM takes the image of the first runtime that a layer is compatible with.
    """
    for name, layer in resources(template, "AWS::Serverless::LayerVersion"):
        if template["Resources"][name].get("Metadata") != {"BuildMethod": "makefile"}:
            yield f"{name} is not built"
        if layer["CompatibleRuntimes"][:1] != ["python3.13"]:
            yield f"{name} is built in a container without the functions' Python"


def everything_is_published_twice(template: Template) -> Iterator[str]:
    """Each output is printed for people and stored as an SSM parameter for everything else, with one value."""
    parameters = {
        parameter["Name"]["Fn::Sub"]: (name, parameter["Value"])
        for name, parameter in resources(template, "AWS::SSM::Parameter")
    }
    if template["Outputs"].keys() != PUBLISHED.keys() or len(parameters) != len(PUBLISHED):
        yield "outputs or parameters are not those of the design"
    for name, output in template["Outputs"].items():
        resource, value = parameters.get(f"/${{AWS::StackName}}/{PUBLISHED.get(name)}", ("", None))
        if output["Value"] not in (value, {"Fn::GetAtt": [resource, "Value"]}):
            yield f"{name} is not the parameter's value"
        elif output.get("Condition") != template["Resources"][resource].get("Condition"):
            yield f"{name} is there without the parameter"


def alarms_need_a_topic(template: Template) -> Iterator[str]:
    """Each tells the topic, and there is none without one."""
    for name, alarm in resources(template, "AWS::CloudWatch::Alarm"):
        condition = template["Resources"][name].get("Condition")
        if {"Condition": "HasAlarmTopic"} not in _both(template, condition):
            yield f"{name} exists without a topic"
        if alarm.get("AlarmActions") != [{"Ref": "AlarmTopicArn"}]:
            yield f"{name} tells nobody"


def _both(template: Template, condition: str | None) -> list[object]:
    """What a condition is made of where it joins two; itself otherwise."""
    joined = template["Conditions"].get(condition, {}).get("Fn::And", [])
    return [{"Condition": condition}, *joined]


WATCHED = {
    "ApiErrorsAlarm",
    "ApiUnavailableAlarm",
    "EventsDeadLettersAlarm",
    "EventsLateAlarm",
    "ReadsThrottledAlarm",
    "SubjectIndexThrottledAlarm",
    "SweepDeadLettersAlarm",
    "SweepErrorsAlarm",
    "SweepIndexThrottledAlarm",
    "SweepLeftAlarm",
    "SweepOverdueAlarm",
    "SweepSilentAlarm",
    "WritesThrottledAlarm",
}


def everything_that_can_fail_is_watched(template: Template) -> Iterator[str]:
    """The API, the table and its indexes, and each way in which a sweep can come to nothing."""
    for name in sorted(WATCHED ^ dict(resources(template, "AWS::CloudWatch::Alarm")).keys()):
        yield f"{name} is missing, or not of the design"


def every_alarm_leads_to_the_runbook(template: Template) -> Iterator[str]:
    """A sentence that says what it means, and a link to a heading that is there."""
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for name, alarm in resources(template, "AWS::CloudWatch::Alarm"):
        text = alarm.get("AlarmDescription", "")
        sentence, _, anchor = (text["Fn::Sub"] if isinstance(text, dict) else text).partition(" ${RunbookUrl}#")
        if len(sentence.split()) < 5 or not sentence.endswith((".", "?")):
            yield f"{name} does not say what it means"
        if anchor not in anchors:
            yield f"{name} leads nowhere: #{anchor}"


def every_metric_that_is_shown_is_written(template: Template) -> Iterator[str]:
    """By the code, under the very name, with a reason that there is; or a widget stays empty and an alarm silent."""
    written, shown = {*METRICS.values(), *COUNTED}, {metric for metric, _ in _shown(template)}
    alarmed = {
        alarm["MetricName"]
        for _, alarm in resources(template, "AWS::CloudWatch::Alarm")
        if alarm["Namespace"] == "Sojourn" and isinstance(alarm["MetricName"], str)  # the other is the access log's
    }
    for name in sorted((shown | alarmed) - written):
        yield f"{name} is written by nothing"
    for name in sorted({*METRICS.values()} - shown):
        yield f"{name} is not shown"
    reasons = {one.value for kind in (Absence, Cause) for one in kind}
    for name, dimensions in _shown(template):
        if dimensions is not None and dimensions.get("reason", "conflict") not in reasons:
            yield f"there is no reason for {name} as {dimensions['reason']}"


def the_dashboard_shows_the_day(template: Template) -> Iterator[str]:
    """What AWS itself counts is there beside our own: units, throttles, latency; and the lines by verb."""
    text = _dashboard(template)
    wanted = [
        "Throttle",
        "Consumed",
        "SuccessfulRequestLatency",
        "by verb",
        "${ReadLogs}",
        "${WriteLogs}",
        "${ExpireLogs}",
    ]
    for name in wanted:
        if name not in text:
            yield f"the dashboard has no {name}"


def queries_are_the_stacks_own(template: Template) -> Iterator[str]:
    """Named after it, and of its log groups: a query that reads every group of the account is billed for them."""
    for name, query in resources(template, "AWS::Logs::QueryDefinition"):
        if not query["Name"].get("Fn::Sub", "").startswith("${AWS::StackName}/"):
            yield f"{name} is another stack's as well"
        groups = [group.get("Fn::If", [None, group])[1].get("Ref", "") for group in query.get("LogGroupNames", [])]
        if not groups or any(
            template["Resources"].get(group, {}).get("Type") != "AWS::Logs::LogGroup" for group in groups
        ):
            yield f"{name} reads {groups}"


def _dashboard(template: Template) -> str:
    text: str = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][0]
    return text


def _shown(template: Template) -> Iterator[tuple[str, dict[str, str] | None]]:
    """Each of our metrics on the dashboard, with its dimensions written out; ``None`` where it is searched."""
    for widget in json.loads(_dashboard(template))["widgets"]:
        before: list[str] = []
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], dict):
                yield re.findall(r'MetricName="(\w+)"', metric[0]["expression"])[0], None
                continue
            parts = [part for part in metric if isinstance(part, str)]
            if parts[0] == "...":
                parts = [*before[: len(before) - len(parts) + 1], *parts[1:]]
            before = [before[place] if part == "." else part for place, part in enumerate(parts)]
            if before[0] == "Sojourn":
                yield before[1], dict(zip(before[2::2], before[3::2], strict=True))


def metrics_are_the_stacks_own(template: Template) -> Iterator[str]:
    """Their one dimension is the service's name: two stacks with one would share their metrics and alarms."""
    service = {"Ref": "AWS::StackName"}
    if _variables(template).get("POWERTOOLS_SERVICE_NAME") != service:
        yield "the metrics of two stacks are one"
    for name, alarm in resources(template, "AWS::CloudWatch::Alarm"):
        if alarm["Namespace"] == "Sojourn" and not (
            alarm.get("Dimensions") == [{"Name": "service", "Value": service}]
            or "${AWS::StackName}" in json.dumps(alarm["MetricName"])
        ):
            yield f"{name} hears every stack"
    named = [dimensions for _, dimensions in _shown(template) if dimensions is not None]
    if any(dimensions.get("service") != "${AWS::StackName}" for dimensions in named):
        yield "the dashboard shows every stack's metrics"
    if _dashboard(template).count("SEARCH(") != _dashboard(template).count('service=\\"${AWS::StackName}\\"'):
        yield "the dashboard searches every stack's metrics"


def refusals_are_counted_where_they_are_alarmed(template: Template) -> Iterator[str]:
    """The API has no metric of 503 alone, so its access log is counted, by the name that the alarm has."""
    (counted,) = template["Resources"]["ApiUnavailableMetric"]["Properties"]["MetricTransformations"]
    alarm = template["Resources"].get("ApiUnavailableAlarm", {"Properties": {"MetricName": counted["MetricName"]}})
    if alarm["Properties"]["MetricName"] != counted["MetricName"]:
        yield "nothing counts what the alarm waits for"
    pattern = template["Resources"]["ApiUnavailableMetric"]["Properties"]["FilterPattern"]
    if pattern != '{ $.status = "503" }':
        yield f"{pattern} is counted"


def a_new_stack_is_not_silent(template: Template) -> Iterator[str]:
    """No run yet is not a sweep that stopped: only data that ceases alarms, and then it does."""
    silent = template["Resources"].get("SweepSilentAlarm", {}).get("Properties")
    if silent and silent.get("TreatMissingData") != "missing":
        yield "a sweep that has not run yet is an alarm"
    if silent and silent.get("InsufficientDataActions") != [{"Ref": "AlarmTopicArn"}]:
        yield "a sweep that stopped tells nobody"


def a_key_is_named_by_its_own_arn(template: Template) -> Iterator[str]:
    """IAM compares a policy's resource with the key's ARN, so an alias would grant nothing."""
    pattern = re.compile(template["Parameters"]["KmsKeyArn"]["AllowedPattern"])
    key = "arn:aws:kms:eu-central-1:123456789012:"
    for text, fits in (("", True), (f"{key}key/mrk-1", True), (f"{key}alias/sessions", False), ("sessions", False)):
        if bool(pattern.fullmatch(text)) is not fits:
            yield f"KmsKeyArn takes {text}" if not fits else f"KmsKeyArn does not take {text}"


# Reading the template.


def resources(template: Template, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and properties of each resource of a type."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource["Properties"]


def functions(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and properties of each function, what Globals say included."""
    common = template["Globals"]["Function"]
    for name, properties in resources(template, "AWS::Serverless::Function"):
        yield name, common | properties


def table(template: Template) -> dict[str, Any]:
    """The table's properties."""
    properties: dict[str, Any] = template["Resources"]["SessionsTable"]["Properties"]
    return properties


def bucket(template: Template) -> dict[str, Any]:
    """The bucket's properties."""
    properties: dict[str, Any] = template["Resources"]["OverflowBucket"]["Properties"]
    return properties


def statements(template: Template, name: str) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """The statements of a function or a managed policy, each with the condition that it stands under."""
    for statement in _raw_statements(template, name):
        condition, then, _ = statement.get("Fn::If", (None, statement, None))
        yield condition, then


def granted(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every function and managed policy, conditional ones included."""
    for kind in ("AWS::Serverless::Function", "AWS::IAM::ManagedPolicy"):
        for name, _ in resources(template, kind):
            yield from ((name, statement) for _, statement in statements(template, name))


def listed(value: str | list[str]) -> list[str]:
    """A policy's one or many as many."""
    return [value] if isinstance(value, str) else value


def _raw_statements(template: Template, name: str) -> list[dict[str, Any]]:
    properties = template["Resources"][name]["Properties"]
    if "PolicyDocument" in properties:
        return list(properties["PolicyDocument"]["Statement"])
    documents = [policy for policy in properties.get("Policies", []) if "Statement" in policy]
    return [statement for document in documents for statement in document["Statement"]]


def _references(value: object, template: Template) -> set[str]:
    """Whatever ``value`` refers to with ``Ref``, at any depth, and whatever its conditions do."""
    if isinstance(value, dict):
        own = {value["Ref"]} if set(value) == {"Ref"} else set()
        condition = template["Conditions"].get(value["Fn::If"][0]) if "Fn::If" in value else None
        return own.union(*(_references(entry, template) for entry in (*value.values(), condition)))
    if isinstance(value, list):
        return set().union(*(_references(entry, template) for entry in value))
    return set()


def _place(resource: dict[str, Any]) -> str:
    """Where a statement's resource is, in the words of ``RIGHTS``."""
    if resource == {"Fn::GetAtt": ["TableArnParameter", "Value"]}:
        return "table"
    if resource == {"Fn::GetAtt": ["StreamArnParameter", "Value"]}:
        return "stream"
    if resource.get("Fn::GetAtt", [])[1:] == ["Arn"]:
        return str(resource["Fn::GetAtt"][0])
    pattern = str(resource.get("Fn::Sub", resource))
    return pattern.replace("${TableArnParameter.Value}/", "").replace("${BucketArnParameter.Value}/*", "objects")


def _length(template: Template, name: str) -> int:
    """Of a parameter's value: the longest choice, a digit more than the default has, or a name as they are made."""
    parameter = template["Parameters"].get(name)
    if parameter is None:  # the encryption layer's version
        return 3
    if "AllowedValues" in parameter:
        return max(len(str(value)) for value in parameter["AllowedValues"])
    if "MaxLength" in parameter:
        return int(parameter["MaxLength"])
    if parameter["Type"] == "Number":
        return len(str(parameter["Default"])) + 1
    return {"Namespace": 16, "ExistingTableName": 42, "ExistingBucketName": 42}.get(name, 64)


def _lifecycle(template: Template) -> list[dict[str, Any]]:
    return list(bucket(template).get("LifecycleConfiguration", {}).get("Rules", []))


def _variables(template: Template) -> dict[str, Any]:
    variables: dict[str, Any] = template["Globals"]["Function"]["Environment"]["Variables"]
    return variables


def _default(template: Template, reference: dict[str, str]) -> object:
    return template["Parameters"].get(reference.get("Ref", ""), {}).get("Default")


def _same_default(template: Template, value: dict[str, Any], default: object) -> bool:
    if "Fn::FindInMap" in value:
        mapping, chosen, column = value["Fn::FindInMap"]
        return str(template["Mappings"][mapping][str(_default(template, chosen))][column]) == str(default)
    return str(_default(template, value)) == str(default).replace("True", "true").replace("False", "false")

"""layers/only.yaml: what template.yaml has for applications that need no HTTP API, and nothing else."""

from devstack import only
from devstack.template import read_template


def test_it_is_made_of_the_template() -> None:
    """`python -m devstack.only` changes nothing."""
    assert only.TARGET.read_text() == only.written()


def test_it_has_the_table_the_layer_and_the_sweep() -> None:
    """As the whole stack has them, and what is left refers to nothing that is not there."""
    template, whole = read_template(only.TARGET), read_template()
    kinds = {resource["Type"] for resource in template["Resources"].values()}
    assert not {kind for kind in kinds if "ApiGateway" in kind}
    for name in ("SessionsTable", "OverflowBucket", "ClientPolicy", "SweepDeadLetters", "SweepErrorsAlarm"):
        assert template["Resources"][name] == whole["Resources"][name]
    functions = [name for name, found in template["Resources"].items() if found["Type"] == "AWS::Serverless::Function"]
    assert functions == ["SweepFunction"]
    assert {"TableName", "BucketName", "ClientLayerArn", "ClientPolicyArn"} <= template["Outputs"].keys()
    assert "ApiUrl" not in template["Outputs"]

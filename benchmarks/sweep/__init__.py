"""What a sweep costs, measured on DynamoDB Local: ``python -m benchmarks.sweep``."""

import os

# Tools for developers bring botocore's compiled signer along; Lambda's runtime and the layer do not.
os.environ["BOTO_DISABLE_CRT"] = "true"

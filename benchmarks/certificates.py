"""What an AWS client's first HTTPS request takes for the certificates that it trusts, in instructions.

    python -m benchmarks.certificates

A process that reads a bundle into a TLS context, minus one that makes the context alone, counted by valgrind: of the
bundle that botocore brings, and of amazon-roots.pem.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from devstack.roots import BUNDLE, TARGET

_PROGRAM = """
import ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
for bundle in sys.argv[1:]:
    context.load_verify_locations(bundle)
"""


def counted(*bundles: Path) -> int:
    """The instructions of a Python that makes a TLS context and reads ``bundles`` into it."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "callgrind")
        counter = ("setarch", "-R", "valgrind", "--tool=callgrind", f"--callgrind-out-file={output}")
        subprocess.run(
            [*counter, sys.executable, "-S", "-c", _PROGRAM, *map(str, bundles)],
            env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"},
            check=True,
            capture_output=True,
        )
        total = re.search(r"^(?:summary|totals): (\d+)", output.read_text(), re.MULTILINE)
    assert total is not None
    return int(total[1])


def main() -> None:
    """Count and print."""
    none = counted()
    for bundle in (BUNDLE, TARGET):
        certificates = bundle.read_text().count("BEGIN CERTIFICATE")
        print(f"{bundle.name}: {certificates} certificates, {(counted(bundle) - none) / 1e6:.1f} million")


if __name__ == "__main__":
    main()

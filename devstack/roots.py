"""Makes layers/client/sojourn/amazon-roots.pem: of the certificates that botocore brings those of AWS's endpoints.

``python -m devstack.roots`` writes it; a test keeps the two alike. Asks nothing of the network.
"""

import hashlib
import re
import ssl
from pathlib import Path
from typing import Final

import botocore

from devstack.errors import DevstackError
from devstack.layout import ROOT

TARGET: Final = ROOT / "layers" / "client" / "sojourn" / "amazon-roots.pem"
BUNDLE: Final = Path(botocore.__file__).with_name("cacert.pem")

ROOTS: Final = {
    "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5": (
        "Starfield Services Root Certificate Authority - G2"
    ),
    "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e": "Amazon Root CA 1",
    "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4": "Amazon Root CA 2",
    "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4": "Amazon Root CA 3",
    "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092": "Amazon Root CA 4",
}
"""The names by the SHA-256 of the certificate, as https://www.amazontrust.com/repository/ has them."""

_HEAD = """\
# The five root certificates of Amazon Trust Services, from which AWS's endpoints in the commercial Regions have theirs.
# For AWS clients that reach nothing else: AWS_CA_BUNDLE names this file. See docs/performance.md, "The certificates".
# Made of the bundle that botocore brings by `python -m devstack.roots`.
"""
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def written(bundle: Path = BUNDLE) -> str:
    """The text of amazon-roots.pem. A certificate is found by its fingerprint, whatever is written above it.

    Raises ``DevstackError`` where ``bundle`` lacks one of the five.
    """
    every = map(ssl.PEM_cert_to_DER_cert, _CERTIFICATE.findall(bundle.read_text()))
    found = {hashlib.sha256(certificate).hexdigest(): certificate for certificate in every}
    missing = [name for fingerprint, name in ROOTS.items() if fingerprint not in found]
    if missing:
        raise DevstackError(f"{bundle} lacks {', '.join(missing)}: take another botocore, or the certificate's issuer")
    texts = (f"\n# {name}\n{ssl.DER_cert_to_PEM_cert(found[fingerprint])}" for fingerprint, name in ROOTS.items())
    return _HEAD + "".join(texts)


def main(target: Path = TARGET) -> None:
    """Write it."""
    target.write_text(written())


if __name__ == "__main__":
    main()

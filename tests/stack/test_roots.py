"""amazon-roots.pem: the five roots of Amazon Trust Services, as botocore brings them, and nothing else."""

import hashlib
import ssl
from pathlib import Path

import pytest

from devstack import roots
from devstack.errors import DevstackError


def test_it_is_made_of_botocores_bundle() -> None:
    """`python -m devstack.roots` changes nothing."""
    assert roots.TARGET.read_text() == roots.written()


def test_a_client_that_reads_it_trusts_the_five_and_no_other() -> None:
    """As OpenSSL reads the file, comments and all."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(roots.TARGET)
    trusted = {hashlib.sha256(certificate).hexdigest() for certificate in context.get_ca_certs(binary_form=True)}
    assert trusted == roots.ROOTS.keys()
    named = [dict(part[0] for part in one["subject"])["commonName"] for one in context.get_ca_certs()]  # type: ignore[misc]  # pairs of names
    assert sorted(named) == sorted(roots.ROOTS.values())


def test_a_certificate_is_told_by_its_fingerprint(tmp_path: Path) -> None:
    """A bundle may call another one by its name."""
    lacking = tmp_path / "cacert.pem"
    one = roots.BUNDLE.read_text().index("-----BEGIN")
    lacking.write_text("# Amazon Root CA 1\n" + roots.BUNDLE.read_text()[one : one + 4_000])
    with pytest.raises(DevstackError, match=r"cacert\.pem lacks Starfield .* - G2, Amazon Root CA 1, .* CA 4"):
        roots.written(lacking)

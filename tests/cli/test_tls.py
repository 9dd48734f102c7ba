"""`millrace serve` over TLS, for real: with a certificate made for the test."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from millrace.errors import BadInput
from millrace.serve.app import tls_of
from tests.cli.test_serving import server

pytestmark = pytest.mark.server


def make(folder, password=None):
    """Write a certificate of 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "millrace")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    sealed = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    folder.mkdir(exist_ok=True)
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed))
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_server_speaks_tls_and_nothing_else(shop, workers):
    certificate, key = make(shop.folder / "tls")
    options = ["--tls-certificate", str(certificate), "--tls-key", str(key), "--workers", workers]
    trusted = ssl.create_default_context(cafile=certificate)
    with server(shop.folder, *options, verify=trusted) as (client, _):
        assert client.base_url.scheme == "https"
        assert client.get("/readyz").status_code == 200
        plain = str(client.base_url).replace("https", "http")
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{plain}/healthz", timeout=5)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{client.base_url}/healthz", timeout=5)  # nobody vouches for it there


def test_wrong_certificates_are_refused_before_anything_starts(tmp_path):
    certificate, key = make(tmp_path / "one")
    other, _ = make(tmp_path / "two")
    for given, complaint in (
        ((certificate, None), "TLS needs both"),
        ((None, key), "TLS needs both"),
        ((other, key), "are no certificate and its private key"),
        ((tmp_path / "none.pem", key), r"--tls-certificate: there is no file .*none\.pem"),
        ((certificate, tmp_path / "none.pem"), r"--tls-key: there is no file .*none\.pem"),
        (make(tmp_path / "three", b"secret"), "are no certificate and its private key"),
    ):
        with pytest.raises(BadInput, match=complaint):
            tls_of(*given)
    assert tls_of(None, None) is None

"""Which servers both transports trust."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from airflow_provider_apify._api import account, sessions
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify.exceptions import ApifyAddressError, ApifyConnectionError
from airflow_provider_apify.options import RunOptions, Target
from tests._api.asking import Ask, access_to
from tests._api.plain_server import Reply, plain_server

START = endpoints.start_run(Target("actor", "apify/scenario"), b"{}", RunOptions())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make key and certificate of a server that nobody trusts by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local server")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(2099, 1, 1, tzinfo=UTC)
    )
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    authority = x509.BasicConstraints(ca=True, path_length=None)
    signed = builder.add_extension(address, critical=False).add_extension(authority, critical=True).sign(key, SHA256())
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(secret + signed.public_bytes(Encoding.PEM))
    return file


@pytest.fixture
def no_trust_kept() -> Iterator[None]:
    """Forget what earlier tests have trusted, and what this one trusts."""
    sessions._tls.cache_clear()
    yield
    sessions._tls.cache_clear()


NAMES = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"]


@pytest.mark.usefixtures("no_trust_kept")
@pytest.mark.parametrize("name", NAMES)
def test_a_certificate_that_the_environment_names_is_trusted(
    ask: Ask, certificate: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for each in NAMES:
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, str(certificate))
    with plain_server(certificate=certificate) as server:
        assert ask(access_to(server.base_url), account.get_me()) == {"username": "plain"}


@pytest.mark.usefixtures("no_trust_kept")
def test_a_server_that_is_not_trusted_gets_no_start_and_no_token(
    ask: Ask, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    with plain_server(certificate=certificate) as server:
        with pytest.raises(ApifyConnectionError, match="certificate") as error:
            ask(access_to(server.base_url), START)
        assert server.headers == []
    assert "unknown whether" not in str(error.value)


def test_a_server_that_speaks_no_tls_gets_no_start(ask: Ask) -> None:
    with plain_server() as server:
        address = server.base_url.replace("http://", "https://")
        with pytest.raises(ApifyConnectionError) as error:
            ask(access_to(address), START)
    assert "unknown whether" not in str(error.value)


@pytest.mark.usefixtures("no_trust_kept")
def test_what_breaks_into_a_connection_does_not_make_a_start_unsent(
    ask: Ask, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device in between answers without TLS when the request has left."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))

    def break_in(handler: BaseHTTPRequestHandler) -> Reply:
        with socket.socket(fileno=os.dup(handler.connection.fileno())) as plain:
            plain.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        return 200, {}, b""

    with plain_server(break_in, certificate=certificate) as server:
        with pytest.raises(ApifyConnectionError, match="unknown whether"):
            ask(access_to(server.base_url), START)
        assert len(server.headers) == 1


@pytest.mark.usefixtures("no_trust_kept")
@pytest.mark.parametrize("name", NAMES)
def test_certificates_that_are_not_there_are_named(ask: Ask, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for each in NAMES:
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, "/no/such/bundle.pem")
    with pytest.raises(ApifyAddressError, match=f"{name} of the environment names /no/such/bundle.pem"):
        ask(access_to("https://127.0.0.1:9"), account.get_me())

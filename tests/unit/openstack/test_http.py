"""What happens between us and a service: silence, broken lines, certificates, request ids, and no secrets."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from portal.openstack.cloud import Call, Cloud, MemoryTokens
from portal.openstack.errors import BadRequest, NotFound, Unavailable
from portal.openstack.http import global_request_id
from tests.unit.openstack.conftest import SECRET, Connect
from tests.unit.openstack.wire import CUT, DROP, HANG, PROJECT, REQUEST_ID, FakeCloud, Reply

STACKS = f"/orchestration/v1/{PROJECT}/stacks"
SHOWN = f"{STACKS}/vm"


def create(cloud: Cloud) -> str:
    return cloud.heat.create("vm", "heat_template_version: 2018-08-31", {}, tags=["portal"], timeout_mins=5)


@pytest.fixture
def closed_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def deaf_port() -> Iterator[str]:
    """A port whose queue is full: connecting to it takes for ever."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize(
    ("reply", "kind"), [(HANG, "ReadTimeout"), (DROP, "ConnectionError"), (CUT, "ChunkedEncodingError")]
)
def test_a_create_without_an_answer_may_have_been_done(
    fake: FakeCloud, cloud: Cloud, reply: Reply, kind: str
) -> None:
    fake.answers("POST", STACKS, reply)
    with pytest.raises(Unavailable) as caught:
        create(cloud)
    assert type(caught.value) is Unavailable
    assert caught.value.maybe_done
    assert (caught.value.status, caught.value.service, caught.value.kind) == (0, "orchestration", kind)
    assert len(fake.requests(method="POST")) == 1


def test_a_create_that_was_refused_a_connection_was_not_done(connect: Connect, closed_port: str) -> None:
    with pytest.raises(Unavailable, match="could not be reached") as caught:
        create(connect(overrides={"orchestration": closed_port}))
    assert not caught.value.maybe_done


def test_a_create_that_never_connected_was_not_done(connect: Connect, deaf_port: str) -> None:
    with pytest.raises(Unavailable, match="could not be reached in time") as caught:
        create(connect(overrides={"orchestration": deaf_port}))
    assert not caught.value.maybe_done


@pytest.mark.parametrize("reply", [HANG, DROP, Reply({}, 500)])
def test_a_create_that_could_not_sign_in_was_not_done(fake: FakeCloud, cloud: Cloud, reply: Reply) -> None:
    fake.answers("POST", "/identity/v3/auth/tokens", reply)
    with pytest.raises(Unavailable) as caught:
        create(cloud)
    assert not caught.value.maybe_done
    assert caught.value.service == "identity"
    assert not fake.requests()


@pytest.mark.parametrize("address", ["nonsense", "ftp://127.0.0.1/v3", "http://[::1/v3", "http://*.x/v3"])
def test_an_address_that_is_none_is_named(connect: Connect, address: str) -> None:
    with pytest.raises(BadRequest, match="address"):
        connect(auth_url=address).identity()


def test_each_answer_is_observed_with_both_request_ids(
    fake: FakeCloud, connect: Connect, calls: list[Call]
) -> None:
    fake.answers("GET", SHOWN, Reply({"error": {"type": "EntityNotFound", "message": "No such stack"}}, 404))
    cloud = connect(request_id="0c6a5d5e-9a3e-4b3e-8d53-3f6a4b5a7c11")
    with pytest.raises(NotFound) as caught:
        cloud.heat.show("vm")
    signed_in, shown = calls
    sent = "req-0c6a5d5e-9a3e-4b3e-8d53-3f6a4b5a7c11"
    assert (signed_in.service, signed_in.method, signed_in.status) == ("identity", "POST", 201)
    assert (shown.service, shown.path, shown.status) == ("orchestration", SHOWN, 404)
    assert (shown.request_id, shown.sent_request_id) == (REQUEST_ID, sent)
    assert caught.value.request_id == REQUEST_ID
    assert fake.requests(SHOWN)[0].headers["x-openstack-request-id"] == sent
    assert 0 < shown.seconds < 5


def test_silence_is_observed_as_status_0(fake: FakeCloud, cloud: Cloud, calls: list[Call]) -> None:
    fake.answers("GET", SHOWN, HANG)
    with pytest.raises(Unavailable, match="did not answer in time"):
        cloud.heat.show("vm")
    assert (calls[-1].status, calls[-1].request_id) == (0, None)


def test_novas_own_request_id_header_is_read(fake: FakeCloud, cloud: Cloud) -> None:
    headers = {"x-openstack-request-id": "", "x-compute-request-id": "req-of-nova"}
    fake.answers("GET", "/compute/v2.1/limits", Reply({}, 500, headers))
    with pytest.raises(Unavailable) as caught:
        cloud.nova.limits()
    assert caught.value.request_id == "req-of-nova"


def test_a_request_id_takes_the_only_form_that_openstack_keeps() -> None:
    form = "req-0c6a5d5e-9a3e-4b3e-8d53-3f6a4b5a7c11"
    assert global_request_id(form) == form
    assert global_request_id(form.removeprefix("req-")) == form
    assert global_request_id("from a proxy\r\nX: y") == global_request_id("from a proxy\r\nX: y")
    assert global_request_id(None) != global_request_id(None)
    for wanted in ("from a proxy\r\nX: y", None, ""):
        made = global_request_id(wanted)
        assert global_request_id(made) == made


def test_neither_secret_nor_token_comes_out_anywhere(
    fake: FakeCloud, connect: Connect, calls: list[Call], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    user_data = "#cloud-config\npassword: hunter2-of-the-person"
    echo = Reply(
        {"error": {"type": "StackValidationFailed", "message": f"{SECRET} token-1 {user_data}"}}, 400
    )
    fake.answers("POST", STACKS, echo)
    cloud = connect()
    with pytest.raises(BadRequest) as caught:
        cloud.heat.create("vm", "x", {"user_data": user_data, "n": 1, "name": "vm"}, tags=[], timeout_mins=5)
    assert caught.value.message == "[hidden] [hidden] [hidden]"
    told = "\n".join([repr(caught.value), caplog.text, *map(repr, calls), repr(vars(cloud))])
    for secret in (SECRET, "token-1", "hunter2"):
        assert secret not in told


# --- certificates


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate for 127.0.0.1 in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fake cloud")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "cloud.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls_cloud(certificate: Path) -> Iterator[FakeCloud]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    fake = FakeCloud(context)
    yield fake
    fake.close()


def test_a_ca_bundle_is_a_path_or_the_text_itself(
    tls_cloud: FakeCloud, connect: Connect, certificate: Path
) -> None:
    text = certificate.read_text()
    public = text[text.index("-----BEGIN CERTIFICATE") :]
    for bundle in (str(certificate), public):
        cloud = connect(auth_url=f"{tls_cloud.url}/identity/v3", ca_bundle=bundle, tokens=MemoryTokens())
        assert cloud.project_id == PROJECT


def test_a_certificate_that_is_not_trusted_is_named(tls_cloud: FakeCloud, connect: Connect) -> None:
    with pytest.raises(Unavailable, match="certificate is not trusted") as caught:
        connect(auth_url=f"{tls_cloud.url}/identity/v3").identity()
    assert not caught.value.maybe_done


@pytest.mark.parametrize("bundle", ["/no/such/file.pem", "-----BEGIN CERTIFICATE-----\nnonsense"])
def test_a_ca_bundle_that_cannot_be_read_is_named(
    tls_cloud: FakeCloud, connect: Connect, bundle: str
) -> None:
    with pytest.raises(BadRequest, match="CA bundle"):
        connect(auth_url=f"{tls_cloud.url}/identity/v3", ca_bundle=bundle).identity()


def test_a_port_that_speaks_no_tls_is_unavailable(fake: FakeCloud, connect: Connect) -> None:
    create_there = connect(overrides={"orchestration": fake.url.replace("http", "https")})
    with pytest.raises(Unavailable, match="TLS connection failed"):
        create(create_there)

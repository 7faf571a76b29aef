"""Tokens and application credentials over time: what the contract, which has no movable time, can't ask."""

from typing import Any

from portal.sandbox.app import Sandbox
from portal.sandbox.control import Control
from tests.unit.sandbox.conftest import Ada, password


def _credential(ada: Ada, **wanted: Any) -> dict[str, Any]:
    body = {"application_credential": {"name": "portal", **wanted}}
    answer = ada.ask("POST", "/identity/v3/users/{user}/application_credentials", body).json
    assert answer
    return dict(answer["application_credential"])


def _by(credential: dict[str, Any]) -> dict[str, Any]:
    given = {"id": credential["id"], "secret": credential["secret"]}
    return {"auth": {"identity": {"methods": ["application_credential"], "application_credential": given}}}


def test_a_token_ends(ada: Ada, control: Control) -> None:
    assert ada.heat("GET", "/stacks").status_code == 200
    control.advance(3601)
    for path in ("/orchestration/v1/{project}/stacks", "/compute/v2.1/servers", "/identity/v3/auth/projects"):
        answer = ada.ask("GET", path)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Keystone uri=")


def test_a_token_ends_with_its_credential_at_the_latest(ada: Ada, control: Control) -> None:
    credential = _credential(ada, expires_at="2026-09-21T14:14:00.000000Z")
    ada.sign_in(_by(credential))
    control.advance(41)
    assert ada.heat("GET", "/stacks").status_code == 401


def test_services_believe_a_deleted_credential_for_five_minutes(ada: Ada, control: Control) -> None:
    ada.sign_in(_by(_credential(ada)))
    assert ada.heat("GET", "/stacks").status_code == 200
    control.delete_credential("portal")
    assert ada.ask("GET", "/identity/v3/auth/projects").status_code == 404
    assert ada.heat("GET", "/stacks").status_code == 200
    assert ada.ask("GET", "/compute/v2.1/servers").status_code == 401
    control.advance(301)
    assert ada.heat("GET", "/stacks").status_code == 401


def test_access_rules_allow_what_they_say_and_no_more(ada: Ada) -> None:
    rules = [
        {"service": "orchestration", "method": "GET", "path": "/v1/**"},
        {"service": "compute", "method": "GET", "path": "/v2.1/servers/{id}"},
        {"service": "network", "method": "GET", "path": "/v2.0/*"},
    ]
    credential = _credential(ada, access_rules=rules)
    assert [rule["path"] for rule in credential["access_rules"]] == [
        "/v1/**",
        "/v2.1/servers/{id}",
        "/v2.0/*",
    ]
    ada.sign_in(_by(credential))
    statuses = {
        path: ada.ask("GET", path).status_code
        for path in (
            "/orchestration/v1/{project}/stacks",
            "/compute/v2.1/servers/nope",
            "/compute/v2.1/servers",
            "/network/v2.0/networks",
            "/network/v2.0/networks/nope",
            "/image/v2/images",
        )
    }
    assert list(statuses.values()) == [200, 404, 401, 200, 401, 401]
    assert ada.launch().status_code == 401


def test_heat_with_trusts_refuses_credentials_but_not_passwords(ada: Ada, control: Control) -> None:
    control.configure(deferred_auth="trusts")
    credential = _credential(ada, unrestricted=True)
    assert ada.launch("by-password").status_code == 201
    ada.sign_in(_by(credential))
    answer = ada.launch("by-credential")
    assert answer.status_code == 500
    assert answer.json
    assert answer.json["error"] == {"type": "RemoteError", "traceback": None}
    assert control.stack_names("tenant-a") == ["by-password"]


def test_a_reader_reads(sandbox: Sandbox, control: Control, ada: Ada) -> None:
    ada.launch()
    control.advance(10)
    reader = Ada(sandbox, user="reader-a")
    assert reader.status() == "CREATE_COMPLETE"
    refused = reader.launch("no")
    assert (refused.status_code, "stacks:create" in refused.text) == (403, True)
    server = reader.outputs()["server_id"]
    answer = reader.ask("POST", f"/compute/v2.1/servers/{server}/action", {"os-stop": None})
    assert (answer.status_code, "servers:stop" in answer.text) == (403, True)


def test_a_revoked_token_is_nothing(ada: Ada) -> None:
    ada.ask("DELETE", "/identity/v3/auth/tokens", **{"X-Subject-Token": ada.token})
    assert ada.heat("GET", "/stacks").status_code == 401


def test_all_tokens_can_be_made_worthless(ada: Ada, control: Control) -> None:
    control.expire_tokens()
    assert ada.heat("GET", "/stacks").status_code == 401
    ada.sign_in(password("user-a", "tenant-a"))
    assert ada.heat("GET", "/stacks").status_code == 200


def test_a_token_tells_of_itself(ada: Ada) -> None:
    shown = ada.ask("GET", "/identity/v3/auth/tokens", **{"X-Subject-Token": ada.token}).json
    assert shown
    assert shown["token"]["project"]["name"] == "tenant-a"
    types = [entry["type"] for entry in shown["token"]["catalog"]]
    assert types == ["orchestration", "identity", "image", "compute", "network"]
    assert ada.ask("GET", "/identity/v3/auth/tokens", **{"X-Subject-Token": "nope"}).status_code == 404

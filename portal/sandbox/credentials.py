"""Application credentials: made and deleted by their owner, and what each kind may do with itself."""

import secrets
import uuid
from datetime import UTC, datetime

from werkzeug.wrappers import Response

from portal.sandbox.keystone import MALFORMED, refuse, service
from portal.sandbox.seed import hex_ident
from portal.sandbox.state import Row, fine_stamp
from portal.sandbox.wire import Asked, answer

_PATH = "/v3/users/<user_id>/application_credentials"
_ACTION = "You are not authorized to perform the requested action: "
_IMMUTABLE = {"admin", "manager", "member", "reader"}


@service.route("POST", _PATH)
def create(asked: Asked, user_id: str) -> Response:
    _own(asked, user_id, "create_application_credential")
    _managing(asked)
    try:
        wanted = asked.body()["application_credential"]
        if "name" not in wanted:
            words = f"Invalid input for field/attribute application_credential. Value: {wanted}."
            raise refuse(400, f"{words} 'name' is a required property")
        name = wanted["name"]
    except (ValueError, KeyError, TypeError) as error:
        raise refuse(400, "Expecting to find application_credential in request body.") from error
    if _named(asked, name):
        words = (
            "Conflict occurred attempting to store application_credential - Duplicate entry found with name"
        )
        raise refuse(409, f"{words} {name}.")
    key = uuid.uuid4().hex
    credential = {
        "id": key,
        "name": name,
        "description": wanted.get("description"),
        "user_id": user_id,
        "project_id": asked.project,
        "secret": wanted.get("secret") or secrets.token_urlsafe(64),
        "expires": _expiry(asked, wanted.get("expires_at")),
        "unrestricted": wanted.get("unrestricted"),
        "roles": _roles(asked, wanted.get("roles")),
        "rules": [{"id": uuid.uuid4().hex, **rule} for rule in wanted.get("access_rules") or []],
    }
    asked.world.put("credential", credential)
    return answer(201, {"application_credential": _view(asked, credential, secret=True)})


@service.route("GET", _PATH)
def list_all(asked: Asked, user_id: str) -> Response:
    _own(asked, user_id, "list_application_credentials")
    found = [c for c in asked.world.rows("credential") if c["user_id"] == user_id]
    if "name" in asked.query:
        found = [c for c in found if c["name"] == asked.query["name"]]
    query = f"?{asked.request.query_string.decode()}" if asked.query else ""
    address = f"{asked.root}/v3/users/{user_id}/application_credentials{query}"
    links = {"next": None, "self": address, "previous": None}
    return answer(200, {"application_credentials": [_view(asked, c) for c in found], "links": links})


@service.route("GET", f"{_PATH}/<key>")
def show(asked: Asked, user_id: str, key: str) -> Response:
    _own(asked, user_id, "get_application_credential")
    return answer(200, {"application_credential": _view(asked, _find(asked, key))})


@service.route("DELETE", f"{_PATH}/<key>")
def delete(asked: Asked, user_id: str, key: str) -> Response:
    _own(asked, user_id, "delete_application_credential")
    _managing(asked)
    asked.world.drop("credential", _find(asked, key)["id"])
    return answer(204)


@service.route("POST", "/v3/OS-TRUST/trusts")
def create_trust(asked: Asked) -> Response:
    if asked.token["credential"]:
        raise refuse(403, f"{_ACTION}Delegated tokens cannot manage trusts..")
    raise refuse(403, f"{_ACTION}identity:create_trust.")


def _own(asked: Asked, user_id: str, rule: str) -> None:
    if asked.token["user_id"] != user_id and not asked.is_admin:
        raise refuse(403, f"You are not authorized to perform the requested action: identity:{rule}.")


def _managing(asked: Asked) -> None:
    """Only a password or an unrestricted credential makes and deletes credentials."""
    credential = asked.world.get("credential", asked.token["credential"] or "")
    if credential and not credential["unrestricted"]:
        method = "Using method 'application_credential' is not allowed for managing"
        raise refuse(403, f"{_ACTION}{method} additional application credentials..")


def _named(asked: Asked, name: str) -> bool:
    owner = asked.token["user_id"]
    return any((c["user_id"], c["name"]) == (owner, name) for c in asked.world.rows("credential"))


def _find(asked: Asked, key: str) -> Row:
    credential = asked.world.get("credential", key)
    if credential is None:
        raise refuse(404, f"Could not find Application Credential: {key}.")
    return credential


def _expiry(asked: Asked, text: str | None) -> float | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise refuse(400, f"Invalid input for field 'expires_at': {text!r} is not a date-time.") from error
    if at < asked.world.now():
        raise refuse(400, f"The 'expires_at' must not be before now. {MALFORMED}")
    return at


def _roles(asked: Asked, wanted: list[Row] | None) -> list[str]:
    held: list[str] = asked.token["roles"]
    if wanted is None:
        return held
    by_id = {hex_ident("role", name): name for name in held}
    names = [role.get("name") or by_id.get(role.get("id", ""), "") for role in wanted]
    if not set(names) <= set(held):
        words = "Invalid application credential: Cannot create an application credential with unassigned role"
        raise refuse(400, words)
    return sorted({*names, "reader"} if "member" in names else set(names))


def _view(asked: Asked, credential: Row, *, secret: bool = False) -> Row:
    roles = [
        {
            "id": hex_ident("role", name), "name": name, "domain_id": None, "description": None,
            "options": {"immutable": True} if name in _IMMUTABLE else {},
        }
        for name in credential["roles"]
    ]  # fmt: skip
    view: Row = {key: credential[key] for key in ("id", "name", "description", "user_id", "project_id")}
    view["system"] = None
    view["expires_at"] = fine_stamp(credential["expires"]) if credential["expires"] else None
    view["unrestricted"] = credential["unrestricted"]
    view["roles"] = roles
    if credential["rules"]:
        view["access_rules"] = credential["rules"]
    if secret:
        view["secret"] = credential["secret"]
    view["links"] = {"self": f"{asked.root}/v3/application_credentials/{credential['id']}"}
    return view

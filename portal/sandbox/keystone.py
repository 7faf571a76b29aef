"""Keystone: tokens and the catalogue. Application credentials have their own file."""

import secrets

from werkzeug.wrappers import Response

from portal.sandbox.seed import REGION, hex_ident
from portal.sandbox.state import Row, World, fine_stamp
from portal.sandbox.wire import UNAUTHENTICATED, Asked, Refused, Service, answer

MALFORMED = (
    "The server could not comply with the request since it is either malformed or otherwise incorrect. "
    "The client is assumed to be in error."
)
DOMAIN = {"id": "default", "name": "Default"}
# type: name, and what follows the service's root in the catalogue
CATALOG = {
    "orchestration": ("heat", "/orchestration/v1/{project}"),
    "identity": ("keystone", "/identity/v3"),
    "image": ("glance", "/image"),
    "compute": ("nova", "/compute/v2.1"),
    "network": ("neutron", "/network"),
}
_TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict"}


def refusal(status: int, message: str, **more: object) -> Response:
    """Keystone's error body, and the challenge of a 401."""
    body = {"error": {"code": status, "message": message, "title": _TITLES[status], **more}}
    return answer(status, body)


service = Service("identity", "/identity", lost=lambda _path: refusal(404, "Not Found."))


def _finish(_asked: Asked, response: Response) -> None:
    response.headers["Vary"] = "X-Auth-Token"


service.finish = _finish


def refuse(status: int, message: str, **more: object) -> Refused:
    return Refused(refusal(status, message, **more))


def _version(asked: Asked) -> Row:
    media = {"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}
    links = [{"rel": "self", "href": f"{asked.root}/v3/"}]
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": links,
        "media-types": [media],
    }


@service.route("GET", "/", public=True)
def versions(asked: Asked) -> Response:
    return answer(300, {"versions": {"values": [_version(asked)]}}, headers={"Location": f"{asked.root}/v3/"})


@service.route("GET", "/v3", "/v3/", public=True)
def version(asked: Asked) -> Response:
    return answer(200, {"version": _version(asked)})


@service.route("POST", "/v3/auth/tokens", public=True)
def authenticate(asked: Asked) -> Response:
    try:
        auth = asked.body()["auth"]
        method = auth["identity"]["methods"][0]
        given = auth["identity"][method]
        token = _METHODS[method](asked.world, given, auth.get("scope"))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise refuse(400, f"Expecting to find auth in request body. {MALFORMED}") from error
    asked.world.put("token", token)
    headers = {"X-Subject-Token": token["id"]}
    return answer(201, {"token": describe(asked, token)}, headers=headers)


def _by_password(world: World, given: Row, scope: Row | None) -> Row:
    wanted = given["user"]
    user = _user(world, wanted)
    if user is None or wanted.get("password") != user["password"]:
        raise refuse(401, UNAUTHENTICATED)
    return _issue(world, user, *_place(world, user, scope), "password")


def _by_credential(world: World, given: Row, scope: Row | None) -> Row:
    credential = _credential(world, given)
    if scope:
        words = "Application credentials cannot request a scope."
        raise refuse(401, f"Error authenticating with application credential: {words}", identity={})
    expires = credential["expires"]
    if given.get("secret") != credential["secret"] or (expires and expires <= world.now()):
        raise refuse(401, UNAUTHENTICATED)
    user = world.tables["user"][credential["user_id"]]
    token = _issue(world, user, credential["project_id"], credential["roles"], "application_credential")
    token["credential"] = credential["id"]
    if expires:
        token["expires"] = min(token["expires"], expires)
    return token


def _by_token(world: World, given: Row, scope: Row | None) -> Row:
    old = living_token(world, given["id"])
    if old is None:
        raise refuse(401, UNAUTHENTICATED)
    if old["credential"]:
        words = "Using a delegated token to create another token is not allowed.."
        raise refuse(403, f"You are not authorized to perform the requested action: {words}")
    user = world.tables["user"][old["user_id"]]
    token = _issue(world, user, *_place(world, user, scope), "token")
    token["methods"] = ["token", *old["methods"]]
    return token


_METHODS = {"password": _by_password, "application_credential": _by_credential, "token": _by_token}


def _user(world: World, wanted: Row) -> Row | None:
    if "id" in wanted:
        return world.get("user", wanted["id"])
    domain = wanted["domain"]
    if DOMAIN["id"] != domain.get("id", DOMAIN["id"]) or DOMAIN["name"] != domain.get("name", DOMAIN["name"]):
        return None
    return next((user for user in world.rows("user") if user["name"] == wanted["name"]), None)


def _credential(world: World, given: Row) -> Row:
    if "id" in given:
        found = world.get("credential", given["id"])
    else:
        owner = _user(world, given["user"]) or {"id": ""}
        found = next(
            (
                c
                for c in world.rows("credential")
                if (c["user_id"], c["name"]) == (owner["id"], given["name"])
            ),
            None,
        )
    if found is None:
        wanted = given.get("id") or given["name"]
        raise refuse(404, f"Could not find Application Credential: {wanted}.")
    return found


def _place(world: World, user: Row, scope: Row | None) -> tuple[str, list[str]]:
    """The project of a new token, which is the user's own when none is asked for, and the roles there."""
    if not scope:
        project, roles = next(iter(user["roles"].items()))
        return project, roles
    wanted = scope["project"]
    for row in world.rows("project"):
        if wanted.get("id") == row["id"] or ("id" not in wanted and wanted["name"] == row["name"]):
            if row["id"] in user["roles"]:
                return row["id"], user["roles"][row["id"]]
            break
    raise refuse(401, UNAUTHENTICATED)


def _issue(world: World, user: Row, project_id: str, roles: list[str], method: str) -> Row:
    now = world.now()
    for old in [row["id"] for row in world.rows("token") if row["expires"] <= now]:
        world.drop("token", old)
    return {
        "id": f"gAAAAAB{secrets.token_urlsafe(129)}",
        "user_id": user["id"],
        "user_name": user["name"],
        "project_id": project_id,
        "roles": sorted(roles),
        "methods": [method],
        "audit": secrets.token_urlsafe(16),
        "issued": now,
        "expires": now + world.settings.token_seconds,
        "credential": None,
        "seen": {},
    }


def living_token(world: World, token_id: str) -> Row | None:
    """The token of that id unless it has expired; whether its credential still exists is another question."""
    token = world.get("token", token_id)
    if token and token["expires"] <= world.now():
        world.drop("token", token_id)
        return None
    return token


def describe(asked: Asked, token: Row) -> Row:
    """A token's body: who, where, until when, and the catalogue."""
    world = asked.world
    user = {"domain": DOMAIN, "id": token["user_id"], "name": token["user_name"], "password_expires_at": None}
    body: Row = {
        "methods": token["methods"],
        "user": user,
        "audit_ids": [token["audit"]],
        "expires_at": fine_stamp(token["expires"]) + "Z",
        "issued_at": fine_stamp(token["issued"]) + "Z",
    }
    if not token["project_id"]:
        return body
    project = world.tables["project"][token["project_id"]]
    body["project"] = {"domain": DOMAIN, "id": project["id"], "name": project["name"]}
    body["is_domain"] = False
    body["roles"] = [{"id": hex_ident("role", name), "name": name} for name in token["roles"]]
    body["catalog"] = catalog(asked, token["project_id"])
    credential = world.get("credential", token["credential"] or "")
    if credential:
        described = {
            "id": credential["id"],
            "name": credential["name"],
            "restricted": not credential["unrestricted"],
        }
        if credential["rules"]:
            described["access_rules"] = credential["rules"]
        body["application_credential"] = described
    return body


def catalog(asked: Asked, project_id: str) -> list[Row]:
    host = asked.root.removesuffix(service.prefix)
    entries = []
    for kind, (name, path) in CATALOG.items():
        url = host + path.format(project=project_id)
        endpoints = [
            {
                "id": hex_ident("endpoint", f"{kind}/{interface}"), "interface": interface,
                "region_id": REGION, "url": url, "region": REGION,
            }
            for interface in ("public", "internal", "admin")
        ]  # fmt: skip
        entries.append({"endpoints": endpoints, "id": hex_ident("service", kind), "type": kind, "name": name})
    return entries


@service.route("GET", "/v3/auth/tokens")
def show_token(asked: Asked) -> Response:
    subject = living_token(asked.world, asked.request.headers.get("X-Subject-Token", ""))
    if subject is None:
        raise refuse(404, "Could not find token.")
    body = describe(asked, subject)
    if "nocatalog" in asked.query:
        body.pop("catalog", None)
    return answer(200, {"token": body}, headers={"X-Subject-Token": subject["id"]})


@service.route("DELETE", "/v3/auth/tokens")
def revoke_token(asked: Asked) -> Response:
    asked.world.drop("token", asked.request.headers.get("X-Subject-Token", ""))
    return answer(204)


@service.route("GET", "/v3/auth/catalog")
def show_catalog(asked: Asked) -> Response:
    links = {"self": f"{asked.root}/v3/auth/catalog"}
    return answer(200, {"catalog": catalog(asked, asked.project), "links": links})


@service.route("GET", "/v3/auth/projects")
def list_projects(asked: Asked) -> Response:
    user = asked.world.tables["user"][asked.token["user_id"]]
    projects = [_project(asked, asked.world.tables["project"][key]) for key in user["roles"]]
    links = {"next": None, "self": f"{asked.root}/v3/auth/projects", "previous": None}
    return answer(200, {"projects": projects, "links": links})


def _project(asked: Asked, project: Row) -> Row:
    return {
        **project, "domain_id": "default", "description": "", "enabled": True, "parent_id": "default",
        "is_domain": False, "tags": [], "options": {},
        "links": {"self": f"{asked.root}/v3/projects/{project['id']}"},
    }  # fmt: skip

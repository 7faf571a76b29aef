"""Keystone: ways to sign in, application credentials of both kinds, and tokens that are worth nothing."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.contract.asking import Asker, Person, by_credential, by_password

SERVICES = {
    "orchestration": "/stacks", "compute": "/servers", "network": "/v2.0/networks", "image": "/v2/images",
    "identity": "/auth/projects",
}  # fmt: skip


def put(asker: Asker) -> None:
    """Ask about identity."""
    _versions(asker)
    _passwords(asker)
    made: list[str] = []
    try:
        _credentials(asker, made)
    finally:
        for key in made:
            asker.send("DELETE", f"identity /users/{asker.ada.user_id}/application_credentials/{key}")
    _bad_tokens(asker)


def _versions(asker: Asker) -> None:
    nobody = Person("", "", asker.ada.project_id, asker.ada.roots)
    asker.ask("keystone v3", "GET", "identity ", by=nobody)
    asker.ask("own projects", "GET", "identity /auth/projects", free="description")
    entries = asker.send("GET", "identity /auth/catalog").json()["catalog"]
    interfaces = {entry["type"]: sorted(e["interface"] for e in entry["endpoints"]) for entry in entries}
    asker.answers["own catalog"] = {service: interfaces[service] for service in SERVICES}


def _sign_in(asker: Asker, question: str, body: dict[str, Any]) -> Any:
    nobody = Person("", "", "", {})
    free = "catalog"
    return asker.ask(question, "POST", "identity /auth/tokens", by=nobody, json=body, free=free)


def _passwords(asker: Asker) -> None:
    _sign_in(asker, "password", by_password("user-a", "tenant-a"))
    _sign_in(asker, "password without a scope", by_password("user-a", None))
    _sign_in(asker, "wrong password", by_password("user-a", "tenant-a", "nope"))
    _sign_in(asker, "unknown user", by_password("nobody-here", "tenant-a"))
    _sign_in(asker, "foreign project", by_password("user-a", "tenant-b"))
    _sign_in(asker, "unknown project", by_password("user-a", "no-such-project"))
    _sign_in(asker, "no auth in the body", {"nope": 1})


def _credentials(asker: Asker, made: list[str]) -> None:
    path = f"identity /users/{asker.ada.user_id}/application_credentials"

    def create(question: str, by: Person | None = None, **wanted: Any) -> dict[str, Any]:
        body = {"application_credential": wanted}
        answer = asker.ask(question, "POST", path, by=by, json=body)
        credential = dict(answer.json().get("application_credential", {}))
        if credential:
            made.append(credential["id"])
        return credential

    restricted = create("create a credential", name=asker.name("r"), description="for the contract")
    create("create a credential of a taken name", name=asker.name("r"))
    create(
        "create a credential with a secret of one's own", name=asker.name("own"), secret="a-secret-of-mine"
    )
    rules = [{"service": "compute", "method": "GET", "path": "/v2.1/**"}]
    ruled = create("create a credential with access rules", name=asker.name("ruled"), access_rules=rules)
    asker.ask("show a credential with access rules", "GET", f"{path}/{ruled['id']}")
    asker.ask("find no credential by name", "GET", f"{path}?name={asker.name('nobody')}")
    free = create("create an unrestricted credential", name=asker.name("u"), unrestricted=True)
    create("create with a role one lacks", name=asker.name("x"), roles=[{"name": "admin"}])
    create("create without a name")
    create("create with a past expiry", name=asker.name("past"), expires_at="2020-01-01T00:00:00.000000Z")
    soon = (datetime.now(UTC) + timedelta(seconds=3)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    brief = create("create an expiring credential", name=asker.name("brief"), expires_at=soon)
    asker.ask("show a credential", "GET", f"{path}/{restricted['id']}")
    asker.ask("find a credential by name", "GET", f"{path}?name={asker.name('r')}")
    asker.ask("show an unknown credential", "GET", f"{path}/{'0' * 32}")
    asker.ask("delete an unknown credential", "DELETE", f"{path}/{'0' * 32}")
    asker.ask("list somebody else's credentials", "GET", path, by=asker.ben)

    inner = asker.person(_sign_in(asker, "restricted credential", by_credential(restricted)))
    _sign_in(asker, "credential by name", _by_name(asker, restricted))
    _sign_in(asker, "wrong secret", by_credential(restricted, secret="nope"))
    _sign_in(asker, "unknown credential", by_credential(restricted, id="0" * 32))
    _sign_in(asker, "credential with a scope", _scoped(asker, restricted))
    _sign_in(asker, "token of a credential for another token", _by_token(asker, inner))
    create("restricted creates a credential", by=inner, name=asker.name("rr"))
    asker.ask("restricted lists credentials", "GET", f"{path}?name={asker.name('r')}", by=inner)
    asker.ask("restricted shows itself", "GET", f"{path}/{restricted['id']}", by=inner)
    _ask_about_itself(asker, "restricted shows its own token", inner)
    asker.ask("restricted deletes itself", "DELETE", f"{path}/{restricted['id']}", by=inner)
    trust = {"trust": {"trustor_user_id": asker.ada.user_id, "trustee_user_id": asker.ben.user_id,
                       "project_id": asker.ada.project_id, "impersonation": True,
                       "roles": [{"name": "member"}]}}  # fmt: skip
    asker.ask("restricted makes a trust", "POST", "identity /OS-TRUST/trusts", by=inner, json=trust)

    outer = asker.person(_sign_in(asker, "unrestricted credential", by_credential(free)))
    second = create("unrestricted creates a credential", by=outer, name=asker.name("uu"))
    asker.ask("unrestricted deletes a credential", "DELETE", f"{path}/{second['id']}", by=outer)
    asker.ask("unrestricted makes a trust", "POST", "identity /OS-TRUST/trusts", by=outer, json=trust)

    late = asker.person(_sign_in(asker, "expiring credential", by_credential(brief)))
    time.sleep(3.5)
    _sign_in(asker, "expired credential", by_credential(brief))
    for service, address in SERVICES.items():
        asker.ask(f"{service} with an expired token", "GET", f"{service} {address}", by=late)

    asker.ask("delete a credential", "DELETE", f"{path}/{restricted['id']}")
    asker.ask("delete it again", "DELETE", f"{path}/{restricted['id']}")
    _sign_in(asker, "deleted credential", by_credential(restricted))
    _ask_about_itself(asker, "a token of a deleted credential shows itself", inner)
    asker.ask("keystone with a token of a deleted credential", "GET", "identity /auth/projects", by=inner)


def _ask_about_itself(asker: Asker, question: str, person: Person) -> None:
    asker.ask(
        question,
        "GET",
        "identity /auth/tokens?nocatalog",
        by=person,
        headers={"X-Subject-Token": person.token},
    )


def _by_name(asker: Asker, credential: dict[str, Any]) -> dict[str, Any]:
    owner = {"name": "user-a", "domain": {"name": "Default"}}
    given = {"name": credential["name"], "secret": credential["secret"], "user": owner}
    return {"auth": {"identity": {"methods": ["application_credential"], "application_credential": given}}}


def _scoped(asker: Asker, credential: dict[str, Any]) -> dict[str, Any]:
    body = by_credential(credential)
    body["auth"]["scope"] = {"project": {"id": asker.ada.project_id}}
    return body


def _by_token(asker: Asker, person: Person) -> dict[str, Any]:
    scope = {"project": {"id": asker.ada.project_id}}
    return {"auth": {"identity": {"methods": ["token"], "token": {"id": person.token}}, "scope": scope}}


def _bad_tokens(asker: Asker) -> None:
    for word, token in (("a bad", "gAAAAA-nope"), ("no", "")):
        nobody = Person(token, "", asker.ada.project_id, asker.ada.roots)
        for service, address in SERVICES.items():
            asker.ask(f"{service} with {word} token", "GET", f"{service} {address}", by=nobody)

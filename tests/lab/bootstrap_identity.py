"""The lab's identities: service users and endpoints, then two tenants with a user of each kind.

Runs in the lab's own environment, as soon as Keystone answers; whatever is there already is left as it is.
Every password is "lab".
"""

from typing import Any

import openstack  # type: ignore[import-not-found] # lives in the lab's own environment

IP, PASSWORD, REGION = "127.0.0.1", "lab", "RegionOne"
SERVICES = (
    ("glance", "image", f"http://{IP}:9292"),
    ("placement", "placement", f"http://{IP}:8778"),
    ("nova", "compute", f"http://{IP}:8774/v2.1"),
    ("neutron", "network", f"http://{IP}:9696"),
    ("heat", "orchestration", f"http://{IP}:8004/v1/%(tenant_id)s"),
)
# In each tenant: who may drive Heat, who is a plain member, who only reads.
PEOPLE = (("user", ("member", "heat_stack_owner")), ("plain", ("member",)), ("reader", ("reader",)))

identity: Any = openstack.connect(
    auth_url=f"http://{IP}:5000/v3",
    username="admin",
    password=PASSWORD,
    project_name="admin",
    user_domain_name="Default",
    project_domain_name="Default",
    region_name=REGION,
).identity


def user(name: str, domain: str = "default", **more: str) -> Any:
    """The user of that name, made where it is missing."""
    return identity.find_user(name, domain_id=domain) or identity.create_user(
        name=name, password=PASSWORD, domain_id=domain, **more
    )


def project(name: str) -> Any:
    """The project of that name, made where it is missing."""
    return identity.find_project(name, domain_id="default") or identity.create_project(
        name=name, domain_id="default"
    )


def service(name: str, service_type: str, url: str) -> None:
    """A service with its three endpoints."""
    entry = next(iter(identity.services(name=name)), None) or identity.create_service(
        name=name, type=service_type
    )
    have = {endpoint.interface for endpoint in identity.endpoints(service_id=entry.id)}
    for interface in {"public", "internal", "admin"} - have:
        identity.create_endpoint(service_id=entry.id, interface=interface, url=url, region_id=REGION)


def main() -> None:
    """Roles, services, Heat's domain of stack users, tenants."""
    roles = {role.name: role for role in identity.roles()}
    for name in ("heat_stack_owner", "heat_stack_user", "service"):
        roles[name] = roles.get(name) or identity.create_role(name=name)
    services = project("service")
    for name, service_type, url in SERVICES:
        service(name, service_type, url)
        for role in ("admin", "service"):
            identity.assign_project_role_to_user(
                services, user(name, default_project_id=services.id), roles[role]
            )
    stack_users = identity.find_domain("heat") or identity.create_domain(
        name="heat", description="stack users"
    )
    identity.assign_domain_role_to_user(
        stack_users, user("heat_domain_admin", stack_users.id), roles["admin"]
    )
    admin = identity.find_user("admin", domain_id="default")
    for letter in ("a", "b"):
        tenant = project(f"tenant-{letter}")
        identity.assign_project_role_to_user(tenant, admin, roles["admin"])
        for kind, granted in PEOPLE:
            person = user(f"{kind}-{letter}", default_project_id=tenant.id)
            for role in granted:
                identity.assign_project_role_to_user(tenant, person, roles[role])


if __name__ == "__main__":
    main()

"""Access: which role may do what, in one table."""

from enum import StrEnum
from uuid import UUID

from portal.domain.people.models import Role, User
from portal.domain.store.errors import Forbidden

__all__ = ["Permission", "Role", "allows", "everywhere", "require"]


class Permission(StrEnum):
    """What a route or a command needs."""

    HOME_VIEW = "home.view"
    TENANT_SWITCH = "tenant.switch"
    CATALOG_VIEW = "catalog.view"
    CATALOG_REFRESH = "catalog.refresh"
    KEY_MANAGE = "key.manage"
    VM_VIEW = "vm.view"
    VM_LAUNCH = "vm.launch"
    VM_DELETE = "vm.delete"
    VM_POWER = "vm.power"
    VM_CONSOLE = "vm.console"
    SYSTEM_VIEW = "system.view"
    FINDING_VIEW = "finding.view"
    FINDING_SETTLE = "finding.settle"
    CREDENTIAL_VIEW = "credential.view"
    CREDENTIAL_EXAMINE = "credential.examine"
    CREDENTIAL_ROTATE = "credential.rotate"


P = Permission
_ANYONE = {P.HOME_VIEW, P.TENANT_SWITCH, P.CATALOG_VIEW, P.KEY_MANAGE}

# What a role may do in a tenant the person belongs to.
IN_OWN_TENANTS: dict[Role, frozenset[Permission]] = {
    role: frozenset(
        _ANYONE | {P.CATALOG_REFRESH, P.VM_VIEW, P.VM_LAUNCH, P.VM_DELETE, P.VM_POWER, P.VM_CONSOLE}
    )
    for role in (Role.MEMBER, Role.ADMIN)
} | {Role.SUPPORT: frozenset(_ANYONE | {P.VM_VIEW})}

# What a role may do in every tenant, also where the person doesn't belong.
EVERYWHERE: dict[Role, frozenset[Permission]] = {
    Role.MEMBER: frozenset(),
    Role.SUPPORT: frozenset({P.VM_VIEW, P.CATALOG_VIEW, P.SYSTEM_VIEW, P.FINDING_VIEW, P.CREDENTIAL_VIEW}),
    Role.ADMIN: frozenset(
        {
            *(P.VM_VIEW, P.VM_DELETE, P.CATALOG_VIEW, P.CATALOG_REFRESH),
            *(P.SYSTEM_VIEW, P.FINDING_VIEW, P.FINDING_SETTLE),
            *(P.CREDENTIAL_VIEW, P.CREDENTIAL_EXAMINE, P.CREDENTIAL_ROTATE),
        }
    ),
}


def allows(user: User, permission: Permission, tenant_id: UUID | None = None) -> bool:
    """Whether the person may do it: in this tenant, or (no tenant named) anywhere at all."""
    if permission in EVERYWHERE[user.role]:
        return True
    if permission not in IN_OWN_TENANTS[user.role]:
        return False
    return tenant_id is None or tenant_id in user.tenant_ids


def everywhere(user: User, permission: Permission) -> bool:
    """Whether the person may do it in every tenant."""
    return permission in EVERYWHERE[user.role]


def require(user: User, permission: Permission, tenant_id: UUID | None = None) -> None:
    """Raises Forbidden where `allows` says no."""
    if not allows(user, permission, tenant_id):
        raise Forbidden

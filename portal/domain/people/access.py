"""Access: which role may do what, in one table."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from portal.domain.people.models import Role, TenantRole, User
from portal.domain.store.errors import Forbidden
from portal.translation import N_, gettext, translated

__all__ = ["Permission", "Role", "TenantRole", "allows", "everywhere", "require", "table", "why_not"]


class Permission(StrEnum):
    """What a route or a command needs."""

    HOME_VIEW = "home.view"
    ACCOUNT_MANAGE = "account.manage"
    TENANT_SWITCH = "tenant.switch"
    CATALOG_VIEW = "catalog.view"
    CATALOG_REFRESH = "catalog.refresh"
    KEY_MANAGE = "key.manage"
    VM_VIEW = "vm.view"
    VM_LAUNCH = "vm.launch"
    VM_DELETE = "vm.delete"
    VM_POWER = "vm.power"
    VM_CHANGE = "vm.change"
    VM_CONSOLE = "vm.console"
    USAGE_VIEW = "usage.view"
    MEMBER_VIEW = "member.view"
    MEMBER_MANAGE = "member.manage"
    PERSON_VIEW = "person.view"
    PERSON_MANAGE = "person.manage"
    ACCESS_VIEW = "access.view"
    SYSTEM_VIEW = "system.view"
    AUDIT_VIEW = "audit.view"
    AUDIT_VERIFY = "audit.verify"
    AUDIT_EXPORT = "audit.export"
    SUPPORT_VIEW = "support.view"
    SUPPORT_ASK = "support.ask"
    FINDING_VIEW = "finding.view"
    FINDING_SETTLE = "finding.settle"
    CREDENTIAL_VIEW = "credential.view"
    CREDENTIAL_EXAMINE = "credential.examine"
    CREDENTIAL_ROTATE = "credential.rotate"
    TENANT_VIEW = "tenant.view"
    TENANT_MANAGE = "tenant.manage"
    QUOTA_VIEW = "quota.view"
    QUOTA_REQUEST = "quota.request"
    QUOTA_CHANGE = "quota.change"
    WEBHOOK_MANAGE = "webhook.manage"

    @property
    def changes(self) -> bool:
        """Whether it lets somebody change anything; what is called “view” only lets them read."""
        return not self.value.endswith(".view")


P = Permission
_ANYONE = {P.HOME_VIEW, P.ACCOUNT_MANAGE, P.TENANT_SWITCH, P.CATALOG_VIEW, P.KEY_MANAGE}

# What a role may do in a tenant the person belongs to.
IN_OWN_TENANTS: dict[Role, frozenset[Permission]] = {
    role: frozenset(
        _ANYONE
        | {P.CATALOG_REFRESH, P.VM_VIEW, P.VM_LAUNCH, P.VM_DELETE, P.VM_POWER, P.VM_CHANGE, P.VM_CONSOLE}
        | {P.QUOTA_VIEW, P.QUOTA_REQUEST, P.SUPPORT_ASK}
    )
    for role in (Role.MEMBER, Role.ADMIN)
} | {Role.SUPPORT: frozenset(_ANYONE | {P.VM_VIEW})}

# What owning a tenant adds there; support changes nothing, whatever it owns.
AS_OWNER: dict[Role, frozenset[Permission]] = {
    role: frozenset({P.USAGE_VIEW, P.MEMBER_VIEW, P.MEMBER_MANAGE, P.WEBHOOK_MANAGE})
    for role in (Role.MEMBER, Role.ADMIN)
} | {Role.SUPPORT: frozenset()}

# What a role may do in every tenant, also where the person doesn't belong.
EVERYWHERE: dict[Role, frozenset[Permission]] = {
    Role.MEMBER: frozenset(),
    Role.SUPPORT: frozenset(permission for permission in P if not permission.changes),
    Role.ADMIN: frozenset(
        {
            *(P.VM_VIEW, P.VM_DELETE, P.CATALOG_VIEW, P.CATALOG_REFRESH),
            *(P.AUDIT_VIEW, P.AUDIT_VERIFY, P.AUDIT_EXPORT),
            *(P.SYSTEM_VIEW, P.SUPPORT_VIEW, P.FINDING_VIEW, P.FINDING_SETTLE, P.ACCESS_VIEW),
            *(P.USAGE_VIEW, P.MEMBER_VIEW, P.MEMBER_MANAGE, P.PERSON_VIEW, P.PERSON_MANAGE),
            *(P.CREDENTIAL_VIEW, P.CREDENTIAL_EXAMINE, P.CREDENTIAL_ROTATE),
            *(P.TENANT_VIEW, P.TENANT_MANAGE, P.QUOTA_VIEW, P.QUOTA_CHANGE, P.WEBHOOK_MANAGE),
        }
    ),
}


def allows(user: User, permission: Permission, tenant_id: UUID | None = None) -> bool:
    """Whether the person may do it: in this tenant, or (no tenant named) anywhere at all."""
    if permission in EVERYWHERE[user.role]:
        return True
    if permission in IN_OWN_TENANTS[user.role]:
        return tenant_id is None or tenant_id in user.tenant_ids
    owned = user.owned_ids if permission in AS_OWNER[user.role] else frozenset()
    return bool(owned) if tenant_id is None else tenant_id in owned


def everywhere(user: User, permission: Permission) -> bool:
    """Whether the person may do it in every tenant."""
    return permission in EVERYWHERE[user.role]


def why_not(user: User, permission: Permission, tenant_id: UUID) -> str:
    """Why the person may not do it in this tenant, in plain words; empty: they may."""
    return (
        "" if allows(user, permission, tenant_id) else gettext("Your role doesn't allow this in this tenant.")
    )


def require(user: User, permission: Permission, tenant_id: UUID | None = None) -> None:
    """Raises Forbidden where `allows` says no."""
    if not allows(user, permission, tenant_id):
        raise Forbidden(why_not(user, permission, tenant_id) if tenant_id else None)


# What each permission means, in the order of the table that admins see.
MEANINGS: dict[Permission, str] = {
    P.HOME_VIEW: N_("See the home page"),
    P.ACCOUNT_MANAGE: N_("Read what one is told, change one's own name, password and sessions"),
    P.KEY_MANAGE: N_("Keep one's own SSH keys"),
    P.TENANT_SWITCH: N_("Switch to another tenant they may see"),
    P.CATALOG_VIEW: N_("See templates, images, sizes and networks"),
    P.CATALOG_REFRESH: N_("Have the catalogue read again"),
    P.VM_VIEW: N_("See VMs and what happened to them"),
    P.VM_LAUNCH: N_("Launch VMs, and launch failed ones again"),
    P.VM_POWER: N_("Start, stop and restart VMs"),
    P.VM_CHANGE: N_("Resize VMs, change their firewall, address and name, rebuild them, extend their lease"),
    P.VM_CONSOLE: N_("Have the console output of VMs fetched, and read it"),
    P.VM_DELETE: N_("Delete VMs"),
    P.USAGE_VIEW: N_("See who uses how much"),
    P.MEMBER_VIEW: N_("See the members of a tenant"),
    P.MEMBER_MANAGE: N_("Invite members, remove them, make them owners"),
    P.WEBHOOK_MANAGE: N_("Have a tenant's news sent to a webhook"),
    P.PERSON_VIEW: N_("See everybody's accounts, roles and sessions"),
    P.PERSON_MANAGE: N_("Invite anybody, give roles, close accounts, end sessions, make reset links"),
    P.ACCESS_VIEW: N_("See this table"),
    P.SYSTEM_VIEW: N_("See workers, queues, clouds and raw events"),
    P.AUDIT_VIEW: N_("Read the audit"),
    P.AUDIT_VERIFY: N_("Have the audit's chain verified"),
    P.AUDIT_EXPORT: N_("Export the audit"),
    P.SUPPORT_VIEW: N_(
        "Search all tenants, see all that is known of a VM, ask its cloud live, take a bundle"
    ),
    P.FINDING_VIEW: N_("See where a cloud and the records differ"),
    P.FINDING_SETTLE: N_("Settle such findings"),
    P.CREDENTIAL_VIEW: N_("See how tenants sign in to their clouds, without the secrets"),
    P.CREDENTIAL_EXAMINE: N_("Have a credential examined"),
    P.CREDENTIAL_ROTATE: N_("Add, rotate and revoke credentials"),
    P.TENANT_VIEW: N_("See every tenant's settings and networks"),
    P.TENANT_MANAGE: N_("Connect, change, suspend and archive tenants, choose their networks"),
    P.QUOTA_VIEW: N_("See a tenant's quotas, its use and requests for more"),
    P.QUOTA_REQUEST: N_("Ask for more of a quota"),
    P.SUPPORT_ASK: N_("Ask support for help with a VM"),
    P.QUOTA_CHANGE: N_("Set quotas and answer requests for more"),
}


class Reach(StrEnum):
    """How far a permission goes: nowhere, to what is their own, or to every tenant."""

    NONE = "no"
    OWN = "own"
    ALL = "all"


@dataclass(frozen=True)
class Row:
    """One permission, and how far it goes for a member, an owner of a tenant, support and an admin."""

    permission: Permission
    meaning: str
    member: Reach
    owner: Reach
    support: Reach
    admin: Reach


def table() -> list[Row]:
    """All of it, for people to read."""
    return [
        Row(
            permission,
            translated(meaning),
            member=_reach(permission, Role.MEMBER),
            owner=_reach(permission, Role.MEMBER, owns=True),
            support=_reach(permission, Role.SUPPORT),
            admin=_reach(permission, Role.ADMIN),
        )
        for permission, meaning in MEANINGS.items()
    ]


def _reach(permission: Permission, role: Role, *, owns: bool = False) -> Reach:
    if permission in EVERYWHERE[role]:
        return Reach.ALL
    held = IN_OWN_TENANTS[role] | (AS_OWNER[role] if owns else frozenset())
    return Reach.OWN if permission in held else Reach.NONE

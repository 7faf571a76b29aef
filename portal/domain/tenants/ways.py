"""Ways out: for each thing the doctor finds, exactly what to do, and where."""

from portal.domain.tenants import rules
from portal.translation import N_

DELETED = N_("Keystone doesn't know it: it was deleted, or its id is another one. %(problem)s")
EXPIRED = N_("It has ended, as was set when it was made. %(problem)s")
WRONG_SECRET = N_(
    "Keystone refuses it: the secret is wrong, it has ended, or its user was disabled or lost the role. "
    "%(problem)s"
)
REPLACE = (
    N_(
        "Make a new one as a member of the project, and add it here: "
        "openstack application credential create portal"
    ),
    N_(
        "Look whether its user is still enabled and a member: openstack role assignment list --user USER "
        "--names"
    ),
)
LOST_KEY = (
    N_(
        "Give the portal the master key back that sealed it (PORTAL_MASTER_KEYS), or add the credential anew."
    ),
)
NOT_MADE = (
    N_("Have it examined again: the portal then asks Keystone again, and finds what it made meanwhile."),
    N_("Or discard it and paste one: openstack application credential create portal"),
)
SILENT = (
    N_(
        "Look whether the service is up, and whether the tenant's Keystone address, region, interface and CA "
        "bundle are right; the doctor's next look tells."
    ),
)
CLOCK = (N_("Have both machines keep time by NTP: chronyc tracking"),)
OTHER_PROJECT = (
    N_(
        "Make the credential in the tenant's own project. Another project is another tenant: the VMs of "
        "this one would be out of reach."
    ),
)
OTHER_OWNER = N_("It belongs to another user than the credential in use.")
OWNER = (
    N_(
        "On a cloud where Heat uses trusts, stacks made under the earlier owner may become undeletable once "
        "that user is gone: keep the earlier user, or delete those stacks before. Elsewhere there is nothing "
        "to do."
    ),
)
UNRESTRICTED_IS = N_("It is unrestricted: whoever holds it can make and delete credentials of its user.")
UNRESTRICTED = (
    N_(
        "Least privilege is a restricted one, made without --unrestricted: "
        "openstack application credential create portal"
    ),
    N_("Or keep it: then the portal can make the next one and delete this one by itself."),
)
HIDDEN = (
    N_("Its access rules hide it from itself. Look yourself: openstack application credential show ID"),
    N_("Or let it see itself: GET on identity /v3/users/*/application_credentials/*"),
)
EXPIRY = (
    N_(
        "Rotate it before: add the next one on this page. Launches wait once it has ended; running VMs go on."
    ),
)
NO_ROLE = (
    N_(
        "Give its user the role, then make the credential anew: openstack role add --project P --user U "
        "member"
    ),
)
MANY_ROLES = (
    N_("Make one with this role alone: openstack application credential create --role member portal"),
)
CATALOGUE = (
    N_("Correct the tenant's region or interface, or give the service's address as an endpoint override."),
    N_("Or register the endpoint: openstack endpoint create --region REGION SERVICE public URL"),
)
NOT_ALLOWED = (
    N_(
        "Access rules answer so, and so do missing roles: make the credential without access rules, with the "
        "role member."
    ),
)
TRUSTS = (
    N_(
        "Heat, by the cloud's operator: [DEFAULT] deferred_auth_method=password in heat.conf, then restart "
        "heat-engine. Least privilege: a restricted credential works."
    ),
    N_(
        "Keystone, by the operator: [security_compliance] "
        "allow_insecure_application_credential_trust_escalation=true in keystone.conf. It is deprecated."
    ),
    N_(
        "Here, by you: a service user's name and password instead of an application credential, by “Add a "
        "credential”."
    ),
)
ENGINE = (
    N_(
        "Look whether heat-engine, its message queue and its database are up: "
        "openstack orchestration service list"
    ),
)
STACK_LIMIT = (N_("Have max_stacks_per_tenant raised in heat.conf, or delete stacks that nobody needs."),)


def access_rules() -> tuple[str, ...]:
    """The rules that are enough."""
    paths = ", ".join(f"{service} {path}" for service, path in rules.NEEDED.items())
    return (
        N_("Make it without access rules: openstack application credential create portal"),
        f"Or with rules for every method on all of: {paths}.",
    )

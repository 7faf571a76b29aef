"""Access: what each role may do in its own tenants, in those of others, and anywhere."""

import pytest

from portal.domain.people import access, accounts
from portal.domain.people.models import Role, TenantRole, User
from portal.domain.store.errors import Forbidden
from portal.domain.tenants.models import Tenant
from tests.support.world import add_person

P = access.Permission
LAUNCHES = {P.VM_LAUNCH, P.VM_POWER, P.VM_CONSOLE}
OF_TENANTS = LAUNCHES | {P.VM_DELETE, P.VM_VIEW, P.CATALOG_VIEW, P.CATALOG_REFRESH}
# What a role may do in a tenant it belongs to, and in one that it doesn't belong to.
TABLE = {
    Role.MEMBER: (OF_TENANTS, set[P]()),
    Role.SUPPORT: ({P.VM_VIEW, P.CATALOG_VIEW}, {P.VM_VIEW, P.CATALOG_VIEW}),
    Role.ADMIN: (OF_TENANTS, OF_TENANTS - LAUNCHES),
}


@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_in_tenants_what_the_table_says(role: Role, lab: Tenant, school: Tenant) -> None:
    person = add_person("kim@example.org", role, lab)
    own, others = TABLE[role]
    assert {one for one in OF_TENANTS if access.allows(person, one, lab.id)} == own
    assert {one for one in OF_TENANTS if access.allows(person, one, school.id)} == others
    assert {one for one in OF_TENANTS if access.everywhere(person, one)} == others


def test_owning_a_tenant_adds_its_members_and_its_usage_there_alone(lab: Tenant, school: Tenant) -> None:
    owner, plain = (add_person(f"{name}@example.org", Role.MEMBER, lab) for name in ("olga", "kim"))
    accounts.join(owner, lab.id, TenantRole.OWNER)
    added = {P.USAGE_VIEW, P.MEMBER_VIEW, P.MEMBER_MANAGE, P.WEBHOOK_MANAGE}
    for one in P:
        assert (access.allows(owner, one, lab.id) and not access.allows(plain, one, lab.id)) is (one in added)
        assert not (one in added and access.allows(owner, one, school.id))
        assert not (one in added and access.allows(plain, one))


def test_the_table_for_people_to_read_says_what_is_asked(lab: Tenant, school: Tenant) -> None:
    rows = access.table()
    assert [row.permission for row in rows] == list(access.MEANINGS)
    assert set(access.MEANINGS) == set(P)
    for role in Role:
        person = add_person(f"{role.value}@example.org", role, lab)
        for row in rows:
            reach = getattr(row, role.value)
            assert access.everywhere(person, row.permission) is (reach is access.Reach.ALL)
            assert access.allows(person, row.permission, lab.id) is (reach is not access.Reach.NONE)
    owner = {row.permission for row in rows if row.owner is not row.member}
    assert owner == {P.USAGE_VIEW, P.MEMBER_VIEW, P.MEMBER_MANAGE, P.WEBHOOK_MANAGE}


def test_without_a_tenant_named_it_is_asked_whether_a_role_may_do_it_anywhere(ada: User, sam: User) -> None:
    assert access.allows(ada, P.VM_LAUNCH)
    assert not access.allows(sam, P.VM_LAUNCH)
    assert access.allows(sam, P.SYSTEM_VIEW)
    assert not access.allows(ada, P.SYSTEM_VIEW)


def test_what_is_not_allowed_is_forbidden(ada: User, lab: Tenant, school: Tenant) -> None:
    access.require(ada, P.VM_DELETE, lab.id)
    with pytest.raises(Forbidden, match="Your role doesn't allow this"):
        access.require(ada, P.VM_DELETE, school.id)

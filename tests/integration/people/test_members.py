"""Members: what a tenant's owners may change of it, and nobody else."""

from uuid import uuid4

import pytest

from portal.domain.people import access, accounts, members
from portal.domain.people.models import Role, TenantRole, User
from portal.domain.store.errors import Forbidden, NotFound, Refused
from portal.domain.tenants import tenants
from portal.domain.tenants.models import Tenant
from portal.domain.vms import quotas, vms
from tests.integration.people.test_accounts import audited
from tests.support.world import BOTH, add_person, fresh, launch

DATABASES = BOTH
OWNER, MEMBER = TenantRole.OWNER, TenantRole.MEMBER


@pytest.fixture
def owner(lab: Tenant) -> User:
    """Owns Ada's tenant."""
    person = add_person("olga@example.org", Role.MEMBER)
    accounts.join(person, lab.id, OWNER)
    return person


def test_an_owner_sees_the_members_and_what_each_uses(ada: User, owner: User, lab: Tenant) -> None:
    vm = launch(ada, lab)
    assert [each.user.name for each in members.of(lab.id, for_=owner)] == ["Ada", "Olga"]
    assert quotas.by_person(lab.id) == {ada.id: quotas.Amount(1, vm.vcpus, vm.ram_mib)}


def test_an_owner_makes_owners_and_removes_members_from_the_next_click_on(
    ada: User, owner: User, lab: Tenant
) -> None:
    vm = launch(ada, lab)
    members.change_role(ada.id, lab.id, OWNER, by=owner)
    members.change_role(ada.id, lab.id, OWNER, by=owner)
    assert access.allows(fresh(ada), access.Permission.MEMBER_MANAGE, lab.id)
    members.remove(ada.id, lab.id, by=owner)
    assert not fresh(ada).tenant_ids
    with pytest.raises(NotFound):
        vms.get(vm.id, for_=ada)
    assert vms.get(vm.id, for_=owner)
    [changed], [removed] = audited("member.role_changed"), audited("member.removed")
    assert changed.detail == {"email": ada.email, "before": "member", "after": "owner"}
    assert removed.detail == {"email": ada.email, "before": "owner", "after": None}
    assert (changed.tenant_id, removed.tenant_id) == (lab.id, lab.id)


def test_an_owner_leaves_what_they_are_to_others(owner: User, root: User, lab: Tenant) -> None:
    with pytest.raises(Refused, match="Another owner"):
        members.remove(owner.id, lab.id, by=owner)
    with pytest.raises(Refused, match="Another owner"):
        members.change_role(owner.id, lab.id, MEMBER, by=owner)
    accounts.join(root, lab.id)
    members.remove(root.id, lab.id, by=root)
    assert not fresh(root).tenant_ids


def test_owning_one_tenant_is_nothing_in_another(owner: User, eve: User, lab: Tenant, school: Tenant) -> None:
    accounts.join(owner, school.id)
    assert access.allows(fresh(owner), access.Permission.MEMBER_VIEW)
    with pytest.raises(Forbidden):
        members.of(school.id, for_=owner)
    with pytest.raises(Forbidden):
        members.remove(eve.id, school.id, by=owner)
    with pytest.raises(NotFound):
        members.change_role(eve.id, lab.id, MEMBER, by=owner)


def test_members_and_support_change_nothing(ada: User, owner: User, sam: User, lab: Tenant) -> None:
    accounts.join(sam, lab.id, OWNER)
    for by in (ada, fresh(sam)):
        with pytest.raises(Forbidden):
            members.remove(owner.id, lab.id, by=by)
        with pytest.raises(Forbidden):
            members.add(owner.id, lab.id, OWNER, by=by)
    assert len(members.of(lab.id, for_=sam)) == 3
    with pytest.raises(Forbidden):
        members.of(lab.id, for_=ada)


def test_an_admin_puts_people_into_tenants(root: User, ada: User, lab: Tenant, school: Tenant) -> None:
    members.add(ada.id, school.id, OWNER, by=root)
    assert fresh(ada).tenant_ids == {lab.id, school.id}
    assert ada.owned_ids == {school.id}
    with pytest.raises(NotFound):
        members.add(uuid4(), school.id, OWNER, by=root)
    assert tenants.names([lab.id, None, uuid4()]) == {lab.id: lab.name}


def test_a_vm_of_another_tenant_of_ones_own_is_simply_there(
    ada: User, eve: User, lab: Tenant, school: Tenant
) -> None:
    vm = launch(eve, school)
    with pytest.raises(NotFound):
        vms.get(vm.id, for_=ada)
    accounts.join(ada, school.id)
    assert tenants.current(ada, lab.id) == lab
    assert vms.get(vm.id, for_=ada) == vm

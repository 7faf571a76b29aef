"""Invitations: who may make one, what its link lets in, and that it does so once."""

from threading import Barrier, Thread
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal.domain.people import accounts, invitations, members, people, sessions
from portal.domain.people.invitations import Invitation, LinkOver
from portal.domain.people.models import Role, TenantRole, User
from portal.domain.store.db import db
from portal.domain.store.errors import Forbidden, NotFound, Refused
from portal.domain.tenants.models import Tenant
from tests.integration.people.test_accounts import audited, write
from tests.support.world import BOTH, PASSWORD, Clock, add_person, fresh

DATABASES = BOTH
NEW = "new@example.org"


@pytest.fixture
def owner(lab: Tenant) -> User:
    """Owns Ada's tenant."""
    person = add_person("olga@example.org", Role.MEMBER)
    accounts.join(person, lab.id, TenantRole.OWNER)
    return person


def test_an_owner_invites_somebody_new_who_comes_in_with_a_session(owner: User, lab: Tenant) -> None:
    invitation, token = invitations.invite(" New@Example.org ", by=owner, tenant_id=lab.id)
    assert invitations.waiting(owner, lab.id) == [invitation]
    opened = invitations.accept(token, name=" New  Person ", password=PASSWORD, agent="curl/8")
    person = sessions.load(sessions.key(opened))
    assert person
    assert (person.email, person.name, person.role) == (NEW, "New Person", Role.MEMBER)
    assert person.tenant_ids == {lab.id}
    assert not person.owned_ids
    assert accounts.sign_in(NEW, PASSWORD).user_id == person.id
    assert invitations.waiting(owner, lab.id) == []


def test_an_admin_invites_to_the_portal_with_a_role_and_to_a_tenant_as_owner(root: User, lab: Tenant) -> None:
    _, token = invitations.invite(NEW, by=root, role=Role.SUPPORT)
    assert invitations.accept(token, name="New", password=PASSWORD).user.role is Role.SUPPORT
    _, token = invitations.invite(
        "other@example.org", by=root, tenant_id=lab.id, tenant_role=TenantRole.OWNER
    )
    assert invitations.accept(token, name="Other", password=PASSWORD).user.owned_ids == {lab.id}


def test_neither_token_nor_password_is_kept_anywhere(owner: User, lab: Tenant) -> None:
    invitation, token = invitations.invite(NEW, by=owner, tenant_id=lab.id)
    invitations.accept(token, name="New", password=PASSWORD)
    made, accepted = audited("invitation.made")[0], audited("invitation.accepted")[0]
    assert made.detail == accepted.detail == {"email": NEW, "role": "member", "tenant_role": "member"}
    assert (made.actor, accepted.actor, made.tenant_id) == (owner.email, NEW, lab.id)
    kept = str([made.detail, accepted.detail, invitation.token_hash])
    assert token not in kept
    assert PASSWORD not in kept


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.ADMIN])
def test_owners_give_no_role_in_the_portal_and_invite_nowhere_else(
    owner: User, lab: Tenant, school: Tenant, role: Role
) -> None:
    for asked in ({"tenant_id": lab.id, "role": role}, {"tenant_id": school.id}, {}):
        with pytest.raises(Forbidden):
            invitations.invite(NEW, by=owner, **asked)


def test_members_and_support_invite_nobody(ada: User, sam: User, lab: Tenant) -> None:
    for by in (ada, sam):
        with pytest.raises(Forbidden):
            invitations.invite(NEW, by=by, tenant_id=lab.id)
    with pytest.raises(Forbidden):
        invitations.waiting(ada, lab.id)
    with pytest.raises(Forbidden):
        invitations.waiting(ada)
    assert invitations.waiting(sam, lab.id) == invitations.waiting(sam) == []


@pytest.mark.parametrize(
    "email", ["", "nonsense", "a@b", "a b@example.org", "<a@example.org>", f"{'x' * 250}@example.org"]
)
def test_what_is_no_address_is_refused(root: User, email: str) -> None:
    with pytest.raises(Refused, match="isn't an e-mail address") as refused:
        invitations.invite(email, by=root)
    assert refused.value.field == "email"


def test_nobody_is_invited_to_what_they_have(root: User, ada: User, lab: Tenant, school: Tenant) -> None:
    with pytest.raises(Refused, match="already") as refused:
        invitations.invite(ada.email, by=root)
    assert refused.value.field == "email"
    with pytest.raises(Refused, match="in this tenant already"):
        invitations.invite(ada.email, by=root, tenant_id=lab.id)
    assert invitations.invite(ada.email, by=root, tenant_id=school.id)


def test_a_link_works_once(owner: User, lab: Tenant) -> None:
    _, token = invitations.invite(NEW, by=owner, tenant_id=lab.id)
    invitations.accept(token, name="New", password=PASSWORD)
    with pytest.raises(LinkOver, match="accepted already"):
        invitations.accept(token, name="Again", password=PASSWORD)


def test_a_link_is_too_old_after_a_week(owner: User, lab: Tenant, clock: Clock) -> None:
    _, token = invitations.invite(NEW, by=owner, tenant_id=lab.id)
    clock.forward(invitations.LASTS.total_seconds() - 60)
    assert invitations.read(token).email == NEW
    clock.forward(120)
    assert invitations.waiting(owner, lab.id) == []
    with pytest.raises(LinkOver, match="too old"):
        invitations.read(token)


def test_a_made_up_token_opens_nothing(app: Flask) -> None:
    for token in ("", "x", "é" * 500):
        with pytest.raises(LinkOver):
            invitations.read(token)


def test_a_newer_invitation_takes_the_place_of_the_earlier(root: User, lab: Tenant, school: Tenant) -> None:
    _, first = invitations.invite(NEW, by=root, tenant_id=lab.id)
    _, elsewhere = invitations.invite(NEW, by=root, tenant_id=school.id)
    _, portal = invitations.invite(NEW, by=root)
    _, second = invitations.invite(NEW, by=root, tenant_id=lab.id)
    with pytest.raises(LinkOver, match="doesn't hold any more"):
        invitations.read(first)
    assert [invitations.read(each).tenant_id for each in (elsewhere, portal, second)] == [
        school.id,
        None,
        lab.id,
    ]
    assert len(invitations.waiting(root)) == 3


def test_an_invitation_is_taken_back_by_whoever_may_make_it(
    owner: User, root: User, eve: User, lab: Tenant
) -> None:
    invitation, token = invitations.invite(NEW, by=owner, tenant_id=lab.id)
    with pytest.raises(NotFound):
        invitations.withdraw(invitation.id, by=eve)
    with pytest.raises(NotFound):
        invitations.withdraw(uuid4(), by=root)
    invitations.withdraw(invitation.id, by=root)
    invitations.withdraw(invitation.id, by=owner)
    with pytest.raises(LinkOver, match="doesn't hold"):
        invitations.read(token)
    assert len(audited("invitation.withdrawn")) == 1


def test_what_an_owner_gave_ends_with_their_ownership(owner: User, root: User, lab: Tenant) -> None:
    _, token = invitations.invite(NEW, by=owner, tenant_id=lab.id)
    members.change_role(owner.id, lab.id, TenantRole.MEMBER, by=root)
    with pytest.raises(LinkOver):
        invitations.accept(token, name="New", password=PASSWORD)
    members.change_role(owner.id, lab.id, TenantRole.OWNER, by=root)
    assert invitations.read(token)
    people.deactivate(owner.id, by=root)
    with pytest.raises(LinkOver):
        invitations.read(token)


def test_an_invitation_of_the_command_line_needs_nobody(lab: Tenant) -> None:
    _, token = invitations.invite(NEW, by=None, role=Role.ADMIN)
    assert invitations.accept(token, name="First", password=PASSWORD).user.role is Role.ADMIN
    assert audited("invitation.made")[0].actor == "portal"


def test_a_name_and_a_long_password_are_wanted_and_the_link_stays_good(owner: User, lab: Tenant) -> None:
    _, token = invitations.invite(NEW, by=owner, tenant_id=lab.id)
    for name, password, field in (
        (" ", PASSWORD, "name"),
        ("x" * 101, PASSWORD, "name"),
        ("New", "short", "password"),
    ):
        with pytest.raises(Refused) as refused:
            invitations.accept(token, name=name, password=password)
        assert refused.value.field == field
    assert invitations.accept(token, name="New", password=PASSWORD)


def test_somebody_with_an_account_joins_with_it(root: User, eve: User, lab: Tenant, school: Tenant) -> None:
    _, token = invitations.invite(eve.email, by=root, tenant_id=lab.id, tenant_role=TenantRole.OWNER)
    with pytest.raises(Refused, match="already"):
        invitations.accept(token, name="Somebody else", password=PASSWORD)
    assert invitations.join(token, by=eve).tenant_id == lab.id
    assert fresh(eve).tenant_ids == {lab.id, school.id}
    assert eve.owned_ids == {lab.id}
    with pytest.raises(LinkOver, match="accepted already"):
        invitations.join(token, by=eve)


def test_an_invitation_is_for_one_person(root: User, ada: User, eve: User, lab: Tenant) -> None:
    _, token = invitations.invite(eve.email, by=root, tenant_id=lab.id)
    with pytest.raises(Refused, match=r"for eve@example.org, and you are ada@example.org"):
        invitations.join(token, by=ada)
    assert invitations.read(token)


def test_a_role_in_the_portal_comes_with_joining_and_never_takes_one_away(root: User, lab: Tenant) -> None:
    _, token = invitations.invite(NEW, by=root, role=Role.SUPPORT)
    person = add_person(NEW, Role.MEMBER)
    invitations.join(token, by=person)
    assert fresh(person).role is Role.SUPPORT
    _, token = invitations.invite(NEW, by=root, tenant_id=lab.id)
    invitations.join(token, by=person)
    assert fresh(person).role is Role.SUPPORT


def test_an_invited_owner_who_is_a_member_already_becomes_owner_and_stays_one(
    root: User, ada: User, lab: Tenant, school: Tenant
) -> None:
    _, owners = invitations.invite(ada.email, by=root, tenant_id=school.id, tenant_role=TenantRole.OWNER)
    accounts.join(ada, school.id)
    invitations.join(owners, by=ada)
    assert fresh(ada).owned_ids == {school.id}
    accounts.join(ada, school.id)
    assert fresh(ada).owned_ids == {school.id}
    assert [entry.detail["before"] for entry in audited("person.joined")] == [None, None, "member"]


def test_two_who_open_a_link_at_once_make_one_account(app: Flask, root: User) -> None:
    _, token = invitations.invite(NEW, by=root)
    together, said = Barrier(2), []

    def accept(name: str) -> None:
        with app.app_context():
            together.wait()
            try:
                invitations.accept(token, name=name, password=PASSWORD)
                said.append("in")
            except LinkOver:
                said.append("over")
            db.session.remove()

    threads = [Thread(target=accept, args=(name,)) for name in ("One", "Two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    assert sorted(said) == ["in", "over"]
    assert db.session.scalar(select(func.count(User.id)).where(User.email == NEW)) == 1


def test_invitations_of_somebody_who_is_gone_from_the_portal_stay_kept(root: User, lab: Tenant) -> None:
    invitation, _ = invitations.invite(NEW, by=root, tenant_id=lab.id)
    write(root, active=False)
    assert db.session.get(Invitation, invitation.id)

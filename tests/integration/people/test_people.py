"""People: finding accounts, roles, closing and opening; and never without an admin."""

from threading import Barrier, Thread
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from portal.domain.people import accounts, people, sessions
from portal.domain.people.accounts import SignInRefused
from portal.domain.people.models import Role, User
from portal.domain.store.db import db, transaction
from portal.domain.store.errors import Forbidden, NotFound, Refused
from portal.domain.tenants.models import Tenant
from tests.integration.people.test_accounts import audited
from tests.integration.people.test_sessions import begin
from tests.support.world import BOTH, PASSWORD, add_person, fresh

DATABASES = BOTH


def test_everybody_is_found_by_name_address_and_role(root: User, sam: User, ada: User) -> None:
    assert [each.name for each in people.search(root).items] == ["Ada", "Root", "Sam"]
    assert [each.name for each in people.search(sam, "  SAM@ex").items] == ["Sam"]
    assert [each.name for each in people.search(sam, role=Role.ADMIN).items] == ["Root"]
    assert people.search(root, "100%").items == []


def test_the_list_comes_in_pages(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "PER_PAGE", 2)
    for name in ("a", "b"):
        add_person(f"{name}@example.org", Role.MEMBER)
    found = people.search(root, page=9)
    assert (found.total, found.page, found.pages, [each.name for each in found.items]) == (3, 2, 2, ["Root"])


def test_members_see_nobody_and_change_nobody(ada: User, root: User, sam: User) -> None:
    for view in (lambda: people.search(ada), lambda: people.get(root.id, for_=ada)):
        with pytest.raises(Forbidden):
            view()
    for by in (ada, sam):
        for change in (people.deactivate, people.reactivate):
            with pytest.raises(Forbidden):
                change(root.id, by=by)
        with pytest.raises(Forbidden):
            people.change_role(ada.id, Role.ADMIN, by=by)
    assert people.get(root.id, for_=sam).name == "Root"


def test_nobody_is_nobody(root: User) -> None:
    with pytest.raises(NotFound):
        people.get(uuid4(), for_=root)
    with pytest.raises(NotFound):
        people.deactivate(uuid4(), by=root)


def test_a_role_is_changed_once_and_audited_with_before_and_after(root: User, ada: User) -> None:
    people.change_role(ada.id, Role.SUPPORT, by=root)
    people.change_role(ada.id, Role.SUPPORT, by=root)
    assert fresh(ada).role is Role.SUPPORT
    [entry] = audited("person.role_changed")
    assert entry.detail == {"email": ada.email, "before": "member", "after": "support"}


def test_a_closed_account_is_out_at_once_and_its_sessions_stay_ended(root: User, ada: User) -> None:
    opened = begin(ada)
    people.deactivate(ada.id, by=root)
    assert sessions.load(sessions.key(opened)) is None
    with pytest.raises(SignInRefused):
        accounts.sign_in(ada.email, PASSWORD)
    people.reactivate(ada.id, by=root)
    assert sessions.load(sessions.key(opened)) is None
    assert accounts.sign_in(ada.email, PASSWORD).user_id == ada.id
    people.reactivate(ada.id, by=root)
    [closed], [opened_again] = audited("person.deactivated"), audited("person.reactivated")
    assert closed.detail == {"email": ada.email, "before": {"active": True}, "after": {"active": False}}
    assert opened_again.detail["after"] == {"active": True}


def test_the_last_active_admin_stays_one(root: User) -> None:
    with pytest.raises(Refused, match="last active administrator") as refused:
        people.change_role(root.id, Role.MEMBER, by=root)
    assert refused.value.field == "role"
    with pytest.raises(Refused, match="last active administrator"):
        people.deactivate(root.id, by=root)
    people.change_role(root.id, Role.ADMIN, by=root)
    assert (fresh(root).role, root.active) == (Role.ADMIN, True)


def test_a_closed_admin_is_none_to_count_on(root: User) -> None:
    second = add_person("second@example.org", Role.ADMIN)
    people.deactivate(second.id, by=root)
    with pytest.raises(Refused):
        people.deactivate(root.id, by=root)
    people.reactivate(second.id, by=root)
    people.deactivate(root.id, by=second)
    assert not fresh(root).active


def test_two_admins_who_close_each_other_leave_one(app: Flask, root: User, lab: Tenant) -> None:
    second = add_person("second@example.org", Role.ADMIN)
    ids, together, refused = (root.id, second.id), Barrier(2), []

    def close(who: int) -> None:
        with app.app_context():
            by = db.session.get_one(User, ids[who])
            db.session.rollback()
            together.wait()
            try:
                people.deactivate(ids[1 - who], by=by)
            except (Refused, Forbidden):
                refused.append(who)
            db.session.remove()

    for _ in range(3):
        for person in ids:
            with transaction():
                db.session.get_one(User, person).active = True
        refused.clear()
        threads = [Thread(target=close, args=(who,)) for who in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        db.session.rollback()
        assert len(refused) == 1
        assert len(db.session.scalars(select(User.id).where(User.active)).all()) == 1

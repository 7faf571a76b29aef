"""People: everybody with an account, their roles, tenants and sessions; invitations; who may do what."""

from collections.abc import Collection
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import EmailField, SelectField
from wtforms.validators import InputRequired

from portal.domain.people import access, invitations, members, people, resets, sessions
from portal.domain.people.access import Permission, Role, TenantRole
from portal.domain.people.people import User
from portal.domain.tenants import tenants
from portal.translation import N_, gettext
from portal.web import limits, links
from portal.web.forms import accepted, choices
from portal.web.guards import needs

blueprint = Blueprint("people", __name__, url_prefix="/admin/people")

ROLES = [
    (Role.MEMBER.value, N_("Member")),
    (Role.SUPPORT.value, N_("Support")),
    (Role.ADMIN.value, N_("Administrator")),
]
TENANT_ROLES = [
    (TenantRole.MEMBER.value, N_("Member")),
    (TenantRole.OWNER.value, N_("Owner")),
]
_PERSON = "/<uuid:person_id>"


class InviteForm(FlaskForm):
    """Who is invited to the portal, as what, and into which tenant."""

    email = EmailField(N_("E-mail address"), [InputRequired(N_("The address is missing."))])
    role = SelectField(N_("Role in the portal"), choices=choices(ROLES), default=Role.MEMBER.value)
    tenant = SelectField(N_("Tenant"), default="")
    tenant_role = SelectField(
        N_("Role in the tenant"), choices=choices(TENANT_ROLES), default=TenantRole.MEMBER.value
    )


class RoleForm(FlaskForm):
    """What a person is to the portal."""

    role = SelectField(N_("Role"), choices=choices(ROLES))


class MembershipForm(FlaskForm):
    """One more tenant of a person."""

    tenant = SelectField(N_("Tenant"))
    tenant_role = SelectField(N_("As"), choices=choices(TENANT_ROLES), default=TenantRole.MEMBER.value)


@blueprint.get("/")
@needs(Permission.PERSON_VIEW)
def index() -> ResponseReturnValue:
    """The list with its search, and the invitations that wait."""
    return _list(_invite_form())


@blueprint.get("/access")
@needs(Permission.ACCESS_VIEW)
def table() -> ResponseReturnValue:
    """Which role may do what."""
    return render_template("admin/people/access.html", rows=access.table())


@blueprint.post("/invitations")
@needs(Permission.PERSON_MANAGE)
def invite() -> ResponseReturnValue:
    """An invitation; its link is shown this once."""
    form = _invite_form()
    issued = form.validate() and accepted(
        form,
        invitations.invite,
        form.email.data or "",
        by=current_user,
        role=Role(form.role.data),
        tenant_id=UUID(form.tenant.data) if form.tenant.data else None,
        tenant_role=TenantRole(form.tenant_role.data),
    )
    if not issued:
        return _list(form), limits.WRONG
    invitation, token = issued
    until, back = invitation.expires_at, url_for(".index")
    return links.made("invitation", token, email=invitation.email, until=until, back=back)


@blueprint.post("/invitations/<uuid:invitation_id>/withdraw")
@needs(Permission.PERSON_MANAGE)
def withdraw(invitation_id: UUID) -> ResponseReturnValue:
    """Takes an invitation back."""
    invitations.withdraw(invitation_id, by=current_user)
    flash(gettext("The invitation is taken back; its link opens nothing any more."), "good")
    return redirect(url_for(".index"))


@blueprint.get(_PERSON)
@needs(Permission.PERSON_VIEW)
def show(person_id: UUID) -> ResponseReturnValue:
    """One person."""
    return _page(people.get(person_id, for_=current_user))


@blueprint.post(f"{_PERSON}/role")
@needs(Permission.PERSON_MANAGE)
def change_role(person_id: UUID) -> ResponseReturnValue:
    """Another role in the portal."""
    person, form = people.get(person_id, for_=current_user), RoleForm()
    if form.validate():
        accepted(form, people.change_role, person_id, Role(form.role.data), by=current_user)
    if form.errors:
        return _page(person, role=form), limits.WRONG
    flash(gettext("Done. It holds from their next click on."), "good")
    return redirect(url_for(".show", person_id=person_id))


@blueprint.post(f"{_PERSON}/memberships")
@needs(Permission.PERSON_MANAGE)
def add_membership(person_id: UUID) -> ResponseReturnValue:
    """Puts the person into one more tenant."""
    person = people.get(person_id, for_=current_user)
    form = _membership_form(person)
    if not form.validate():
        return _page(person, membership=form), limits.WRONG
    members.add(person_id, UUID(form.tenant.data), TenantRole(form.tenant_role.data), by=current_user)
    flash(gettext("They are in."), "good")
    return redirect(url_for(".show", person_id=person_id))


@blueprint.post(f"{_PERSON}/memberships/<uuid:tenant_id>/<any(member, owner):role>")
@needs(Permission.PERSON_MANAGE)
def change_membership(person_id: UUID, tenant_id: UUID, role: str) -> ResponseReturnValue:
    """Makes the person an owner of a tenant of theirs, or a member."""
    members.change_role(person_id, tenant_id, TenantRole(role), by=current_user)
    flash(gettext("Done. It holds from their next click on."), "good")
    return redirect(url_for(".show", person_id=person_id))


@blueprint.post(f"{_PERSON}/memberships/<uuid:tenant_id>/remove")
@needs(Permission.PERSON_MANAGE)
def remove_membership(person_id: UUID, tenant_id: UUID) -> ResponseReturnValue:
    """Takes the person out of a tenant."""
    members.remove(person_id, tenant_id, by=current_user)
    flash(gettext("Removed. Their VMs stay in the tenant."), "good")
    return redirect(url_for(".show", person_id=person_id))


@blueprint.post(f"{_PERSON}/<any(deactivate, reactivate):what>")
@needs(Permission.PERSON_MANAGE)
def open_or_close(person_id: UUID, what: str) -> ResponseReturnValue:
    """Closes the account, or opens it again."""
    if what == "deactivate":
        people.deactivate(person_id, by=current_user)
        flash(gettext("The account is closed, and signed out everywhere."), "good")
    else:
        people.reactivate(person_id, by=current_user)
        flash(gettext("The account is open again."), "good")
    return redirect(url_for(".show", person_id=person_id))


@blueprint.post(f"{_PERSON}/reset-link")
@needs(Permission.PERSON_MANAGE)
def make_reset_link(person_id: UUID) -> ResponseReturnValue:
    """A link that sets the person's password anew; it is shown this once."""
    person = people.get(person_id, for_=current_user)
    link, token = resets.make(person_id, by=current_user)
    back = url_for(".show", person_id=person_id)
    return links.made("reset", token, email=person.email, until=link.expires_at, back=back)


@blueprint.post(f"{_PERSON}/sessions/<uuid:session_id>/end")
@needs(Permission.PERSON_MANAGE)
def end_session(person_id: UUID, session_id: UUID) -> ResponseReturnValue:
    """Signs one of the person's browsers out."""
    sessions.end(session_id, people.get(person_id, for_=current_user), by=current_user)
    flash(gettext("That browser is signed out."), "good")
    return redirect(url_for(".show", person_id=person_id))


def _invite_form() -> InviteForm:
    form = InviteForm()
    form.tenant.choices = choices([("", gettext("None yet")), *_tenants()])()
    return form


def _membership_form(person: User) -> MembershipForm:
    form = MembershipForm()
    form.tenant.choices = choices(_tenants(but=person.tenant_ids))()
    return form


def _tenants(but: Collection[UUID] = ()) -> list[tuple[str, str]]:
    return [(str(each.id), each.name) for each in tenants.visible(current_user) if each.id not in but]


def _list(form: InviteForm) -> str:
    text, number = request.args.get("q", ""), request.args.get("page", 1, type=int)
    role = request.args.get("role", "")
    found = people.search(current_user, text, role=Role(role) if role in set(Role) else None, page=number)
    waiting = invitations.waiting(current_user)
    places = {each.tenant_id for person in found.items for each in person.memberships}
    return render_template(
        "admin/people/index.html",
        page=found,
        page_url=lambda number: url_for(".index", q=text or None, role=role or None, page=number),
        q=text,
        role=role,
        roles=ROLES,
        names=tenants.names([*places, *(each.tenant_id for each in waiting)]),
        seen=sessions.last_seen(found.items),
        waiting=waiting,
        form=form,
        manages=access.allows(current_user, Permission.PERSON_MANAGE),
    )


def _page(person: User, *, role: RoleForm | None = None, membership: MembershipForm | None = None) -> str:
    return render_template(
        "admin/people/person.html",
        person=person,
        role=role or RoleForm(obj=person),
        membership=membership or _membership_form(person),
        names=tenants.names([each.tenant_id for each in person.memberships]),
        sessions=sessions.of(person),
        manages=access.allows(current_user, Permission.PERSON_MANAGE),
    )

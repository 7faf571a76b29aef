"""Members: who is in a tenant and uses how much; its owners invite, remove, and make each other owners."""

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import EmailField, RadioField
from wtforms.validators import InputRequired

from portal.domain.people import access, invitations, members
from portal.domain.people.access import Permission, TenantRole
from portal.domain.store.errors import NotFound
from portal.domain.tenants import tenants
from portal.domain.tenants.tenants import Tenant
from portal.domain.vms import quotas
from portal.web import limits, links
from portal.web.forms import accepted, choices
from portal.web.frame import here
from portal.web.guards import needs

blueprint = Blueprint("members", __name__, url_prefix="/members")


class InviteForm(FlaskForm):
    """Who is invited, and as what."""

    email = EmailField("E-mail address", [InputRequired("The address is missing.")])
    tenant_role = RadioField(
        "As",
        choices=choices(
            [
                (TenantRole.MEMBER.value, "Member: launches VMs"),
                (TenantRole.OWNER.value, "Owner: also invites and removes members"),
            ]
        ),
        default=TenantRole.MEMBER.value,
    )


@blueprint.get("/")
@needs(Permission.MEMBER_VIEW)
def index() -> ResponseReturnValue:
    """The members of the tenant the person works in."""
    tenant = here()
    if tenant is None:
        raise NotFound("There is no tenant yet.")
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.get("/<uuid:tenant_id>")
@needs(Permission.MEMBER_VIEW)
def show(tenant_id: UUID) -> ResponseReturnValue:
    """The members, who is invited, and what each uses."""
    return _page(tenants.get(tenant_id, for_=current_user), InviteForm())


@blueprint.post("/<uuid:tenant_id>/invitations")
@needs(Permission.MEMBER_MANAGE)
def invite(tenant_id: UUID) -> ResponseReturnValue:
    """An invitation; its link is shown this once."""
    tenant, form = tenants.get(tenant_id, for_=current_user), InviteForm()
    issued = form.validate() and accepted(
        form,
        invitations.invite,
        form.email.data or "",
        by=current_user,
        tenant_id=tenant.id,
        tenant_role=TenantRole(form.tenant_role.data),
    )
    if not issued:
        return _page(tenant, form), limits.WRONG
    invitation, token = issued
    back = url_for(".show", tenant_id=tenant.id)
    return links.made("invitation", token, email=invitation.email, until=invitation.expires_at, back=back)


@blueprint.post("/<uuid:tenant_id>/invitations/<uuid:invitation_id>/withdraw")
@needs(Permission.MEMBER_MANAGE)
def withdraw(tenant_id: UUID, invitation_id: UUID) -> ResponseReturnValue:
    """Takes an invitation back."""
    tenant = tenants.get(tenant_id, for_=current_user)
    invitations.withdraw(invitation_id, by=current_user)
    flash("The invitation is taken back; its link opens nothing any more.", "good")
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.post("/<uuid:tenant_id>/<uuid:person_id>/<any(member, owner):role>")
@needs(Permission.MEMBER_MANAGE)
def change_role(tenant_id: UUID, person_id: UUID, role: str) -> ResponseReturnValue:
    """Makes a member an owner, or an owner a member."""
    tenant = tenants.get(tenant_id, for_=current_user)
    members.change_role(person_id, tenant.id, TenantRole(role), by=current_user)
    flash("Done. It holds from their next click on.", "good")
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.post("/<uuid:tenant_id>/<uuid:person_id>/remove")
@needs(Permission.MEMBER_MANAGE)
def remove(tenant_id: UUID, person_id: UUID) -> ResponseReturnValue:
    """Takes somebody out of the tenant."""
    tenant = tenants.get(tenant_id, for_=current_user)
    members.remove(person_id, tenant.id, by=current_user)
    flash("Removed. Their VMs stay in the tenant.", "good")
    return redirect(url_for(".show", tenant_id=tenant.id))


def _page(tenant: Tenant, form: InviteForm) -> str:
    return render_template(
        "members/page.html",
        tenant=tenant,
        form=form,
        members=members.of(tenant.id, for_=current_user),
        waiting=invitations.waiting(current_user, tenant.id),
        manages=access.allows(current_user, Permission.MEMBER_MANAGE, tenant.id),
        moves_self=access.everywhere(current_user, Permission.MEMBER_MANAGE),
        used=quotas.by_person(tenant.id),
        limits=quotas.lines(tenant),
    )

"""Members: who is in a tenant, uses and may have how much; its owners invite, remove and limit them."""

from dataclasses import asdict
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import EmailField, IntegerField, RadioField
from wtforms.validators import InputRequired, Optional

from portal.domain.people import access, invitations, members
from portal.domain.people.access import Permission, TenantRole
from portal.domain.store.errors import NotFound
from portal.domain.tenants import tenants
from portal.domain.tenants.tenants import Tenant
from portal.domain.vms import allowances, quotas
from portal.translation import N_, gettext
from portal.web import links
from portal.web.admin.quotas import GIB, amounts, in_people_units
from portal.web.forms import accepted, choices
from portal.web.frame import here
from portal.web.guards import needs
from portal.web.limits import WRONG

blueprint = Blueprint("members", __name__, url_prefix="/members")


class InviteForm(FlaskForm):
    """Who is invited, and as what."""

    email = EmailField(N_("E-mail address"), [InputRequired(N_("The address is missing."))])
    tenant_role = RadioField(
        N_("As"),
        choices=choices(
            [
                (TenantRole.MEMBER.value, N_("Member: launches VMs")),
                (TenantRole.OWNER.value, N_("Owner: also invites and removes members")),
            ]
        ),
        default=TenantRole.MEMBER.value,
    )


class LimitsForm(FlaskForm):
    """What one member may have; memory in GiB."""

    vms = IntegerField(N_("VMs"), [Optional()])
    vcpus = IntegerField("vCPU", [Optional()])
    ram_mib = IntegerField(N_("Memory in GiB"), [Optional()])
    gpus = IntegerField(N_("GPUs"), [Optional()])
    floating_ips = IntegerField(N_("Floating IPs"), [Optional()])

    @property
    def limits(self) -> dict[str, int]:
        """The numbers that are given, as the domain wants them."""
        given = {name: self[name].data for name in quotas.WORDS if self[name].data is not None}
        return {name: number * (GIB if name == "ram_mib" else 1) for name, number in given.items()}


@blueprint.get("/")
@needs(Permission.MEMBER_VIEW)
def index() -> ResponseReturnValue:
    """The members of the tenant the person works in."""
    tenant = here()
    if tenant is None:
        raise NotFound(gettext("There is no tenant yet."))
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
        return _page(tenant, form), WRONG
    invitation, token = issued
    back = url_for(".show", tenant_id=tenant.id)
    return links.made("invitation", token, email=invitation.email, until=invitation.expires_at, back=back)


@blueprint.post("/<uuid:tenant_id>/invitations/<uuid:invitation_id>/withdraw")
@needs(Permission.MEMBER_MANAGE)
def withdraw(tenant_id: UUID, invitation_id: UUID) -> ResponseReturnValue:
    """Takes an invitation back."""
    tenant = tenants.get(tenant_id, for_=current_user)
    invitations.withdraw(invitation_id, by=current_user)
    flash(gettext("The invitation is taken back; its link opens nothing any more."), "good")
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.post("/<uuid:tenant_id>/<uuid:person_id>/<any(member, owner):role>")
@needs(Permission.MEMBER_MANAGE)
def change_role(tenant_id: UUID, person_id: UUID, role: str) -> ResponseReturnValue:
    """Makes a member an owner, or an owner a member."""
    tenant = tenants.get(tenant_id, for_=current_user)
    members.change_role(person_id, tenant.id, TenantRole(role), by=current_user)
    flash(gettext("Done. It holds from their next click on."), "good")
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.get("/<uuid:tenant_id>/<uuid:person_id>/limits")
@needs(Permission.MEMBER_MANAGE)
def limits(tenant_id: UUID, person_id: UUID) -> ResponseReturnValue:
    """What a member has and may have."""
    tenant = tenants.get(tenant_id, for_=current_user)
    member = members.of_another(person_id, tenant.id, current_user)
    return _limits(tenant, member, LimitsForm(formdata=None, data=in_people_units(member.limits)))


@blueprint.post("/<uuid:tenant_id>/<uuid:person_id>/limits")
@needs(Permission.MEMBER_MANAGE)
def change_limits(tenant_id: UUID, person_id: UUID) -> ResponseReturnValue:
    """Sets what a member may have; what is left empty has no limit."""
    tenant, form = tenants.get(tenant_id, for_=current_user), LimitsForm()
    member = members.of_another(person_id, tenant.id, current_user)
    change = allowances.change
    below = form.validate() and accepted(form, change, person_id, tenant.id, form.limits, by=current_user)
    if form.errors:
        return _limits(tenant, member, form), WRONG
    words = (
        gettext("Kept, below what is used (%(what)s).", what="; ".join(below))
        if below
        else gettext("The limits are kept.")
    )
    flash(words, "warn" if below else "good")
    return redirect(url_for(".show", tenant_id=tenant.id))


@blueprint.post("/<uuid:tenant_id>/<uuid:person_id>/remove")
@needs(Permission.MEMBER_MANAGE)
def remove(tenant_id: UUID, person_id: UUID) -> ResponseReturnValue:
    """Takes somebody out of the tenant."""
    tenant = tenants.get(tenant_id, for_=current_user)
    members.remove(person_id, tenant.id, by=current_user)
    flash(gettext("Removed. Their VMs stay in the tenant."), "good")
    return redirect(url_for(".show", tenant_id=tenant.id))


def _limits(tenant: Tenant, member: members.Membership, form: LimitsForm) -> str:
    return render_template(
        "members/limits.html",
        tenant=tenant,
        member=member,
        form=form,
        used=in_people_units(asdict(quotas.usage(tenant.id, of=member.user_id))),
        quota=in_people_units(quotas.limits(tenant)),
    )


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
        amounts=amounts,
        limits=quotas.lines(tenant),
    )

"""The catalogue: what can be launched and what the tenant's cloud offers, searched and filtered."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from htmx_flask import request

from portal.domain.catalog import catalog
from portal.domain.people import access
from portal.domain.people.access import Permission
from portal.domain.store.db import now
from portal.domain.tenants import tenants
from portal.domain.tenants.tenants import Tenant
from portal.domain.vms import offers
from portal.web import limits, paths
from portal.web.frame import can_launch, here
from portal.web.guards import needs
from portal.web.panels import panel

blueprint = Blueprint("catalog", __name__, url_prefix="/catalogue")
PATIENCE = timedelta(minutes=1)


@blueprint.get("/")
@needs(Permission.CATALOG_VIEW)
def templates() -> ResponseReturnValue:
    """What is on the shelf."""
    search = request.args.get("q", "")
    return _show("catalog/templates.html", items=catalog.templates(search, here()), q=search)


@blueprint.get("/images")
@needs(Permission.CATALOG_VIEW)
def images() -> ResponseReturnValue:
    """The images of the tenant's cloud."""
    search, distro, tenant = request.args.get("q", ""), request.args.get("distro", ""), here()
    found = catalog.images(tenant.id, search, distro) if tenant else []
    distros = catalog.distros(tenant.id) if tenant else []
    return _show("catalog/images.html", items=found, q=search, distro=distro, distros=distros)


@blueprint.get("/sizes")
@needs(Permission.CATALOG_VIEW)
def sizes() -> ResponseReturnValue:
    """The flavors of the tenant's cloud by family, and whether the quota has room for one."""
    asked = {name: request.args.get(name, "") for name in ("q", "family", "gpus", "fits")}
    tenant = here()
    items = offers.of_tenant(tenant, asked, for_=current_user) if tenant else []
    families = catalog.families(tenant.id) if tenant else []
    groups = offers.by_family(items)
    return _show("catalog/sizes.html", items=items, groups=groups, families=families, **asked)


@blueprint.get("/networks")
@needs(Permission.CATALOG_VIEW)
def networks() -> ResponseReturnValue:
    """The networks members may launch in."""
    search, tenant = request.args.get("q", ""), here()
    return _show(
        "catalog/networks.html", items=tenants.networks(tenant.id, search) if tenant else [], q=search
    )


@blueprint.post("/refresh")
@needs(Permission.CATALOG_REFRESH)
@limits.limiter.limit("6 per minute", key_func=limits.person)
def refresh() -> ResponseReturnValue:
    """Has the cloud looked at now; the page that asked shows when it was."""
    tenant = here()
    if tenant:
        catalog.ask_refresh(tenant, by=current_user)
    kind = request.form.get("kind", "")
    page = kind if kind in ("images", "sizes", "networks") else "templates"
    filters = {name: request.form.get(name) or None for name in ("q", "distro", "gpus", "family", "fits")}
    return redirect(url_for(f".{page}", asked=int(now().timestamp()), **filters))


def _show(template: str, **facts: Any) -> ResponseReturnValue:
    """The page, or only its results where htmx asks; they ask again while the cloud is being looked at."""
    tenant = here()
    asked = request.args.get("asked", type=int)
    facts |= {
        "kind": template.removeprefix("catalog/").removesuffix(".html"),
        "tenant": tenant,
        "every": 1 if tenant and _is_awaited(tenant, asked) else None,
        "can_refresh": tenant and access.allows(current_user, Permission.CATALOG_REFRESH, tenant.id),
        "can_launch": can_launch(tenant),
        "again": paths.path_of(request.full_path),
    }
    if request.htmx:
        return panel(template.replace("/", "/_"), **facts)
    return render_template(template, **facts)


def _is_awaited(tenant: Tenant, asked: int | None) -> bool:
    """Whether a look at the cloud that was asked for, or the first one, is still to come."""
    if tenant.catalog_checked_at is None:
        return tenant.catalog_trouble is None
    since = datetime.fromtimestamp(asked or 0, UTC)
    return tenant.catalog_checked_at < since and now() < since + PATIENCE

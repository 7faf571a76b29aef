"""The list of VMs: its filters, its order and its columns, remembered for when somebody comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from flask import Response, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from htmx_flask import request
from werkzeug.datastructures import MultiDict

from portal.domain.catalog import shelf
from portal.domain.people import access, notices
from portal.domain.people.access import Permission
from portal.domain.tenants import tenants
from portal.domain.tenants.tenants import Tenant
from portal.domain.vms import bulk, drafts, inventory, progress, removals, vms
from portal.domain.vms.inventory import Sort, Wanted
from portal.domain.vms.vms import State
from portal.translation import N_, gettext, translated
from portal.web import cookies, paths, rows
from portal.web.frame import can_launch, here
from portal.web.guards import needs
from portal.web.panels import NOTICES_READ, panel
from portal.web.vms import blueprint

# So many tenants the list can be filtered by.
MENU = 100
FILTERS = ("q", "state", "owner", "tenant", "template", "image", "tag", "launch", "sort")
# Stands beside the states in the filter: active, and switched off.
STOPPED = "stopped"
# What a list may show besides the name, and what it is sorted by there.
COLUMNS: dict[str, tuple[str, Sort | None]] = {
    "state": (N_("State"), Sort.STATE),
    "address": (N_("Address"), None),
    "template": (N_("Template"), Sort.TEMPLATE),
    "image": (N_("Image"), Sort.IMAGE),
    "size": (N_("Size"), Sort.SIZE),
    "tags": (N_("Tags"), None),
    "owner": (N_("Owner"), Sort.OWNER),
    "tenant": (N_("Tenant"), None),
    "launched": (N_("Launched"), Sort.LAUNCHED),
}
FIRST_COLUMNS = ("state", "address", "size", "tags", "owner", "tenant", "launched")
COLUMNS_COOKIE, FILTERS_COOKIE = "vms-columns", "vms-filters"
LONGEST_KEPT = 1000


@dataclass(frozen=True)
class Head:
    """One column's head: where a click on it leads, and how it is sorted now (for aria-sort)."""

    words: str
    url: str = ""
    sorted: str = ""


@blueprint.get("/")
@needs(Permission.VM_VIEW)
def index() -> ResponseReturnValue:
    """The VMs of the person's tenant, or of all tenants for who looks after them; htmx gets the rows."""
    if not request.htmx and not request.args and (kept := _kept()):
        return redirect(_address(kept))
    tenant = _tenant()
    asked, wanted = _asked(request.args), _wanted(request.args, tenant)
    page = inventory.search(current_user, wanted, page=request.args.get("page", 1, type=int))
    read = wanted.launch_id is not None and notices.seen(wanted.launch_id, by=current_user)
    facts = {"page": page, "asked": asked, "tenant": tenant} | _list_facts(page, asked, wanted)
    if request.htmx:
        return _keep(panel("vms/_rows.html", NOTICES_READ if read else "", **facts), asked)
    return _keep(
        make_response(
            render_template(
                "vms/index.html", **facts, **_choices(tenant), drafts=drafts.waiting(current_user)
            )
        ),
        asked,
    )


@blueprint.post("/columns")
@needs(Permission.VM_VIEW)
def choose_columns() -> ResponseReturnValue:
    """Which columns this person's lists have."""
    chosen = [name for name in COLUMNS if name in request.form.getlist("column")]
    back = paths.ours(request.form.get("back", ""), url_for(".index"))
    return cookies.keep(make_response(redirect(back)), COLUMNS_COOKIE, ".".join(chosen) or "-")


@blueprint.post("/export.csv")
@needs(Permission.VM_VIEW)
def export() -> ResponseReturnValue:
    """All that the filters show, as a file that is written while it is read."""
    found = inventory.export(current_user, _wanted(request.form, _tenant()))
    return rows.download("vms", map(_row, found))


def _row(vm: vms.Vm) -> rows.Row:
    flavor = vm.spec.get("flavor") or {}
    return {
        "name": vm.name,
        "state": vm.state,
        "power": vm.power,
        "public_ip": vm.public_ip,
        "private_ip": vm.private_ip,
        "template": vm.offering,
        "image": vm.image_name,
        "size": flavor.get("name"),
        "vcpus": vm.vcpus,
        "ram_mib": vm.ram_mib,
        "gpus": vm.gpus,
        "tags": ", ".join(vm.tags),
        "owner": vm.owner.name,
        "owner_email": vm.owner.email,
        "tenant": vm.tenant.name,
        "launched": vm.requested_at,
        "lease_ends": vm.lease_ends_at,
        "description": vm.description,
        "id": vm.id,
    }


def _asked(given: Mapping[str, str]) -> dict[str, str]:
    """The filters as they stand in the address, those that are empty left out."""
    return {name: given[name].strip() for name in FILTERS if given.get(name, "").strip()}


def _wanted(given: MultiDict[str, str], tenant: Tenant | None) -> Wanted:
    """What the filters mean; one that means nothing seeks nothing."""
    sort = given.get("sort", "")
    by = next((each for each in Sort if each == sort.lstrip("-")), None)
    return Wanted(
        text=given.get("q", ""),
        state=next((each for each in State if each == given.get("state")), None),
        stopped=given.get("state") == STOPPED,
        tenant_id=tenant.id if tenant else None,
        mine=given.get("owner") == "me",
        template=given.get("template", ""),
        image=given.get("image", ""),
        tag=given.get("tag", "").lower(),
        launch_id=given.get("launch", type=UUID),
        sort=by or Sort.LAUNCHED,
        down=sort.startswith("-") if by else True,
    )


def _tenant() -> Tenant | None:
    """Whose VMs are listed: a member's own tenant; who looks after all of them may filter by one."""
    if not access.everywhere(current_user, Permission.VM_VIEW):
        return here()
    return tenants.seen(request.values.get("tenant", type=UUID), by=current_user)


def _choices(chosen: Tenant | None) -> dict[str, Any]:
    """What there is to filter by. Tenants as far as a menu holds them; the search finds the others."""
    found, tenant_id = list[Tenant](), chosen.id if chosen else None
    if access.everywhere(current_user, Permission.VM_VIEW):
        found = tenants.visible(current_user, limit=MENU)
        found = found if chosen is None or chosen in found else [chosen, *found]
    return {
        "tenants": [(each.id, each.name) for each in found],
        "states": _states(),
        "templates": [(each.name, translated(each.title)) for each in shelf.templates(hidden=True)],
        "images": [(name, name) for name in inventory.images(current_user, tenant_id)],
        "tags": [(tag, tag) for tag in inventory.tags(current_user, tenant_id)],
    }


def _states() -> list[str]:
    """The states in order, with those that are stopped after those that are active."""
    after = list(State).index(State.ACTIVE) + 1
    return [*list(State)[:after], STOPPED, *list(State)[after:]]


def _list_facts(page: inventory.Page, asked: dict[str, str], wanted: Wanted) -> dict[str, Any]:
    """What the rows need besides the VMs: when to ask again, where the other pages are, what may be done."""
    everywhere = access.everywhere(current_user, Permission.VM_VIEW)
    columns = _columns(everywhere)
    return {
        "progress": progress.of_many(page.items),
        "every": min(filter(None, map(removals.wait, page.items)), default=None),
        "again": paths.path_of(request.full_path),
        "page_url": lambda number: _address(asked | {"page": str(number)}),
        "filtered": {name: value for name, value in asked.items() if name != "sort"},
        "can_launch": can_launch(here()),
        "can_pick": bulk.may(current_user),
        "everywhere": everywhere,
        "columns": columns,
        "all_columns": {name: COLUMNS[name][0] for name in COLUMNS if everywhere or name != "tenant"},
        "heads": _heads(columns, asked, wanted),
    }


def _columns(everywhere: bool) -> Sequence[str]:
    kept = request.cookies.get(COLUMNS_COOKIE, "")
    chosen = kept.split(".") if kept else FIRST_COLUMNS
    return [name for name in COLUMNS if name in chosen and (everywhere or name != "tenant")]


def _heads(columns: Sequence[str], asked: Mapping[str, str], wanted: Wanted) -> list[Head]:
    """Each column's head; another click on the one it is sorted by turns the order round."""
    possible = inventory.sortable(current_user, wanted)
    heads = []
    for words, sort in ((gettext("Name"), Sort.NAME), *(COLUMNS[name] for name in columns)):
        if sort not in possible:
            heads.append(Head(words))
            continue
        now = ("descending" if wanted.down else "ascending") if sort is wanted.sort else ""
        down = sort is Sort.LAUNCHED if not now else now == "ascending"
        heads.append(Head(words, _address({**asked, "sort": f"-{sort}" if down else str(sort)}), now))
    return heads


def _address(asked: Mapping[str, str]) -> str:
    return f"{url_for('.index')}?{urlencode(asked)}"


def _keep(response: Response, asked: Mapping[str, str]) -> Response:
    """Remembers the filters for this person in this browser; a launch is looked at, and then over."""
    if "launch" in asked:
        return response
    kept = urlencode({"who": current_user.id.hex, **asked}) if asked else ""
    if len(kept) > LONGEST_KEPT or kept == request.cookies.get(FILTERS_COOKIE, ""):
        return response
    return cookies.keep(response, FILTERS_COOKIE, kept)


def _kept() -> dict[str, str]:
    """The filters this person used last here."""
    kept = dict(parse_qsl(request.cookies.get(FILTERS_COOKIE, "")))
    return _asked(kept) if kept.get("who") == current_user.id.hex else {}

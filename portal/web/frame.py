"""The frame: what base.html shows around every page, and the tenant a person works in."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from flask import Flask, g, request, session, url_for
from flask_login import current_user

from portal import translation
from portal.domain.people import access, notices
from portal.domain.people.access import Permission
from portal.domain.store import db
from portal.domain.tenants import circuits, credentials, tenants
from portal.domain.tenants.tenants import Tenant
from portal.domain.vms import findings, requests, vms
from portal.translation import N_
from portal.web import filters

# So many tenants the switcher shows; who looks after more goes by the list of VMs.
MENU = 30
# Seconds between the bell's questions, while something of theirs is on its way and else.
SOON, LATER = 5, 60
THEMES = ("", "light", "dark")
THEME_COOKIE = "theme"
# A tenant's own quotas belong to the tenants, the requests for more do not.
TENANTS, OF_A_TENANT = "tenants", {"quotas.show", "quotas.change", "quotas.limit_leases"}
# What static/portal.js and static/watch.js say.
SCRIPT = (
    filters.JUST_NOW,
    *(words for _, _, words in filters.STEPS),
    filters.YEARS,
    N_("Copied."),
    N_("The portal is back."),
    N_("%(num)s shown."),
    N_("Nothing matches."),
    N_("With those ticked:"),
    N_("With %(num)s ticked:"),
    N_("You will be told when it is ready"),
    N_("Tell me when it is ready"),
)


@dataclass(frozen=True)
class Place:
    """One entry of the navigation."""

    words: str
    endpoint: str
    icon: str
    permission: Permission
    count: Callable[[], int] = lambda: 0
    tone: str = "calm"
    # Whether the permission has to hold in the tenant the person works in.
    local: bool = False
    # The keys that lead there, one after the other.
    keys: str = ""

    @property
    def url(self) -> str:
        return url_for(self.endpoint)

    @property
    def current(self) -> bool:
        """Whether the page belongs there: it is of the same blueprint, or of a tenant."""
        if request.endpoint is None:
            return False
        place = TENANTS if request.endpoint in OF_A_TENANT else request.blueprint
        return place == self.endpoint.split(".")[0]


# By whom a place is about: one's own work, the tenant one works in, and all that is looked after.
NAVIGATION = {
    N_("My work"): (
        Place(N_("Home"), "home.show", "house", Permission.HOME_VIEW, keys="g h"),
        Place(N_("VMs"), "vms.index", "server", Permission.VM_VIEW, keys="g v"),
        Place(N_("Catalogue"), "catalog.templates", "layout-grid", Permission.CATALOG_VIEW, keys="g c"),
        Place(N_("SSH keys"), "keys.index", "key-round", Permission.KEY_MANAGE),
    ),
    N_("This tenant"): (
        Place(N_("Usage"), "usage.index", "gauge", Permission.QUOTA_VIEW, local=True),
        Place(N_("Members"), "members.index", "users", Permission.MEMBER_VIEW, local=True),
    ),
    N_("All tenants"): (
        Place(N_("Search"), "support.search", "life-buoy", Permission.SUPPORT_VIEW),
        Place(N_("Findings"), "drift.index", "radar", Permission.FINDING_VIEW, findings.how_many_open),
        Place(N_("Requests"), "quotas.index", "inbox", Permission.QUOTA_CHANGE, requests.how_many_wait),
        Place(N_("Tenants"), "tenants.index", "building-2", Permission.TENANT_VIEW),
        Place(N_("People"), "people.index", "circle-user", Permission.PERSON_VIEW),
        Place(
            N_("Credentials"),
            "credentials.index",
            "lock",
            Permission.CREDENTIAL_VIEW,
            credentials.how_many_bad,
            tone="bad",
        ),
        Place(N_("Audit"), "audit.index", "scroll-text", Permission.AUDIT_VIEW),
        Place(N_("System"), "system.show", "activity", Permission.SYSTEM_VIEW),
    ),
}


class Frame:
    """What the frame shows, looked up when base.html asks; a panel, which has no frame, costs nothing."""

    @property
    def person(self) -> Any:
        """Who is signed in, or None."""
        return current_user if current_user.is_authenticated else None

    @property
    def tenants(self) -> list[Tenant]:
        """The tenants to switch between, as far as a menu can hold them."""
        return _menu()

    @property
    def tenant(self) -> Tenant | None:
        return here()

    def silence_of(self, tenant: Tenant | None) -> datetime | None:
        """Since when the tenant's cloud doesn't answer, where it is left alone at present."""
        return tenant.silent_since if tenant and circuits.is_open(tenant) else None

    @property
    def theme(self) -> str:
        """ "light" or "dark" where the person chose one; empty: as the system has it."""
        chosen = request.cookies.get(THEME_COOKIE, "")
        return chosen if chosen in THEMES else ""

    @property
    def language(self) -> str:
        return translation.spoken()

    @property
    def languages(self) -> dict[str, str]:
        """What there is to choose from, each by its own name."""
        return translation.LANGUAGES

    @property
    def script_words(self) -> dict[str, str]:
        """What the page's script says, where it isn't English."""
        if self.language == translation.SOURCE:
            return {}
        return {words: translation.translated(words) for words in SCRIPT}

    @property
    def unread(self) -> int:
        """How many notices the person hasn't read."""
        return notices.unread(current_user)

    @property
    def bell_pace(self) -> int:
        """Every so many seconds the bell asks for news."""
        return SOON if self.tenant and vms.is_awaiting(current_user, self.tenant.id) else LATER

    @property
    def now(self) -> datetime:
        return db.now()

    @property
    def can_search(self) -> bool:
        """Whether they may look for a VM or a person in all tenants."""
        return access.allows(current_user, Permission.SUPPORT_VIEW)

    @property
    def can_launch(self) -> bool:
        """Whether they may launch in the tenant they work in."""
        return can_launch(self.tenant)

    @cached_property
    def nav(self) -> dict[str, list[Place]]:
        """The places this person's role may go to, by the words above them."""
        return {words: found for words, places in NAVIGATION.items() if (found := self._open(places))}

    def _open(self, places: tuple[Place, ...]) -> list[Place]:
        here = self.tenant.id if self.tenant else None
        return [
            place
            for place in places
            if access.allows(current_user, place.permission, here if place.local else None)
        ]


def can_launch(tenant: Tenant | None) -> bool:
    """Whether the person may launch there at present."""
    if tenant is None or tenant.suspended_at:
        return False
    return access.allows(current_user, Permission.VM_LAUNCH, tenant.id)


def here() -> Tenant | None:
    """The tenant the person works in: the one they switched to, else their first, else none."""
    if "here" not in g:
        chosen = session.get("tenant")
        wanted = UUID(chosen) if chosen else None
        g.here = tenants.current(current_user, wanted, _menu())
    found: Tenant | None = g.here
    return found


def _menu() -> list[Tenant]:
    """The tenants to switch between; read once a request, since nearly every page asks."""
    if "menu" not in g:
        g.menu = tenants.visible(current_user, limit=MENU)
    found: list[Tenant] = g.menu
    return found


def install(app: Flask) -> None:
    """Gives templates `frame`."""
    app.context_processor(lambda: {"frame": Frame()})

"""The pages: hangs everything that speaks HTTP to people onto the app."""

from types import ModuleType

from flask import Flask
from flask_login import LoginManager
from flask_wtf.csrf import CSRFProtect
from htmx_flask import Htmx
from werkzeug.middleware.proxy_fix import ProxyFix

from portal.config import Settings
from portal.domain.people import sessions
from portal.web import (
    assets,
    compression,
    envelope,
    errors,
    filters,
    frame,
    guards,
    language,
    limits,
    mistakes,
    panels,
)


def hang_up(app: Flask) -> None:
    """Cookies, guards, errors and blueprints. The order of the installs is the order of the checks."""
    settings: Settings = app.config["PORTAL"]
    app.config.update(
        SESSION_COOKIE_NAME="portal" if settings.insecure_http else "__Host-portal",
        PERMANENT_SESSION_LIFETIME=43200,
        WTF_CSRF_TIME_LIMIT=None,
    )
    compression.install(app)
    envelope.install(app, https=not settings.insecure_http)
    Htmx(app)
    language.install(app)
    _remember_people(app)
    guards.install(app)
    CSRFProtect(app)
    limits.install(app, settings)
    filters.install(app)
    frame.install(app)
    panels.install(app)
    mistakes.install(app)
    errors.install(app)
    assets.install(app)
    _register(app)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]


def compile_pages(app: Flask) -> None:
    """All templates, before they are first asked for: forked processes share them."""
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)


def _remember_people(app: Flask) -> None:
    manager = LoginManager()
    # Without its `current_user` for templates: the page of an error must not ask a database that is away.
    manager.init_app(app, add_context_processor=False)
    manager.session_protection = None  # a session is ended by its row; addresses change on a phone
    manager.user_loader(sessions.load)


def _register(app: Flask) -> None:
    # Several files of one noun share its blueprint.
    for blueprint in dict.fromkeys(module.blueprint for module in (*_everyones(), *_admins())):
        app.register_blueprint(blueprint)


def _everyones() -> tuple[ModuleType, ...]:
    from portal.web import (  # noqa: PLC0415 - views import guards
        account,
        auth,
        bulk,
        catalog,
        changes,
        consoles,
        health,
        help,
        home,
        inventory,
        keys,
        launch,
        links,
        members,
        metrics,
        notices,
        usage,
        webhooks,
    )

    pages = (auth, home, account, links, catalog, keys, bulk, inventory, launch, usage, members, notices)
    return (*pages, changes, consoles, help, webhooks, health, metrics)


def _admins() -> tuple[ModuleType, ...]:
    from portal.web.admin import (  # noqa: PLC0415 - the same
        audit,
        credentials,
        drift,
        events,
        people,
        quotas,
        support,
        system,
        tenants,
    )

    return (tenants, quotas, people, drift, audit, credentials, system, events, support)

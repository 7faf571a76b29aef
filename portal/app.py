"""The application: opens the database, the vault, Redis and the shelf; hangs up pages and commands."""

import gc

from flask import Flask
from sqlalchemy.orm import configure_mappers

from portal import cli, config, log, web
from portal.config import Settings
from portal.domain.catalog import shelf
from portal.domain.people import outlets
from portal.domain.store import vault, volatile
from portal.domain.store.db import db, tune
from portal.domain.tenants import clouds
from portal.post.mail import Office
from portal.post.webhooks import Gate

MAX_REQUEST_BYTES = 1024 * 1024


def create_app(settings: Settings | None = None) -> Flask:
    """The portal with these settings, or with those of the environment. Raises config.BadSettings."""
    settings = settings or config.load()
    log.setup(settings.log_level)
    app = Flask(__name__, template_folder="web/templates", static_folder=None)
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=_engine_options(settings.database_url),
        MAX_CONTENT_LENGTH=MAX_REQUEST_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_REQUEST_BYTES,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=not settings.insecure_http,
        PORTAL=settings,
    )
    vault.unlock(settings.master_keys)
    volatile.connect(settings.redis_url)
    shelf.open_at(settings.hot_templates)
    clouds.configure(
        connect_timeout=settings.openstack_connect_timeout, read_timeout=settings.openstack_read_timeout
    )
    outlets.configure(
        Office(settings.smtp, settings.mail_from) if settings.smtp else None,
        Gate(settings.webhook_allow, insecure=settings.insecure_http),
        settings.portal_url,
    )
    db.init_app(app)
    with app.app_context():
        tune(db.engine, follow_clock=settings.database_clock)
    web.hang_up(app)
    cli.hang_up(app)
    return app


def warm_up() -> None:
    """Before processes are forked off: the mappers, and memory that their garbage collection leaves alone."""
    configure_mappers()
    gc.collect()
    gc.freeze()


def _engine_options(database_url: str) -> dict[str, object]:
    # What a failed statement was given isn't told: it may be what somebody typed.
    hidden: dict[str, object] = {"hide_parameters": True}
    if database_url.startswith("sqlite"):
        return hidden
    # A connection lasts five minutes, as the database's clock is read with each new one.
    return hidden | {"pool_pre_ping": True, "pool_size": 5, "max_overflow": 10, "pool_recycle": 300}

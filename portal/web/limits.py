"""Limits: how often something may be tried, counted in Redis, or in the process while Redis is away."""

from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user

from portal.config import Settings
from portal.domain.people import sessions

WRONG = 422
limiter = Limiter(
    get_remote_address, strategy="moving-window", in_memory_fallback_enabled=True, swallow_errors=True
)


def install(app: Flask, settings: Settings) -> None:
    """Counts in the Redis of the settings."""
    app.config.update(
        RATELIMIT_ENABLED=settings.rate_limits,
        RATELIMIT_STORAGE_URI=_storage(settings.redis_url),
        RATELIMIT_STORAGE_OPTIONS={"socket_timeout": 2, "socket_connect_timeout": 1},
        RATELIMIT_KEY_PREFIX="portal:limits",
    )
    limiter.init_app(app)


def _storage(redis_url: str) -> str:
    return redis_url.replace("unix://", "redis+unix://", 1) if redis_url.startswith("unix://") else redis_url


def was_wrong(response: Response) -> bool:
    """Only what went wrong counts."""
    return response.status_code == WRONG


def account_and_address() -> str:
    """The account somebody tries to open, and where from."""
    return f"{account()}|{get_remote_address()}"


def account() -> str:
    """The account somebody tries to open, from wherever."""
    return request.form.get("email", "").strip().lower()[:255]


def is_at_home() -> bool:
    """Whether the account was opened from here before: guesses made elsewhere don't keep its person out."""
    return sessions.opened_here(account())


def person() -> str:
    """Whoever is signed in."""
    return str(current_user.id)

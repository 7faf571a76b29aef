"""Settings: the only reader of the environment; tells every missing or wrong name at once."""

import base64
import binascii
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent


class BadSettings(Exception):
    """The environment lacks something or holds something unreadable; `problems` lists all of it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The portal can't start:\n" + "\n".join(f"  - {problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class Smtp:
    """The mail server. `security`: "tls" from the first byte, "starttls", or none."""

    host: str
    port: int
    security: str = ""
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Settings:
    """Everything the portal is told from outside. Secrets are kept out of repr."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    master_keys: Mapping[int, bytes] = field(repr=False)
    hot_templates: Path = ROOT / "hot_templates"
    log_level: str = "INFO"
    insecure_http: bool = False
    trusted_proxies: int = 0
    openstack_connect_timeout: float = 3.05
    openstack_read_timeout: float = 20.0
    create_timeout_minutes: int = 30
    metrics_token: str = field(default="", repr=False)
    horizon_url: str = ""
    skyline_url: str = ""
    portal_url: str = ""
    smtp: Smtp | None = None
    mail_from: str = ""
    webhook_allow: tuple[str, ...] = ()
    rate_limits: bool = True
    database_clock: bool = True


@dataclass(frozen=True)
class Variable:
    """One environment variable, as the README's table shows it."""

    name: str
    meaning: str
    default: str | None = None


VARIABLES = (
    Variable("DATABASE_URL", "SQLAlchemy address: postgresql://… or sqlite:///…"),
    Variable("REDIS_URL", "Redis or Valkey: redis://…, rediss://… or unix://…"),
    Variable("SECRET_KEY", "signs sessions and forms; at least 32 characters"),
    Variable(
        "PORTAL_MASTER_KEYS",
        "keys that seal credentials: version:base64 of 32 bytes, comma between; the highest version seals",
    ),
    Variable("HOT_TEMPLATES", "folder of the template library", "hot_templates"),
    Variable("LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR", "INFO"),
    Variable("INSECURE_HTTP", "1: cookies also travel over plain http (development only)", "0"),
    Variable("TRUSTED_PROXIES", "how many reverse proxies set X-Forwarded-For and -Proto", "0"),
    Variable("OPENSTACK_CONNECT_TIMEOUT", "seconds to reach an OpenStack service", "3.05"),
    Variable("OPENSTACK_READ_TIMEOUT", "seconds an OpenStack service may take to answer", "20"),
    Variable("CREATE_TIMEOUT_MINUTES", "minutes Heat gets for one stack", "30"),
    Variable(
        "METRICS_TOKEN",
        "bearer token of /metrics, at least 16 characters; without one there is no /metrics",
        "",
    ),
    Variable("HORIZON_URL", "https://…/dashboard: support's page of a VM links there", ""),
    Variable("SKYLINE_URL", "the same for Skyline", ""),
    Variable("PORTAL_URL", "https://portal.example.org: where links in mails and webhooks lead", ""),
    Variable(
        "SMTP_URL",
        "mail server: smtp+starttls://user:password@host:587, smtps://… (465) or smtp://… (25, no password)",
        "",
    ),
    Variable("MAIL_FROM", "sender of mails: portal@example.org; needed with SMTP_URL, as PORTAL_URL is", ""),
    Variable(
        "WEBHOOK_ALLOW",
        "hosts and networks that webhooks may reach although they aren't public: hooks.local,10.1.0.0/16",
        "",
    ),
)


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of the environment. Each name may be given as NAME_FILE, a file that holds the value.

    Raises BadSettings with every problem, not only the first.
    """
    read = _Reader(environ)
    settings = Settings(
        database_url=read.required("DATABASE_URL", str, ""),
        redis_url=read.required("REDIS_URL", str, ""),
        secret_key=read.required("SECRET_KEY", _secret_key, ""),
        master_keys=read.required("PORTAL_MASTER_KEYS", _master_keys, {}),
        hot_templates=read.optional("HOT_TEMPLATES", _folder, ROOT / "hot_templates"),
        log_level=read.optional("LOG_LEVEL", _log_level, "INFO"),
        insecure_http=read.optional("INSECURE_HTTP", _flag, fallback=False),
        trusted_proxies=read.optional("TRUSTED_PROXIES", int, 0),
        openstack_connect_timeout=read.optional("OPENSTACK_CONNECT_TIMEOUT", _seconds, 3.05),
        openstack_read_timeout=read.optional("OPENSTACK_READ_TIMEOUT", _seconds, 20.0),
        create_timeout_minutes=read.optional("CREATE_TIMEOUT_MINUTES", int, 30),
        metrics_token=read.optional("METRICS_TOKEN", _token, ""),
        horizon_url=read.optional("HORIZON_URL", _web_address, ""),
        skyline_url=read.optional("SKYLINE_URL", _web_address, ""),
        portal_url=read.optional("PORTAL_URL", _web_address, "").rstrip("/"),
        smtp=read.optional("SMTP_URL", _smtp, None),
        mail_from=read.optional("MAIL_FROM", _mail_address, ""),
        webhook_allow=read.optional("WEBHOOK_ALLOW", _names, ()),
    )
    if settings.smtp and not (settings.mail_from and settings.portal_url):
        read.problems.append("SMTP_URL needs MAIL_FROM and PORTAL_URL beside it.")
    if read.problems:
        raise BadSettings(read.problems)
    return settings


class _Reader:
    """Reads names and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def required(self, name: str, convert: Callable[[str], T], fallback: T) -> T:
        if not {name, f"{name}_FILE"} & self._environ.keys():
            self.problems.append(f"{name} is missing: {_meaning(name)}.")
            return fallback
        return self.optional(name, convert, fallback)

    def optional(self, name: str, convert: Callable[[str], T], fallback: T) -> T:
        try:
            text = _value(self._environ, name)
            return fallback if text is None else convert(text)
        except OSError as error:
            self.problems.append(f"{name}_FILE can't be read: {error.strerror}.")
        except ValueError as error:
            self.problems.append(f"{name} is wrong: {error}.")
        return fallback


def _value(environ: Mapping[str, str], name: str) -> str | None:
    if name in environ:
        return environ[name].strip()
    if f"{name}_FILE" in environ:
        return Path(environ[f"{name}_FILE"]).read_text(encoding="utf-8").strip()
    return None


def _meaning(name: str) -> str:
    return next(variable.meaning for variable in VARIABLES if variable.name == name)


def _master_keys(text: str) -> dict[int, bytes]:
    keys: dict[int, bytes] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        version, _, encoded = part.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not version.isdigit() or not 1 <= int(version) <= 65535 or len(key) != 32:
            raise ValueError("each key reads version:base64, the version from 1 to 65535, the key 32 bytes")
        if int(version) in keys:
            raise ValueError(f"version {version} stands there twice")
        keys[int(version)] = key
    if not keys:
        raise ValueError("it holds no key")
    return keys


def _secret_key(text: str) -> str:
    if len(text) < 32:
        raise ValueError("it needs at least 32 characters")
    return text


def _token(text: str) -> str:
    if text and len(text) < 16:
        raise ValueError("it needs at least 16 characters")
    return text


def _web_address(text: str) -> str:
    if text and not text.startswith(("https://", "http://")):
        raise ValueError("it begins with https://")
    return text


_SMTP = {"smtp": ("", 25), "smtp+starttls": ("starttls", 587), "smtps": ("tls", 465)}


def _smtp(text: str) -> Smtp | None:
    if not text:
        return None
    parts = urlsplit(text)
    if parts.scheme not in _SMTP or not parts.hostname:
        raise ValueError("it reads smtp+starttls://user:password@host, smtps://… or smtp://host")
    security, port = _SMTP[parts.scheme]
    if parts.password and not security:
        raise ValueError("a password needs smtp+starttls:// or smtps://")
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not (username + password).isascii():
        raise ValueError("SMTP takes user and password in ASCII only")
    return Smtp(parts.hostname, parts.port or port, security, username, password)


def _mail_address(text: str) -> str:
    if text and not re.fullmatch(r"[^@\s<>,]+@[^@\s<>,]+", text):
        raise ValueError("it is an address such as portal@example.org")
    return text


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip().lower() for part in text.split(","))))


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise ValueError(f"there is no folder {text}")
    return path


def _log_level(text: str) -> str:
    if text.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError("it is DEBUG, INFO, WARNING or ERROR")
    return text.upper()


def _flag(text: str) -> bool:
    if text.lower() not in {"0", "1", "true", "false", "yes", "no", ""}:
        raise ValueError("it is 0 or 1")
    return text.lower() in {"1", "true", "yes"}


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 600:
        raise ValueError("it is a number of seconds above 0, at most 600")
    return seconds

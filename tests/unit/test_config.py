"""Settings come from the environment, and all that is wrong with them is told at once."""

import base64
from pathlib import Path

import pytest

from portal import config

KEY = base64.b64encode(b"k" * 32).decode()
GOOD = {
    "DATABASE_URL": "sqlite:///x.db",
    "REDIS_URL": "redis://localhost",
    "SECRET_KEY": "s" * 32,
    "PORTAL_MASTER_KEYS": f"1:{KEY}",
}


def problems(**environ: str) -> list[str]:
    with pytest.raises(config.BadSettings) as caught:
        config.load(environ)
    return caught.value.problems


def test_a_full_environment_loads() -> None:
    settings = config.load(GOOD | {"INSECURE_HTTP": "1", "LOG_LEVEL": "debug", "TRUSTED_PROXIES": "2"})
    assert settings.master_keys == {1: b"k" * 32}
    assert (settings.insecure_http, settings.log_level, settings.trusted_proxies) == (True, "DEBUG", 2)


def test_what_is_given_stands_before_the_defaults(tmp_path: Path) -> None:
    given = {
        "HOT_TEMPLATES": str(tmp_path),
        "OPENSTACK_CONNECT_TIMEOUT": " 1.5 ",
        "OPENSTACK_READ_TIMEOUT": "600",
        "CREATE_TIMEOUT_MINUTES": "5",
        "METRICS_TOKEN": "m" * 16,
    }
    settings, plain = config.load(GOOD | given), config.load(GOOD)
    assert (settings.hot_templates, plain.hot_templates) == (tmp_path, config.ROOT / "hot_templates")
    assert (settings.openstack_connect_timeout, plain.openstack_connect_timeout) == (1.5, 3.05)
    assert (settings.openstack_read_timeout, plain.openstack_read_timeout) == (600, 20)
    assert (settings.create_timeout_minutes, plain.create_timeout_minutes) == (5, 30)
    assert (settings.metrics_token, plain.metrics_token) == ("m" * 16, "")
    assert not plain.insecure_http


def test_everything_missing_is_told_at_once() -> None:
    told = problems()
    assert [line.split()[0] for line in told] == list(GOOD)


def test_a_value_may_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("f" * 40 + "\n")
    given = {name: value for name, value in GOOD.items() if name != "SECRET_KEY"}
    assert config.load(given | {"SECRET_KEY_FILE": str(secret)}).secret_key == "f" * 40


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    given = {name: value for name, value in GOOD.items() if name != "SECRET_KEY"}
    [told] = problems(**given, SECRET_KEY_FILE=str(tmp_path / "nothing"))
    assert told.startswith("SECRET_KEY_FILE can't be read")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("METRICS_TOKEN", "short"),
        ("PORTAL_MASTER_KEYS", "1:abc"),
        ("PORTAL_MASTER_KEYS", f"0:{KEY}"),
        ("PORTAL_MASTER_KEYS", f"1:{KEY},1:{KEY}"),
        ("PORTAL_MASTER_KEYS", " , "),
        ("LOG_LEVEL", "LOUD"),
        ("INSECURE_HTTP", "maybe"),
        ("HOT_TEMPLATES", "/no/such/folder"),
        ("TRUSTED_PROXIES", "many"),
        ("OPENSTACK_READ_TIMEOUT", "0"),
        ("OPENSTACK_READ_TIMEOUT", "601"),
        ("HORIZON_URL", "javascript:alert(1)"),
        ("SKYLINE_URL", "skyline.example.org"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    [told] = problems(**GOOD | {name: value})
    assert told.startswith(f"{name} is wrong")


def test_settings_hide_their_secrets() -> None:
    shown = repr(config.load(GOOD))
    assert "s" * 32 not in shown
    assert KEY not in shown


def test_a_mail_server_needs_a_sender_and_the_portals_address() -> None:
    assert problems(**GOOD, SMTP_URL="smtp://mail") == ["SMTP_URL needs MAIL_FROM and PORTAL_URL beside it."]
    beside = GOOD | {"MAIL_FROM": "portal@example.org", "PORTAL_URL": "https://portal.example.org/"}
    settings = config.load(beside | {"SMTP_URL": "smtp+starttls://me:p%40ss@mail.example.org"})
    assert settings.smtp == config.Smtp("mail.example.org", 587, "starttls", "me", "p@ss")
    assert "p@ss" not in repr(settings)
    assert settings.portal_url == "https://portal.example.org"
    assert config.load(beside | {"SMTP_URL": "smtps://mail"}).smtp == config.Smtp("mail", 465, "tls")
    assert config.load(beside | {"SMTP_URL": ""}).smtp is None


@pytest.mark.parametrize(
    "url", ["mail", "http://mail", "smtp://me:secret-word@mail", "smtps://me:ß@mail", "smtp://x:y"]
)
def test_a_mail_servers_address_is_checked_and_not_repeated(url: str) -> None:
    [told, *_] = problems(**GOOD, SMTP_URL=url)
    assert told.startswith("SMTP_URL is wrong")
    assert "secret-word" not in told


def test_senders_and_hosts_are_read() -> None:
    assert problems(**GOOD, MAIL_FROM="Portal <p@x.org>")[0].startswith("MAIL_FROM is wrong")
    given = config.load(GOOD | {"WEBHOOK_ALLOW": "Hooks.local, 10.1.0.0/16,"})
    assert given.webhook_allow == ("hooks.local", "10.1.0.0/16")

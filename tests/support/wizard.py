"""The launch wizard in the hands of a test."""

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Executable, update

from portal.domain.store.db import db
from portal.domain.tenants.models import Tenant
from tests.support.page import Answer, Form, Page

PUBLIC_KEY = (
    ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
).decode()


def begin(browser: Page, title: str = "Ubuntu server") -> Answer:
    """The second step, with that template."""
    return browser.get("/launch/").form("/launch/").submit(title)


def wizard(answer: Answer) -> Form:
    """The form of a step."""
    return answer.form(button="Next")


def limit(tenant: Tenant, **limits: object) -> None:
    """Gives the tenant other limits, or any other facts."""
    write(update(Tenant).where(Tenant.id == tenant.id).values(**limits))


def write(statement: Executable) -> None:
    """Changes rows behind the portal's back."""
    with db.engine.begin() as connection:
        connection.execute(statement)

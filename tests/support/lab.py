"""The real cloud of `make lab`: as its own users see it, without the portal; and with parts of it away."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from portal.config import ROOT
from portal.domain.store.db import db
from portal.domain.tenants import credentials
from portal.domain.tenants.models import Tenant
from portal.openstack.cloud import Access, ApplicationCredential, Cloud, MemoryTokens, Password

HOME = Path(os.environ.get("LAB", Path.home() / ".cache/openstack-lab"))
AUTH_URL = "http://127.0.0.1:5000/v3"
# The demo's tenants, and the letter that their project and user bear in the lab.
LETTERS = {"Research Lab": "a", "Teaching": "b"}


def eyes(letter: str) -> Cloud:
    """Tenant-a or tenant-b."""
    secret = Password(username=f"user-{letter}", password="lab", project_name=f"tenant-{letter}")
    return Cloud(Access(auth_url=AUTH_URL, region="RegionOne", secret=secret), tokens=MemoryTokens())


def forget_credentials() -> None:
    """Takes back the application credentials that this portal's demo was given. Needs an app context."""
    for tenant in db.session.scalars(select(Tenant)).all():
        secret = credentials.reveal(credentials.current(tenant.id))
        if isinstance(secret, ApplicationCredential) and tenant.name in LETTERS:
            cloud = eyes(LETTERS[tenant.name])
            cloud.keystone.delete_application_credential(secret.id)
            cloud.close()


def openstack(*words: str, ok: bool = True) -> None:
    """The operator's own command line, as the user of tenant-a; `ok`: whether it has to go well."""
    command = [str(HOME / "venv/bin/openstack"), "--os-cloud", "a", *words]
    names = os.environ | {"OS_CLIENT_CONFIG_FILE": str(HOME / "clouds.yaml")}
    subprocess.run(command, env=names, check=ok, capture_output=True)


@contextlib.contextmanager
def without(service: str, *, how: str = "stop") -> Iterator[None]:
    """That service is away inside (stop, kill or freeze); afterwards it can be used again in any case."""
    try:
        _service(how, service)
        yield
    finally:
        _service("thaw" if how == "freeze" else "start", service)


def _service(verb: str, name: str) -> None:
    subprocess.run([ROOT / "tests/lab/service", verb, name], check=True)

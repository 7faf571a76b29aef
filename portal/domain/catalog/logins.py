"""Logins: who signs in by SSH to a VM: as its template says, as its image says, else as its system has it."""

from portal.domain.catalog.models import Image
from portal.domain.catalog.shelf import Offering

# Systems whose first user doesn't bear their name. Source: cloud-init's cloud.cfg.tmpl; CoreOS' manual.
_USERS = {
    "amazon": "ec2-user",
    "centos": "cloud-user",
    "coreos": "core",
    "fedora-coreos": "core",
    "flatcar": "core",
    "openmandriva": "omv",
    "rhel": "cloud-user",
    "windows": "Administrator",
}


def user_of(offering: Offering, image: Image | None) -> str:
    """The name to sign in with; empty where nobody says."""
    if offering.login or image is None:
        return offering.login
    distro = image.os_distro.lower()
    return image.admin_user or _USERS.get(distro, distro)

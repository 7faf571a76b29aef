"""Who signs in: the template says, else the image, else its system."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from portal.domain.catalog import logins
from portal.domain.catalog.models import Image


@pytest.mark.parametrize(
    ("login", "admin_user", "distro", "user"),
    [
        ("deploy", "cloud", "ubuntu", "deploy"),
        ("", "cloud", "ubuntu", "cloud"),
        ("", "", "ubuntu", "ubuntu"),
        ("", "", "CentOS", "cloud-user"),
        ("", "", "fedora-coreos", "core"),
        ("", "", "", ""),
    ],
)
def test_the_most_telling_word_counts(login: str, admin_user: str, distro: str, user: str) -> None:
    offering = cast(Any, SimpleNamespace(login=login))
    assert logins.user_of(offering, Image(os_distro=distro, admin_user=admin_user)) == user


def test_without_an_image_only_the_template_can_say() -> None:
    assert logins.user_of(cast(Any, SimpleNamespace(login="")), None) == ""

"""`flask user`: accounts, invitations and reset links from the command line."""

import pytest
from flask.testing import FlaskCliRunner
from sqlalchemy import select

from portal.domain.people import accounts, invitations, resets
from portal.domain.people.models import Role, User
from portal.domain.store.db import db
from portal.domain.tenants.models import Tenant

ADD = ["user", "add", "kim@example.org", "--name", "Kim"]


def test_an_admin_is_added_and_can_sign_in(flask: FlaskCliRunner) -> None:
    result = flask.invoke(args=[*ADD, "--role", "admin"], env={"NEW_USER_PASSWORD": "long-enough-1"})
    assert (result.exit_code, result.output) == (0, "kim@example.org can sign in as admin.\n")
    assert accounts.sign_in("kim@example.org", "long-enough-1").user.role is Role.ADMIN


def test_a_member_joins_their_tenants_and_the_password_is_asked_for_unseen(
    flask: FlaskCliRunner, lab: Tenant, school: Tenant
) -> None:
    result = flask.invoke(
        args=[*ADD, "--tenant", lab.name, "--tenant", school.name], input="long-enough-1\nlong-enough-1\n"
    )
    assert result.exit_code == 0
    assert "long-enough" not in result.output
    assert accounts.sign_in("kim@example.org", "long-enough-1").user.tenant_ids == {lab.id, school.id}


@pytest.mark.parametrize(
    ("more", "password", "words"),
    [
        ([], "short", "Error: A password has at least 10 characters.\n"),
        (["--tenant", "Nothing"], "long-enough-1", "Error: There is no tenant named Nothing.\n"),
    ],
)
def test_what_can_not_be_is_said_and_nobody_is_added(
    more: list[str], password: str, words: str, flask: FlaskCliRunner
) -> None:
    result = flask.invoke(args=[*ADD, *more], env={"NEW_USER_PASSWORD": password})
    assert (result.exit_code, result.output) == (1, words)
    assert db.session.scalars(select(User)).all() == []


def test_a_taken_address_is_said(flask: FlaskCliRunner, ada: User) -> None:
    result = flask.invoke(
        args=["user", "add", "Ada@example.org", "--name", "A"], env={"NEW_USER_PASSWORD": "long-enough-1"}
    )
    assert (result.exit_code, result.output) == (1, "Error: Somebody has this e-mail address already.\n")


def test_an_owner_is_added(flask: FlaskCliRunner, lab: Tenant) -> None:
    flask.invoke(args=[*ADD, "--tenant", lab.name, "--owner"], env={"NEW_USER_PASSWORD": "long-enough-1"})
    kim = accounts.find("kim@example.org")
    assert kim
    assert kim.owned_ids == {lab.id}


def test_an_invitation_is_printed_and_lets_its_person_in(flask: FlaskCliRunner, lab: Tenant) -> None:
    result = flask.invoke(
        args=[
            "user",
            "invite",
            "kim@example.org",
            "--tenant",
            lab.name,
            "--owner",
            "--url",
            "https://portal.example/",
        ]
    )
    assert result.exit_code == 0
    address, _, token = result.output.split()[-1].partition("?token=")
    assert address == "https://portal.example/invitation"
    assert invitations.accept(token, name="Kim", password="long-enough-1").user.owned_ids == {lab.id}


def test_a_reset_link_is_printed_and_sets_the_password(flask: FlaskCliRunner, ada: User) -> None:
    result = flask.invoke(args=["user", "reset", "Ada@example.org"])
    address, _, token = result.output.split()[-1].partition("?token=")
    assert (result.exit_code, address) == (0, "/reset")
    resets.use(token, "long-enough-1")
    assert accounts.sign_in(ada.email, "long-enough-1")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["user", "reset", "nobody@example.org"], "Error: Nobody has the address nobody@example.org.\n"),
        (
            ["user", "invite", "kim@example.org", "--tenant", "None"],
            "Error: There is no tenant named None.\n",
        ),
        (["user", "invite", "kim"], "Error: This isn't an e-mail address, such as name@example.org.\n"),
    ],
)
def test_what_can_not_be_invited_or_reset_is_said(args: list[str], words: str, flask: FlaskCliRunner) -> None:
    result = flask.invoke(args=args)
    assert (result.exit_code, result.output) == (1, words)

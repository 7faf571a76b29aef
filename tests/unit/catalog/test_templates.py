"""The templates that come with the portal are right, alike, and safe with whatever a person types."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from portal.domain.catalog import cloudinit, yamltext
from portal.domain.catalog.hot import Role, Template
from portal.domain.catalog.shelf import Offering, Shelf

SHELF = Shelf(Path(__file__).parents[3] / "hot_templates").contents()
OFFERINGS = list(SHELF.offerings.values())
KEYS = ['ssh-ed25519 AAAAC3 ada: "x" # $greeting \'✓', "ssh-rsa AAAAB3 sam"]

each = pytest.mark.parametrize("offering", OFFERINGS, ids=lambda offering: offering.name)
with_script = pytest.mark.parametrize(
    "offering", [one for one in OFFERINGS if not one.own_user_data], ids=lambda offering: offering.name
)


def user_data(template: Template, **answers: object) -> str:
    """What cloud-init gets, as Heat's str_replace makes it from answers and defaults."""
    server = yamltext.load(template.text)["resources"]["server"]["properties"]
    replace = server["user_data"]["str_replace"]
    values = (
        {one.name: one.default for one in template.parameters} | {"name": "a", "ssh_keys": KEYS} | answers
    )
    texts = {
        mark: value
        if isinstance(value := values[source["get_param"]], str)
        else yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
        .removesuffix("...\n")
        .strip()
        for mark, source in replace["params"].items()
    }
    pattern = "|".join(re.escape(mark) for mark in sorted(texts, key=len, reverse=True))
    return re.sub(pattern, lambda found: texts[found[0]], replace["template"])


def config(template: Template, **answers: object) -> dict[str, Any]:
    text = user_data(template, **answers)
    cloudinit.check(text)
    found: dict[str, Any] = yaml.safe_load(text)
    assert found["ssh_authorized_keys"] == KEYS
    return found


def test_the_shelf_has_no_mistake_and_its_order() -> None:
    assert SHELF.problems == ()
    assert list(SHELF.offerings) == [
        "ubuntu-basic",
        "web-server",
        "docker-host",
        "gpu-ubuntu",
        "own-cloud-init",
    ]


@each
def test_every_template_takes_what_the_portal_fills_in(offering: Offering) -> None:
    filled = {one.role for one in offering.template.parameters} - {Role.ANSWER}
    alike = {
        Role.NAME,
        Role.IMAGE,
        Role.FLAVOR,
        Role.NETWORK,
        Role.EXTERNAL_NETWORK,
        Role.FLOATING_IP,
        Role.SSH_FROM,
        Role.METADATA,
    }
    assert filled == alike | {Role.USER_DATA if offering.own_user_data else Role.SSH_KEYS}


@each
def test_every_template_can_be_launched_with_its_defaults(offering: Offering) -> None:
    checked = offering.template.validate({})
    assert checked.errors == {}
    assert set(checked.values) == {one.name for one in offering.template.asked}


@each
def test_every_template_has_the_firewall_in_words_and_says_what_it_does(offering: Offering) -> None:
    firewall = offering.template.parameter("firewall")
    assert firewall is not None
    assert offering.choices(firewall) == [
        ("ssh", "SSH from anywhere"),
        ("mine", "SSH from my address only"),
        ("web", "SSH, HTTP and HTTPS from anywhere"),
        ("closed", "Nothing from outside"),
    ]
    assert list(offering.resource_words) == ["access", "port", "server", "public_address"]
    assert not [words for words in offering.resource_words.values() if words.startswith("Creating access")]


@each
def test_every_parameter_is_in_a_group_and_described(offering: Offering) -> None:
    grouped = [name for group in offering.template.parameter_groups for name in group.parameters]
    assert sorted(grouped) == sorted(one.name for one in offering.template.parameters)
    assert [one.name for one in offering.template.parameters if not (one.label and one.description)] == []


@each
def test_names_are_host_names(offering: Offering) -> None:
    name = offering.template.filled_by(Role.NAME)
    assert name is not None
    assert name.read("web-1.example") == "web-1.example"
    for text, words in (
        ("x" * 54, "between 1 and 53"),
        ("-a", "letters, digits"),
        ("a b", "letters"),
        ("a\n", "letters"),
    ):
        with pytest.raises(ValueError, match=words):
            name.read(text)


@with_script
def test_keys_reach_cloud_init_whatever_their_comments_say(offering: Offering) -> None:
    config(offering.template)


def test_user_data_of_a_person_is_hidden_where_heat_shows_parameters() -> None:
    own = SHELF.offerings["own-cloud-init"].template.filled_by(Role.USER_DATA)
    assert own is not None
    assert own.hidden


@pytest.mark.parametrize(
    "greeting", ["Hello: \"you\" 'there' # ✓ {% $ssh_keys \\", "- x", "| >", "!x", "%", " a "]
)
def test_a_greeting_is_written_into_the_page_as_it_is(greeting: str) -> None:
    template = SHELF.offerings["web-server"].template
    if "&" in greeting or ">" in greeting:
        assert template.validate({"greeting": greeting}).errors
        return
    assert template.validate({"greeting": greeting}).values["greeting"] == greeting
    page = config(template, greeting=greeting, name="web-1")["write_files"][0]["content"]
    assert f"<h1>{greeting}</h1>" in page
    assert "<title>web-1</title>" in page


@pytest.mark.parametrize("greeting", ["<script>", "a\nb", "a\u2028b", "a\x85b", "&amp;", "x" * 81, ""])
def test_a_greeting_that_would_leave_its_place_is_refused(greeting: str) -> None:
    errors = SHELF.offerings["web-server"].template.validate({"greeting": greeting}).errors
    assert errors["greeting"].startswith("A greeting ")


@pytest.mark.parametrize(
    "container", ["", "nginx:alpine", "ghcr.io/owner/image_2:1.0", "registry:5000/a@sha256:abc"]
)
def test_a_container_is_named_as_in_docker_run(container: str) -> None:
    template = SHELF.offerings["docker-host"].template
    values = template.validate({"container": container, "container_port": "8080.0"}).values
    assert (values["container"], values["container_port"]) == (container, 8080)
    start = config(template, **values)["runcmd"][-1]
    assert start == (
        f'test -z "{container}" || '
        f'docker run --detach --restart unless-stopped --publish "80:8080" "{container}"'
    )


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (
            {"container": 'a" && reboot "'},
            "Write the container image as in docker run, such as nginx:alpine.",
        ),
        ({"container": "--privileged"}, "Write the container image as in docker run, such as nginx:alpine."),
        ({"container": "a" * 201}, "The name of a container image has at most 200 characters."),
        ({"container_port": "0"}, "A port is a number between 1 and 65535."),
        ({"container_port": "80.5"}, "A port is a whole number."),
    ],
)
def test_what_is_no_container_is_refused(answers: dict[str, str], words: str) -> None:
    errors = SHELF.offerings["docker-host"].template.validate(answers).errors
    assert list(errors.values()) == [words]


@pytest.mark.parametrize("wanted", [True, False])
def test_the_gpu_driver_is_installed_only_when_wanted(*, wanted: bool) -> None:
    template = SHELF.offerings["gpu-ubuntu"].template
    assert config(template, install_driver=wanted)["drivers"] == {"nvidia": {"license-accepted": wanted}}

"""Networks, quotas, images and application credentials as the services show them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from portal.openstack.cloud import ApplicationCredential, Cloud
from portal.openstack.errors import BadCredential, NotFound
from portal.openstack.glance import Image
from portal.openstack.keystone import AccessRule, CredentialFacts
from portal.openstack.neutron import FloatingIp, Network, Port, Subnet
from portal.openstack.quota import Quota
from tests.unit.openstack.conftest import Connect
from tests.unit.openstack.wire import PROJECT, USER, FakeCloud, Reply

MINE = f"/identity/v3/users/{USER}/application_credentials"


# --- Neutron


def test_networks_tell_who_may_use_them(fake: FakeCloud, cloud: Cloud) -> None:
    public = {"id": "n-1", "name": "public", "router:external": True, "shared": False, "subnets": ["s-1"]}
    own = {"id": "n-2", "name": "net-a", "shared": True, "tenant_id": "p", "status": "ACTIVE", "subnets": []}
    fake.answers("GET", "/network/v2.0/networks", Reply({"networks": [public, own]}))
    assert cloud.neutron.networks() == [
        Network("n-1", "public", True, False, ("s-1",), "", ""),
        Network("n-2", "net-a", False, True, (), "ACTIVE", "p"),
    ]


def test_subnets_and_floating_ips(fake: FakeCloud, cloud: Cloud) -> None:
    subnet = {"id": "s-1", "name": "subnet-a", "network_id": "n-2", "cidr": "10.10.0.0/16", "ip_version": 4}
    floating = {
        "id": "a-1",
        "floating_ip_address": "203.0.114.1",
        "floating_network_id": "n-1",
        "status": "DOWN",
    }
    fake.answers("GET", "/network/v2.0/subnets", Reply({"subnets": [subnet]}))
    fake.answers("GET", "/network/v2.0/floatingips", Reply({"floatingips": [{**floating, "port_id": None}]}))
    assert cloud.neutron.subnets() == [Subnet("s-1", "subnet-a", "n-2", "10.10.0.0/16", 4)]
    assert cloud.neutron.floating_ips() == [FloatingIp("a-1", "203.0.114.1", "", "", "n-1", "DOWN")]


PORT = {
    "id": "p-1",
    "network_id": "n-2",
    "fixed_ips": [{"ip_address": "10.10.0.5"}],
    "device_id": "i-1",
    "device_owner": "compute:nova",
    "tags": ["portal", "vm-1"],
    "name": "vm-1-port-x",
    "project_id": PROJECT,
    "created_at": "2026-11-23T19:14:30Z",
}


def test_own_ports_and_one_alone(fake: FakeCloud, cloud: Cloud) -> None:
    other = {"id": "p-2", "network_id": "n-2", "tenant_id": "q"}
    fake.answers("GET", "/network/v2.0/ports", Reply({"ports": [PORT, other]}))
    fake.answers("GET", "/network/v2.0/ports/p-2", Reply({"port": other}))
    made = datetime(2026, 11, 23, 19, 14, 30, tzinfo=UTC)
    mark = ("vm-1-port-x", ("portal", "vm-1"), PROJECT)
    own = Port("p-1", ("10.10.0.5",), "n-2", "i-1", "compute:nova", *mark, made)
    assert cloud.neutron.ports() == [own]
    assert cloud.neutron.port("p-2") == Port("p-2", (), "n-2", "", "", "", (), "q", None)


def test_a_floating_ip_tells_its_mark_and_who_holds_its_port(fake: FakeCloud, cloud: Cloud) -> None:
    floating = {
        "id": "a-1",
        "floating_ip_address": "203.0.114.1",
        "fixed_ip_address": "10.10.0.5",
        "floating_network_id": "n-1",
        "port_id": "p-1",
        "port_details": {"device_id": "i-1"},
        "description": "portal vm-1",
        "project_id": "p",
    }
    fake.answers("GET", "/network/v2.0/floatingips/a-1", Reply({"floatingip": floating}))
    assert cloud.neutron.floating_ip("a-1") == FloatingIp(
        "a-1", "203.0.114.1", "10.10.0.5", "p-1", "n-1", "", "portal vm-1", "i-1", "p"
    )


def test_ports_and_floating_ips_are_deleted_by_their_ids(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("DELETE", "/network/v2.0/ports/p-1", Reply("", 204))
    fake.answers("DELETE", "/network/v2.0/floatingips/a-1", Reply("", 204))
    cloud.neutron.delete_port("p-1")
    cloud.neutron.delete_floating_ip("a-1")
    assert [asked.method for asked in fake.requests("/network")] == ["DELETE", "DELETE"]


def test_network_quotas_are_read_by_resource(fake: FakeCloud, cloud: Cloud) -> None:
    quota = {"floatingip": {"limit": 50, "used": 2, "reserved": 1}, "tenant_id": "p"}
    fake.answers("GET", f"/network/v2.0/quotas/{PROJECT}/details.json", Reply({"quota": quota}))
    quotas = cloud.neutron.quotas()
    assert quotas == {"floatingip": Quota(50, 2, 1)}
    assert quotas["floatingip"].free == 47


# --- Glance


def test_images_come_through_all_pages(fake: FakeCloud, cloud: Cloud) -> None:
    ubuntu = {
        "id": "g-1",
        "name": "ubuntu-24.04",
        "status": "active",
        "visibility": "public",
        "min_disk": 8,
        "min_ram": 512,
        "size": 1048576,
        "os_distro": "ubuntu",
        "os_version": "24.04",
        "os_admin_user": "admin",
        "os_hidden": False,
        "created_at": "2026-11-23T15:55:02Z",
    }
    bare = {"id": "g-2", "name": None, "status": "queued", "size": None}
    pages = Reply({"images": [ubuntu], "next": "/v2/images?marker=g-1"}), Reply({"images": [bare]})
    fake.answers("GET", "/image/v2/images", *pages)
    at = datetime(2026, 11, 23, 15, 55, 2, tzinfo=UTC)
    assert cloud.glance.images() == [
        Image(
            "g-1", "ubuntu-24.04", "active", "public", 8, 512, 1048576, "ubuntu", "24.04", "admin", at, False
        ),
        Image("g-2", "", "queued", "", 0, 0, 0, "", "", "", None, False),
    ]


# --- Keystone


def credential(**more: Any) -> dict[str, Any]:
    roles = [{"id": "1", "name": "member"}]
    return {
        "id": "c-1",
        "name": "portal",
        "project_id": PROJECT,
        "unrestricted": None,
        "roles": roles,
        **more,
    }


def test_an_application_credential_is_made_with_its_secret(fake: FakeCloud, cloud: Cloud) -> None:
    made = Reply({"application_credential": credential(secret="hush", expires_at=None)}, 201)
    fake.answers("POST", MINE, made)
    until = datetime(2027, 1, 1, 12, tzinfo=UTC)
    assert cloud.keystone.create_application_credential("portal") == ApplicationCredential("c-1", "hush")
    cloud.keystone.create_application_credential("portal", unrestricted=True, expires_at=until, secret="mine")
    plain, full = (asked.body["application_credential"] for asked in fake.requests(MINE))
    assert plain == {"name": "portal", "unrestricted": False}
    ends = "2027-01-01T12:00:00.000000Z"
    assert full == {"name": "portal", "unrestricted": True, "expires_at": ends, "secret": "mine"}


def test_application_credentials_are_listed_and_deleted(fake: FakeCloud, cloud: Cloud) -> None:
    row = credential(expires_at="2027-01-01T12:00:00.000000")
    fake.answers("GET", MINE, Reply({"application_credentials": [row], "links": {"next": None, "self": "x"}}))
    fake.answers("DELETE", f"{MINE}/c-1", Reply("", 204))
    until = datetime(2027, 1, 1, 12, tzinfo=UTC)
    assert cloud.keystone.application_credentials() == [
        CredentialFacts("c-1", "portal", PROJECT, False, until, ("member",))
    ]
    cloud.keystone.delete_application_credential("c-1")


def test_an_application_credential_is_found_by_its_name_and_shown_with_its_rules(
    fake: FakeCloud, cloud: Cloud
) -> None:
    rule = {"id": "r-1", "service": "compute", "method": "GET", "path": "/v2.1/servers"}
    mine, other = credential(access_rules=[rule]), credential() | {"id": "c-2", "name": "other"}
    fake.answers("GET", MINE, Reply({"application_credentials": [mine, other], "links": {}}))
    fake.answers("GET", f"{MINE}/c-1", Reply({"application_credential": mine}))
    rules = (AccessRule("compute", "GET", "/v2.1/servers"),)
    facts = CredentialFacts("c-1", "portal", PROJECT, False, None, ("member",), rules)
    assert cloud.keystone.application_credentials(name="portal") == [facts]
    assert cloud.keystone.application_credential("c-1") == facts
    assert fake.requests(MINE)[0].query == {"name": ["portal"]}


def test_the_token_tells_the_regions_of_its_catalogue(fake: FakeCloud, cloud: Cloud) -> None:
    assert cloud.identity().regions == ("RegionOne",)


def test_a_service_is_asked_the_least_it_can_be(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("GET", "/image/v2/images", Reply({"images": []}))
    fake.answers("GET", f"/orchestration/v1/{PROJECT}/stacks", Reply({"stacks": []}))
    cloud.glance.ask_little()
    cloud.heat.ask_little()
    assert [asked.query for asked in fake.requests("/image") + fake.requests("/stacks")] == [
        {"limit": ["1"]},
        {"limit": ["1"]},
    ]


def test_a_deleted_credential_in_use_is_told_from_one_that_is_merely_missing(
    fake: FakeCloud, connect: Connect
) -> None:
    def missing(credential_id: str) -> Reply:
        words = f"Could not find Application Credential: {credential_id}."
        return Reply({"error": {"code": 404, "message": words, "title": "Not Found"}}, 404)

    fake.answers("DELETE", f"{MINE}/other", missing("other"))
    with pytest.raises(NotFound):
        connect().keystone.delete_application_credential("other")
    fake.answers("GET", MINE, missing("cred-1"))
    with pytest.raises(BadCredential):
        connect().keystone.application_credentials()
    fake.credential = None
    with pytest.raises(NotFound):
        connect().keystone.application_credentials()


# --- all of them


def test_clients_are_made_once(cloud: Cloud) -> None:
    for name in ("heat", "nova", "neutron", "glance", "keystone"):
        assert getattr(cloud, name) is getattr(cloud, name)


def test_a_closed_cloud_can_be_used_again(fake: FakeCloud, cloud: Cloud) -> None:
    fake.answers("GET", "/image/v2/images", Reply({"images": []}))
    assert cloud.glance.images() == []
    cloud.close()
    assert cloud.glance.images() == []

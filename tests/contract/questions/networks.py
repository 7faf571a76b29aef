"""Neutron and Glance: lists, filters, pages, errors, quotas and a floating IP."""

from tests.contract.asking import Asker, Person

_NOBODY = "2a6f3a3e-5d0c-4a51-8f0a-6f1f5a2b7c11"


def put(asker: Asker) -> None:
    """Ask about networks and images."""
    _versions(asker)
    _networks(asker)
    _quotas(asker)
    _floating_ip(asker)
    _images(asker)


def _versions(asker: Asker) -> None:
    for service in ("orchestration", "compute", "network", "image"):
        roots = {"it": f"{asker.root(service)}/"}
        asker.ask(f"{service} versions", "GET", "it /", by=Person("", "", "", roots))
    compute = {"it": f"{asker.root('compute')}/v2.1"}
    asker.ask("nova v2.1", "GET", "it /", by=Person("", "", "", compute))


def _networks(asker: Asker) -> None:
    asker.ask("networks", "GET", "network /v2.0/networks?name=net-a", free="ipv4_address_scope")
    asker.ask("external networks", "GET", "network /v2.0/networks?router:external=true")
    asker.ask("subnets", "GET", "network /v2.0/subnets?name=subnet-a", free="dns_nameservers")
    asker.ask("routers", "GET", "network /v2.0/routers?name=router-a")
    asker.ask("no networks", "GET", "network /v2.0/networks?name=no-such-network")
    asker.ask("networks, some fields", "GET", "network /v2.0/networks?name=net-a&fields=id&fields=name")
    asker.ask("networks by an unknown filter", "GET", "network /v2.0/networks?name=net-a&nope=1")
    asker.ask(
        "networks, one page", "GET", "network /v2.0/networks?limit=1&sort_key=name&sort_dir=asc&fields=id"
    )
    asker.ask("networks after an unknown one", "GET", f"network /v2.0/networks?limit=1&marker={_NOBODY}")
    asker.ask("networks sorted by nothing known", "GET", "network /v2.0/networks?sort_key=nope&sort_dir=asc")
    network = asker.send("GET", "network /v2.0/networks?name=net-a").json()["networks"][0]["id"]
    asker.ask("network", "GET", f"network /v2.0/networks/{network}")
    asker.ask("somebody else's network by id", "GET", f"network /v2.0/networks/{network}", by=asker.ben)
    asker.ask("somebody else's network by name", "GET", "network /v2.0/networks?name=net-a", by=asker.ben)
    for noun in ("networks", "subnets", "ports", "routers", "floatingips", "security-groups"):
        asker.ask(f"unknown {noun}", "GET", f"network /v2.0/{noun}/{_NOBODY}")
    asker.ask("an unknown noun", "GET", "network /v2.0/nopes")
    asker.ask(
        "a network with an unknown attribute", "POST", "network /v2.0/networks", json={"network": {"nope": 1}}
    )
    groups = "network /v2.0/security-groups?name=default"
    asker.ask("default security group", "GET", groups, free="standard_attr_id belongs_to_default_sg")


def _quotas(asker: Asker) -> None:
    own, other = asker.ada.project_id, asker.ben.project_id
    asker.ask("network quota", "GET", f"network /v2.0/quotas/{own}")
    asker.ask("network quota in detail", "GET", f"network /v2.0/quotas/{own}/details.json")
    asker.ask("somebody else's network quota", "GET", f"network /v2.0/quotas/{other}/details.json")


def _floating_ip(asker: Asker) -> None:
    public = asker.send("GET", "network /v2.0/networks?router:external=true").json()["networks"][0]["id"]
    path = "network /v2.0/floatingips"
    made = asker.ask("make a floating IP", "POST", path, json={"floatingip": {"floating_network_id": public}})
    key = made.json()["floatingip"]["id"]
    asker.ask("floating IP", "GET", f"{path}/{key}")
    asker.ask("floating IPs by id", "GET", f"{path}?id={key}")
    asker.ask("delete somebody else's floating IP", "DELETE", f"{path}/{key}", by=asker.ben)
    asker.ask("delete a floating IP", "DELETE", f"{path}/{key}")
    asker.ask("delete a floating IP again", "DELETE", f"{path}/{key}")


def _images(asker: Asker) -> None:
    free = "os_distro os_version"
    asker.ask("images by name", "GET", "image /v2/images?name=ubuntu-24.04", free=free)
    asker.ask("no images", "GET", "image /v2/images?name=no-such-image")
    first = asker.ask("images, one page", "GET", "image /v2/images?limit=1&sort=name:asc", free=free)
    asker.ask("images, next page", "GET", f"image {first.json()['next']}", free=free)
    asker.ask("images after an unknown one", "GET", f"image /v2/images?marker={_NOBODY}")
    asker.ask("images limited in words", "GET", "image /v2/images?limit=abc")
    asker.ask("images limited below zero", "GET", "image /v2/images?limit=-1")
    asker.ask(
        "images filtered", "GET", "image /v2/images?visibility=public&status=active&name=dummy-raw", free=free
    )
    asker.ask("images of a bogus visibility", "GET", "image /v2/images?visibility=nope")
    asker.ask("images of a bogus status", "GET", "image /v2/images?status=nope")
    image = asker.send("GET", "image /v2/images?name=ubuntu-24.04").json()["images"][0]["id"]
    asker.ask("image", "GET", f"image /v2/images/{image}", free=free)
    asker.ask("unknown image", "GET", f"image /v2/images/{_NOBODY}")
    asker.ask("unknown path of glance", "GET", "image /v2/nopes")

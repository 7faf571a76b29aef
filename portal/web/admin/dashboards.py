"""Dashboards: where Horizon and Skyline show a thing of OpenStack's, for clouds that have them."""

from urllib.parse import quote

from portal.config import Settings
from portal.domain.vms.casefile import Thing

# Heat's type: the path in Horizon, the path in Skyline.
_PATHS = {
    "OS::Heat::Stack": ("project/stacks/stack/{id}/", "heat/stack/detail/{id}/{name}"),
    "OS::Nova::Server": ("project/instances/{id}/", "compute/instance/detail/{id}"),
    "OS::Neutron::Port": ("project/networks/ports/{id}/detail", "network/port/detail/{id}"),
    "OS::Neutron::FloatingIP": ("project/floating_ips/", "network/floatingip/detail/{id}"),
    "OS::Neutron::SecurityGroup": ("project/security_groups/{id}/", "network/security-group/detail/{id}"),
    "OS::Cinder::Volume": ("project/volumes/{id}/", "storage/volume/detail/{id}"),
}


def links(thing: Thing, settings: Settings) -> list[tuple[str, str]]:
    """(the dashboard's name, the address) of each that is configured and shows such a thing."""
    places = (("Horizon", settings.horizon_url), ("Skyline", settings.skyline_url))
    paths = _PATHS.get(thing.type, ())
    filled = {"id": quote(thing.id, safe=""), "name": quote(thing.name, safe="")}
    return [
        (name, f"{root.rstrip('/')}/{path.format(**filled)}")
        for (name, root), path in zip(places, paths, strict=False)
        if root
    ]

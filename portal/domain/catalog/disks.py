"""Disks: what a template makes its server's disk from."""

from functools import lru_cache

from portal.domain.catalog import hot, yamltext
from portal.domain.catalog.hot import Role
from portal.translation import N_


@lru_cache(maxsize=64)  # a page and its panel ask again and again
def why_it_stays(template: str) -> str:
    """Why the disk of such a template's server can't be made anew, to be looked up; empty: it can."""
    image = hot.read(template).filled_by(Role.IMAGE)
    if image is None:
        return N_("Its template doesn't let its image be chosen.")
    resources = yamltext.load(template)["resources"].values()
    servers = [one.get("properties") or {} for one in resources if one["type"] == "OS::Nova::Server"]
    if any(one.get("image") == {"get_param": image.name} for one in servers):
        return ""
    return N_("Its disk is a volume, which a rebuild doesn't make anew.")

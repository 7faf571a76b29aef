"""Glance: the images a project may boot. Source: Image API v2."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from portal.openstack.line import Api, Json, Line, moment

PAGE = 200


@dataclass(frozen=True)
class Image:
    """An image. `min_disk_gib` and `min_ram_mib` are what a size must have; 0 where nobody set it."""

    id: str
    name: str
    status: str
    visibility: str
    min_disk_gib: int
    min_ram_mib: int
    size_bytes: int
    os_distro: str
    os_version: str
    admin_user: str
    created_at: datetime | None
    hidden: bool

    @classmethod
    def from_api(cls, body: Json) -> Image:
        return cls(
            id=body["id"],
            name=body.get("name") or "",
            status=body["status"],
            visibility=body.get("visibility") or "",
            min_disk_gib=body.get("min_disk") or 0,
            min_ram_mib=body.get("min_ram") or 0,
            size_bytes=body.get("size") or 0,
            os_distro=body.get("os_distro") or "",
            os_version=body.get("os_version") or "",
            admin_user=body.get("os_admin_user") or "",
            created_at=moment(body.get("created_at")),
            hidden=bool(body.get("os_hidden")),
        )


class Glance:
    """Images as one project sees them."""

    def __init__(self, line: Line) -> None:
        self._api = Api(line, "image")

    def ask_little(self) -> None:
        """The smallest question of Glance's own: whether it answers this credential."""
        self._api.get("/images", "images", {"limit": 1})

    def images(self) -> list[Image]:
        """Every image the project may see: public, its own, and those shared with it."""
        return [Image.from_api(row) for row in self._api.pages("/images", "images", {"limit": PAGE})]

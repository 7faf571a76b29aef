"""Glance over HTTP: images in pages, and errors in HTML."""

from urllib.parse import urlencode

from werkzeug.wrappers import Response

from portal.sandbox.state import Row
from portal.sandbox.wire import Asked, Refused, Service, answer, page

UNAUTHORIZED = (
    "This server could not verify that you are authorized to access the document you requested. Either you "
    "supplied the wrong credentials (e.g., bad password), or your browser does not understand how to supply "
    "the credentials required.<br /><br />"
)
_STEERING = {"limit", "marker", "sort", "sort_key", "sort_dir", "member_status"}
_VISIBILITIES = ("public", "private", "shared", "community", "all")
_PAGE = 25
_MINORS = (17, *range(15, 12, -2), *range(12, -1, -1))

service = Service(
    "image", "/image", lost=lambda _path: page(404, "The resource could not be found.<br /><br />")
)


def _versions(asked: Asked, status: int) -> Response:
    links = [{"rel": "self", "href": f"{asked.root}/v2/"}]
    versions = [
        {"id": f"v2.{minor}", "status": "CURRENT" if minor == _MINORS[0] else "SUPPORTED", "links": links}
        for minor in _MINORS
    ]
    return answer(status, {"versions": versions})


@service.route("GET", "/", public=True)
def versions(asked: Asked) -> Response:
    return _versions(asked, 300)


@service.route("GET", "/versions", public=True)
def listed_versions(asked: Asked) -> Response:
    return _versions(asked, 200)


@service.route("GET", "/v2/images")
def list_all(asked: Asked) -> Response:
    visibility = asked.query.get("visibility", "public")
    if visibility not in _VISIBILITIES:
        raise Refused(page(400, f"Invalid visibility value: {visibility}<br /><br />"))
    found = [image for image in asked.world.rows("image") if _wanted(image, asked)]
    _sort(found, asked)
    found = _after(found, asked.query.get("marker"))
    limit = _limit(asked)
    shown = found[:limit]
    keep = [(k, v) for k, v in asked.request.args.items(multi=True) if k != "marker"]
    body: Row = {"images": shown, "first": _address(keep), "schema": "/v2/schemas/images"}
    if shown and len(shown) == limit:
        body["next"] = _address([*keep, ("marker", shown[-1]["id"])])
    return answer(200, body)


def _address(query: list[tuple[str, str]]) -> str:
    return "/v2/images" + (f"?{urlencode(query)}" if query else "")


def _limit(asked: Asked) -> int:
    text = asked.query.get("limit", str(_PAGE))
    try:
        limit = int(text)
    except ValueError as error:
        raise Refused(page(400, "limit param must be an integer<br /><br />")) from error
    if limit < 0:
        raise Refused(page(400, "limit param must be positive<br /><br />"))
    return min(limit, 1000)


def _wanted(image: Row, asked: Asked) -> bool:
    if image["os_hidden"] and asked.query.get("os_hidden", "").lower() != "true":
        return False
    if image["visibility"] != "public" and image["owner"] != asked.project:
        return False
    return all(
        str(image.get(key)).lower() == value.removeprefix("in:").lower() or value in image.get("tags", [])
        for key, value in asked.request.args.items(multi=True)
        if key not in _STEERING and key != "os_hidden"
    )


def _sort(found: list[Row], asked: Asked) -> None:
    """Newest first, unless `sort=name:asc,...` or `sort_key` says otherwise."""
    key, _, direction = (
        asked.query.get("sort", asked.query.get("sort_key", "created_at")).split(",")[0].partition(":")
    )
    direction = direction or asked.query.get("sort_dir", "desc")
    found.sort(key=lambda image: (str(image.get(key)), image["id"]), reverse=direction == "desc")


def _after(found: list[Row], marker: str | None) -> list[Row]:
    if not marker:
        return found
    ids = [image["id"] for image in found]
    if marker not in ids:
        raise Refused(page(400, f"No image found with ID {marker}<br /><br />"))
    return found[ids.index(marker) + 1 :]


@service.route("GET", "/v2/images/<key>")
def show(asked: Asked, key: str) -> Response:
    image = asked.world.get("image", key)
    if image is None or (image["visibility"] != "public" and image["owner"] != asked.project):
        raise Refused(page(404, f"No image found with ID {key}<br /><br />"))
    return answer(200, image)

"""Nova over HTTP, all but servers: versions, flavors, limits, quotas and keypairs."""

import re
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from werkzeug.wrappers import Response

from portal.sandbox import compute, server_views
from portal.sandbox.networking import Failure, limits
from portal.sandbox.state import Row
from portal.sandbox.wire import Asked, Refused, Service, answer

LAST = 104
_UPDATED = "2013-07-23T11:33:21Z"
_NAMES = {400: "badRequest", 403: "forbidden", 404: "itemNotFound", 409: "conflictingRequest"}


def refusal(status: int, message: str) -> Response:
    name = _NAMES.get(status, "computeFault")
    body = {name: {"code": status, "message": message}}
    return answer(status, body, content_type="application/json; charset=UTF-8")


def refuse(status: int, message: str) -> Refused:
    return Refused(refusal(status, message))


service = Service("compute", "/compute", lost=lambda _path: refusal(404, "The resource could not be found."))


def minor(asked: Asked) -> int:
    """The microversion asked for. Raises Refused (406) beyond what there is."""
    text = asked.request.headers.get("OpenStack-API-Version", "").removeprefix("compute ").strip()
    text = text or asked.request.headers.get("X-OpenStack-Nova-API-Version", "") or "2.1"
    if text == "latest":
        return LAST
    match = re.fullmatch(r"(\d+)\.(\d+)", text)
    if not match:
        raise refuse(
            400, f"API Version String {text} is of invalid format. Must be of format MajorNum.MinorNum."
        )
    if match[1] != "2" or not 1 <= int(match[2]) <= LAST:
        words = f"Version {text} is not supported by the API. Minimum is 2.1 and maximum is 2.{LAST}."
        raise refuse(406, words)
    return int(match[2])


def _prepare(asked: Asked) -> None:
    if asked.path != "/":
        minor(asked)


def _finish(asked: Asked, response: Response) -> None:
    if asked.path == "/":
        return
    response.headers["x-compute-request-id"] = response.headers["x-openstack-request-id"]
    if response.status_code == 401:
        return
    try:
        version = f"2.{minor(asked)}"
    except Refused:
        version = asked.request.headers.get("OpenStack-API-Version", "2.1").removeprefix("compute ")
    response.headers["OpenStack-API-Version"] = f"compute {version}"
    response.headers["X-OpenStack-Nova-API-Version"] = version
    response.headers["Vary"] = "OpenStack-API-Version, X-OpenStack-Nova-API-Version"
    if response.status_code in (HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT):
        response.headers["Content-Type"] = "application/json"


service.prepare = _prepare
service.finish = _finish


def _version(asked: Asked) -> Row:
    return {
        "id": "v2.1", "status": "CURRENT", "version": f"2.{LAST}", "min_version": "2.1", "updated": _UPDATED,
        "links": [{"rel": "self", "href": f"{asked.root}/v2.1/"}],
    }  # fmt: skip


@service.route("GET", "/", public=True)
def versions(asked: Asked) -> Response:
    old = {
        "id": "v2.0", "status": "DEPRECATED", "version": "", "min_version": "",
        "updated": "2025-07-04T12:00:00Z",
        "links": [{"rel": "self", "href": f"{asked.root}/v2/"}],
    }  # fmt: skip
    return answer(200, {"versions": [old, _version(asked)]})


@service.route("GET", "/v2.1", "/v2.1/", public=True)
def version(asked: Asked) -> Response:
    shown = _version(asked)
    shown["links"].append({"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"})
    kind = "application/vnd.openstack.compute+json;version=2.1"
    shown["media-types"] = [{"base": "application/json", "type": kind}]
    return answer(200, {"version": shown})


def root(asked: Asked) -> str:
    return f"{asked.root}/v2.1"


def page(asked: Asked, noun: str, found: list[Row], path: str) -> tuple[list[Row], Row]:
    """One page by `limit` and `marker`, and the entry with the next link where there is more."""
    marker, limit = asked.query.get("marker"), asked.query.get("limit")
    if marker:
        ids = [row["id"] for row in found]
        if marker not in ids:
            raise refuse(400, f"marker [{marker}] not found")
        found = found[ids.index(marker) + 1 :]
    if limit is None:
        return found[:1000], {}
    if not limit.isdigit():
        words = (
            f"Invalid input for query parameters limit. Value: {limit}. '{limit}' does not match '^[0-9]*$'"
        )
        raise refuse(400, words)
    shown = found[: int(limit)]
    if not shown or len(shown) < int(limit):
        return shown, {}
    query = sorted((k, v) for k, v in asked.request.args.items(multi=True) if k != "marker")
    href = f"{root(asked)}/{path}?{urlencode([*query, ('marker', shown[-1]['id'])])}"
    return shown, {f"{noun}_links": [{"rel": "next", "href": href}]}


def _flavor(asked: Asked, flavor: Row) -> Row:
    version = minor(asked)
    seen = {
        "id": flavor["id"],
        "name": flavor["name"],
        "ram": flavor["ram"],
        "disk": flavor["disk"],
        "swap": "" if version < 75 else 0,
        "OS-FLV-EXT-DATA:ephemeral": 0,
        "OS-FLV-DISABLED:disabled": False,
        "vcpus": flavor["vcpus"],
        "os-flavor-access:is_public": True,
        "rxtx_factor": 1.0,
        "links": server_views.links(root(asked), "flavors", flavor["id"]),
    }
    if version >= 55:
        seen["description"] = None
    if version >= 61:
        seen["extra_specs"] = flavor["extra_specs"]
    return seen


@service.route("GET", "/v2.1/flavors/detail")
def flavors(asked: Asked) -> Response:
    found = sorted(asked.world.rows("flavor"), key=lambda flavor: flavor["id"])
    shown, more = page(asked, "flavors", found, "flavors/detail")
    return answer(200, {"flavors": [_flavor(asked, flavor) for flavor in shown], **more})


@service.route("GET", "/v2.1/flavors")
def flavor_names(asked: Asked) -> Response:
    found = sorted(asked.world.rows("flavor"), key=lambda flavor: flavor["id"])
    shown, more = page(asked, "flavors", found, "flavors")
    keys = ("id", "name", "links", *(("description",) if minor(asked) >= 55 else ()))
    brief = [{k: v for k, v in _flavor(asked, flavor).items() if k in keys} for flavor in shown]
    return answer(200, {"flavors": brief, **more})


@service.route("GET", "/v2.1/flavors/<key>")
def flavor(asked: Asked, key: str) -> Response:
    found = asked.world.get("flavor", key)
    if found is None:
        raise refuse(404, f"Flavor {key} could not be found.")
    return answer(200, {"flavor": _flavor(asked, found)})


@service.route("GET", "/v2.1/os-availability-zone")
def zones(_asked: Asked) -> Response:
    zone = {"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}
    return answer(200, {"availabilityZoneInfo": [zone]})


@service.route("GET", "/v2.1/limits")
def show_limits(asked: Asked) -> Response:
    own, have = limits(asked.world, asked.project), compute.usage(asked.world, asked.project)
    absolute: Row = {
        "maxTotalCores": own["cores"], "maxTotalInstances": own["instances"], "maxTotalKeypairs": 1000,
        "maxServerMeta": 128, "maxTotalRAMSize": own["ram"], "maxServerGroups": 10,
        "maxServerGroupMembers": 10,
        "totalRAMUsed": have["ram"], "totalCoresUsed": have["cores"], "totalInstancesUsed": have["instances"],
        "totalServerGroupsUsed": 0,
    }  # fmt: skip
    if minor(asked) < 36:
        absolute |= {
            "maxTotalFloatingIps": -1, "maxSecurityGroups": -1, "maxSecurityGroupRules": -1,
            "totalFloatingIpsUsed": 0, "totalSecurityGroupsUsed": 0,
        }  # fmt: skip
    if minor(asked) < 39:
        absolute["maxImageMeta"] = 128
    if minor(asked) < 57:
        absolute |= {"maxPersonality": 5, "maxPersonalitySize": 10240}
    return answer(200, {"limits": {"rate": [], "absolute": absolute}})


def _quotas(asked: Asked, project: str) -> dict[str, tuple[int, int]]:
    """Limit and use by name."""
    if project != asked.project and not asked.is_admin:
        raise refuse(403, "Policy doesn't allow os_compute_api:os-quota-sets:show to be performed.")
    own, have = limits(asked.world, project), compute.usage(asked.world, project)
    table = {"metadata_items": (128, 0), "key_pairs": (1000, 0), "server_groups": (10, 0)}
    table["server_group_members"] = (10, 0)
    if minor(asked) < 36:
        table |= dict.fromkeys(
            ("fixed_ips", "floating_ips", "security_group_rules", "security_groups"), (-1, 0)
        )
    if minor(asked) < 57:
        table |= {
            "injected_file_content_bytes": (10240, 0),
            "injected_file_path_bytes": (255, 0),
            "injected_files": (5, 0),
        }
    return table | {key: (own[key], have[key]) for key in have}


@service.route("GET", "/v2.1/os-quota-sets/<project>")
def quotas(asked: Asked, project: str) -> Response:
    entries: dict[str, Any] = {name: limit for name, (limit, _use) in _quotas(asked, project).items()}
    return answer(200, {"quota_set": {"id": project, **entries}})


@service.route("GET", "/v2.1/os-quota-sets/<project>/detail")
def quota_details(asked: Asked, project: str) -> Response:
    entries = {
        name: {"limit": limit, "in_use": use, "reserved": 0}
        for name, (limit, use) in _quotas(asked, project).items()
    }
    return answer(200, {"quota_set": {"id": project, **entries}})


@service.route("GET", "/v2.1/os-keypairs")
def keypairs(_asked: Asked) -> Response:
    return answer(200, {"keypairs": []})


def told(failure: Failure) -> Refused:
    """A failure as Nova's API tells it."""
    return Refused(refusal(failure.status, failure.message))

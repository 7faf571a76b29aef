"""Metrics for Prometheus, for whoever holds the token of METRICS_TOKEN; without one there is no such page."""

import hmac

from flask import Blueprint, Response, abort, current_app, request
from flask.typing import ResponseReturnValue

from portal.domain.store.metrics import CONTENT_TYPE
from portal.domain.vms import gauges
from portal.web.guards import public

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
@public
def scrape() -> ResponseReturnValue:
    """Every figure of the portal, whichever of its processes counted it."""
    token: str = current_app.config["PORTAL"].metrics_token
    if not token:
        abort(404)
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return Response(
            "A bearer token is needed.\n", 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain"
        )
    return Response(gauges.exposition(), content_type=CONTENT_TYPE)

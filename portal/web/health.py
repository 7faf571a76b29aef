"""Health: whether this process lives, and whether everything it needs does."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from portal.domain.store import pulse
from portal.web.guards import public

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@public
def alive() -> ResponseReturnValue:
    """This process answers."""
    return jsonify(status="alive")


@blueprint.get("/readyz")
@public
def ready() -> ResponseReturnValue:
    """Database, Redis, a worker for each queue and the clock: 200 when all do, 503 with what doesn't."""
    signs = pulse.signs()
    well = all(sign.well for sign in signs)
    body = {sign.name: {"well": sign.well, "detail": sign.detail} for sign in signs}
    return jsonify(status="ready" if well else "not ready", **body), 200 if well else 503

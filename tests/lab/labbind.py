"""A port driver for Neutron that binds every port at once: the lab has no agent that would do it.

Runs inside Neutron, in the lab's own environment.
"""

from typing import Any

from neutron_lib import constants  # type: ignore[import-not-found] # lives in the lab's own environment
from neutron_lib.api.definitions import portbindings  # type: ignore[import-not-found] # as above
from neutron_lib.plugins.ml2 import api  # type: ignore[import-not-found] # as above


class LabBind(api.MechanismDriver):  # type: ignore[misc] # its base is unknown here
    """What Neutron's modular layer 2 asks when a port wants to be plugged in."""

    def initialize(self) -> None:
        """Nothing to prepare."""

    def bind_port(self, context: Any) -> None:
        """Says that the port is plugged in and active."""
        for segment in context.segments_to_bind[:1]:
            details = {portbindings.CAP_PORT_FILTER: True}
            active = constants.PORT_STATUS_ACTIVE
            context.set_binding(segment[api.ID], portbindings.VIF_TYPE_OVS, details, status=active)

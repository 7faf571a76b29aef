"""The recipe of a launch: the command and the API call that would make the same stack, without its secrets.

Source: `openstack help stack create` (python-heatclient), and Heat API v1, create stack.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portal.domain.catalog.hot import Role
from portal.domain.people.models import User
from portal.domain.vms import answers, launching, marks, provisioning
from portal.domain.vms.lifecycle import stack_name
from portal.domain.vms.models import LaunchDraft
from portal.domain.vms.review import Review


@dataclass(frozen=True)
class Recipe:
    """The template with the name of its file, and the two ways to send it; of several VMs the first."""

    file: str
    template: str
    command: str
    call: str


def of(draft: LaunchDraft, review: Review, *, by: User) -> Recipe:
    """What this draft would send, as it would be sent; what is secret is left for the reader to fill in."""
    offering = review.offering
    name = stack_name(launching.id_of(draft, 1))
    secret = answers.secret_names(offering)
    parameters = launching.parameters(1, draft, review, by)
    user_data = answers.names_by_role(offering).get(Role.USER_DATA)
    file = f"{offering.name}.yaml"
    words = ["openstack stack create", f"--template {file}", f"--tags {marks.TAG},{name}"]
    words += [f"--timeout {provisioning.CREATE_MINUTES}"]
    words += _arguments(parameters, secret, user_data)
    body = {
        "stack_name": name,
        "template": offering.template.text,
        "parameters": {key: f"<{key}>" if key in secret else value for key, value in parameters.items()},
        "tags": f"{marks.TAG},{name}",
        "timeout_mins": provisioning.CREATE_MINUTES,
        "disable_rollback": True,
    }
    call = (
        'curl --request POST "$HEAT_URL/stacks" \\\n'
        '  --header "X-Auth-Token: $OS_TOKEN" --header "Content-Type: application/json" \\\n'
        f"  --data {shlex.quote(json.dumps(body, indent=2, ensure_ascii=False))}"
    )
    return Recipe(file, offering.template.text, " \\\n  ".join([*words, name]), call)


def _arguments(parameters: Mapping[str, Any], secret: set[str], user_data: str | None) -> Iterator[str]:
    for name, value in parameters.items():
        if name == user_data:
            yield f"--parameter-file {name}=user-data.txt"
        elif name in secret:
            yield f'--parameter "{name}=${name.upper()}"'
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"--parameter {shlex.quote(f'{name}={text}')}"

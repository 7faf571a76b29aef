"""Access rules of an application credential against what Heat needs: it passes the token on to the others."""

import re
from collections.abc import Sequence

from portal.openstack.keystone import AccessRule

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Calls of each service that a rule for everything covers, and a narrower one doesn't.
NEEDED = {
    "orchestration": "/v1/**",
    "compute": "/v2.1/**",
    "network": "/v2.0/**",
    "image": "/v2/**",
}


def missing(access_rules: Sequence[AccessRule]) -> list[str]:
    """What the rules don't cover, such as "POST, PUT on compute /v2.1/**"; without rules all is allowed."""
    if not access_rules:
        return []
    lacking = {
        service: [method for method in METHODS if not _covered(access_rules, service, method, path)]
        for service, path in NEEDED.items()
    }
    return [
        f"{', '.join(methods)} on {service} {NEEDED[service]}"
        for service, methods in lacking.items()
        if methods
    ]


def _covered(access_rules: Sequence[AccessRule], service: str, method: str, path: str) -> bool:
    """Whether one rule matches a deep path below; Keystone reads ** as any path, * and {name} as one step."""
    sample = path.replace("**", "a/b/c/d")
    return any(
        rule.service == service and rule.method == method and _pattern(rule.path).fullmatch(sample)
        for rule in access_rules
    )


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*|\{[^}]*\})", path)
    return re.compile(
        "".join(".*" if p == "**" else "[^/]+" if p[:1] in ("*", "{") else re.escape(p) for p in parts)
    )

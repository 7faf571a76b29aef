"""What a failure means: from the words of clouds to a plain cause, whose turn it is, and what to do."""

import re
from dataclasses import dataclass

from portal.domain.store.errors import DomainError
from portal.openstack.errors import BadCredential, NotAllowed, OpenStackError, Unavailable


@dataclass(frozen=True)
class Explanation:
    """A failure in plain words; `raw` is what the cloud said."""

    cause: str
    turn: str
    next: str
    raw: str


LONGEST = 4000
YOU, ADMIN, OPERATOR = "you", "your administrator", "the cloud's operator"

# The first rule whose pattern is found in the cloud's words explains it.
RULES: tuple[tuple[str, str, str, str], ...] = (
    (
        r"No valid host was found|Exceeded maximum number of retries",
        "The cloud has no machine with enough room for this size.",
        YOU,
        "Choose a smaller size, or try again later.",
    ),
    (
        r"Quota exceeded|OverQuota|exceeded for resources|MaximumPortLimit",
        "The cloud's own quota for this tenant is used up.",
        ADMIN,
        "Delete a VM that is no longer needed, or ask your administrator for more.",
    ),
    (
        r"(?i)flavor'?s (disk|memory) is too small|FlavorDiskSmallerThan|FlavorMemoryTooSmall|"
        r"is too small for requested image",
        "The image needs more disk or memory than this size has.",
        YOU,
        "Choose a larger size.",
    ),
    (
        r"No more IP addresses|IpAddressGenerationFailure|ExternalIpAddressExhausted",
        "The network has no free address left.",
        OPERATOR,
        "Choose another network, or launch without a floating IP.",
    ),
    (
        r"(?i)image .*(could not be found|not found)|Error validating value.*image",
        "The image is gone from the cloud.",
        YOU,
        "Choose another image.",
    ),
    (
        r"(?i)flavor .*(could not be found|not found)|Error validating value.*flavor",
        "The size is gone from the cloud.",
        YOU,
        "Choose another size.",
    ),
    (
        r"(?i)network .*(could not be found|not found)|Unable to find network|"
        r"Error validating value.*network",
        "The network is gone from the cloud.",
        YOU,
        "Choose another network.",
    ),
    (
        r"(?i)floating.?ip.*(not allowed|external)|External network .* is not reachable",
        "A floating IP can't be had on this network.",
        YOU,
        "Launch without a floating IP, or choose another network.",
    ),
    (
        r"(?i)unauthorized|HTTP 401",
        "The portal's credential was refused while the VM was being made.",
        ADMIN,
        "Ask your administrator to check the tenant's credential, then try again.",
    ),
    (
        r"(?i)\bforbidden\b|not authorized|disallowed by policy",
        "The cloud doesn't allow this to the portal's credential.",
        ADMIN,
        "Ask your administrator to check the roles of the tenant's credential.",
    ),
    (
        r"(?i)timed out|timeout|didn't finish within",
        "The cloud didn't finish in time.",
        OPERATOR,
        "Try again; if it happens again, tell your administrator.",
    ),
    (
        r"(?i)deleted in OpenStack|vanished",
        "It was deleted in OpenStack, outside the portal.",
        YOU,
        "Delete it here as well, or ask your administrator what happened.",
    ),
)


def clean(reason: str) -> str:
    """The cloud's words without user data, which Nova echoes when it doesn't like it, and not without end."""
    return re.sub(r"(?is)(user_data\W+Value:).*", r"\1 (left out)", reason)[:LONGEST]


def failure(raw: str) -> Explanation:
    """The explanation of a failed VM's raw text; an unknown failure says so honestly."""
    for pattern, cause, turn, next_ in RULES:
        if re.search(pattern, raw):
            return Explanation(cause, turn, next_, raw)
    return Explanation(
        "The cloud failed in a way the portal doesn't know yet.",
        ADMIN,
        "Show the text below to your administrator.",
        raw,
    )


def trouble(error: OpenStackError | DomainError) -> str:
    """What holds a VM up right now, for its page. The work goes on by itself when it is over."""
    if isinstance(error, DomainError):
        return error.message
    if isinstance(error, BadCredential):
        return (
            "OpenStack refuses the tenant's credential. An administrator has to replace it; "
            "what you asked for is kept and goes on by itself afterwards."
        )
    if isinstance(error, NotAllowed):
        return f"OpenStack doesn't allow this to the tenant's credential ({error.service}: {error.message})."
    if isinstance(error, Unavailable):
        return (
            f"OpenStack doesn't answer as it should ({error.service}: {error.message}). "
            "What you asked for is kept and goes on by itself."
        )
    return f"OpenStack says no for now ({error.service}: {error.message}); the portal tries again."

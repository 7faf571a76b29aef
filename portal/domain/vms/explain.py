"""What a failure means: from the words of clouds to a plain cause, whose turn it is, and what to do."""

import re
from dataclasses import dataclass, replace

from portal.domain.store.errors import DomainError
from portal.domain.vms import causes, kept
from portal.domain.vms.causes import VERSION, Click, Fix, Turn
from portal.domain.vms.models import State, Vm
from portal.openstack.errors import BadCredential, NotAllowed, OpenStackError, Unavailable, without_user_data
from portal.translation import N_, gettext, translated

__all__ = [
    "VERSION",
    "Click",
    "Explanation",
    "Fix",
    "Turn",
    "clean",
    "failure",
    "of_vm",
    "request_ids",
    "said",
    "trouble",
]

LONGEST = 4000
# Which row of the table knows a VM that went behind the portal's back.
VANISHED = "vanished"
_REQUEST_ID = re.compile(r"\breq-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_WHOSE = {
    Turn.YOU: N_("you"),
    Turn.ADMIN: N_("your administrator"),
    Turn.OPERATOR: N_("the cloud's operator"),
}


@dataclass(frozen=True)
class Explanation:
    """A failure in plain words; `raw` is what the cloud said, `rule` which row of the table knew it.

    `next` is what the reader can do about it, `help` whom to ask for what; one of them may be empty.
    """

    rule: str
    cause: str
    turn: str
    next: str
    help: str
    click: Click | None
    raw: str
    fixes: tuple[Fix, ...] = ()

    @property
    def known(self) -> bool:
        return self.rule != causes.UNKNOWN.id


def clean(reason: str) -> str:
    """The cloud's words without user data, which Nova echoes when it doesn't like it, and not without end."""
    return without_user_data(reason)[:LONGEST]


def said(error: OpenStackError) -> str:
    """What a refusal said, with its request id as OpenStack's own clients write it."""
    words = error.message
    if error.request_id and error.request_id not in words:
        words += f" (HTTP {error.status}) (Request-ID: {error.request_id})"
    return clean(words)


def failure(raw: str) -> Explanation:
    """The explanation of a failed VM's raw text, to its reader; an unknown failure says so honestly."""
    rule = causes.of(raw)
    cause, turn = translated(rule.cause), translated(_WHOSE[rule.turn])
    then, ask = (translated(words) if words else "" for words in (rule.next, rule.help))
    return Explanation(rule.id, cause, turn, then, ask, rule.click, raw, rule.fixes)


def of_vm(vm: Vm) -> Explanation | None:
    """The explanation of the failure that the VM is in, to its reader; None: it is in none."""
    if not vm.failure or vm.state is not State.ERROR:
        return None
    found = failure(vm.failure)
    if vm.active_at is None or found.rule == VANISHED:
        return found
    # What was up is never launched again: it is its deletion that failed.
    return replace(found, next=gettext("Delete it again."), click=None)


def kept_cause(raw: str) -> str:
    """The cause in English, for what is kept."""
    return causes.of(raw).cause


def request_ids(raw: str) -> list[str]:
    """The request ids of OpenStack that stand in its words, by which its operator finds the call."""
    return list(dict.fromkeys(_REQUEST_ID.findall(raw)))


def trouble(error: OpenStackError | DomainError) -> str:
    """What holds a VM up right now, for its page. The work goes on by itself when it is over.

    Workers, who keep it, speak English.
    """
    if isinstance(error, DomainError):
        return error.message
    said = f"{error.service}: {error.message}"
    if isinstance(error, BadCredential):
        return gettext(
            "OpenStack refuses the tenant's credential. An administrator has to replace it; "
            "what you asked for is kept and goes on by itself afterwards."
        )
    if isinstance(error, NotAllowed):
        return gettext(kept.NOT_ALLOWED, said=said)
    if isinstance(error, Unavailable) and error.kind == "RemoteError":
        return gettext(
            "Heat answers with an error of its own (RemoteError): one of its parts is down, or Keystone "
            "refuses it a trust. The doctor of the tenant's credential tells an administrator which. "
            "What you asked for is kept and goes on by itself."
        )
    if isinstance(error, Unavailable):
        return gettext(kept.UNWELL, said=said)
    return gettext(kept.SAYS_NO, said=said)

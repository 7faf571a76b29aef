"""What was asked of Heat: the template and the parameters as sent, secrets masked."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from portal import log
from portal.domain.catalog import cloudinit, hot
from portal.domain.catalog.hot import Role
from portal.domain.store import vault
from portal.domain.vms import provisioning
from portal.domain.vms.models import Vm
from portal.translation import gettext

MASK = "[hidden]"
# Shorter values would take words out of every text.
SHORTEST_SECRET, SHORTEST_LINE = 4, 8
_TELLING = re.compile(r"(?i)password|secret|token|user_data|data_key")
# Long enough, and with something in it that words of a language don't have.
_WORD = re.compile(r"(?=[^\s\"']*[\dA-Z])[^\s\"']{12,}")
_SSH_KEY = re.compile(r"\b((?:ssh|ecdsa|sk)-[\w@.-]+) +([A-Za-z0-9+/=]{40,})")


@dataclass(frozen=True)
class Asked:
    """The template and each parameter's value as it may be shown. `lost`: why the values can't be opened."""

    template: str
    parameters: Mapping[str, Any]
    lost: str = ""

    @property
    def texts(self) -> list[tuple[str, str]]:
        """The parameters by name, for a reader."""
        return [(name, _text(value)) for name, value in self.parameters.items()]


class Scrubber:
    """Takes the secrets of a VM out of any text: hidden values, user data line by line, keys' long parts."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        pieces = {piece for secret in secrets for piece in _pieces(secret)}
        self._pieces = sorted(pieces, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for piece in self._pieces:
            text = text.replace(piece, MASK)
        return log.redact(_SSH_KEY.sub(_shortened, text))

    def deep(self, value: Any) -> Any:
        """The same for what JSON can hold."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {
                self(str(key)): MASK if each and _TELLING.search(str(key)) else self.deep(each)
                for key, each in value.items()
            }
        return [self.deep(each) for each in value] if isinstance(value, list | tuple) else value


def of(vm: Vm) -> tuple[Asked, Scrubber]:
    """What Heat was sent for this VM, and what takes its secrets out of other texts."""
    template = hot.read(vm.template)
    defaults = [str(one.default) for one in template.parameters if one.hidden and one.default]
    try:
        values = json.loads(vault.unseal(vm.sealed, place=provisioning.sealed_place(vm.id)))
    except vault.Unsealable as error:
        scrub = Scrubber(defaults)
        return Asked(
            scrub(vm.template), {}, gettext("The parameters can't be opened. %(why)s", why=error)
        ), scrub
    secret = {one.name for one in template.parameters if one.hidden or one.role is Role.USER_DATA}
    sealed = [text for name in secret & values.keys() for text in cloudinit.texts(_text(values[name]))]
    scrub = Scrubber([*defaults, *sealed])
    shown = {
        name: _masked(value) if name in secret else scrub.deep(value)
        for name, value in sorted(values.items())
    }
    return Asked(scrub(vm.template), shown), scrub


def _masked(value: Any) -> str:
    if value in (None, ""):
        return ""
    return gettext("%(mask)s, %(num)s characters", mask=MASK, num=len(_text(value)))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _pieces(secret: str) -> list[str]:
    """The whole, as it is and inside JSON; of several lines each, and words that look like secrets."""
    found = [secret, json.dumps(secret)[1:-1]] if len(secret) >= SHORTEST_SECRET else []
    if "\n" not in secret:
        return found
    lines = [line.strip() for line in secret.splitlines()]
    return [*found, *(line for line in lines if len(line) >= SHORTEST_LINE), *_WORD.findall(secret)]


def _shortened(found: "re.Match[str]") -> str:
    return f"{found[1]} {found[2][:8]}…{found[2][-6:]}"

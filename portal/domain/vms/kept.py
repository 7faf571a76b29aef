"""Kept: sentences with facts that rows hold in English, and how they are said to whoever reads them.

A row is written once and read in every language: the sentence is found again among those it may have
been made from, and its facts are said in the reader's words.
"""

import re
from functools import lru_cache

from portal.translation import N_, SOURCE, gettext, spoken, translated

SIZE = N_("Size from %(old)s to %(new)s")
FIREWALL = N_("Firewall: %(firewall)s")
NO_ADDRESS = N_("No public address (%(address)s is released)")
SERVER_NAME = N_("Server's name: %(name)s")
REBUILD, REBUILD_AGAIN = N_("Rebuild from %(image)s"), N_("Rebuild from %(image)s again")

GIVEN_UP = N_("It was given up: the VM is %(state)s now.")
NOT_UNDONE = N_("%(why)s It could not be undone: %(problem)s")
NOT_REBUILT = N_("OpenStack couldn't rebuild it: %(problem)s %(then)s")
SERVER_ANEW = N_(
    "Heat would make the server anew for this (%(names)s), and all that is on its disk would be lost."
)
PARTS_ANEW = N_(
    "Heat would make parts of the VM anew for this (%(names)s), so it isn't sure what would be lost."
)
TOO_LONG = N_("It couldn't be carried through within %(minutes)s minutes. %(why)s")
STILL_AT_IT = N_("%(why)s OpenStack may still be at it.")

OVERDUE = N_("The cloud didn't finish within %(minutes)s minutes.")
NO_ANSWER = N_("%(why)s At present it doesn't answer.")
EARLIER_STUCK = N_("Heat could not delete all of the earlier attempt; the portal tries again. %(problem)s")
STUCK = N_("Heat could not delete all of it; the portal tries again %(when)s. %(problem)s")
BROKE = N_("The portal itself failed (%(error)s); an administrator can see why.")
DELETED_BY_ADMIN = N_("An administrator deletes the VM: %(why)s")
LEFT_BEHIND = N_("Given up: %(why)s Left behind: %(what)s.")

CLOUD_SAYS = N_("OpenStack says: %(problem)s")
NOT_DONE = N_("It wasn't done: %(why)s")
NOT_ALLOWED = N_("OpenStack doesn't allow this to the tenant's credential (%(said)s).")
UNWELL = N_(
    "OpenStack doesn't answer as it should (%(said)s). What you asked for is kept and goes on by itself."
)
SAYS_NO = N_("OpenStack says no for now (%(said)s); the portal tries again.")

# Those that may hold another one stand before it.
_SENTENCES = (
    *(NOT_UNDONE, STILL_AT_IT, TOO_LONG, NOT_DONE, NO_ANSWER, NOT_REBUILT),
    *(SIZE, FIREWALL, NO_ADDRESS, SERVER_NAME, REBUILD_AGAIN, REBUILD),
    *(GIVEN_UP, SERVER_ANEW, PARTS_ANEW, OVERDUE, EARLIER_STUCK, STUCK, BROKE),
    *(DELETED_BY_ADMIN, LEFT_BEHIND, CLOUD_SAYS, NOT_ALLOWED, UNWELL, SAYS_NO),
)


def said(text: str | None) -> str:
    """A text of a row in the reader's language; what isn't ours, such as the cloud's own words, as it is."""
    if not text or spoken() == SOURCE:
        return text or ""
    if (exact := translated(text)) != text:
        return exact
    for sentence in _SENTENCES:
        if found := _pattern(sentence).fullmatch(text):
            return gettext(sentence, **{name: said(fact) for name, fact in found.groupdict().items()}).strip()
    return text


@lru_cache
def _pattern(sentence: str) -> re.Pattern[str]:
    parts = re.split(r"%\((\w+)\)s", sentence)
    told = (re.escape(part) if number % 2 == 0 else f"(?P<{part}>.*)" for number, part in enumerate(parts))
    return re.compile("".join(told).replace(r"\ ", " "), re.DOTALL)

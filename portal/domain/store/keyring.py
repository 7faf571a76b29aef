"""The keyring: which master keys sealed rows need, moving them all to the newest, and telling of a lost one.

Every column named `sealed` is sealed for the place "<table>.sealed/<id>". The table of master keys says which
versions rows may need, so a start reads a few rows, not all of them.
"""

import contextlib
import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Table, delete, func, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from portal.domain.store import vault
from portal.domain.store.db import Base, db, transaction
from portal.domain.store.models import MasterKey
from portal.domain.store.pulse import Sign
from portal.domain.store.vault import Unsealable, Vault
from portal.translation import N_, gettext

logger = logging.getLogger(__name__)

# So many rows are read at once.
BATCH = 100
# So many rows are named of those that need a lost key.
NAMED = 20
_WORD = b"this is the key"


@dataclass(frozen=True)
class Lost:
    """A master key that rows need and that isn't here, or is another one than when they were sealed."""

    version: int
    rows: Sequence[str]
    count: int

    def __str__(self) -> str:
        named = ", ".join(self.rows) + (", …" if self.count > len(self.rows) else "")
        return gettext(
            "Master key %(version)s is lost: PORTAL_MASTER_KEYS lacks it, or holds another one under its "
            "number. %(count)s sealed rows don't open: %(named)s. Give the key back, or replace what they "
            "hold.",
            version=self.version,
            count=self.count,
            named=named,
        )


def check() -> list[Lost]:
    """Writes down the keys that are here, and answers those that rows need and that are lost."""
    ours, known = vault.opened(), {row.version: row for row in db.session.scalars(select(MasterKey))}
    lost = [found for row in known.values() if not _is_here(ours, row) and (found := _needing(row.version))]
    for version in sorted(ours.keys.versions - known.keys()):
        _enrol(ours, version)
    return lost


def tell() -> None:
    """At the start of a process: every lost key, plainly in the log. Keeps nobody from starting."""
    try:
        for lost in check():
            logger.critical("%s", lost)
    except SQLAlchemyError as error:
        db.session.rollback()
        logger.warning("the master keys could not be checked: %s", type(error).__name__)


def sign() -> Sign:
    """Whether every sealed row can be opened, for the page of the parts."""
    lost = check()
    return Sign(
        N_("master keys"),
        well=not lost,
        detail=" ".join(map(str, lost)) or N_("all here"),
    )


def reseal() -> Generator[tuple[str, int, list[str]], None, None]:
    """Moves all sealed rows to the newest key: (table, how many moved, what is wrong with the others).

    While the portal runs. Whoever is interrupted runs it again.
    """
    check()
    for table in sealed_tables():
        yield table.name, *_reseal_table(table)
    needed = {version for version, _ in behind()} | {vault.opened().keys.newest}
    with transaction():
        db.session.execute(delete(MasterKey).where(MasterKey.version.not_in(needed)))


def behind() -> list[tuple[int, int]]:
    """(version, how many rows) of each master key but the newest that still wraps some."""
    newest = vault.opened().keys.newest
    versions = db.session.scalars(select(MasterKey.version).where(MasterKey.version != newest)).all()
    return [(found.version, found.count) for version in versions if (found := _needing(version))]


def sealed_tables() -> list[Table]:
    """The tables that have a sealed column."""
    return [table for table in Base.metadata.sorted_tables if "sealed" in table.c]


def _reseal_table(table: Table) -> tuple[int, list[str]]:
    moved, stuck, last = 0, list[str](), None
    while rows := _batch(table, last):
        for row_id, sealed in rows:
            try:
                fresh = vault.opened().reseal(sealed, place=f"{table.name}.sealed/{row_id}")
            except Unsealable as error:
                stuck.append(str(error))
            else:
                moved += _replace(table, row_id, sealed, fresh)
        last = rows[-1][0]
    return moved, stuck


def _replace(table: Table, row_id: UUID, sealed: bytes, fresh: bytes) -> bool:
    """Whether it was still there to be replaced: what was sealed anew meanwhile is left as it is.

    A transaction of its own: who holds one row and waits for none stands in nobody's way, whatever rows
    others lock in whatever order.
    """
    same = (table.c.id == row_id) & (table.c.sealed == sealed)
    with transaction():
        written = db.session.scalar(update(table).where(same).values(sealed=fresh).returning(table.c.id))
    return written is not None


def _batch(table: Table, last: UUID | None) -> list[tuple[UUID, bytes]]:
    """The next rows that another key wraps, by their ids."""
    newest = Vault.head(vault.opened().keys.newest)
    wanted = select(table.c.id, table.c.sealed).where(
        func.length(table.c.sealed) > 0, func.substr(table.c.sealed, 1, len(newest)) != newest
    )
    if last is not None:
        wanted = wanted.where(table.c.id > last)
    rows = db.session.execute(wanted.order_by(table.c.id).limit(BATCH)).all()
    db.session.rollback()
    return [(row[0], row[1]) for row in rows]


def _enrol(ours: Vault, version: int) -> None:
    proof = ours.seal(_WORD, place=_place(version), version=version)
    with contextlib.suppress(IntegrityError), transaction():  # another process was quicker
        db.session.add(MasterKey(version=version, proof=proof))


def _is_here(ours: Vault, row: MasterKey) -> bool:
    try:
        return ours.open(row.proof, place=_place(row.version)) == _WORD
    except Unsealable:
        return False


def _needing(version: int) -> Lost | None:
    """The rows that this version wraps; None: there are none."""
    head, names, count = Vault.head(version), list[str](), 0
    for table in sealed_tables():
        wrapped = func.substr(table.c.sealed, 1, len(head)) == head
        count += db.session.scalar(select(func.count()).select_from(table).where(wrapped)) or 0
        room = NAMED - len(names)
        ids = db.session.scalars(select(table.c.id).where(wrapped).limit(room)) if room else ()
        names += [f"{table.name}/{row_id}" for row_id in ids]
    return Lost(version, names, count) if count else None


def _place(version: int) -> str:
    return f"master_keys.proof/{version}"

"""What the domain says no with; the web maps each to a page."""

from sqlalchemy.exc import DataError
from sqlalchemy.orm.exc import ObjectDeletedError

from portal.translation import gettext

# PostgreSQL's word for a text that is too long or holds a zero byte, and for a number beyond its type.
Unkeepable = DataError
# What was read is no longer there when it is to be changed: somebody else removed it, or another tab did.
Gone = ObjectDeletedError


class DomainError(Exception):
    """A refusal in words a person can read."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotFound(DomainError):
    """It doesn't exist, or it is none of this person's business."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or gettext("There is nothing here."))


class Forbidden(DomainError):
    """The person's role doesn't allow it."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or gettext("Your role doesn't allow this."))


class Refused(DomainError):
    """It can't be done as asked; `field` names the answer that has to change, if one does."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field

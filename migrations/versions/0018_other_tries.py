"""A draft may be another try of a failed VM, which remembers the draft it was made from last

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("launch_drafts") as table:
        table.add_column(sa.Column("replaces_id", sa.Uuid(), nullable=True))
    with op.batch_alter_table("vms") as table:
        table.add_column(sa.Column("draft_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("vms") as table:
        table.drop_column("draft_id")
    with op.batch_alter_table("launch_drafts") as table:
        table.drop_column("replaces_id")

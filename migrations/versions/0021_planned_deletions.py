"""Deletions that can be taken back, and how far a lease is"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

DUE = sa.text("delete_due_at IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("vms") as vms:
        vms.add_column(sa.Column("delete_due_at", sa.DateTime(timezone=True), nullable=True))
        vms.add_column(sa.Column("delete_cause", sa.Text(), nullable=True))
        vms.add_column(sa.Column("delete_by_id", sa.Uuid(), nullable=True))
        vms.add_column(sa.Column("lease_stage", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        "ix_vms_delete_due_at", "vms", ["delete_due_at"], sqlite_where=DUE, postgresql_where=DUE
    )


def downgrade() -> None:
    op.drop_index("ix_vms_delete_due_at", "vms")
    with op.batch_alter_table("vms") as vms:
        for column in ("lease_stage", "delete_by_id", "delete_cause", "delete_due_at"):
            vms.drop_column(column)

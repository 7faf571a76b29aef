"""How long finished launches took, and what was usual when a VM was asked for

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "finished_launches",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("cloud", sa.Text(), nullable=False),
        sa.Column("offering", sa.String(length=255), nullable=False),
        sa.Column("size", sa.String(length=255), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finished_launches")),
    )
    op.create_index(
        op.f("ix_finished_launches_cloud_offering_size_id"),
        "finished_launches",
        ["cloud", "offering", "size", "id"],
    )
    with op.batch_alter_table("vms") as table:
        table.add_column(sa.Column("usual", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("vms") as table:
        table.drop_column("usual")
    op.drop_table("finished_launches")

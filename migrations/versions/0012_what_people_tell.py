"""What people tell of a VM: a description, tags, and when its lease ends

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

LEASED = sa.text("lease_ends_at IS NOT NULL")


def upgrade() -> None:
    with op.batch_alter_table("vms") as vms:
        vms.add_column(sa.Column("description", sa.Text(), nullable=False, server_default=""))
        vms.add_column(sa.Column("lease_ends_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_vms_lease_ends_at", "vms", ["lease_ends_at"], sqlite_where=LEASED, postgresql_where=LEASED
    )
    op.create_table(
        "vm_tags",
        sa.Column("vm_id", sa.Uuid(), nullable=False),
        sa.Column("tag", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["vm_id"], ["vms.id"], name="fk_vm_tags_vm_id_vms"),
        sa.PrimaryKeyConstraint("vm_id", "tag", name="pk_vm_tags"),
    )
    op.create_index("ix_vm_tags_tag_vm_id", "vm_tags", ["tag", "vm_id"])


def downgrade() -> None:
    op.drop_table("vm_tags")
    op.drop_index("ix_vms_lease_ends_at", "vms")
    with op.batch_alter_table("vms") as vms:
        vms.drop_column("lease_ends_at")
        vms.drop_column("description")

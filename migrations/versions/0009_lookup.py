"""Find a VM by what somebody was told; keep what the cloud said with each failed move

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BEGINNINGS = ("name", "private_ip", "public_ip")


def upgrade() -> None:
    with op.batch_alter_table("audit_entries") as table:
        table.create_index("ix_audit_entries_request_id", ["request_id"])
    with op.batch_alter_table("heat_events") as table:
        table.create_index("ix_heat_events_physical_id", ["physical_id"])
    with op.batch_alter_table("transitions") as table:
        table.add_column(sa.Column("failure", sa.Text(), nullable=True))
        table.add_column(sa.Column("cloud_request_id", sa.String(length=255), nullable=True))
        table.create_index("ix_transitions_cloud_request_id", ["cloud_request_id"])
    with op.batch_alter_table("vms") as table:
        for each in BEGINNINGS:
            table.create_index(f"ix_vms_{each}", [each], postgresql_ops={each: "varchar_pattern_ops"})


def downgrade() -> None:
    with op.batch_alter_table("vms") as table:
        for each in BEGINNINGS:
            table.drop_index(f"ix_vms_{each}")
    with op.batch_alter_table("transitions") as table:
        table.drop_index("ix_transitions_cloud_request_id")
        table.drop_column("cloud_request_id")
        table.drop_column("failure")
    with op.batch_alter_table("heat_events") as table:
        table.drop_index("ix_heat_events_physical_id")
    with op.batch_alter_table("audit_entries") as table:
        table.drop_index("ix_audit_entries_request_id")

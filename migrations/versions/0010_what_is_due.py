"""Indexes for what is due and for the list of all tenants, where there are a hundred thousand VMs

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SOME = {
    "state_requested_at": (["state", "requested_at"], "state != 'active'"),
    "works": (["look_at"], "state IN ('requested', 'provisioning', 'deleting')"),
    "rests": (["look_at"], "state = 'active' OR state = 'error' AND stack_id IS NOT NULL"),
    "power_due_at": (["power_due_at"], "power_due_at IS NOT NULL"),
    "look_failures": (["look_failures"], "look_failures > 0"),
}
GONE = ("look_at", "owner_id", "power_due_at")


def upgrade() -> None:
    for name in GONE:
        op.drop_index(f"ix_vms_{name}", "vms")
    op.create_index("ix_vms_requested_at", "vms", ["requested_at"])
    for name, (columns, where) in SOME.items():
        condition = sa.text(where)
        op.create_index(f"ix_vms_{name}", "vms", columns, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    for name in ("requested_at", *SOME):
        op.drop_index(f"ix_vms_{name}", "vms")
    for name in GONE:
        op.create_index(f"ix_vms_{name}", "vms", [name])

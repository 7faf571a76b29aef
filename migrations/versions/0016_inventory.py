"""The image of a VM as a column, and indexes for the list's orders and filters

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_vms_tenant_id_name": ["tenant_id", "name"],
    "ix_vms_in_order_of_names": ["name", "id"],
    "ix_vms_owner_id_requested_at": ["owner_id", "requested_at"],
    "ix_vms_offering_requested_at": ["offering", "requested_at"],
}
IMAGE = {
    "postgresql": "spec #>> '{image,name}'",
    "sqlite": "json_extract(spec, '$.image.name')",
}


def upgrade() -> None:
    op.add_column("vms", sa.Column("image_name", sa.String(255), nullable=True))
    op.execute(f"UPDATE vms SET image_name = {IMAGE[op.get_bind().dialect.name]}")  # noqa: S608 - words of this file
    op.create_index("ix_vms_image_name", "vms", ["image_name"], postgresql_ops={"image_name": "varchar_pattern_ops"})
    for name, columns in INDEXES.items():
        op.create_index(name, "vms", columns)


def downgrade() -> None:
    for name in ("ix_vms_image_name", *INDEXES):
        op.drop_index(name, "vms")
    op.drop_column("vms", "image_name")

"""The firewall that an admin chose for a network

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("network_profiles") as table:
        table.add_column(sa.Column("firewall", sa.String(length=255), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("network_profiles") as table:
        table.drop_column("firewall")

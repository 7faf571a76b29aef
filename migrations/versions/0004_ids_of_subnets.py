"""Keep the ids of subnets"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table('network_profiles', schema=None) as batch_op:
        batch_op.add_column(sa.Column('subnets', sa.JSON(), nullable=False, server_default='[]'))
        batch_op.drop_column('cidrs')
    # The ids come with the next look at the catalogue, which is now.
    op.execute(sa.text("UPDATE tenants SET catalog_due_at = created_at"))


def downgrade():
    with op.batch_alter_table('network_profiles', schema=None) as batch_op:
        batch_op.add_column(sa.Column('cidrs', sa.JSON(), nullable=False, server_default='[]'))
        batch_op.drop_column('subnets')

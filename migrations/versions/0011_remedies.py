"""Remedies under way and tried"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table('findings', schema=None) as batch_op:
        batch_op.add_column(sa.Column('asked', sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column('due_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('tried', sa.JSON(), nullable=False, server_default='[]'))
        batch_op.create_index(batch_op.f('ix_findings_due_at'), ['due_at'], unique=False)


def downgrade():
    with op.batch_alter_table('findings', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_findings_due_at'))
        batch_op.drop_column('tried')
        batch_op.drop_column('due_at')
        batch_op.drop_column('asked')

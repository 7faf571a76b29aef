"""Notices"""

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        'notices',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('user_id', sa.Uuid(), nullable=False),
        sa.Column('kind', sa.String(length=30), nullable=False),
        sa.Column('key', sa.String(length=255), nullable=False),
        sa.Column('subject_id', sa.Uuid(), nullable=False),
        sa.Column('facts', sa.JSON(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('read_at', sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_notices_user_id_users')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_notices')),
        sa.UniqueConstraint('user_id', 'key', name=op.f('uq_notices_user_id_key')),
    )
    with op.batch_alter_table('notices', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_notices_user_id_at'), ['user_id', 'at'], unique=False)
        batch_op.create_index(
            'ix_notices_unread',
            ['user_id'],
            unique=False,
            sqlite_where=sa.text('read_at IS NULL'),
            postgresql_where=sa.text('read_at IS NULL'),
        )


def downgrade():
    op.drop_table('notices')

"""Deliveries by mail and webhook"""

import sqlalchemy as sa
from alembic import op

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        'notice_choices',
        sa.Column('user_id', sa.Uuid(), nullable=False),
        sa.Column('kind', sa.String(length=30), nullable=False),
        sa.Column('channels', sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_notice_choices_user_id_users')),
        sa.PrimaryKeyConstraint('user_id', 'kind', name=op.f('pk_notice_choices')),
    )
    op.create_table(
        'webhooks',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('user_id', sa.Uuid(), nullable=True),
        sa.Column('tenant_id', sa.Uuid(), nullable=True),
        sa.Column('host', sa.String(length=255), nullable=False),
        sa.Column('sealed', sa.LargeBinary(), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_webhooks_tenant_id_tenants')),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_webhooks_user_id_users')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_webhooks')),
        sa.UniqueConstraint('tenant_id', name=op.f('uq_webhooks_tenant_id')),
        sa.UniqueConstraint('user_id', name=op.f('uq_webhooks_user_id')),
    )
    op.create_table(
        'deliveries',
        sa.Column('id', sa.Uuid(), nullable=False),
        sa.Column('channel', sa.String(length=30), nullable=False),
        sa.Column('address', sa.String(length=255), nullable=True),
        sa.Column('webhook_id', sa.Uuid(), nullable=True),
        sa.Column('kind', sa.String(length=255), nullable=False),
        sa.Column('key', sa.String(length=255), nullable=False),
        sa.Column('subject_id', sa.Uuid(), nullable=True),
        sa.Column('facts', sa.JSON(), nullable=False),
        sa.Column('sealed', sa.LargeBinary(), nullable=True),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('tries', sa.Integer(), nullable=False),
        sa.Column('outcome', sa.String(length=255), nullable=True),
        sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
        sa.Column('given_up_at', sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(['webhook_id'], ['webhooks.id'], name=op.f('fk_deliveries_webhook_id_webhooks')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_deliveries')),
        sa.UniqueConstraint('address', 'key', name=op.f('uq_deliveries_address_key')),
        sa.UniqueConstraint('webhook_id', 'key', name=op.f('uq_deliveries_webhook_id_key')),
    )
    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        for column in ('created_at', 'due_at', 'given_up_at'):
            batch_op.create_index(batch_op.f(f'ix_deliveries_{column}'), [column], unique=False)


def downgrade():
    op.drop_table('deliveries')
    op.drop_table('webhooks')
    op.drop_table('notice_choices')

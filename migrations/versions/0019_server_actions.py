"""What Nova did to the servers of VMs"""

import sqlalchemy as sa
from alembic import op

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None


def upgrade():
    op.create_table('server_actions',
    sa.Column('server_id', sa.String(length=255), nullable=False),
    sa.Column('request_id', sa.String(length=255), nullable=False),
    sa.Column('action', sa.String(length=255), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('vm_id', sa.Uuid(), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('message', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['vm_id'], ['vms.id'], name=op.f('fk_server_actions_vm_id_vms')),
    sa.PrimaryKeyConstraint('server_id', 'request_id', 'action', 'at', name=op.f('pk_server_actions'))
    )
    with op.batch_alter_table('server_actions', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_server_actions_request_id'), ['request_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_server_actions_vm_id_at'), ['vm_id', 'at'], unique=False)

    with op.batch_alter_table('vms', schema=None) as batch_op:
        batch_op.add_column(sa.Column('actions_due_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index('ix_vms_actions_due_at', ['tenant_id', 'actions_due_at'], unique=False, sqlite_where=sa.text('actions_due_at IS NOT NULL'), postgresql_where=sa.text('actions_due_at IS NOT NULL'))


def downgrade():
    with op.batch_alter_table('vms', schema=None) as batch_op:
        batch_op.drop_index('ix_vms_actions_due_at', sqlite_where=sa.text('actions_due_at IS NOT NULL'), postgresql_where=sa.text('actions_due_at IS NOT NULL'))
        batch_op.drop_column('actions_due_at')

    op.drop_table('server_actions')

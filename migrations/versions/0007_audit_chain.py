"""The audit as a chain: numbers without a gap, hashes, the head, and triggers that refuse changes"""

import hashlib
import json
from datetime import UTC

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

BATCH = 1000
REFUSAL = 'the audit is append-only'
INDEXED = ('actor', 'subject', 'tenant_id', 'vm_id', 'action')

entries = sa.table(
    'audit_entries', sa.column('id', sa.Integer()), sa.column('at', sa.DateTime(timezone=True)),
    sa.column('action', sa.String()), sa.column('user_id', sa.Uuid()), sa.column('actor', sa.String()),
    sa.column('subject', sa.String()), sa.column('tenant_id', sa.Uuid()), sa.column('vm_id', sa.Uuid()),
    sa.column('address', sa.String()), sa.column('request_id', sa.String()), sa.column('detail', sa.JSON()),
    sa.column('previous_hash', sa.String()), sa.column('hash', sa.String()),
)


def upgrade():
    op.create_table('audit_head',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('hash', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_head'))
    )
    op.create_table('audit_checks',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('asked_by', sa.String(length=255), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('state', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_checks'))
    )
    with op.batch_alter_table('audit_checks', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_audit_checks_asked_at'), ['asked_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_audit_checks_due_at'), ['due_at'], unique=False)

    with op.batch_alter_table('audit_entries', schema=None) as batch_op:
        batch_op.add_column(sa.Column('subject', sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column('previous_hash', sa.String(length=64), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('hash', sa.String(length=64), nullable=False, server_default=''))
        batch_op.drop_index(batch_op.f('ix_audit_entries_tenant_id_at'))
        batch_op.drop_index(batch_op.f('ix_audit_entries_vm_id'))
        batch_op.create_index(batch_op.f('ix_audit_entries_at_id'), ['at', 'id'], unique=False)
        for name in INDEXED:
            batch_op.create_index(batch_op.f(f'ix_audit_entries_{name}_at_id'), [name, 'at', 'id'], unique=False)

    number, hashed = _chain()
    op.execute(f"INSERT INTO audit_head (id, number, hash) VALUES (1, {number}, '{hashed}')")
    _guard()


def _chain():
    """Numbers the entries that are there without a gap and hashes each with the one before."""
    connection, before, number, hashed = op.get_bind(), None, 0, '0' * 64
    while True:
        following = sa.select(entries).order_by(entries.c.id).limit(BATCH)
        if before is not None:
            following = following.where(entries.c.id > before)
        rows = connection.execute(following).mappings().all()
        if not rows:
            return number, hashed
        changes = []
        for row in rows:
            before, number = row['id'], number + 1
            subject = row['detail'].get('email')
            entry = {**row, 'id': number, 'previous_hash': hashed, 'subject': subject}
            hashed = _hash(entry)
            changes.append({
                'old': before, 'new': number, 'subject_': subject,
                'previous_': entry['previous_hash'], 'hash_': hashed,
            })
        connection.execute(
            entries.update().where(entries.c.id == sa.bindparam('old')).values(
                id=sa.bindparam('new'), subject=sa.bindparam('subject_'),
                previous_hash=sa.bindparam('previous_'), hash=sa.bindparam('hash_'),
            ),
            changes,
        )


def _hash(entry):
    facts = {name: _plain(value) for name, value in entry.items() if value is not None and name != 'hash'}
    canonical = json.dumps(facts, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value):
    if hasattr(value, 'isoformat'):
        # SQLite tells a time without its zone, which is UTC.
        value = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return value.isoformat(timespec='microseconds')
    return str(value) if hasattr(value, 'hex') and hasattr(value, 'bytes') else value


def _guard():
    """The database itself refuses to change or remove an entry."""
    if op.get_bind().dialect.name == 'sqlite':
        for what in ('UPDATE', 'DELETE'):
            op.execute(
                f"CREATE TRIGGER audit_entries_no_{what.lower()} BEFORE {what} ON audit_entries "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
    )


def downgrade():
    if op.get_bind().dialect.name == 'sqlite':
        op.execute("DROP TRIGGER audit_entries_no_update")
        op.execute("DROP TRIGGER audit_entries_no_delete")
    else:
        op.execute("DROP TRIGGER audit_entries_append_only ON audit_entries")
        op.execute("DROP FUNCTION refuse_audit_change()")

    with op.batch_alter_table('audit_entries', schema=None) as batch_op:
        for name in reversed(INDEXED):
            batch_op.drop_index(batch_op.f(f'ix_audit_entries_{name}_at_id'))
        batch_op.drop_index(batch_op.f('ix_audit_entries_at_id'))
        batch_op.create_index(batch_op.f('ix_audit_entries_vm_id'), ['vm_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_audit_entries_tenant_id_at'), ['tenant_id', 'at'], unique=False)
        batch_op.drop_column('hash')
        batch_op.drop_column('previous_hash')
        batch_op.drop_column('subject')

    with op.batch_alter_table('audit_checks', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_audit_checks_due_at'))
        batch_op.drop_index(batch_op.f('ix_audit_checks_asked_at'))

    op.drop_table('audit_checks')
    op.drop_table('audit_head')

-- What is sealed, as it is sealed: the text that is hashed, of every transfer and every event of a payment. docs/audit.md
-- states it field by field; scripts/verify makes it again by itself. A text[] as JSON is what RFC 8785 makes of it.
-- What was sealed once must always read the same: another text needs another first field and a view that makes both.
CREATE OR REPLACE FUNCTION audit_time(p_at timestamptz) RETURNS text
LANGUAGE sql STABLE
RETURN to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- The place of an entry among those of one transaction: transfers by id, then events by id.
CREATE OR REPLACE FUNCTION audit_transfer_key(p_id uuid) RETURNS bytea
LANGUAGE sql IMMUTABLE
RETURN '\x00'::bytea || uuid_send(p_id);

CREATE OR REPLACE FUNCTION audit_event_key(p_id bigint) RETURNS bytea
LANGUAGE sql IMMUTABLE
RETURN '\x010000000000000000'::bytea || int8send(p_id);

-- The accounts by what they are, not by their id alone: an account that is given to somebody else touches its entries.
CREATE OR REPLACE VIEW audit_entry AS
SELECT transfer.partner_id, transfer.payment_id, transfer.xid, audit_transfer_key(transfer.id) AS key,
  to_json(ARRAY['surety.transfer.1', transfer.id::text, transfer.payment_id::text, transfer.kind, transfer.amount::text,
    transfer.debit::text, debited.kind, debited.owner::text, debited.asset,
    transfer.credit::text, credited.kind, credited.owner::text, credited.asset,
    transfer.reference, transfer.actor::text, audit_time(transfer.at), transfer.origin::text])::text AS leaf
FROM transfer
LEFT JOIN account debited ON debited.id = transfer.debit
LEFT JOIN account credited ON credited.id = transfer.credit
UNION ALL
SELECT payment_event.partner_id, payment_event.payment_id, payment_event.xid, audit_event_key(payment_event.id),
  to_json(ARRAY['surety.event.1', payment_event.payment_id::text, payment_event.seq::text, payment_event.type,
    payment_event.body::text, audit_time(payment_event.at)])::text
FROM payment_event;

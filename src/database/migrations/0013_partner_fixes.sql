-- The partner's side under load and under erasure: what was disabled is cleared by pieces, what is urgent goes first, what
-- is read has its index, and nobody can be called as an erased member is.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

-- A name that no border lets in (src/api/validate.ts): `erased:<id>` could be anybody's.
ALTER TABLE member NO FORCE ROW LEVEL SECURITY;
UPDATE member SET external_id = chr(1) || 'erased:' || id WHERE erased_at IS NOT NULL;
ALTER TABLE member FORCE ROW LEVEL SECURITY;
-- Not validated, which would read the whole table under an exclusive lock.
ALTER TABLE member ADD CONSTRAINT member_erased_name_check
  CHECK ((erased_at IS NOT NULL) = starts_with(external_id, chr(1))) NOT VALID;

ALTER TABLE webhook_endpoint
  -- How often it was disabled. What was on its way before the last time is over: a delivery of an older number is not made,
  -- and is recorded as failed by and by.
  ADD COLUMN disablings integer NOT NULL DEFAULT 0,
  -- Since when it is not there any more; its deliveries go by pieces, and then the row.
  ADD COLUMN deleted_at timestamptz,
  ADD CONSTRAINT webhook_endpoint_deleted_check CHECK (deleted_at IS NULL OR state = 'disabled');
ALTER TABLE webhook_delivery
  -- Of its endpoint, when it was asked for last.
  ADD COLUMN disablings integer NOT NULL DEFAULT 0,
  -- Lower goes first: 1 what a payment says, 3, 4 what members' points say, which may come by the hundred thousand.
  ADD COLUMN priority smallint NOT NULL DEFAULT 3;
CREATE INDEX webhook_delivery_pending ON webhook_delivery (endpoint_id, disablings, priority, due_at) WHERE state = 'pending';
CREATE INDEX webhook_delivery_by_state ON webhook_delivery (endpoint_id, state, event_id DESC);
-- Deliveries are looked for by their endpoint.
DROP INDEX webhook_delivery_due;
CREATE INDEX webhook_endpoint_deleted ON webhook_endpoint (id) WHERE deleted_at IS NOT NULL;

-- The feed of one type; the span of a replay.
CREATE INDEX event_feed_by_type ON event (partner_id, type, xid, position);
CREATE INDEX event_by_time ON event (partner_id, at, id);

GRANT DELETE ON webhook_delivery TO surety_ledger;
GRANT SELECT (partner_id, state, disablings, deleted_at) ON webhook_endpoint TO surety_directory;
GRANT SELECT (received_at) ON credit_import TO surety_directory;
CREATE INDEX credit_import_cut ON credit_import (received_at) WHERE state = 'receiving';

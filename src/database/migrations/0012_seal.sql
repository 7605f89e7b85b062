-- The audit chain (docs/audit.md): what stands in the books, sealed block by block after it was written, a chain a partner.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

CREATE TABLE audit_block (
  partner_id uuid NOT NULL REFERENCES partner,
  n bigint NOT NULL CHECK (n > 0),
  -- Of block n − 1, and of block n & (n − 1): by the second any block is reached from the head in a few steps.
  previous_hash bytea NOT NULL CHECK (length(previous_hash) = 32),
  skip_hash bytea NOT NULL CHECK (length(skip_hash) = 32),
  root bytea NOT NULL CHECK (length(root) = 32),
  first_position bigint NOT NULL CHECK (first_position > 0),
  entries integer NOT NULL CHECK (entries > 0),
  sealed_at timestamptz NOT NULL,
  hash bytea NOT NULL CHECK (length(hash) = 32),
  -- The last entry in it: the next block goes on after that.
  through_xid xid8 NOT NULL,
  through_key bytea NOT NULL CHECK (length(through_key) = 17),
  -- What stands in it, in its order: which rows, and the hash of each. So the entry that was touched can be named.
  keys bytea NOT NULL CHECK (length(keys) = 17 * entries),
  leaves bytea NOT NULL CHECK (length(leaves) = 32 * entries),
  PRIMARY KEY (partner_id, n)
);
-- Hashes are not worth compressing.
ALTER TABLE audit_block ALTER COLUMN keys SET STORAGE EXTERNAL, ALTER COLUMN leaves SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX audit_block_by_end ON audit_block (partner_id, through_xid, through_key);
CREATE TRIGGER audit_block_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_block
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Entries in the order of their transactions. By the transaction alone: entries of one are neighbours, and share a place in
-- the index.
CREATE INDEX transfer_to_seal ON transfer (partner_id, xid);
CREATE INDEX payment_event_to_seal ON payment_event (partner_id, xid);

ALTER TABLE audit_block ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_block FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON audit_block USING (partner_id = (SELECT current_partner())) WITH CHECK (partner_id = (SELECT current_partner()));
CREATE POLICY everything ON audit_block FOR SELECT TO surety_monitor USING (true);
GRANT SELECT ON audit_block TO surety_monitor;
GRANT SELECT, INSERT ON audit_block TO surety_ledger;

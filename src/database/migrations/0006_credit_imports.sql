-- Credits by the million: the file as it came, what became of its lines, and a ledger that takes them in sets.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

-- What a credit costs is what it costs to insert a transfer and a lot. Measured a line, on 2 cores: the plain rows 4 µs,
-- each foreign key 3 to 5, each index 1.3. All writes go through our functions, which take every id from the row that it
-- names; `ledger_violation` checks afterwards what these keys refused beforehand.
ALTER TABLE transfer
  DROP CONSTRAINT transfer_debit_fkey,
  DROP CONSTRAINT transfer_credit_fkey,
  DROP CONSTRAINT transfer_payment_id_fkey;
ALTER TABLE lot
  DROP CONSTRAINT lot_member_id_fkey,
  DROP CONSTRAINT lot_transfer_id_fkey;
ALTER TABLE account
  DROP CONSTRAINT account_partner_id_fkey,
  DROP CONSTRAINT account_owner_fkey;

-- A balance changes with every entry: with room on its page, without touching an index.
ALTER TABLE account SET (fillfactor = 70);

-- A credit is always debited to programme.issued: nobody looks for credits by that account.
DROP INDEX transfer_by_debit;
CREATE INDEX transfer_by_debit ON transfer (debit) WHERE kind <> 'credit';

-- A credit's lot has the id of its transfer from now on: only those of before, and of releases, are found by an index.
DROP INDEX lot_by_transfer;
CREATE INDEX lot_by_transfer ON lot (transfer_id) WHERE id <> transfer_id;

-- The partner is asked for once a statement, not once a row.
DO $$
DECLARE
  tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['member', 'account', 'transfer', 'lot']
  LOOP
    EXECUTE format('ALTER POLICY tenant ON %I USING (partner_id = (SELECT current_partner())) WITH CHECK (partner_id = (SELECT current_partner()))',
      tenant_table);
  END LOOP;
END
$$;

CREATE TABLE credit_import (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  partner_id uuid NOT NULL REFERENCES partner,
  -- Of the Idempotency-Key and who sent it: the key belongs to the import.
  key_hash bytea NOT NULL,
  state text NOT NULL DEFAULT 'receiving' CHECK (state IN ('receiving', 'running', 'finished', 'failed')),
  format text NOT NULL CHECK (format IN ('ndjson', 'csv')),
  dry_run boolean NOT NULL,
  actor jsonb NOT NULL,
  -- A body that is sent again after a cut connection is received anew: chunks of an older reception are refused.
  reception integer NOT NULL DEFAULT 1,
  received_at timestamptz NOT NULL,
  total_bytes bigint NOT NULL DEFAULT 0,
  total_lines bigint NOT NULL DEFAULT 0,
  sha256 bytea,
  -- Of a CSV file; every chunk is read by it.
  header text,
  lines_done bigint NOT NULL DEFAULT 0,
  credited_lines bigint NOT NULL DEFAULT 0,
  credited_points numeric NOT NULL DEFAULT 0,
  already_credited_lines bigint NOT NULL DEFAULT 0,
  rejected_lines bigint NOT NULL DEFAULT 0,
  members_created bigint NOT NULL DEFAULT 0,
  failure text,
  created_at timestamptz NOT NULL,
  started_at timestamptz,
  finished_at timestamptz,
  UNIQUE (partner_id, key_hash),
  CHECK ((failure IS NOT NULL) = (state = 'failed')),
  CHECK ((finished_at IS NOT NULL) = (state IN ('finished', 'failed')))
);
CREATE INDEX credit_import_by_partner ON credit_import (partner_id, id DESC);
CREATE INDEX credit_import_receiving ON credit_import (partner_id, received_at) WHERE state = 'receiving';

-- The body, cut at line ends. A chunk goes in the transaction that books its lines: those that are there are to be done.
CREATE TABLE credit_import_chunk (
  import_id uuid NOT NULL REFERENCES credit_import ON DELETE CASCADE,
  n integer NOT NULL,
  partner_id uuid NOT NULL,
  first_line bigint NOT NULL,
  lines integer NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (import_id, n)
);
-- Kept for minutes: not worth compressing.
ALTER TABLE credit_import_chunk ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Why a line was not credited: never what stands in it, which may be personal.
CREATE TABLE credit_import_rejection (
  import_id uuid NOT NULL REFERENCES credit_import ON DELETE CASCADE,
  line bigint NOT NULL,
  partner_id uuid NOT NULL,
  reason text NOT NULL,
  field text,
  PRIMARY KEY (import_id, line)
);

-- The lines that a dry run would have credited: a reference that comes again in the file is found here.
CREATE TABLE credit_import_rehearsal (
  import_id uuid NOT NULL,
  reference text NOT NULL,
  partner_id uuid NOT NULL,
  external_id text NOT NULL,
  points bigint NOT NULL,
  expires_on date,
  PRIMARY KEY (import_id, reference)
);

DO $$
DECLARE
  tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['credit_import', 'credit_import_chunk', 'credit_import_rejection', 'credit_import_rehearsal']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY tenant ON %I USING (partner_id = (SELECT current_partner())) WITH CHECK (partner_id = (SELECT current_partner()))', tenant_table);
  END LOOP;
END
$$;
CREATE POLICY everything ON credit_import FOR SELECT TO surety_monitor USING (true);
GRANT SELECT ON credit_import TO surety_monitor;
GRANT SELECT, INSERT, UPDATE, DELETE ON credit_import TO surety_ledger;
GRANT SELECT, INSERT, DELETE ON credit_import_chunk, credit_import_rejection, credit_import_rehearsal TO surety_ledger;

-- Where these books stand, so that a restored copy of them is noticed; and what was done about it (docs/backup.md).
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

-- The cluster, its timeline and the database that these books are written in. A restore from a backup brings the row of
-- before to another timeline (or cluster, or database): then the ledger is closed until somebody has said what was lost.
CREATE TABLE ledger_incarnation (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  -- As ledger_identity() tells it.
  identity text NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  -- Closed by hand: where a restore cannot be told by its identity, and while one is being recovered.
  closed_at timestamptz
);
INSERT INTO ledger_incarnation (identity)
SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()), left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
  (SELECT oid FROM pg_database WHERE datname = current_database()));
GRANT SELECT ON ledger_incarnation TO surety_ledger, surety_monitor;

-- Each time that the ledger was opened again: by a recovery, or by somebody who answers for it that nothing was lost.
CREATE TABLE recovery (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  kind text NOT NULL CHECK (kind IN ('recovered', 'nothing_lost')),
  -- What was lost begins here, the margin included.
  lost_since timestamptz,
  reason text CHECK (length(reason) BETWEEN 1 AND 500),
  actor text NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
  identity_before text NOT NULL,
  identity_after text NOT NULL,
  epoch integer NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  -- What was found and done; ids, states and sums alone.
  report jsonb,
  CHECK ((kind = 'recovered') = (lost_since IS NOT NULL AND report IS NOT NULL)),
  CHECK ((kind = 'nothing_lost') = (reason IS NOT NULL))
);
CREATE TRIGGER recovery_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON recovery
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT ON recovery TO surety_monitor;

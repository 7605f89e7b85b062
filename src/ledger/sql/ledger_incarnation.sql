-- Whether these books are the ones that were written in last, or a restored copy of which something may be missing.

-- The cluster, its timeline and the database. A restore to a point in time and the promotion of a replica begin a timeline, a
-- dump is restored into another database or cluster; a crash, a restart, a fail-over of the machine's disk change none of it.
CREATE OR REPLACE FUNCTION ledger_identity() RETURNS text
LANGUAGE sql VOLATILE SET search_path = surety, pg_temp AS $$
  SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
    CASE WHEN pg_is_in_recovery() THEN 'replica' ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END,
    (SELECT oid FROM pg_database WHERE datname = current_database()));
$$;

-- Asked by each connection before it does anything else (src/database/pool.ts): whoever was connected before a restore has
-- lost his connection by it.
CREATE OR REPLACE FUNCTION ledger_is_open() RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT closed_at IS NULL AND identity = ledger_identity() FROM ledger_incarnation;
$$;

-- When they were opened: the first time, or after the last restore that was told. As JSON tells a time.
CREATE OR REPLACE FUNCTION ledger_open_since() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT to_jsonb(since) FROM ledger_incarnation;
$$;

-- Closes the ledger to new connections, also where a restore cannot be told by its identity (a disk's snapshot). Answers who is
-- connected from before, and may write until he is stopped: {connected: [role]}; after a restore that is told nobody can be.
-- By the operator, as who owns the tables; and so is what follows.
CREATE OR REPLACE FUNCTION ledger_close() RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_books ledger_incarnation;
BEGIN
  UPDATE ledger_incarnation SET closed_at = coalesce(closed_at, clock_timestamp()) RETURNING * INTO v_books;
  -- Who came since has been refused, and is about to go.
  RETURN jsonb_build_object('connected', (
    SELECT coalesce(jsonb_agg(DISTINCT usename), '[]') FROM pg_stat_activity
    WHERE datname = current_database() AND usename IN ('surety_api', 'surety_worker')
      AND backend_start < v_books.closed_at AND v_books.identity = ledger_identity()));
END
$$;

-- Opens it where it stands now. p_report: of a recovery; then the epoch is raised, so that cursors from before are refused.
-- By the minute of the day it is, where that is greater: of two restores to before the first one's end, each has its own.
-- NULL where nothing was lost. Answers {epoch}.
CREATE OR REPLACE FUNCTION ledger_reopen(p_lost_since timestamptz, p_reason text, p_actor text, p_report jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_before text;
  v_epoch integer;
BEGIN
  SELECT identity INTO STRICT v_before FROM ledger_incarnation FOR UPDATE;
  UPDATE ledger_incarnation SET identity = ledger_identity(), since = clock_timestamp(), closed_at = NULL;
  IF p_report IS NOT NULL THEN
    UPDATE ledger_epoch SET epoch = greatest(epoch + 1, (extract(epoch FROM clock_timestamp()) / 60)::integer);
  END IF;
  SELECT epoch INTO STRICT v_epoch FROM ledger_epoch;
  INSERT INTO recovery (kind, lost_since, reason, actor, identity_before, identity_after, epoch, report)
  VALUES (CASE WHEN p_report IS NULL THEN 'nothing_lost' ELSE 'recovered' END, p_lost_since, p_reason, p_actor, v_before,
    ledger_identity(), v_epoch, p_report);
  RETURN jsonb_build_object('epoch', v_epoch);
END
$$;

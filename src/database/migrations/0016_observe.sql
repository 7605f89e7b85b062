-- What operations sees and does: pauses, the checks of the books, and indexes for what is read at every scrape.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

-- While one is open, no new payment is: of one partner, or (partner_id NULL) of all. Kept for good, with who did it and why.
CREATE TABLE pause (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  partner_id uuid REFERENCES partner,
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
  by jsonb NOT NULL,
  since timestamptz NOT NULL,
  ended_by jsonb,
  ended_at timestamptz,
  CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX pause_one_open ON pause (partner_id) NULLS NOT DISTINCT WHERE ended_at IS NULL;

CREATE FUNCTION refuse_change_of_ended_pause() RETURNS trigger
LANGUAGE plpgsql SET search_path = surety, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'a pause that has ended is not changed';
END
$$;
CREATE TRIGGER pause_ended_once BEFORE UPDATE ON pause
  FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION refuse_change_of_ended_pause();
CREATE TRIGGER pause_kept BEFORE DELETE OR TRUNCATE ON pause
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE pause ENABLE ROW LEVEL SECURITY;
ALTER TABLE pause FORCE ROW LEVEL SECURITY;
-- A pause of all is everybody's.
CREATE POLICY tenant ON pause USING (partner_id IS NULL OR partner_id = (SELECT current_partner()))
  WITH CHECK (partner_id IS NULL OR partner_id = (SELECT current_partner()));
CREATE POLICY everything ON pause FOR SELECT TO surety_monitor USING (true);
CREATE POLICY look_up ON pause FOR SELECT TO surety_directory USING (true);
GRANT SELECT ON pause TO surety_monitor, surety_directory;
GRANT SELECT, INSERT, UPDATE (ended_by, ended_at) ON pause TO surety_ledger;
-- Batches that wait for the end of a pause are found by the reason that they wait for.
GRANT SELECT (pause_reason) ON payment_batch TO surety_directory;

-- What the views of violations said, whenever they were asked (src/activities/checkLedger.ts). Of all partners together.
CREATE TABLE ledger_check (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  checked_at timestamptz NOT NULL,
  took_ms bigint NOT NULL CHECK (took_ms >= 0),
  violations bigint NOT NULL CHECK (violations >= 0),
  -- How many of each kind.
  kinds jsonb NOT NULL
);
CREATE TRIGGER ledger_check_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_check
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT ON ledger_check TO surety_monitor;
GRANT SELECT, INSERT ON ledger_check TO surety_directory;
GRANT SELECT ON temporal_namespace TO surety_monitor;

-- Counted by state at each scrape, however many payments have ended.
CREATE INDEX payment_live_by_state ON payment (state, reason) WHERE state NOT IN ('paid', 'declined', 'expired', 'cancelled');
-- Which delivery waits longest, however many wait.
CREATE INDEX webhook_delivery_asked ON webhook_delivery (asked_at) WHERE state = 'pending';

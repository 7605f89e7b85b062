-- Batches: an organisation's invoices by the thousand, each once a batch. What a batch is at stands here; its workflow only
-- drives it.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

CREATE TABLE payment_batch (
  id uuid PRIMARY KEY,
  partner_id uuid NOT NULL REFERENCES partner,
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'paused', 'cancelling', 'cancelled', 'finished')),
  pause_reason text,
  -- What is looked for; null: the invoices were named.
  filter jsonb,
  actor jsonb NOT NULL,
  -- How far the list is read: invoices created since, which page of those, the how-manieth pass it is and
  -- what it has brought.
  list_from timestamptz,
  list_page integer NOT NULL DEFAULT 1,
  list_pass integer NOT NULL DEFAULT 1,
  list_new integer NOT NULL DEFAULT 0,
  -- Whether this pass has needed page numbers, and whether anything of the batch could be paid while it went on.
  list_numbered boolean NOT NULL DEFAULT false,
  list_disturbed boolean NOT NULL DEFAULT false,
  list_ended boolean NOT NULL,
  -- How many the list said to follow, when it was asked last; and elements of it that could not be read.
  list_left bigint,
  unreadable bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  changed_at timestamptz NOT NULL,
  finished_at timestamptz,
  CHECK ((state = 'paused') = (pause_reason IS NOT NULL)),
  CHECK ((finished_at IS NOT NULL) = (state IN ('cancelled', 'finished')))
);
CREATE INDEX payment_batch_by_partner ON payment_batch (partner_id, id DESC);
CREATE INDEX payment_batch_open ON payment_batch (id) WHERE state IN ('running', 'paused', 'cancelling');

CREATE TABLE payment_batch_item (
  batch_id uuid NOT NULL REFERENCES payment_batch,
  invoice_id text NOT NULL CHECK (invoice_id ~ '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$'),
  partner_id uuid NOT NULL,
  n bigint GENERATED ALWAYS AS IDENTITY,
  -- The last four are of its payment, once that has come to its end.
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN (
    'waiting', 'started', 'skipped', 'paid', 'declined', 'expired', 'cancelled')),
  reason text,
  payment_id uuid REFERENCES payment,
  amount_minor bigint,
  currency text,
  -- While it waits: the invoice as the list told it and when that was asked, by Temporal's time and by this server's clock.
  read jsonb,
  read_at timestamptz,
  read_began_at timestamptz,
  -- The list was asked for it and did not tell it: its payment reads it alone.
  unlisted boolean NOT NULL DEFAULT false,
  PRIMARY KEY (batch_id, invoice_id)
);
CREATE UNIQUE INDEX payment_batch_item_in_order ON payment_batch_item (batch_id, n);
CREATE INDEX payment_batch_item_waiting ON payment_batch_item (batch_id, n) WHERE state = 'waiting';
CREATE INDEX payment_batch_item_started ON payment_batch_item (batch_id) WHERE state = 'started';

DO $$
DECLARE
  tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['payment_batch', 'payment_batch_item']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY tenant ON %I USING (partner_id = (SELECT current_partner())) WITH CHECK (partner_id = (SELECT current_partner()))', tenant_table);
    EXECUTE format('CREATE POLICY everything ON %I FOR SELECT TO surety_monitor USING (true)', tenant_table);
    EXECUTE format('GRANT SELECT ON %I TO surety_monitor', tenant_table);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO surety_ledger', tenant_table);
  END LOOP;
END
$$;
-- Which batches nobody may be working on: asked before a tenant is known.
CREATE POLICY look_up ON payment_batch FOR SELECT TO surety_directory USING (true);
GRANT SELECT (id, partner_id, state, created_at) ON payment_batch TO surety_directory;

-- The partner's side: what a member is besides his points, expiry and reversal of credits, the feed of events, webhooks.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

-- The partner's own notes about a member, and when he was made nobody: his entries stay, his name does not.
ALTER TABLE member
  ADD COLUMN metadata jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN erased_at timestamptz;
CREATE INDEX member_by_partner ON member (partner_id, id);

-- What a partner has changed of its programme itself, over what the operator applied. Not among the settings: the release
-- before reads those strictly, and would stop at a key that it does not know.
ALTER TABLE partner ADD COLUMN programme jsonb NOT NULL DEFAULT '{}';

-- Points that were not spent in time, and credits taken back. Wider than before, so nothing that stands can break it:
-- not validated, which would read the whole table under an exclusive lock.
ALTER TABLE transfer DROP CONSTRAINT transfer_kind_check;
ALTER TABLE transfer ADD CONSTRAINT transfer_kind_check CHECK (kind IN (
  'credit', 'hold', 'capture', 'release', 'deposit', 'reserve', 'draw', 'unreserve', 'expiry', 'reversal')) NOT VALID;
-- The credit that a reversal takes back.
ALTER TABLE transfer ADD COLUMN origin uuid;
CREATE INDEX transfer_by_origin ON transfer (origin) WHERE origin IS NOT NULL;
CREATE UNIQUE INDEX transfer_reversal_once ON transfer (partner_id, reference) WHERE kind = 'reversal';

CREATE INDEX lot_expiring ON lot (expires_at, id) WHERE remaining > 0;
CREATE INDEX lot_by_transfer ON lot (transfer_id);
CREATE INDEX hold_lot_by_lot ON hold_lot (lot_id);

-- A restore from a backup takes events back that somebody may have read: it raises this, and cursors from before are refused.
CREATE TABLE ledger_epoch (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  epoch integer NOT NULL DEFAULT 1
);
INSERT INTO ledger_epoch DEFAULT VALUES;

-- What partners are told, in the words that they are told it: written in the transaction that made it true, read as a
-- feed, delivered by webhooks. The body is kept as text, so that every delivery has the same bytes.
CREATE TABLE event (
  id uuid PRIMARY KEY,
  position bigint GENERATED ALWAYS AS IDENTITY,
  partner_id uuid NOT NULL REFERENCES partner,
  type text NOT NULL,
  payment_id uuid REFERENCES payment,
  -- Of a payment's events: greater is later. Not every number is told.
  sequence integer,
  body json NOT NULL,
  at timestamptz NOT NULL,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX event_feed ON event (partner_id, xid, position);
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE webhook_endpoint (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  partner_id uuid NOT NULL REFERENCES partner,
  url text NOT NULL CHECK (length(url) <= 2000),
  description text NOT NULL DEFAULT '' CHECK (length(description) <= 200),
  -- NULL: all of them, also those that come with later releases.
  event_types text[],
  -- Sealed with the key ring; while a secret is being replaced, the one before signs too.
  secret_sealed text NOT NULL,
  previous_secret_sealed text,
  previous_secret_until timestamptz,
  -- The wish that replaced it last: its repetition replaces what nobody has seen, not what is in use.
  secret_rotation uuid,
  state text NOT NULL DEFAULT 'enabled' CHECK (state IN ('enabled', 'disabled')),
  disabled_reason text CHECK (disabled_reason IN ('by_partner', 'failing', 'gone')),
  -- Since when no delivery has succeeded, although some were tried; and how many attempts have failed since.
  failing_since timestamptz,
  failures integer NOT NULL DEFAULT 0,
  -- So many that trying everything at once would be pointless.
  struggling boolean GENERATED ALWAYS AS (failures >= 5) STORED,
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((state = 'disabled') = (disabled_reason IS NOT NULL))
);
CREATE INDEX webhook_endpoint_by_partner ON webhook_endpoint (partner_id, id);

-- An event on its way to an endpoint: one workflow each, named by both ids.
CREATE TABLE webhook_delivery (
  event_id uuid NOT NULL REFERENCES event,
  endpoint_id uuid NOT NULL REFERENCES webhook_endpoint ON DELETE CASCADE,
  partner_id uuid NOT NULL,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
  -- Of this round: a replay begins a new one.
  attempts integer NOT NULL DEFAULT 0,
  -- The last attempt: the status answered, or the name of what kept an answer from coming.
  last_status integer,
  last_problem text,
  last_attempt_at timestamptz,
  delivered_at timestamptz,
  -- When an attempt should be made; long past, its workflow was never started or is lost.
  due_at timestamptz NOT NULL DEFAULT now(),
  -- When it was asked for last: at the event, or by a replay.
  asked_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (event_id, endpoint_id)
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (due_at) WHERE state = 'pending';
CREATE INDEX webhook_delivery_by_endpoint ON webhook_delivery (endpoint_id, event_id DESC);

DO $$
DECLARE
  tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['event', 'webhook_endpoint', 'webhook_delivery']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY tenant ON %I USING (partner_id = current_partner()) WITH CHECK (partner_id = current_partner())', tenant_table);
    EXECUTE format('CREATE POLICY everything ON %I FOR SELECT TO surety_monitor USING (true)', tenant_table);
    EXECUTE format('GRANT SELECT ON %I TO surety_monitor', tenant_table);
  END LOOP;
END
$$;
-- Which partners have points to expire, and which deliveries nobody has begun: asked before a tenant is known.
CREATE POLICY look_up ON lot FOR SELECT TO surety_directory USING (true);
CREATE POLICY look_up ON webhook_delivery TO surety_directory USING (true) WITH CHECK (true);
CREATE POLICY look_up ON webhook_endpoint FOR SELECT TO surety_directory USING (true);
GRANT SELECT (id, partner_id, remaining, expires_at) ON lot TO surety_directory;
GRANT SELECT, UPDATE (due_at) ON webhook_delivery TO surety_directory;
GRANT SELECT (id, struggling) ON webhook_endpoint TO surety_directory;

GRANT SELECT ON ledger_epoch TO surety_ledger;
GRANT SELECT, INSERT ON event TO surety_ledger;
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_endpoint TO surety_ledger;
GRANT SELECT, INSERT, UPDATE ON webhook_delivery TO surety_ledger;
GRANT INSERT, UPDATE (name, expires_at, revoked_at) ON api_key TO surety_api;
GRANT UPDATE (external_id, metadata, erased_at) ON member TO surety_ledger;
GRANT SELECT, DELETE ON session, login_token TO surety_ledger;
GRANT UPDATE (programme) ON partner TO surety_ledger;

-- The first key of a partner has every scope; these are new.
UPDATE api_key SET scopes = ARRAY[
  'payments:write', 'payments:read', 'points:write', 'points:read', 'fund:read', 'webhooks:write']
WHERE name = 'first' AND scopes @> ARRAY['payments:write', 'payments:read'];

-- The tables of design.md, section 4. Money and points are integers; every row belongs to one partner.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

CREATE FUNCTION current_partner() RETURNS uuid
LANGUAGE sql STABLE
RETURN nullif(current_setting('surety.partner', true), '')::uuid;

CREATE TABLE partner (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  settings jsonb NOT NULL,
  -- Sealed with the key ring (src/keyring.ts); the API's role can read neither the first nor the worker's the second.
  invoicebox_token_sealed text NOT NULL,
  login_secret_sealed text,
  credentials_failed_at timestamptz,
  fund_doubted_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_key (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  partner_id uuid NOT NULL REFERENCES partner,
  name text NOT NULL,
  prefix text NOT NULL,
  hash bytea NOT NULL UNIQUE,
  scopes text[] NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE member (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  partner_id uuid NOT NULL REFERENCES partner,
  external_id text NOT NULL CHECK (length(external_id) BETWEEN 1 AND 200),
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (partner_id, external_id)
);

-- balance = credits − debits. Facts from Invoicebox can always be booked, so only these kinds must not go below zero.
CREATE TABLE account (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  partner_id uuid NOT NULL REFERENCES partner,
  kind text NOT NULL CHECK (kind IN (
    'programme.issued', 'programme.redeemed', 'programme.expired', 'member.available', 'member.held',
    'fund.external', 'fund.available', 'fund.reserved', 'fund.drawn')),
  owner uuid REFERENCES member,
  asset text NOT NULL CHECK (asset = 'points' OR asset ~ '^[A-Z]{3}$'),
  balance bigint NOT NULL DEFAULT 0,
  CHECK (balance >= 0 OR kind NOT IN ('member.available', 'member.held', 'fund.reserved')),
  CHECK ((owner IS NOT NULL) = (kind LIKE 'member.%')),
  UNIQUE NULLS NOT DISTINCT (partner_id, kind, owner, asset)
);

-- The mirror of the guarantee fund: its figures are accounts, its contract is here.
CREATE TABLE fund (
  partner_id uuid NOT NULL REFERENCES partner,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  overdraft_minor bigint NOT NULL DEFAULT 0 CHECK (overdraft_minor >= 0),
  guard text NOT NULL DEFAULT 'enforce' CHECK (guard IN ('enforce', 'warn')),
  PRIMARY KEY (partner_id, currency)
);

CREATE TABLE payment_transition (
  from_state text NOT NULL,
  to_state text NOT NULL,
  PRIMARY KEY (from_state, to_state)
);
INSERT INTO payment_transition (from_state, to_state) VALUES
  ('opening', 'awaiting_confirmation'), ('opening', 'awaiting_approval'), ('opening', 'settling'),
  ('opening', 'declined'), ('opening', 'expired'), ('opening', 'cancelled'),
  ('awaiting_confirmation', 'settling'), ('awaiting_confirmation', 'declined'),
  ('awaiting_confirmation', 'expired'), ('awaiting_confirmation', 'cancelled'),
  ('awaiting_approval', 'settling'), ('awaiting_approval', 'declined'),
  ('awaiting_approval', 'expired'), ('awaiting_approval', 'cancelled'),
  ('settling', 'awaiting_confirmation'), ('settling', 'unknown'), ('settling', 'in_review'), ('settling', 'paid'),
  ('settling', 'declined'), ('settling', 'expired'), ('settling', 'cancelled'),
  ('unknown', 'in_review'), ('unknown', 'paid'), ('unknown', 'declined'), ('unknown', 'expired'), ('unknown', 'cancelled'),
  ('in_review', 'paid'), ('in_review', 'declined'), ('in_review', 'expired'), ('in_review', 'cancelled');

CREATE TABLE payment (
  id uuid PRIMARY KEY,
  partner_id uuid NOT NULL REFERENCES partner,
  scheme text NOT NULL CHECK (scheme IN ('loyalty', 'organisation')),
  invoice_id text NOT NULL CHECK (invoice_id ~ '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$'),
  state text NOT NULL DEFAULT 'opening',
  reason text,
  -- What Invoicebox said when it refused; its message may hold personal data and never leaves the database.
  refusal_code text,
  refusal_message text,
  epoch integer NOT NULL DEFAULT 1,
  member_id uuid REFERENCES member,
  member_named boolean NOT NULL,
  opened_by jsonb NOT NULL,
  policy jsonb NOT NULL,
  success_url text,
  fail_url text,
  cancel_url text,
  -- The last read of the invoice: in Temporal's time, and when it began by this server's clock. Freshness is a span
  -- between two calls here, so this one clock measures it, whatever the workers' clocks say.
  read_at timestamptz,
  read_began_at timestamptz,
  invoice_status text,
  read_amount_minor bigint,
  read_currency text,
  read_points bigint,
  read_priced_at timestamptz,
  invoice_number text,
  description text,
  vat_amount_minor bigint,
  invoice_expires_at timestamptz,
  payment_url text,
  -- The price that the buyer sees and confirms. While it is held, a read that says otherwise changes the read alone.
  amount_minor bigint,
  currency text,
  points bigint CHECK (points >= 0),
  priced_at timestamptz,
  confirmation jsonb,
  next_probe_at timestamptz,
  last_probe text,
  transaction_id text,
  paid_at timestamptz,
  opened_at timestamptz NOT NULL,
  closed_at timestamptz,
  event_seq integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- One live-or-paid payment an invoice.
CREATE UNIQUE INDEX payment_one_an_invoice ON payment (partner_id, invoice_id)
  WHERE state NOT IN ('declined', 'expired', 'cancelled');
CREATE INDEX payment_by_partner ON payment (partner_id, id DESC);
CREATE INDEX payment_by_member ON payment (member_id, id DESC) WHERE member_id IS NOT NULL;

CREATE INDEX payment_by_opener ON payment ((opened_by ->> 'id'), id DESC);

CREATE FUNCTION refuse_illegal_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = surety, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM payment_transition WHERE from_state = OLD.state AND to_state = NEW.state) THEN
    RAISE EXCEPTION 'a payment cannot go from % to %', OLD.state, NEW.state;
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER payment_transition BEFORE UPDATE OF state ON payment
  FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION refuse_illegal_transition();

-- Audit trail and feed at once, written in the transaction of the change it tells of.
CREATE TABLE payment_event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  partner_id uuid NOT NULL,
  payment_id uuid NOT NULL REFERENCES payment,
  seq integer NOT NULL,
  type text NOT NULL,
  body jsonb NOT NULL,
  at timestamptz NOT NULL,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  UNIQUE (payment_id, seq)
);

CREATE TABLE transfer (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  partner_id uuid NOT NULL,
  payment_id uuid REFERENCES payment,
  kind text NOT NULL CHECK (kind IN ('credit', 'hold', 'capture', 'release', 'deposit', 'reserve', 'draw', 'unreserve')),
  debit uuid NOT NULL REFERENCES account,
  credit uuid NOT NULL REFERENCES account,
  amount bigint NOT NULL CHECK (amount > 0),
  reference text NOT NULL,
  actor jsonb NOT NULL,
  at timestamptz NOT NULL,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  CHECK (debit <> credit)
);
CREATE INDEX transfer_by_payment ON transfer (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX transfer_by_debit ON transfer (debit);
CREATE INDEX transfer_by_credit ON transfer (credit);
-- What comes from outside carries a reference of its own and is booked once.
CREATE UNIQUE INDEX transfer_once_by_reference ON transfer (partner_id, kind, reference) WHERE kind IN ('credit', 'deposit');

CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;
CREATE TRIGGER transfer_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON transfer
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payment_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_event
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE lot (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  partner_id uuid NOT NULL,
  member_id uuid NOT NULL REFERENCES member,
  granted bigint NOT NULL CHECK (granted > 0),
  remaining bigint NOT NULL CHECK (remaining >= 0 AND remaining <= granted),
  expires_at timestamptz,
  transfer_id uuid NOT NULL REFERENCES transfer
);
CREATE INDEX lot_spendable ON lot (member_id, expires_at, id) WHERE remaining > 0;

-- One row a confirmation: a released one also keeps a hold that comes late from happening.
CREATE TABLE hold (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  partner_id uuid NOT NULL,
  payment_id uuid NOT NULL REFERENCES payment,
  confirmation_id uuid NOT NULL,
  state text NOT NULL CHECK (state IN ('held', 'captured', 'released')),
  member_id uuid REFERENCES member,
  points bigint NOT NULL CHECK (points >= 0),
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  currency text NOT NULL,
  at timestamptz NOT NULL,
  closed_at timestamptz,
  UNIQUE (payment_id, confirmation_id)
);
CREATE UNIQUE INDEX hold_one_open_a_payment ON hold (payment_id) WHERE state = 'held';
CREATE INDEX hold_open_by_member ON hold (member_id) WHERE state = 'held';

-- What a hold took from which lot.
CREATE TABLE hold_lot (
  hold_id uuid NOT NULL REFERENCES hold,
  lot_id uuid NOT NULL REFERENCES lot,
  partner_id uuid NOT NULL,
  points bigint NOT NULL CHECK (points > 0),
  PRIMARY KEY (hold_id, lot_id)
);

-- Written before the first byte of a pivot call; a missing class counts as "may have reached Invoicebox".
CREATE TABLE payment_attempt (
  payment_id uuid NOT NULL REFERENCES payment,
  n integer NOT NULL,
  partner_id uuid NOT NULL,
  epoch integer NOT NULL,
  started_at timestamptz NOT NULL,
  finished_at timestamptz,
  class text CHECK (class IN ('paid', 'not_executed', 'refused', 'unknown')),
  code text,
  request_id text,
  PRIMARY KEY (payment_id, n)
);

-- An order to make one pivot call: spent by the call that begins, or fenced so that none ever does.
CREATE TABLE payment_ticket (
  payment_id uuid NOT NULL REFERENCES payment,
  ticket text NOT NULL CHECK (length(ticket) BETWEEN 1 AND 100),
  partner_id uuid NOT NULL,
  state text NOT NULL CHECK (state IN ('spent', 'fenced')),
  PRIMARY KEY (payment_id, ticket)
);

CREATE TABLE session (
  id_hash bytea PRIMARY KEY,
  partner_id uuid NOT NULL REFERENCES partner,
  member_id uuid REFERENCES member,
  -- Before login: what the OpenID Connect answer is checked against, and where to go on.
  login jsonb,
  csrf_secret text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX session_by_expiry ON session (expires_at);

-- A partner's one-time token: another way to log in. Spent by an explicit POST, once.
CREATE TABLE login_token (
  hash bytea PRIMARY KEY,
  partner_id uuid NOT NULL REFERENCES partner,
  member_id uuid NOT NULL REFERENCES member,
  expires_at timestamptz NOT NULL,
  spent_at timestamptz
);

CREATE TABLE idempotency_key (
  partner_id uuid NOT NULL REFERENCES partner,
  route text NOT NULL,
  key_hash bytea NOT NULL,
  body_hash bytea NOT NULL,
  -- The payment that this request opens or acts on: a retry after the lease drives the same one.
  payment_id uuid NOT NULL,
  lease_until timestamptz NOT NULL,
  status integer,
  body jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (partner_id, route, key_hash)
);

DO $$
DECLARE
  tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['partner', 'api_key', 'member', 'account', 'fund', 'payment', 'payment_event',
    'transfer', 'lot', 'hold', 'hold_lot', 'payment_attempt', 'payment_ticket', 'session', 'login_token', 'idempotency_key']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format(
      'CREATE POLICY tenant ON %I USING (%I = current_partner()) WITH CHECK (%2$I = current_partner())',
      tenant_table, CASE tenant_table WHEN 'partner' THEN 'id' ELSE 'partner_id' END);
    EXECUTE format('CREATE POLICY everything ON %I FOR SELECT TO surety_monitor USING (true)', tenant_table);
    EXECUTE format('GRANT SELECT ON %I TO surety_monitor', tenant_table);
  END LOOP;
END
$$;
CREATE POLICY look_up ON partner FOR SELECT TO surety_directory USING (true);
CREATE POLICY look_up ON api_key FOR SELECT TO surety_directory USING (true);
CREATE POLICY look_up ON fund FOR SELECT TO surety_directory USING (true);
CREATE POLICY last_use ON api_key FOR UPDATE TO surety_directory USING (true);

-- The ledger's functions write; nobody updates or deletes what is append-only.
GRANT SELECT, INSERT ON member, account, transfer, payment_event TO surety_ledger;
GRANT UPDATE (balance) ON account TO surety_ledger;
GRANT SELECT, INSERT, UPDATE ON payment, lot, hold, payment_attempt, idempotency_key TO surety_ledger;
GRANT DELETE ON idempotency_key TO surety_ledger;
GRANT SELECT, INSERT ON hold_lot, payment_ticket TO surety_ledger;
GRANT SELECT ON fund, payment_transition TO surety_ledger;
GRANT SELECT, UPDATE (credentials_failed_at, fund_doubted_at) ON partner TO surety_ledger;
GRANT SELECT ON partner, api_key, fund TO surety_directory;
GRANT UPDATE (last_used_at) ON api_key TO surety_directory;

-- Everyday reads and writes of the API; the Invoicebox token is not among the columns it may see.
GRANT SELECT (id, slug, name, settings, login_secret_sealed, credentials_failed_at, fund_doubted_at, created_at) ON partner TO surety_api;
GRANT SELECT ON api_key, member, payment, payment_event, transfer, account, lot, hold, fund, payment_attempt TO surety_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON session, login_token TO surety_api;

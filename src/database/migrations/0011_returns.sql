-- Returns: money of a paid payment that came back to the buyer. His points follow it, and the fund where Invoicebox restored it.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

-- Of a paid payment, what its returns come to so far.
ALTER TABLE payment
  ADD COLUMN returned_minor bigint NOT NULL DEFAULT 0,
  ADD COLUMN returned_points bigint NOT NULL DEFAULT 0;
-- Not validated, which would read the whole table under an exclusive lock: every row has the defaults.
ALTER TABLE payment ADD CONSTRAINT payment_returned_check
  CHECK (returned_minor >= 0 AND returned_points >= 0 AND (returned_minor = 0 OR returned_minor <= amount_minor)) NOT VALID;

ALTER TABLE transfer DROP CONSTRAINT transfer_kind_check;
ALTER TABLE transfer ADD CONSTRAINT transfer_kind_check CHECK (kind IN (
  'credit', 'hold', 'capture', 'release', 'deposit', 'reserve', 'draw', 'unreserve', 'expiry', 'reversal',
  'repayment', 'correction', 'return_points', 'return_fund')) NOT VALID;

-- One refund at the merchant's, by its own reference: found by reconciliation and proposed, or asked for; approved; booked.
CREATE TABLE payment_return (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  partner_id uuid NOT NULL REFERENCES partner,
  payment_id uuid NOT NULL REFERENCES payment,
  reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),
  state text NOT NULL CHECK (state IN ('proposed', 'requested', 'approved', 'returned', 'rejected')),
  -- Raised by each change of what is asked: an approval is of one version.
  version integer NOT NULL DEFAULT 1,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  currency text NOT NULL,
  fund_restored boolean NOT NULL,
  -- In the words of who asks: it stays in the database.
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  opened_by jsonb NOT NULL,
  opened_at timestamptz NOT NULL,
  requested_by jsonb,
  requested_at timestamptz,
  -- Until then it can be approved, and what it asks for is nobody else's.
  requested_until timestamptz,
  decided_by jsonb,
  decided_at timestamptz,
  -- What Invoicebox said of the invoice before it was booked; NULL: it could not be asked.
  invoice_status text,
  invoice_read_at timestamptz,
  points bigint CHECK (points >= 0),
  returned_at timestamptz,
  UNIQUE (payment_id, reference),
  CHECK (state = 'proposed' OR requested_by IS NOT NULL AND requested_at IS NOT NULL AND requested_until IS NOT NULL),
  CHECK (state NOT IN ('approved', 'returned', 'rejected') OR decided_by IS NOT NULL AND decided_at IS NOT NULL),
  CHECK ((state = 'returned') = (points IS NOT NULL AND returned_at IS NOT NULL))
);
CREATE INDEX payment_return_to_book ON payment_return (id) WHERE state = 'approved';

-- What a return gave back of what a payment had taken from a lot, and the lot that it is in since.
CREATE TABLE payment_return_lot (
  return_id uuid NOT NULL REFERENCES payment_return,
  lot_id uuid NOT NULL REFERENCES lot,
  given_to uuid NOT NULL REFERENCES lot,
  partner_id uuid NOT NULL,
  points bigint NOT NULL CHECK (points > 0),
  PRIMARY KEY (return_id, lot_id)
);
CREATE INDEX payment_return_lot_by_lot ON payment_return_lot (lot_id);
CREATE INDEX payment_return_lot_by_given ON payment_return_lot (given_to);
CREATE TRIGGER payment_return_lot_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payment_return_lot
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

DO $$
DECLARE
  tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['payment_return', 'payment_return_lot']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY tenant ON %I USING (partner_id = current_partner()) WITH CHECK (partner_id = current_partner())', tenant_table);
    EXECUTE format('CREATE POLICY everything ON %I FOR SELECT TO surety_monitor USING (true)', tenant_table);
    EXECUTE format('GRANT SELECT ON %I TO surety_monitor', tenant_table);
  END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE ON payment_return TO surety_ledger;
GRANT SELECT, INSERT ON payment_return_lot TO surety_ledger;

-- Which approved returns nobody has booked: asked before a tenant is known.
CREATE POLICY look_up ON payment_return FOR SELECT TO surety_directory USING (true);
GRANT SELECT (id, partner_id, state, decided_at) ON payment_return TO surety_directory;

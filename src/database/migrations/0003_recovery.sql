-- Recovery and review: what a new run goes on from, what a person decided, and which Temporal these payments live in.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

-- Known as soon as Invoicebox has answered, also when the run that asked is gone.
ALTER TABLE payment_attempt ADD COLUMN transaction_id text;

-- When a person released the hold: while the payment is live, its invoice may turn out to be paid all the same.
ALTER TABLE payment ADD COLUMN released_at timestamptz;
-- When a new run last took over (`epoch` says how many there were).
ALTER TABLE payment ADD COLUMN resumed_at timestamptz;
-- One transaction at Invoicebox pays one payment.
CREATE UNIQUE INDEX payment_transaction_once ON payment (partner_id, transaction_id) WHERE transaction_id IS NOT NULL;
CREATE INDEX payment_live ON payment (id) WHERE state NOT IN ('paid', 'declined', 'expired', 'cancelled');

-- An unknown outcome may turn out to be "not executed": then the buyer is asked again.
INSERT INTO payment_transition (from_state, to_state) VALUES ('unknown', 'awaiting_confirmation');

-- What a person says about a payment in review, and what came of it. The comment never leaves the database.
CREATE TABLE payment_resolution (
  id uuid PRIMARY KEY,
  partner_id uuid NOT NULL,
  payment_id uuid NOT NULL REFERENCES payment,
  outcome text NOT NULL CHECK (outcome IN ('paid', 'not_paid', 'paid_elsewhere')),
  transaction_id text CHECK (transaction_id ~ '^[!-~]{1,36}$'),
  reason text NOT NULL CHECK (reason ~ '^[a-z0-9_]{1,64}$'),
  comment text NOT NULL CHECK (length(comment) BETWEEN 1 AND 2000),
  reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),
  actor jsonb NOT NULL,
  at timestamptz NOT NULL,
  result jsonb,
  decided_at timestamptz,
  CHECK ((outcome = 'paid') = (transaction_id IS NOT NULL))
);
CREATE INDEX payment_resolution_by_payment ON payment_resolution (payment_id);
ALTER TABLE payment_resolution ENABLE ROW LEVEL SECURITY;
ALTER TABLE payment_resolution FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON payment_resolution USING (partner_id = current_partner()) WITH CHECK (partner_id = current_partner());
GRANT SELECT, INSERT, UPDATE (result, decided_at) ON payment_resolution TO surety_ledger;

-- The Temporal namespace that holds the workflows of these payments: in another one every payment would look lost.
CREATE TABLE temporal_namespace (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  id text NOT NULL,
  since timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT ON temporal_namespace TO surety_directory;

-- The sweeper and the review queue look across partners.
GRANT SELECT (id, partner_id, scheme, invoice_id, state, reason, epoch, amount_minor, currency, last_probe, next_probe_at,
  created_at, resumed_at, released_at) ON payment TO surety_directory;
GRANT SELECT (id, payment_id, state) ON hold TO surety_directory;
CREATE POLICY look_up ON payment FOR SELECT TO surety_directory USING (true);
CREATE POLICY look_up ON hold FOR SELECT TO surety_directory USING (true);

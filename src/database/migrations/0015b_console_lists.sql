-- What the console's lists, searches and charts are read from, however many payments there are.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

-- Newest first by what is filtered, partner by partner.
CREATE INDEX payment_by_state ON payment (partner_id, state, scheme, id DESC);
CREATE INDEX payment_by_reason ON payment (partner_id, reason, scheme, id DESC) WHERE reason IS NOT NULL;
CREATE INDEX payment_to_review ON payment (id) WHERE state IN ('unknown', 'in_review');
-- The other half of payment_one_an_invoice.
CREATE INDEX payment_over_by_invoice ON payment (partner_id, invoice_id) WHERE state IN ('declined', 'expired', 'cancelled');
CREATE INDEX payment_attempt_by_request ON payment_attempt (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX event_by_payment ON event (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX webhook_delivery_failed ON webhook_delivery (last_attempt_at, partner_id) WHERE state = 'failed';

-- How many payments came to which end on which day of the partner's: counted as they are sealed (src/ledger/sql/audit_seal.sql),
-- so that no payment waits for another's count, and each counts once.
CREATE TABLE payment_outcome (
  day date NOT NULL,
  partner_id uuid NOT NULL REFERENCES partner,
  state text NOT NULL CHECK (state IN ('paid', 'declined', 'expired', 'cancelled')),
  payments bigint NOT NULL CHECK (payments > 0),
  PRIMARY KEY (day, partner_id, state)
);
ALTER TABLE payment_outcome ENABLE ROW LEVEL SECURITY;
ALTER TABLE payment_outcome FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON payment_outcome USING (partner_id = (SELECT current_partner())) WITH CHECK (partner_id = (SELECT current_partner()));
CREATE POLICY everything ON payment_outcome FOR SELECT TO surety_monitor USING (true);
CREATE POLICY console ON payment_outcome FOR SELECT TO surety_console USING (
  (SELECT current_setting('surety.operator_partners', true)) = '*'
  OR partner_id = ANY ((SELECT string_to_array(nullif(nullif(current_setting('surety.operator_partners', true), '*'), ''), ','))::uuid[]));
GRANT SELECT, INSERT, UPDATE ON payment_outcome TO surety_ledger;
GRANT SELECT ON payment_outcome TO surety_monitor, surety_console;

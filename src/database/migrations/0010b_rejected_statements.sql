-- A statement of which nothing fits the books was read by a mapping that is not its own: it is taken back whole.
SET LOCAL ROLE surety_owner;
SET LOCAL search_path = surety;

-- Wider than before, so nothing that stands can break it: not validated.
ALTER TABLE statement DROP CONSTRAINT statement_state_check;
ALTER TABLE statement ADD CONSTRAINT statement_state_check
  CHECK (state IN ('receiving', 'received', 'taken', 'reconciled', 'rejected')) NOT VALID;
GRANT DELETE ON statement_line TO surety_ledger;
CREATE INDEX statement_line_of_statement ON statement_line (statement_id);

-- Lines and payments are looked for by the invoice's number.
CREATE INDEX statement_line_unmatched_number ON statement_line (partner_id, invoice_number) WHERE transfer_id IS NULL;
CREATE INDEX payment_by_number ON payment (partner_id, invoice_number) WHERE transaction_id IS NOT NULL;

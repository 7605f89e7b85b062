-- What of the books moved money between the fund and the world, as a statement of Invoicebox's would tell it: below zero
-- where it left the fund. Read with the reader's own rights. (The condition on kinds is that of the index transfer_of_fund.)
CREATE OR REPLACE VIEW fund_entry WITH (security_invoker = true) AS
SELECT transfer.id, transfer.partner_id, transfer.payment_id, transfer.kind, transfer.reference, transfer.at,
  debited.asset AS currency,
  CASE WHEN debited.kind IN ('fund.external', 'fund.drawn') THEN transfer.amount ELSE -transfer.amount END AS amount_minor
FROM transfer,
  -- Each a look-up of its own, whatever the planner believes: from the entries to the accounts, never the other way round.
  LATERAL (SELECT kind, asset FROM account WHERE id = transfer.debit OFFSET 0) AS debited,
  LATERAL (SELECT kind FROM account WHERE id = transfer.credit OFFSET 0) AS credited
WHERE transfer.kind NOT IN ('credit', 'hold', 'capture', 'release', 'reserve', 'unreserve', 'expiry', 'reversal')
  AND (debited.kind IN ('fund.external', 'fund.drawn')) <> (credited.kind IN ('fund.external', 'fund.drawn'));

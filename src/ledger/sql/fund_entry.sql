-- What of the books moved money between the fund and the world, as a statement of Invoicebox's would tell it: below zero
-- where it left the fund. Read with the reader's own rights. (The condition on kinds is that of the index transfer_of_fund.)
CREATE OR REPLACE VIEW fund_entry WITH (security_invoker = true) AS
SELECT transfer.id, transfer.partner_id, transfer.payment_id, transfer.kind, transfer.reference, transfer.at,
  debited.asset AS currency,
  CASE WHEN debited.kind IN ('fund.external', 'fund.drawn') THEN transfer.amount ELSE -transfer.amount END AS amount_minor
FROM transfer
JOIN account debited ON debited.id = transfer.debit
JOIN account credited ON credited.id = transfer.credit
WHERE transfer.kind NOT IN ('credit', 'hold', 'capture', 'release', 'reserve', 'unreserve', 'expiry', 'reversal')
  AND (debited.kind IN ('fund.external', 'fund.drawn')) <> (credited.kind IN ('fund.external', 'fund.drawn'));

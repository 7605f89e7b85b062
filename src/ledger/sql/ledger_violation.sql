-- Whatever the ledger must never hold; a row is a defect. Read with the reader's own rights: surety_monitor sees all tenants.
CREATE OR REPLACE VIEW ledger_violation WITH (security_invoker = true) AS
WITH movement AS (
  SELECT account_id, sum(amount) AS balance FROM (
    SELECT credit AS account_id, amount FROM transfer
    UNION ALL
    SELECT debit, -amount FROM transfer
  ) AS side GROUP BY account_id
)
SELECT 'account_is_not_sum_of_transfers' AS kind, account.id AS subject, account.partner_id
FROM account LEFT JOIN movement ON movement.account_id = account.id
WHERE account.balance <> coalesce(movement.balance, 0)
UNION ALL
SELECT 'transfer_between_assets', transfer.id, transfer.partner_id
FROM transfer JOIN account debited ON debited.id = transfer.debit JOIN account credited ON credited.id = transfer.credit
WHERE debited.asset <> credited.asset OR debited.partner_id <> credited.partner_id
UNION ALL
SELECT 'lots_are_not_available_points', account.id, account.partner_id
FROM account WHERE kind = 'member.available'
  AND balance <> (SELECT coalesce(sum(remaining), 0) FROM lot WHERE lot.member_id = account.owner AND NOT spent)
UNION ALL
SELECT 'holds_are_not_held_points', account.id, account.partner_id
FROM account WHERE kind = 'member.held'
  AND balance <> (SELECT coalesce(sum(points), 0) FROM hold WHERE hold.member_id = account.owner AND state = 'held')
UNION ALL
SELECT 'holds_are_not_reserved_fund', account.id, account.partner_id
FROM account WHERE kind = 'fund.reserved'
  AND balance <> (SELECT coalesce(sum(amount_minor), 0) FROM hold
    WHERE hold.partner_id = account.partner_id AND hold.currency = account.asset AND state = 'held')
UNION ALL
SELECT 'hold_is_not_its_lots', hold.id, hold.partner_id
FROM hold WHERE points <> (SELECT coalesce(sum(points), 0) FROM hold_lot WHERE hold_lot.hold_id = hold.id)
UNION ALL
SELECT 'closed_payment_holds', payment.id, payment.partner_id
FROM payment JOIN hold ON hold.payment_id = payment.id AND hold.state = 'held'
WHERE payment.state NOT IN ('settling', 'unknown', 'in_review')
UNION ALL
SELECT 'settling_payment_holds_nothing', payment.id, payment.partner_id
FROM payment WHERE state IN ('settling', 'unknown', 'in_review') AND released_at IS NULL
  AND NOT EXISTS (SELECT FROM hold WHERE hold.payment_id = payment.id AND hold.state = 'held')
UNION ALL
SELECT 'paid_is_not_one_draw', payment.id, payment.partner_id
FROM payment WHERE (CASE WHEN state = 'paid' OR transaction_id IS NOT NULL THEN 1 ELSE 0 END)
  <> (SELECT count(*) FROM transfer WHERE transfer.payment_id = payment.id AND kind = 'draw')
UNION ALL
SELECT 'paid_without_transaction', payment.id, payment.partner_id
FROM payment WHERE state = 'paid' AND transaction_id IS NULL
UNION ALL
SELECT 'closed_payment_has_a_transaction', payment.id, payment.partner_id
FROM payment WHERE state IN ('declined', 'expired', 'cancelled') AND transaction_id IS NOT NULL
UNION ALL
SELECT 'captured_is_not_drawn', hold.id, hold.partner_id
FROM hold JOIN payment ON payment.id = hold.payment_id
WHERE hold.state = 'captured' AND (
  payment.state <> 'paid'
  OR hold.amount_minor <> (SELECT coalesce(sum(amount), 0) FROM transfer WHERE transfer.payment_id = payment.id AND kind = 'draw')
  OR hold.points <> (SELECT coalesce(sum(amount), 0) FROM transfer WHERE transfer.payment_id = payment.id AND kind = 'capture'))
UNION ALL
SELECT 'two_live_or_paid_payments_an_invoice', min(payment.id::text)::uuid, payment.partner_id
FROM payment WHERE state NOT IN ('declined', 'expired', 'cancelled')
GROUP BY payment.partner_id, invoice_id HAVING count(*) > 1
UNION ALL
SELECT 'reversed_more_than_credited', credit.id, credit.partner_id
FROM transfer credit WHERE credit.kind = 'credit'
  AND credit.amount < (SELECT coalesce(sum(amount), 0) FROM transfer WHERE origin = credit.id)
UNION ALL
SELECT 'lot_holds_more_than_granted', lot.id, lot.partner_id
FROM lot WHERE lot.granted < lot.remaining + (SELECT coalesce(sum(hold_lot.points), 0) FROM hold_lot
  JOIN hold ON hold.id = hold_lot.hold_id WHERE hold_lot.lot_id = lot.id AND hold.state IN ('held', 'captured'))
  - (SELECT coalesce(sum(points), 0) FROM payment_return_lot WHERE given_to = lot.id AND lot_id = lot.id)
UNION ALL
SELECT 'returned_more_than_captured', payment.id, payment.partner_id
FROM payment WHERE returned_minor + returned_points > 0 AND (
  state <> 'paid'
  OR returned_minor > (SELECT coalesce(sum(amount), 0) FROM transfer WHERE transfer.payment_id = payment.id AND kind = 'draw')
  OR returned_points > (SELECT coalesce(sum(amount), 0) FROM transfer WHERE transfer.payment_id = payment.id AND kind = 'capture'))
UNION ALL
-- Whatever the parts were: the points of all returns together are the share of their sum, all of them for the whole sum.
SELECT 'returned_points_are_not_their_share', payment.id, payment.partner_id
FROM payment WHERE returned_minor + returned_points > 0
  AND returned_points <> div((SELECT coalesce(sum(amount), 0) FROM transfer
    WHERE transfer.payment_id = payment.id AND kind = 'capture') * returned_minor, amount_minor)
UNION ALL
SELECT 'payment_is_not_sum_of_its_returns', payment.id, payment.partner_id
FROM payment WHERE (returned_minor, returned_points) <> (
  SELECT coalesce(sum(one.amount_minor), 0), coalesce(sum(one.points), 0) FROM payment_return one
  WHERE one.payment_id = payment.id AND one.state = 'returned')
UNION ALL
SELECT 'returns_are_not_their_entries', payment.id, payment.partner_id
FROM payment JOIN LATERAL (
  SELECT coalesce(sum(amount) FILTER (WHERE kind = 'return_points'), 0) AS points,
    coalesce(sum(amount) FILTER (WHERE kind = 'return_fund'), 0) AS fund
  FROM transfer WHERE transfer.payment_id = payment.id AND kind IN ('return_points', 'return_fund')) AS booked ON true
WHERE booked.points <> payment.returned_points OR booked.fund <> (SELECT coalesce(sum(one.amount_minor), 0)
  FROM payment_return one WHERE one.payment_id = payment.id AND one.state = 'returned' AND one.fund_restored)
UNION ALL
SELECT 'return_is_not_its_lots', payment_return.id, payment_return.partner_id
FROM payment_return WHERE coalesce(points, 0) <> (SELECT coalesce(sum(points), 0) FROM payment_return_lot WHERE return_id = payment_return.id)
UNION ALL
SELECT 'lot_gets_more_than_was_taken', given.lot_id, given.partner_id
FROM payment_return_lot given JOIN payment_return ON payment_return.id = given.return_id
GROUP BY given.lot_id, given.partner_id, payment_return.payment_id
HAVING sum(given.points) > (SELECT coalesce(sum(hold_lot.points), 0) FROM hold_lot JOIN hold ON hold.id = hold_lot.hold_id
  WHERE hold_lot.lot_id = given.lot_id AND hold.payment_id = payment_return.payment_id AND hold.state = 'captured')
UNION ALL
SELECT 'more_is_approved_than_was_paid', payment.id, payment.partner_id
FROM payment WHERE amount_minor < (SELECT sum(one.amount_minor) FROM payment_return one
  WHERE one.payment_id = payment.id AND one.state IN ('approved', 'returned'))
UNION ALL
-- What counts against the limits of a day and a month is what organisations hold and have spent.
SELECT 'spending_is_not_its_holds', coalesce(spending.partner_id, counted.partner_id), coalesce(spending.partner_id, counted.partner_id)
FROM organisation_spending AS spending FULL JOIN (
  SELECT hold.partner_id, hold.currency, periods.period, periods.starts_on, sum(hold.amount_minor) AS amount_minor
  FROM hold CROSS JOIN LATERAL (VALUES
    ('day', hold.counted_on), ('month', date_trunc('month', hold.counted_on::timestamp)::date)) AS periods(period, starts_on)
  WHERE hold.counts GROUP BY 1, 2, 3, 4
) AS counted USING (partner_id, currency, period, starts_on)
WHERE coalesce(spending.amount_minor, 0) <> coalesce(counted.amount_minor, 0)
UNION ALL
SELECT 'released_hold_is_counted', hold.id, hold.partner_id
FROM hold JOIN payment ON payment.id = hold.payment_id
WHERE hold.counts AND hold.state = 'released' AND payment.transaction_id IS NULL
UNION ALL
-- What foreign keys would refuse beforehand: too dear for a credit of a million lines (migration 0006).
SELECT 'transfer_of_unknown_account', transfer.id, transfer.partner_id
FROM transfer
WHERE NOT EXISTS (SELECT FROM account WHERE account.id = transfer.debit)
  OR NOT EXISTS (SELECT FROM account WHERE account.id = transfer.credit)
UNION ALL
SELECT 'transfer_of_unknown_payment', transfer.id, transfer.partner_id
FROM transfer WHERE payment_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM payment WHERE payment.id = transfer.payment_id AND payment.partner_id = transfer.partner_id)
UNION ALL
SELECT 'account_of_unknown_owner', account.id, account.partner_id
FROM account WHERE NOT EXISTS (SELECT FROM partner WHERE partner.id = account.partner_id)
  OR owner IS NOT NULL
  AND NOT EXISTS (SELECT FROM member WHERE member.id = account.owner AND member.partner_id = account.partner_id)
UNION ALL
SELECT 'payment_of_unknown_member', payment.id, payment.partner_id
FROM payment WHERE member_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM member WHERE member.id = payment.member_id AND member.partner_id = payment.partner_id)
UNION ALL
SELECT 'hold_of_unknown_member', hold.id, hold.partner_id
FROM hold WHERE member_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM member WHERE member.id = hold.member_id AND member.partner_id = hold.partner_id)
UNION ALL
SELECT 'lot_of_unknown_member', lot.id, lot.partner_id
FROM lot WHERE NOT EXISTS (SELECT FROM member WHERE member.id = lot.member_id AND member.partner_id = lot.partner_id)
UNION ALL
SELECT 'lot_is_not_of_its_transfer', lot.id, lot.partner_id
FROM lot WHERE NOT EXISTS (
  SELECT FROM transfer JOIN account ON account.id = transfer.credit
  WHERE transfer.id = lot.transfer_id AND account.kind = 'member.available' AND account.owner = lot.member_id
    AND CASE transfer.kind WHEN 'credit' THEN transfer.amount = lot.granted ELSE transfer.amount >= lot.granted END)
UNION ALL
SELECT 'credit_without_its_lot', transfer.id, transfer.partner_id
FROM transfer WHERE kind = 'credit' AND (SELECT count(*) FROM lot
  WHERE lot.transfer_id = transfer.id AND (lot.id = transfer.id OR lot.id <> lot.transfer_id)) <> 1
UNION ALL
-- What a second person has granted was done, and nothing of the kind was done otherwise.
SELECT 'approved_without_its_entry', approval.id, approval.partner_id
FROM approval WHERE state = 'approved' AND action IN ('fund.deposit', 'fund.repayment', 'fund.correction')
  AND NOT EXISTS (SELECT FROM transfer WHERE transfer.partner_id = approval.partner_id
    AND 'fund.' || transfer.kind = approval.action AND transfer.reference = approval.subject
    AND transfer.amount = abs((approval.body ->> 'amountMinor')::bigint) AND transfer.actor ->> 'id' = approval.id::text)
UNION ALL
SELECT 'entry_without_approval', transfer.id, transfer.partner_id
FROM transfer WHERE kind IN ('repayment', 'correction')
  AND NOT EXISTS (SELECT FROM approval WHERE approval.id::text = transfer.actor ->> 'id'
    AND approval.partner_id = transfer.partner_id AND approval.state = 'approved')
UNION ALL
SELECT 'approved_by_who_asked', approval.id, approval.partner_id
FROM approval WHERE state = 'approved' AND NOT waived
  AND requested_by ->> 'kind' = decided_by ->> 'kind' AND requested_by ->> 'id' = decided_by ->> 'id'
UNION ALL
SELECT 'flow_is_not_its_entries', account.id, account.partner_id
FROM account WHERE kind = 'fund.external'
  AND (SELECT coalesce(sum(incoming_minor - outgoing_minor), 0) FROM fund_flow
    WHERE fund_flow.partner_id = account.partner_id AND fund_flow.currency = account.asset)
  <> -account.balance - coalesce((SELECT balance FROM account AS drawn
    WHERE drawn.partner_id = account.partner_id AND drawn.kind = 'fund.drawn' AND drawn.asset = account.asset), 0);

-- Paid by us: captures the points, draws the fund, writes the event. The fund is no longer doubted: a payment went through.
-- A proof that comes after a person has released the hold never raises: the fund is drawn, for that is a fact; the points
-- stay with the member, a difference is told, and the payment stays in review.
-- Outcomes: captured, already_captured, captured_late, superseded, not_found, conflict {state}.
CREATE OR REPLACE FUNCTION payment_capture(
  p_partner uuid, p_payment uuid, p_epoch integer, p_n integer, p_transaction text, p_request_id text, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_hold hold;
  v_actor jsonb := jsonb_build_object('kind', 'saga', 'id', p_payment);
  v_member_held uuid;
  v_redeemed uuid;
  v_fund_available uuid;
  v_fund_reserved uuid;
  v_fund_drawn uuid;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_payment FROM payment WHERE id = p_payment FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  IF v_payment.transaction_id = p_transaction THEN
    RETURN jsonb_build_object('outcome', CASE v_payment.state WHEN 'paid' THEN 'already_captured' ELSE 'captured_late' END);
  END IF;
  IF v_payment.epoch > p_epoch THEN
    RETURN jsonb_build_object('outcome', 'superseded');
  END IF;
  SELECT * INTO v_hold FROM hold WHERE payment_id = p_payment AND state = 'held';
  IF NOT FOUND AND v_payment.released_at IS NOT NULL AND v_payment.transaction_id IS NULL AND v_payment.state = 'in_review' THEN
    v_fund_available := ledger_account(p_partner, 'fund.available', NULL, v_payment.currency);
    v_fund_drawn := ledger_account(p_partner, 'fund.drawn', NULL, v_payment.currency);
    PERFORM FROM account WHERE id IN (v_fund_available, v_fund_drawn) ORDER BY id FOR UPDATE;
    PERFORM ledger_transfer(p_partner, p_payment, 'draw', v_fund_available, v_fund_drawn, v_payment.amount_minor,
      p_transaction, v_actor, p_at);
    -- Spent after all: it counts again on the day of its hold, whatever the limits say.
    UPDATE hold SET counts = true WHERE id = (
      SELECT id FROM hold WHERE payment_id = p_payment AND counted_on IS NOT NULL ORDER BY id DESC LIMIT 1)
    RETURNING * INTO v_hold;
    IF FOUND THEN
      PERFORM spending_count(p_partner, v_hold.currency, v_hold.counted_on, v_hold.amount_minor);
    END IF;
    UPDATE payment_attempt SET finished_at = coalesce(finished_at, clock_timestamp()), class = 'paid', request_id = p_request_id
    WHERE payment_id = p_payment AND n = p_n;
    UPDATE payment SET reason = 'paid_after_release', transaction_id = p_transaction, paid_at = p_at WHERE id = p_payment;
    PERFORM payment_event_write(p_partner, p_payment, 'fund.difference', jsonb_build_object(
      'kind', 'paid_after_release', 'transactionId', p_transaction, 'requestId', p_request_id,
      'amountMinor', v_payment.amount_minor, 'currency', v_payment.currency, 'pointsNotTaken', v_payment.points), p_at);
    PERFORM fund_difference_tell(p_partner, 'paid_after_release', v_payment.currency, v_payment.amount_minor, p_payment,
      NULL, NULL, p_at);
    RETURN jsonb_build_object('outcome', 'captured_late');
  END IF;
  IF NOT FOUND OR v_payment.state NOT IN ('settling', 'unknown', 'in_review') THEN
    RETURN jsonb_build_object('outcome', 'conflict', 'state', v_payment.state);
  END IF;

  v_fund_reserved := ledger_account(p_partner, 'fund.reserved', NULL, v_hold.currency);
  v_fund_drawn := ledger_account(p_partner, 'fund.drawn', NULL, v_hold.currency);
  IF v_hold.points > 0 THEN
    v_member_held := ledger_account(p_partner, 'member.held', v_hold.member_id, 'points');
    v_redeemed := ledger_account(p_partner, 'programme.redeemed', NULL, 'points');
  END IF;
  PERFORM FROM account
  WHERE id IN (v_fund_reserved, v_fund_drawn, v_member_held, v_redeemed) ORDER BY id FOR UPDATE;
  IF v_hold.points > 0 THEN
    PERFORM ledger_transfer(p_partner, p_payment, 'capture', v_member_held, v_redeemed, v_hold.points,
      p_transaction, v_actor, p_at);
  END IF;
  PERFORM ledger_transfer(p_partner, p_payment, 'draw', v_fund_reserved, v_fund_drawn, v_hold.amount_minor,
    p_transaction, v_actor, p_at);
  UPDATE hold SET state = 'captured', closed_at = p_at WHERE id = v_hold.id;
  UPDATE payment_attempt SET finished_at = coalesce(finished_at, clock_timestamp()), class = 'paid', request_id = p_request_id
  WHERE payment_id = p_payment AND n = p_n;
  UPDATE payment SET state = 'paid', reason = NULL, transaction_id = p_transaction, paid_at = p_at, closed_at = p_at,
    next_probe_at = NULL WHERE id = p_payment;
  UPDATE partner SET fund_doubted_at = NULL WHERE id = p_partner AND fund_doubted_at IS NOT NULL;
  PERFORM payment_event_write(p_partner, p_payment, 'payment.paid', jsonb_build_object(
    'transactionId', p_transaction, 'requestId', p_request_id, 'amountMinor', v_hold.amount_minor,
    'currency', v_hold.currency, 'points', v_hold.points), p_at);
  RETURN jsonb_build_object('outcome', 'captured');
END
$$;

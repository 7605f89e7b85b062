-- The one way out that is not `paid`: to a final state, or back to who confirms: the buyer (p_to = 'awaiting_confirmation')
-- or an organisation's approver ('awaiting_approval').
-- What must be undone is decided here, by the ledger: whatever is held is released if no attempt may have reached
-- Invoicebox, or if the stored read proves that none can have paid, with a margin past the expiry and the last attempt.
-- p_confirmation names a confirmation that must never hold from now on, also when its hold has not come yet.
-- Outcomes: closed, already_closed {state}, attempt_outstanding, superseded, not_found.
CREATE OR REPLACE FUNCTION payment_close(
  p_partner uuid, p_payment uuid, p_epoch integer, p_to text, p_reason text, p_confirmation uuid, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_hold uuid;
  v_outstanding boolean;
  v_paid boolean;
  v_last_attempt_at timestamptz;
  v_margin interval;
  v_returns boolean := p_to IN ('awaiting_confirmation', 'awaiting_approval');
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_payment FROM payment WHERE id = p_payment FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  IF v_payment.state IN ('paid', 'declined', 'expired', 'cancelled') THEN
    RETURN jsonb_build_object('outcome', 'already_closed', 'state', v_payment.state);
  END IF;
  IF v_payment.epoch > p_epoch THEN
    RETURN jsonb_build_object('outcome', 'superseded');
  END IF;

  -- A call that comes a second time, late, finds its confirmation given up and must not touch a newer one.
  IF v_returns AND EXISTS (
    SELECT FROM hold WHERE payment_id = p_payment AND confirmation_id = p_confirmation AND state = 'released')
  THEN
    RETURN jsonb_build_object('outcome', 'closed');
  END IF;

  SELECT coalesce(bool_or(class IS NULL OR class IN ('unknown', 'paid')), false), coalesce(bool_or(class = 'paid'), false),
    max(coalesce(finished_at, started_at))
  INTO v_outstanding, v_paid, v_last_attempt_at FROM payment_attempt WHERE payment_id = p_payment;
  -- What is known to be paid by us is never given back, whatever the invoice says later.
  IF v_paid OR v_payment.transaction_id IS NOT NULL THEN
    RETURN jsonb_build_object('outcome', 'attempt_outstanding');
  END IF;
  IF v_outstanding THEN
    v_margin := (v_payment.policy ->> 'marginMs')::bigint * interval '1 millisecond';
    -- Attempts and reads are spans of one clock, this server's; the expiry goes by Temporal's time. What is missing proves nothing.
    IF NOT coalesce(
      v_payment.read_began_at >= v_last_attempt_at + v_margin
      AND (v_payment.invoice_status = 'canceled'
        OR v_payment.invoice_status = 'pending' AND v_payment.read_at >= v_payment.invoice_expires_at + v_margin), false)
    THEN
      RETURN jsonb_build_object('outcome', 'attempt_outstanding');
    END IF;
  END IF;

  IF p_confirmation IS NOT NULL AND v_payment.amount_minor > 0 THEN
    INSERT INTO hold (partner_id, payment_id, confirmation_id, state, points, amount_minor, currency, at, closed_at)
    VALUES (p_partner, p_payment, p_confirmation, 'released', 0, v_payment.amount_minor, v_payment.currency, p_at, p_at)
    ON CONFLICT (payment_id, confirmation_id) DO NOTHING;
  END IF;
  SELECT id INTO v_hold FROM hold WHERE payment_id = p_payment AND state = 'held';
  IF FOUND THEN
    PERFORM payment_release(p_partner, v_hold, p_at);
  END IF;
  UPDATE payment SET
    state = p_to,
    reason = p_reason,
    next_probe_at = NULL,
    confirmation = CASE WHEN v_returns THEN NULL ELSE confirmation END,
    -- Back at who confirms, the price is what was read last.
    amount_minor = CASE WHEN v_returns THEN read_amount_minor ELSE amount_minor END,
    currency = CASE WHEN v_returns THEN read_currency ELSE currency END,
    points = CASE WHEN v_returns THEN coalesce(read_points, points) ELSE points END,
    priced_at = CASE WHEN v_returns THEN coalesce(read_priced_at, priced_at) ELSE priced_at END,
    closed_at = CASE WHEN v_returns THEN NULL ELSE p_at END
  WHERE id = p_payment;
  IF NOT v_returns THEN
    PERFORM payment_event_write(p_partner, p_payment, 'payment.' || p_to,
      jsonb_build_object('reason', p_reason, 'code', v_payment.refusal_code, 'by', p_actor), p_at);
  ELSIF v_payment.state <> p_to THEN
    PERFORM payment_event_write(p_partner, p_payment, CASE p_to
      WHEN 'awaiting_approval' THEN 'payment.returned_to_approver' ELSE 'payment.returned_to_buyer' END,
      jsonb_build_object('reason', p_reason), p_at);
  END IF;
  RETURN jsonb_build_object('outcome', 'closed');
END
$$;

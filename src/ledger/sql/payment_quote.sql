-- Stores what was read of the invoice, and the price of it where it can be paid.
-- p_read: {status, number, description, amountMinor, vatAmountMinor, currency, expiresAt, paymentUrl, print?, approval?};
-- p_points null: no price. Of an organisation's, print is of all that its policy and an approver look at, and approval says
-- why the policy wants one; a worker of the release before sends neither, and leaves both as they were.
-- p_read_age_ms: how long ago the read began.
-- Outcomes: quoted {changed, version}, superseded, conflict {state}, not_found.
CREATE OR REPLACE FUNCTION payment_quote(
  p_partner uuid, p_payment uuid, p_epoch integer, p_read jsonb, p_points bigint, p_priced_at timestamptz, p_read_age_ms bigint,
  p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_changed boolean;
  v_held boolean;
  v_asks boolean;
  v_version integer;
  v_sum_changed boolean;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_payment FROM payment WHERE id = p_payment FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  IF v_payment.epoch > p_epoch THEN
    RETURN jsonb_build_object('outcome', 'superseded');
  END IF;
  IF v_payment.state IN ('paid', 'declined', 'expired', 'cancelled') THEN
    RETURN jsonb_build_object('outcome', 'conflict', 'state', v_payment.state);
  END IF;
  -- A read that began before the stored one comes too late to say anything.
  IF v_payment.read_began_at > clock_timestamp() - p_read_age_ms * interval '1 millisecond' THEN
    RETURN jsonb_build_object('outcome', 'superseded');
  END IF;
  v_held := v_payment.state IN ('settling', 'unknown', 'in_review');
  v_version := v_payment.read_version
    + CASE WHEN p_read ? 'print' AND v_payment.read_print IS DISTINCT FROM p_read ->> 'print' THEN 1 ELSE 0 END;
  v_sum_changed := v_payment.amount_minor IS DISTINCT FROM (p_read ->> 'amountMinor')::bigint
    OR v_payment.currency IS DISTINCT FROM p_read ->> 'currency'
    OR v_payment.points IS DISTINCT FROM p_points;
  v_changed := NOT v_held AND v_payment.points IS NOT NULL AND p_points IS NOT NULL AND (
    v_sum_changed OR v_payment.state = 'awaiting_approval' AND v_version > v_payment.read_version);
  v_asks := v_payment.state = 'opening' AND v_payment.scheme = 'organisation' AND p_points IS NOT NULL
    AND p_read ->> 'approval' IS NOT NULL;
  UPDATE payment SET
    read_at = p_at,
    read_began_at = clock_timestamp() - p_read_age_ms * interval '1 millisecond',
    invoice_status = p_read ->> 'status',
    invoice_number = p_read ->> 'number',
    description = p_read ->> 'description',
    vat_amount_minor = (p_read ->> 'vatAmountMinor')::bigint,
    invoice_expires_at = (p_read ->> 'expiresAt')::timestamptz,
    payment_url = p_read ->> 'paymentUrl',
    read_amount_minor = (p_read ->> 'amountMinor')::bigint,
    read_currency = p_read ->> 'currency',
    read_points = p_points,
    read_priced_at = p_priced_at,
    read_version = v_version,
    read_print = coalesce(p_read ->> 'print', read_print),
    read_approval = CASE WHEN p_read ? 'approval' THEN p_read ->> 'approval' ELSE read_approval END,
    -- What is held stays at the price that was confirmed.
    amount_minor = CASE WHEN v_held THEN amount_minor ELSE (p_read ->> 'amountMinor')::bigint END,
    currency = CASE WHEN v_held THEN currency ELSE p_read ->> 'currency' END,
    points = CASE WHEN v_held OR p_points IS NULL THEN points ELSE p_points END,
    priced_at = CASE WHEN v_held OR p_points IS NULL THEN priced_at ELSE p_priced_at END,
    reason = CASE
      WHEN v_asks THEN p_read ->> 'approval'
      WHEN v_changed AND state = 'awaiting_approval' AND NOT v_sum_changed THEN 'invoice_changed'
      WHEN v_changed AND state IN ('awaiting_confirmation', 'awaiting_approval') THEN 'amount_changed'
      ELSE reason END,
    state = CASE
      WHEN state = 'opening' AND scheme = 'loyalty' AND p_points IS NOT NULL THEN 'awaiting_confirmation'
      WHEN v_asks THEN 'awaiting_approval'
      ELSE state END
  WHERE id = p_payment;
  IF v_payment.state = 'opening' AND v_payment.scheme = 'loyalty' AND p_points IS NOT NULL THEN
    PERFORM payment_event_write(p_partner, p_payment, 'payment.awaiting_confirmation', jsonb_build_object(
      'amountMinor', (p_read ->> 'amountMinor')::bigint, 'currency', p_read ->> 'currency', 'points', p_points), p_at);
  ELSIF v_asks OR v_changed AND v_payment.state = 'awaiting_approval' THEN
    PERFORM payment_event_write(p_partner, p_payment,
      CASE WHEN v_asks THEN 'payment.awaiting_approval' ELSE 'payment.returned_to_approver' END, jsonb_build_object(
      'amountMinor', (p_read ->> 'amountMinor')::bigint, 'currency', p_read ->> 'currency', 'version', v_version,
      'because', p_read ->> 'approval'), p_at);
  ELSIF v_changed THEN
    PERFORM payment_event_write(p_partner, p_payment, 'payment.requoted', jsonb_build_object(
      'amountMinor', (p_read ->> 'amountMinor')::bigint, 'currency', p_read ->> 'currency', 'points', p_points), p_at);
  END IF;
  RETURN jsonb_build_object('outcome', 'quoted', 'changed', v_changed, 'version', v_version);
END
$$;

-- What a recovery does with what a payment holds (payment_recover.sql). The caller has locked the payment.

-- Holds what was held, as then: neither guard nor limits nor approvals are asked again, for it is a fact, and the lots are those
-- that had not expired then. Answers none (it takes no points), booked, or missing: the member or his points are not in the
-- restored books, and nothing is held.
CREATE OR REPLACE FUNCTION payment_recover_hold(p_partner uuid, p_payment uuid, p_held jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_hold hold;
  v_member uuid := (p_held ->> 'memberId')::uuid;
  v_at timestamptz := (p_held ->> 'at')::timestamptz;
  v_points bigint := (p_held #>> '{seen,points}')::bigint;
  v_took text := CASE WHEN (p_held #>> '{seen,points}')::bigint > 0 THEN 'booked' ELSE 'none' END;
  v_member_available uuid;
  v_member_held uuid;
  v_fund_available uuid;
  v_fund_reserved uuid;
  v_lots uuid[];
  v_taken bigint[];
  v_missing bigint;
  v_counted_on date;
BEGIN
  SELECT * INTO v_hold FROM hold WHERE payment_id = p_payment AND state = 'held';
  IF FOUND AND v_hold.confirmation_id = (p_held ->> 'confirmationId')::uuid THEN
    RETURN v_took;
  END IF;
  -- One that was given up since, for the one that came after it.
  PERFORM payment_recover_release(p_partner, p_payment, v_at);
  UPDATE payment SET amount_minor = (p_held #>> '{seen,amountMinor}')::bigint, currency = p_held #>> '{seen,currency}',
    points = v_points WHERE id = p_payment RETURNING * INTO v_payment;
  IF v_points > 0 AND NOT EXISTS (SELECT FROM member WHERE id = v_member AND erased_at IS NULL) THEN
    RETURN 'missing';
  END IF;
  v_fund_available := ledger_account(p_partner, 'fund.available', NULL, v_payment.currency);
  v_fund_reserved := ledger_account(p_partner, 'fund.reserved', NULL, v_payment.currency);
  IF v_points > 0 THEN
    v_member_available := ledger_account(p_partner, 'member.available', v_member, 'points');
    v_member_held := ledger_account(p_partner, 'member.held', v_member, 'points');
  END IF;
  PERFORM FROM account
  WHERE id IN (v_fund_available, v_fund_reserved, v_member_available, v_member_held) ORDER BY id FOR UPDATE;
  SELECT lots, taken, missing INTO v_lots, v_taken, v_missing FROM lots_to_take(v_member, v_points, v_at);
  IF v_missing > 0 THEN
    RETURN 'missing';
  END IF;
  IF v_payment.scheme = 'organisation' THEN
    v_counted_on := (v_at AT TIME ZONE partner_zone(p_partner))::date;
    PERFORM spending_count(p_partner, v_payment.currency, v_counted_on, v_payment.amount_minor);
  END IF;
  PERFORM payment_hold_book(v_payment, p_held - 'at', v_member_available, v_member_held, v_fund_available, v_fund_reserved,
    v_lots, v_taken, v_counted_on, v_at);
  RETURN v_took;
END
$$;

-- Gives back whatever is held; the payment waits again for who confirms, whatever becomes of it then. One that is in review stays
-- there: from there it only ends.
CREATE OR REPLACE FUNCTION payment_recover_release(p_partner uuid, p_payment uuid, p_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_hold uuid;
BEGIN
  SELECT id INTO v_hold FROM hold WHERE payment_id = p_payment AND state = 'held';
  IF NOT FOUND THEN
    RETURN;
  END IF;
  PERFORM payment_release(p_partner, v_hold, p_at);
  UPDATE payment SET confirmation = NULL, next_probe_at = NULL, member_id = CASE WHEN member_named THEN member_id END,
    state = CASE
      WHEN state = 'in_review' THEN state
      WHEN scheme = 'organisation' THEN 'awaiting_approval' ELSE 'awaiting_confirmation' END
  WHERE id = p_payment;
END
$$;

-- Nothing is held, and the invoice is paid by us, or may turn out to be: in review, and a proof draws the fund alone. The points
-- are owed until the member has them again (payment_recover_points.sql), unless a person had given them back.
CREATE OR REPLACE FUNCTION payment_recover_released(
  p_partner uuid, p_payment uuid, p_reason text, p_held jsonb, p_at timestamptz
) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM payment_recover_release(p_partner, p_payment, p_at);
  UPDATE payment SET state = 'settling' WHERE id = p_payment AND state IN ('opening', 'awaiting_confirmation', 'awaiting_approval');
  UPDATE payment SET state = 'in_review', reason = p_reason, released_at = coalesce(released_at, clock_timestamp()),
    confirmation = p_held - 'at'
  WHERE id = p_payment;
  IF p_reason = 'hold_not_restored' AND p_held ->> 'memberId' IS NOT NULL AND (p_held #>> '{seen,points}')::bigint > 0 THEN
    INSERT INTO points_owed (payment_id, partner_id, member_id, points, since)
    VALUES (p_payment, p_partner, (p_held ->> 'memberId')::uuid, (p_held #>> '{seen,points}')::bigint, p_at)
    ON CONFLICT DO NOTHING;
  END IF;
END
$$;

-- Where a payment stands that is not over, now that what it holds is held.
CREATE OR REPLACE FUNCTION payment_recover_state(
  p_partner uuid, p_payment uuid, p_state text, p_reason text, p_is_short boolean, p_at timestamptz
) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
BEGIN
  SELECT * INTO STRICT v_payment FROM payment WHERE id = p_payment;
  IF v_payment.released_at IS NOT NULL THEN
    PERFORM payment_event_write(p_partner, p_payment, 'payment.in_review', jsonb_build_object('reason', v_payment.reason), p_at);
  ELSIF v_payment.state = 'settling' AND p_state IN ('unknown', 'in_review') THEN
    PERFORM payment_unproven(p_partner, p_payment, v_payment.epoch, p_state, coalesce(p_reason, 'outcome_unknown'), NULL, p_at, p_at);
  ELSIF v_payment.state = 'unknown' AND p_state = 'in_review' THEN
    PERFORM payment_unproven(p_partner, p_payment, v_payment.epoch, p_state, p_reason, NULL, p_at, p_at);
  ELSIF p_is_short THEN
    -- Nothing has reached Invoicebox: the buyer is asked again.
    UPDATE payment SET state = 'awaiting_confirmation', reason = 'insufficient_points' WHERE id = p_payment;
    PERFORM payment_event_write(p_partner, p_payment, 'payment.returned_to_buyer',
      jsonb_build_object('reason', 'insufficient_points'), p_at);
  ELSIF v_payment.state = 'opening' AND p_state IN ('awaiting_confirmation', 'awaiting_approval') AND v_payment.points IS NOT NULL THEN
    UPDATE payment SET state = p_state, reason = p_reason WHERE id = p_payment;
    PERFORM payment_event_write(p_partner, p_payment, 'payment.' || p_state, jsonb_build_object(
      'amountMinor', v_payment.amount_minor, 'currency', v_payment.currency, 'points', v_payment.points), p_at);
  END IF;
END
$$;

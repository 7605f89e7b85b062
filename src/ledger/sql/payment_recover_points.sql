-- Takes the points of a payment that was paid before its ledger was lost, now that the member has them again: it is paid then as
-- any other. Where a person has ended it meanwhile, his word stands.
-- Outcomes: taken {points}; missing {available, needed}; over {state}; not_paid (nobody knows yet); not_owed.
CREATE OR REPLACE FUNCTION payment_recover_points(p_partner uuid, p_payment uuid, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_owed points_owed;
  v_hold uuid;
  v_actor jsonb := jsonb_build_object('kind', 'saga', 'id', p_payment);
  v_member_available uuid;
  v_member_held uuid;
  v_redeemed uuid;
  v_lots uuid[];
  v_taken bigint[];
  v_missing bigint;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO STRICT v_payment FROM payment WHERE id = p_payment FOR UPDATE;
  SELECT * INTO v_owed FROM points_owed WHERE payment_id = p_payment AND taken_at IS NULL;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_owed');
  END IF;
  IF v_payment.state <> 'in_review' THEN
    RETURN jsonb_build_object('outcome', 'over', 'state', v_payment.state);
  END IF;
  IF v_payment.transaction_id IS NULL THEN
    RETURN jsonb_build_object('outcome', 'not_paid');
  END IF;
  IF NOT EXISTS (SELECT FROM member WHERE id = v_owed.member_id AND erased_at IS NULL) THEN
    RETURN jsonb_build_object('outcome', 'missing', 'available', 0, 'needed', v_owed.points);
  END IF;
  v_member_available := ledger_account(p_partner, 'member.available', v_owed.member_id, 'points');
  v_member_held := ledger_account(p_partner, 'member.held', v_owed.member_id, 'points');
  v_redeemed := ledger_account(p_partner, 'programme.redeemed', NULL, 'points');
  PERFORM FROM account WHERE id IN (v_member_available, v_member_held, v_redeemed) ORDER BY id FOR UPDATE;
  SELECT lots, taken, missing INTO v_lots, v_taken, v_missing FROM lots_to_take(v_owed.member_id, v_owed.points, p_at);
  IF v_missing > 0 THEN
    RETURN jsonb_build_object('outcome', 'missing', 'available', v_owed.points - v_missing, 'needed', v_owed.points);
  END IF;
  INSERT INTO hold (partner_id, payment_id, confirmation_id, state, member_id, points, amount_minor, currency, at, closed_at)
  VALUES (p_partner, p_payment, (v_payment.confirmation ->> 'confirmationId')::uuid, 'captured', v_owed.member_id, v_owed.points,
    v_payment.amount_minor, v_payment.currency, p_at, p_at)
  RETURNING id INTO v_hold;
  PERFORM hold_take_lots(p_partner, v_hold, v_lots, v_taken);
  PERFORM ledger_transfer(p_partner, p_payment, 'hold', v_member_available, v_member_held, v_owed.points,
    v_payment.confirmation ->> 'confirmationId', v_actor, p_at);
  PERFORM ledger_transfer(p_partner, p_payment, 'capture', v_member_held, v_redeemed, v_owed.points,
    v_payment.transaction_id, v_actor, p_at);
  UPDATE payment SET state = 'paid', reason = NULL, member_id = v_owed.member_id, points = v_owed.points, closed_at = p_at,
    next_probe_at = NULL WHERE id = p_payment;
  UPDATE points_owed SET taken_at = p_at WHERE payment_id = p_payment;
  PERFORM payment_event_write(p_partner, p_payment, 'payment.paid', jsonb_build_object(
    'transactionId', v_payment.transaction_id, 'amountMinor', v_payment.amount_minor, 'currency', v_payment.currency,
    'points', v_owed.points), p_at);
  RETURN jsonb_build_object('outcome', 'taken', 'points', v_owed.points);
END
$$;

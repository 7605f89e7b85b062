-- Books a hold of which a recovery has heard (payment_recover_hold.sql), as payment_hold does one that it has decided on: points
-- out of lots, and the fund; the payment then settles. The caller has locked the payment, these accounts and the member's lots,
-- and has found the points.
-- p_confirmation: as of payment_hold. p_counted_on: the day whose limits it was counted against; NULL: none.
CREATE OR REPLACE FUNCTION payment_hold_book(
  p_payment payment, p_confirmation jsonb, p_member_available uuid, p_member_held uuid, p_fund_available uuid, p_fund_reserved uuid,
  p_counted_on date, p_at timestamptz
) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_member uuid := (p_confirmation ->> 'memberId')::uuid;
  v_confirmation uuid := (p_confirmation ->> 'confirmationId')::uuid;
  v_actor jsonb := p_confirmation -> 'actor';
  v_hold uuid;
BEGIN
  INSERT INTO hold (partner_id, payment_id, confirmation_id, state, member_id, points, amount_minor, currency, at, counted_on, counts)
  VALUES (p_payment.partner_id, p_payment.id, v_confirmation, 'held', v_member, p_payment.points, p_payment.amount_minor,
    p_payment.currency, p_at, p_counted_on, p_counted_on IS NOT NULL)
  RETURNING id INTO v_hold;
  PERFORM hold_take_lots(v_hold, v_member, p_payment.points, p_payment.partner_id, p_at);
  IF p_payment.points > 0 THEN
    PERFORM ledger_transfer(p_payment.partner_id, p_payment.id, 'hold', p_member_available, p_member_held, p_payment.points,
      v_confirmation::text, v_actor, p_at);
  END IF;
  PERFORM ledger_transfer(p_payment.partner_id, p_payment.id, 'reserve', p_fund_available, p_fund_reserved, p_payment.amount_minor,
    v_confirmation::text, v_actor, p_at);
  UPDATE payment SET state = 'settling', reason = NULL, member_id = v_member, confirmation = p_confirmation
  WHERE id = p_payment.id;
  PERFORM payment_event_write(p_payment.partner_id, p_payment.id, 'payment.settling', jsonb_build_object(
    'confirmedBy', v_actor, 'seen', p_confirmation -> 'seen'), p_at);
END
$$;

-- Takes so many points out of a member's lots that had not expired at p_at, first to expire first. The caller has locked them and
-- has seen that there are enough.
CREATE OR REPLACE FUNCTION hold_take_lots(p_hold uuid, p_member uuid, p_points bigint, p_partner uuid, p_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_lot record;
  v_left bigint := p_points;
  v_taken bigint;
BEGIN
  FOR v_lot IN
    SELECT id, remaining FROM lot
    WHERE member_id = p_member AND NOT spent AND (expires_at IS NULL OR expires_at > p_at)
    ORDER BY expires_at NULLS LAST, id
  LOOP
    EXIT WHEN v_left = 0;
    v_taken := least(v_left, v_lot.remaining);
    UPDATE lot SET remaining = remaining - v_taken WHERE id = v_lot.id;
    INSERT INTO hold_lot (hold_id, lot_id, partner_id, points) VALUES (p_hold, v_lot.id, p_partner, v_taken);
    v_left := v_left - v_taken;
  END LOOP;
END
$$;

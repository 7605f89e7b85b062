-- Gives back what a hold took: points to their lots (lot_give_back.sql), the sum to the fund, and to the limits of the day
-- and the month that it was counted on. The caller has locked the payment.
CREATE OR REPLACE FUNCTION payment_release(p_partner uuid, p_hold uuid, p_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_hold hold;
  v_transfer uuid;
  v_actor jsonb;
  v_member_available uuid;
  v_member_held uuid;
  v_fund_available uuid;
  v_fund_reserved uuid;
BEGIN
  SELECT * INTO STRICT v_hold FROM hold WHERE id = p_hold;
  v_actor := jsonb_build_object('kind', 'saga', 'id', v_hold.payment_id);
  v_fund_available := ledger_account(p_partner, 'fund.available', NULL, v_hold.currency);
  v_fund_reserved := ledger_account(p_partner, 'fund.reserved', NULL, v_hold.currency);
  IF v_hold.points > 0 THEN
    v_member_available := ledger_account(p_partner, 'member.available', v_hold.member_id, 'points');
    v_member_held := ledger_account(p_partner, 'member.held', v_hold.member_id, 'points');
  END IF;
  PERFORM FROM account
  WHERE id IN (v_fund_available, v_fund_reserved, v_member_available, v_member_held) ORDER BY id FOR UPDATE;
  PERFORM ledger_transfer(p_partner, v_hold.payment_id, 'unreserve', v_fund_reserved, v_fund_available,
    v_hold.amount_minor, v_hold.confirmation_id::text, v_actor, p_at);
  IF v_hold.points > 0 THEN
    v_transfer := ledger_transfer(p_partner, v_hold.payment_id, 'release', v_member_held, v_member_available,
      v_hold.points, v_hold.confirmation_id::text, v_actor, p_at);
    PERFORM FROM lot WHERE id IN (SELECT lot_id FROM hold_lot WHERE hold_id = p_hold) ORDER BY id FOR UPDATE;
    PERFORM lot_give_back(p_partner, part.lot_id, part.points, v_transfer, p_at)
    FROM (SELECT lot_id, points FROM hold_lot WHERE hold_id = p_hold ORDER BY lot_id) AS part;
  END IF;
  IF v_hold.counts THEN
    PERFORM spending_give_back(p_partner, v_hold.currency, v_hold.counted_on, v_hold.amount_minor);
  END IF;
  UPDATE hold SET state = 'released', counts = false, closed_at = p_at WHERE id = p_hold;
  PERFORM facts_announce('released:' || v_hold.payment_id);
END
$$;

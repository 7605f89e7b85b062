-- Takes a credit back, whole (p_points NULL) or in part, from its own lot; what is spent, held or expired stays. Once by its
-- reference. Outcomes: reversed, already_reversed {reversalId, points}; insufficient {remaining}; conflict; not_found.
CREATE OR REPLACE FUNCTION points_reverse(
  p_partner uuid, p_credit uuid, p_points bigint, p_reference text, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_credit transfer;
  v_reversal transfer;
  v_lot lot;
  v_points bigint;
  v_remaining bigint;
  v_new uuid;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_credit FROM transfer WHERE id = p_credit AND kind = 'credit';
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  -- The programme's account last, as everybody who credits does.
  PERFORM FROM account WHERE id = v_credit.credit FOR UPDATE;
  PERFORM FROM account WHERE id = v_credit.debit FOR UPDATE;
  SELECT * INTO STRICT v_lot FROM lot
  WHERE transfer_id = p_credit AND (id = p_credit OR id <> transfer_id) FOR UPDATE;
  v_points := coalesce(p_points, v_credit.amount);
  SELECT * INTO v_reversal FROM transfer WHERE partner_id = p_partner AND kind = 'reversal' AND reference = p_reference;
  IF FOUND THEN
    RETURN CASE
      WHEN v_reversal.origin = p_credit AND v_reversal.amount = v_points
        THEN jsonb_build_object('outcome', 'already_reversed', 'reversalId', v_reversal.id, 'points', v_points)
      ELSE jsonb_build_object('outcome', 'conflict') END;
  END IF;
  v_remaining := CASE WHEN v_lot.expires_at <= p_at THEN 0 ELSE v_lot.remaining END;
  IF v_remaining < v_points THEN
    RETURN jsonb_build_object('outcome', 'insufficient', 'remaining', v_remaining);
  END IF;
  UPDATE lot SET remaining = remaining - v_points WHERE id = v_lot.id;
  v_new := ledger_transfer(p_partner, NULL, 'reversal', v_credit.credit, v_credit.debit, v_points, p_reference, p_actor, p_at,
    p_credit);
  RETURN jsonb_build_object('outcome', 'reversed', 'reversalId', v_new, 'points', v_points);
END
$$;

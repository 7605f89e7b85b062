-- Credits points to a member as a lot; once by its reference. Outcomes: credited, already_credited, conflict (other content).
CREATE OR REPLACE FUNCTION points_credit(
  p_partner uuid, p_member uuid, p_points bigint, p_expires_at timestamptz, p_reference text, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_issued uuid;
  v_available uuid;
  v_transfer transfer;
  v_new uuid;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  v_issued := ledger_account(p_partner, 'programme.issued', NULL, 'points');
  v_available := ledger_account(p_partner, 'member.available', p_member, 'points');
  PERFORM FROM account WHERE id IN (v_issued, v_available) ORDER BY id FOR UPDATE;
  SELECT * INTO v_transfer FROM transfer WHERE partner_id = p_partner AND kind = 'credit' AND reference = p_reference;
  IF FOUND THEN
    RETURN jsonb_build_object('outcome', CASE
      WHEN v_transfer.credit = v_available AND v_transfer.amount = p_points THEN 'already_credited' ELSE 'conflict' END);
  END IF;
  v_new := ledger_transfer(p_partner, NULL, 'credit', v_issued, v_available, p_points, p_reference, p_actor, p_at);
  INSERT INTO lot (partner_id, member_id, granted, remaining, expires_at, transfer_id)
  VALUES (p_partner, p_member, p_points, p_points, p_expires_at, v_new);
  RETURN jsonb_build_object('outcome', 'credited');
END
$$;

-- Credits points to a member as a lot; once by its reference.
-- Outcomes: credited, already_credited {creditId}; conflict (that reference credited something else); erased.
CREATE OR REPLACE FUNCTION points_credit(
  p_partner uuid, p_member uuid, p_points bigint, p_expires_at timestamptz, p_reference text, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_issued uuid;
  v_available uuid;
  v_known transfer;
  v_erased boolean;
  v_new uuid := uuidv7();
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  v_issued := ledger_account(p_partner, 'programme.issued', NULL, 'points');
  v_available := ledger_account(p_partner, 'member.available', p_member, 'points');
  -- The order of everybody who credits (credit_import_apply.sql): the member, the reference, the accounts, the programme's last.
  SELECT erased_at IS NOT NULL INTO STRICT v_erased FROM member WHERE id = p_member FOR SHARE;
  IF NOT v_erased THEN
    INSERT INTO transfer (id, partner_id, kind, debit, credit, amount, reference, actor, at)
    VALUES (v_new, p_partner, 'credit', v_issued, v_available, p_points, p_reference, p_actor, p_at)
    ON CONFLICT (partner_id, kind, reference) WHERE kind IN ('credit', 'deposit') DO NOTHING;
  END IF;
  IF v_erased OR NOT FOUND THEN
    SELECT * INTO v_known FROM transfer WHERE partner_id = p_partner AND kind = 'credit' AND reference = p_reference;
    IF NOT FOUND THEN
      RETURN jsonb_build_object('outcome', 'erased');
    END IF;
    RETURN jsonb_build_object('creditId', v_known.id, 'outcome', CASE
      WHEN v_known.credit = v_available AND v_known.amount = p_points AND p_expires_at IS NOT DISTINCT FROM (
        SELECT expires_at FROM lot WHERE transfer_id = v_known.id AND (id = v_known.id OR id <> transfer_id)) THEN 'already_credited' ELSE 'conflict' END);
  END IF;
  INSERT INTO lot (id, partner_id, member_id, granted, remaining, expires_at, transfer_id)
  VALUES (v_new, p_partner, p_member, p_points, p_points, p_expires_at, v_new);
  UPDATE account SET balance = balance + p_points WHERE id = v_available;
  UPDATE account SET balance = balance - p_points WHERE id = v_issued;
  PERFORM event_publish(p_partner, 'points.credited', NULL, NULL, jsonb_build_object(
    'creditId', v_new, 'memberId', p_member, 'points', p_points, 'reference', p_reference,
    'expiresOn', last_day(p_expires_at, partner_zone(p_partner))), p_at);
  RETURN jsonb_build_object('outcome', 'credited', 'creditId', v_new);
END
$$;

-- The same with the last day on which the points can be spent, in the programme's zone.
-- Outcomes: as above, and already_over (that day is past), not_found (no such member).
CREATE OR REPLACE FUNCTION points_credit_until(
  p_partner uuid, p_member uuid, p_points bigint, p_expires_on date, p_reference text, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_expires_at timestamptz;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  IF NOT EXISTS (SELECT FROM member WHERE id = p_member) THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  v_expires_at := end_of_day(p_expires_on, partner_zone(p_partner));
  -- A repetition of what was credited in time is one, also when it comes late.
  IF v_expires_at <= p_at AND NOT EXISTS (
    SELECT FROM transfer WHERE partner_id = p_partner AND kind = 'credit' AND reference = p_reference) THEN
    RETURN jsonb_build_object('outcome', 'already_over');
  END IF;
  RETURN points_credit(p_partner, p_member, p_points, v_expires_at, p_reference, p_actor, p_at);
END
$$;

-- A credit as it stands: what is left of it, and what was taken back; NULL where there is none.
CREATE OR REPLACE FUNCTION points_credit_read(p_partner uuid, p_credit uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT jsonb_build_object(
      'id', transfer.id, 'memberId', lot.member_id, 'points', transfer.amount, 'remaining', lot.remaining,
      'reversed', (SELECT coalesce(sum(amount), 0)::bigint FROM transfer reversal WHERE reversal.origin = p_credit),
      'expiresOn', last_day(lot.expires_at, partner_zone(p_partner)), 'reference', transfer.reference,
      'creditedAt', transfer.at)
    FROM transfer JOIN lot ON lot.transfer_id = transfer.id AND (lot.id = p_credit OR lot.id <> lot.transfer_id)
    WHERE transfer.id = p_credit AND transfer.kind = 'credit');
END
$$;

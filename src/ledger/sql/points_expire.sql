-- Books what has expired by p_at of the members behind the p_limit oldest lots, a transfer a lot, an event a member and day.
-- What is held is no lot's remainder and stays held; released or returned after its day it comes back here. The books have it
-- at the moment of the expiry, unless it was still held or spent then. Answers {lots, points, members}: none left where lots is 0.
CREATE OR REPLACE FUNCTION points_expire(p_partner uuid, p_at timestamptz, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_members uuid[];
  v_expired uuid;
  v_zone text;
  v_booked jsonb;
  v_told record;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT array_agg(DISTINCT member_id) INTO v_members FROM (
    SELECT member_id FROM lot WHERE NOT spent AND expires_at <= p_at ORDER BY expires_at, id LIMIT p_limit) AS due;
  IF v_members IS NULL THEN
    RETURN jsonb_build_object('lots', 0, 'points', 0, 'members', 0);
  END IF;
  v_zone := partner_zone(p_partner);
  v_expired := ledger_account(p_partner, 'programme.expired', NULL, 'points');
  PERFORM FROM account
  WHERE partner_id = p_partner AND (id = v_expired OR kind = 'member.available' AND owner = ANY (v_members))
  ORDER BY id FOR UPDATE;
  PERFORM FROM lot WHERE member_id = ANY (v_members) AND NOT spent AND expires_at <= p_at ORDER BY id FOR UPDATE;
  WITH due AS (
    UPDATE lot SET remaining = 0 WHERE member_id = ANY (v_members) AND NOT spent AND expires_at <= p_at
    RETURNING lot.id, lot.member_id, lot.expires_at, old.remaining AS points
  ), booked AS (
    INSERT INTO transfer (partner_id, kind, debit, credit, amount, reference, actor, at)
    SELECT p_partner, 'expiry', account.id, v_expired, due.points, due.id::text,
      jsonb_build_object('kind', 'saga', 'id', 'points_expire'),
      CASE WHEN EXISTS (
        SELECT FROM hold_lot JOIN hold ON hold.id = hold_lot.hold_id
        WHERE hold_lot.lot_id = due.id AND hold.closed_at > due.expires_at
      ) OR EXISTS (
        SELECT FROM payment_return_lot given JOIN payment_return ON payment_return.id = given.return_id
        WHERE given.given_to = due.id AND payment_return.returned_at > due.expires_at
      ) THEN p_at ELSE due.expires_at END
    FROM due JOIN account ON account.partner_id = p_partner AND account.kind = 'member.available'
      AND account.owner = due.member_id AND account.asset = 'points'
  ), taken AS (
    UPDATE account SET balance = balance - side.points
    FROM (SELECT member_id, sum(points)::bigint AS points FROM due GROUP BY member_id) AS side
    WHERE account.partner_id = p_partner AND account.kind = 'member.available' AND account.owner = side.member_id
      AND account.asset = 'points'
  ), given AS (
    UPDATE account SET balance = balance + (SELECT coalesce(sum(points), 0)::bigint FROM due) WHERE id = v_expired
  )
  SELECT jsonb_agg(jsonb_build_object('memberId', member_id, 'points', points, 'expiredOn', day, 'lots', lots)) INTO v_booked
  FROM (SELECT member_id, last_day(expires_at, v_zone) AS day, sum(points)::bigint AS points, count(*) AS lots
    FROM due GROUP BY 1, 2) AS told;
  FOR v_told IN SELECT value FROM jsonb_array_elements(coalesce(v_booked, '[]')) LOOP
    PERFORM event_publish(p_partner, 'points.expired', NULL, NULL, v_told.value - 'lots', p_at);
  END LOOP;
  RETURN (SELECT jsonb_build_object('lots', coalesce(sum((value ->> 'lots')::bigint), 0),
    'points', coalesce(sum((value ->> 'points')::bigint), 0), 'members', count(DISTINCT value ->> 'memberId'))
    FROM jsonb_array_elements(coalesce(v_booked, '[]')));
END
$$;

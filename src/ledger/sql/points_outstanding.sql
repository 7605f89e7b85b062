-- The points that all members had together at the end of a day in the programme's zone, held ones included: what they have
-- now, less what has come from the programme's accounts since, more what has gone back to them. So it costs what has happened
-- since that day. Lots that were over by then and are not booked yet do not count.
CREATE OR REPLACE FUNCTION points_outstanding(p_partner uuid, p_day date) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_end timestamptz;
  v_programme uuid[];
  v_points bigint;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  v_end := end_of_day(p_day, partner_zone(p_partner));
  SELECT coalesce(array_agg(id), '{}'), coalesce(-sum(balance), 0)::bigint INTO v_programme, v_points FROM account
  WHERE partner_id = p_partner AND owner IS NULL AND asset = 'points'
    AND kind IN ('programme.issued', 'programme.redeemed', 'programme.expired');
  v_points := v_points - (
    SELECT coalesce(sum(CASE WHEN debit = ANY (v_programme) THEN amount ELSE -amount END), 0)::bigint FROM transfer
    WHERE partner_id = p_partner AND at >= v_end AND (debit = ANY (v_programme) OR credit = ANY (v_programme)));
  v_points := v_points - (
    SELECT coalesce(sum(remaining), 0)::bigint FROM lot
    WHERE partner_id = p_partner AND NOT spent AND expires_at < v_end);
  RETURN jsonb_build_object('before', v_end, 'points', v_points);
END
$$;

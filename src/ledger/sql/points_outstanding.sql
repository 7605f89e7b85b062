-- What the entries before a moment come to, of all members together, held points included: from the closing (points_closing) that
-- is nearest to it, or from what the accounts say now where that is nearer. So it costs what has happened in between. The
-- tenancy is set.
CREATE OR REPLACE FUNCTION points_booked_before(p_partner uuid, p_before timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = surety, pg_temp AS $$
DECLARE
  v_programme uuid[];
  v_now bigint;
  v_from timestamptz;
  v_points bigint;
  v_between bigint;
BEGIN
  SELECT coalesce(array_agg(id), '{}'), coalesce(-sum(balance), 0)::bigint INTO v_programme, v_now FROM account
  WHERE partner_id = p_partner AND owner IS NULL AND asset = 'points'
    AND kind IN ('programme.issued', 'programme.redeemed', 'programme.expired');
  SELECT ends_at, points INTO v_from, v_points FROM (
    (SELECT ends_at, points, p_before - ends_at AS distance FROM points_closing
      WHERE partner_id = p_partner AND ends_at <= p_before ORDER BY ends_at DESC LIMIT 1)
    UNION ALL
    (SELECT ends_at, points, ends_at - p_before FROM points_closing
      WHERE partner_id = p_partner AND ends_at > p_before ORDER BY ends_at LIMIT 1)
    UNION ALL
    SELECT 'infinity', v_now, greatest(clock_timestamp() - p_before, interval '0')
  ) AS place ORDER BY distance LIMIT 1;
  SELECT coalesce(sum(CASE WHEN debit = ANY (v_programme) THEN amount ELSE -amount END), 0)::bigint INTO v_between FROM transfer
  WHERE partner_id = p_partner AND at >= least(v_from, p_before) AND at < greatest(v_from, p_before)
    AND (debit = ANY (v_programme) OR credit = ANY (v_programme));
  RETURN CASE WHEN v_from <= p_before THEN v_points + v_between ELSE v_points - v_between END;
END
$$;

-- The points that all members had together at the end of a day in the programme's zone, held ones included. Lots that were over
-- by then and are not booked yet do not count.
CREATE OR REPLACE FUNCTION points_outstanding(p_partner uuid, p_day date) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_end timestamptz;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  v_end := end_of_day(p_day, partner_zone(p_partner));
  RETURN jsonb_build_object('before', v_end, 'points', points_booked_before(p_partner, v_end) - (
    SELECT coalesce(sum(remaining), 0)::bigint FROM lot
    WHERE partner_id = p_partner AND NOT spent AND expires_at < v_end));
END
$$;

-- Keeps what the entries come to at the end of the last day that has been over for a day: whatever was on its way then is booked.
-- What is booked later for a time before it takes it back (points_expire). Outcomes: closed; nothing (to close).
CREATE OR REPLACE FUNCTION points_close_day(p_partner uuid, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_zone text;
  v_end timestamptz;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  v_zone := partner_zone(p_partner);
  v_end := end_of_day(((p_at - interval '1 day') AT TIME ZONE v_zone)::date - 1, v_zone);
  IF EXISTS (SELECT FROM points_closing WHERE partner_id = p_partner AND ends_at = v_end)
    OR NOT EXISTS (SELECT FROM account WHERE partner_id = p_partner AND owner IS NULL AND kind = 'programme.issued')
  THEN
    RETURN jsonb_build_object('outcome', 'nothing');
  END IF;
  INSERT INTO points_closing (partner_id, ends_at, points) VALUES (p_partner, v_end, points_booked_before(p_partner, v_end))
  ON CONFLICT DO NOTHING;
  RETURN jsonb_build_object('outcome', 'closed');
END
$$;

-- The points that all members had together at a moment, held ones included: what came from the programme's accounts and has
-- not gone back to them. Lots that were over by then and are not booked yet do not count. Reads all of the partner's entries.
CREATE OR REPLACE FUNCTION points_outstanding_at(p_partner uuid, p_then timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_programme uuid[];
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT coalesce(array_agg(id), '{}') INTO v_programme FROM account
  WHERE partner_id = p_partner AND owner IS NULL AND asset = 'points'
    AND kind IN ('programme.issued', 'programme.redeemed', 'programme.expired');
  RETURN (
    SELECT coalesce(sum(CASE WHEN debit = ANY (v_programme) THEN amount ELSE -amount END), 0)::bigint FROM transfer
    WHERE partner_id = p_partner AND at <= p_then AND (debit = ANY (v_programme) OR credit = ANY (v_programme))
  ) - (
    SELECT coalesce(sum(remaining), 0)::bigint FROM lot
    WHERE partner_id = p_partner AND remaining > 0 AND expires_at <= p_then);
END
$$;

-- ... and at the end of a day in the programme's zone.
CREATE OR REPLACE FUNCTION points_outstanding(p_partner uuid, p_day date) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_end timestamptz;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  v_end := end_of_day(p_day, partner_zone(p_partner));
  RETURN jsonb_build_object('before', v_end, 'points', points_outstanding_at(p_partner, v_end - interval '1 microsecond'));
END
$$;

-- What a member can spend at p_at (lots not yet expired) and what is held, in points.
CREATE OR REPLACE FUNCTION member_balance(p_partner uuid, p_member uuid, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN jsonb_build_object(
    'available', (SELECT coalesce(sum(remaining), 0)::bigint FROM lot
      WHERE member_id = p_member AND NOT spent AND (expires_at IS NULL OR expires_at > p_at)),
    'held', (SELECT coalesce(sum(points), 0)::bigint FROM hold WHERE member_id = p_member AND state = 'held'));
END
$$;

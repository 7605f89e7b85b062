-- Credits points to the member of this external id, who is made where nobody had it yet, and only if he is credited.
-- Outcomes: those of points_credit_until but not_found.
CREATE OR REPLACE FUNCTION points_credit_named(
  p_partner uuid, p_external_id text, p_points bigint, p_expires_on date, p_reference text, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_answer jsonb;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  BEGIN
    v_answer := points_credit_until(p_partner, (member_open(p_partner, p_external_id) ->> 'memberId')::uuid, p_points,
      p_expires_on, p_reference, p_actor, p_at);
    IF v_answer ->> 'outcome' NOT IN ('credited', 'already_credited') THEN
      RAISE EXCEPTION USING ERRCODE = 'SU001', MESSAGE = 'nothing was credited';
    END IF;
  EXCEPTION WHEN SQLSTATE 'SU001' THEN
    -- What was made for this credit alone is gone with it.
    NULL;
  END;
  RETURN v_answer;
END
$$;

-- Changes what a partner may change of its programme itself: p_changes lays these keys, and no others, over what was applied.
-- Outcomes: changed; no_programme (the partner has no loyalty scheme); not_found.
CREATE OR REPLACE FUNCTION programme_change(p_partner uuid, p_changes jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_settings jsonb;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  IF EXISTS (SELECT FROM jsonb_object_keys(p_changes) AS key WHERE key NOT IN (
    'language', 'support', 'branding', 'releaseGraceDays', 'expiringSoonDays', 'minPoints', 'maxPoints'))
  THEN
    RAISE EXCEPTION 'a partner may not change that itself';
  END IF;
  SELECT settings INTO v_settings FROM partner WHERE id = p_partner FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  IF coalesce(jsonb_typeof(v_settings -> 'loyalty'), 'null') <> 'object' THEN
    RETURN jsonb_build_object('outcome', 'no_programme');
  END IF;
  UPDATE partner SET programme = programme || p_changes WHERE id = p_partner;
  RETURN jsonb_build_object('outcome', 'changed');
END
$$;

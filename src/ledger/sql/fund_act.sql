-- What a person does about the fund that moves no money; kept with who did it and when.

-- He has looked, and payments may be opened again. Outcomes: cleared; not_doubted, and nothing is kept.
CREATE OR REPLACE FUNCTION fund_doubt_clear(p_partner uuid, p_actor jsonb, p_reason text, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_doubted_at timestamptz;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT fund_doubted_at INTO v_doubted_at FROM partner WHERE id = p_partner FOR UPDATE;
  IF v_doubted_at IS NULL THEN
    RETURN jsonb_build_object('outcome', 'not_doubted');
  END IF;
  UPDATE partner SET fund_doubted_at = NULL WHERE id = p_partner;
  INSERT INTO fund_act (partner_id, kind, body, actor, at)
  VALUES (p_partner, 'doubt_cleared', jsonb_build_object('doubtedAt', v_doubted_at, 'reason', p_reason), p_actor, p_at);
  RETURN jsonb_build_object('outcome', 'cleared');
END
$$;

-- Sets the mark below which fund.low is told; NULL: none. Where less is available already, it is told now.
-- Outcomes: set; not_found.
CREATE OR REPLACE FUNCTION fund_low_water_set(
  p_partner uuid, p_currency text, p_low_water_minor bigint, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_available uuid;
  v_before bigint;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  IF NOT EXISTS (SELECT FROM fund WHERE partner_id = p_partner AND currency = p_currency) THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  -- As whoever moves the money: its account first, then the mark.
  v_available := ledger_account(p_partner, 'fund.available', NULL, p_currency);
  PERFORM FROM account WHERE id = v_available FOR UPDATE;
  SELECT low_water_minor INTO v_before FROM fund WHERE partner_id = p_partner AND currency = p_currency FOR UPDATE;
  IF v_before IS DISTINCT FROM p_low_water_minor THEN
    UPDATE fund SET low_water_minor = p_low_water_minor, is_low = is_low AND p_low_water_minor IS NOT NULL
    WHERE partner_id = p_partner AND currency = p_currency;
    INSERT INTO fund_act (partner_id, kind, body, actor, at) VALUES (p_partner, 'low_water_set', jsonb_build_object(
      'currency', p_currency, 'beforeMinor', v_before, 'lowWaterMinor', p_low_water_minor), p_actor, p_at);
    PERFORM fund_watch(p_partner, v_available, NULL, p_at);
  END IF;
  RETURN jsonb_build_object('outcome', 'set');
END
$$;

-- What was done, newest first, from before the given one: an array of {id, kind, detail, by, at}.
CREATE OR REPLACE FUNCTION fund_act_list(p_partner uuid, p_before uuid, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'kind', kind, 'detail', body, 'by', actor, 'at', at) ORDER BY id DESC), '[]')
    FROM (
      SELECT * FROM fund_act WHERE partner_id = p_partner AND (p_before IS NULL OR id < p_before) ORDER BY id DESC LIMIT p_limit
    ) AS page);
END
$$;

-- The switch that lets no new payment begin, of one partner or (p_partner NULL) of all. What is under way, a payment that waits
-- for its buyer included, goes to its end.

-- Whoever opens a payment holds one of these two locks, shared, until it is open (payment_open.sql); whoever pauses waits for
-- him: after pause_set has answered, no payment opens that had not been before.
CREATE OR REPLACE FUNCTION pause_lock(p_partner uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
BEGIN
  IF p_partner IS NULL THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('surety pause of all', 0));
  ELSE
    PERFORM FROM partner WHERE id = p_partner FOR NO KEY UPDATE;
  END IF;
END
$$;

-- Whether new payments of this partner are refused. The caller has locked the partner's row.
CREATE OR REPLACE FUNCTION pause_covers(p_partner uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtextextended('surety pause of all', 0));
  RETURN EXISTS (SELECT FROM pause WHERE (partner_id = p_partner OR partner_id IS NULL) AND ended_at IS NULL);
END
$$;

-- Outcomes: paused; already_paused; both {pauseId, since}; not_found (there is no such partner).
CREATE OR REPLACE FUNCTION pause_set(p_partner uuid, p_reason text, p_actor jsonb, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_pause pause;
BEGIN
  PERFORM set_config('surety.partner', coalesce(p_partner::text, ''), true);
  PERFORM pause_lock(p_partner);
  IF p_partner IS NOT NULL AND NOT EXISTS (SELECT FROM partner WHERE id = p_partner) THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  SELECT * INTO v_pause FROM pause WHERE partner_id IS NOT DISTINCT FROM p_partner AND ended_at IS NULL;
  IF FOUND THEN
    RETURN jsonb_build_object('outcome', 'already_paused', 'pauseId', v_pause.id, 'since', v_pause.since);
  END IF;
  INSERT INTO pause (partner_id, reason, by, since) VALUES (p_partner, p_reason, p_actor, p_at) RETURNING * INTO v_pause;
  RETURN jsonb_build_object('outcome', 'paused', 'pauseId', v_pause.id, 'since', v_pause.since);
END
$$;

-- Batches that wait for this go on within a minute, by the Schedule that starts them.
-- Outcomes: resumed {pauseId, since}; not_paused.
CREATE OR REPLACE FUNCTION pause_clear(p_partner uuid, p_actor jsonb, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_pause pause;
BEGIN
  PERFORM set_config('surety.partner', coalesce(p_partner::text, ''), true);
  PERFORM pause_lock(p_partner);
  UPDATE pause SET ended_at = p_at, ended_by = p_actor
  WHERE partner_id IS NOT DISTINCT FROM p_partner AND ended_at IS NULL RETURNING * INTO v_pause;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_paused');
  END IF;
  RETURN jsonb_build_object('outcome', 'resumed', 'pauseId', v_pause.id, 'since', v_pause.since);
END
$$;

-- What keeps this partner's payments from being opened now: his own pause, that of all, or both. Newest first.
CREATE OR REPLACE FUNCTION pauses_read(p_partner uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', coalesce(p_partner::text, ''), true);
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object('pauseId', id, 'ofAll', partner_id IS NULL, 'reason', reason, 'by', by,
      'since', since) ORDER BY id DESC), '[]')
    FROM pause WHERE (partner_id IS NULL OR partner_id = p_partner) AND ended_at IS NULL);
END
$$;

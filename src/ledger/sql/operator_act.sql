-- The log of what operators do (docs/audit.md): each line's hash covers the line before it, so none can be changed, taken out
-- or put in without a trace.

-- What is hashed of a line.
CREATE OR REPLACE FUNCTION operator_act_text(p_act operator_act) RETURNS text
LANGUAGE sql STABLE SET search_path = surety, pg_temp AS $$
  SELECT to_json(ARRAY['surety.operator.1', p_act.n::text, audit_time(p_act.at), p_act.operator,
    to_json(p_act.roles)::text, p_act.partner_id::text, p_act.action, p_act.subject_kind, p_act.subject, p_act.outcome,
    p_act.detail::text, p_act.request_id, encode(p_act.previous_hash, 'hex')])::text;
$$;

CREATE OR REPLACE FUNCTION operator_act_hash(p_act operator_act) RETURNS bytea
LANGUAGE sql STABLE SET search_path = surety, pg_temp AS $$
  SELECT sha256('\x03'::bytea || convert_to(operator_act_text(p_act), 'UTF8'));
$$;

-- Writes a line, in a transaction of its own: others wait for it. @returns its number
CREATE OR REPLACE FUNCTION operator_act_write(
  p_operator text, p_roles text[], p_partner uuid, p_action text, p_subject_kind text, p_subject text, p_outcome text,
  p_detail jsonb, p_request_id text, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_act operator_act;
BEGIN
  PERFORM pg_advisory_xact_lock(7201871002);
  SELECT n, hash INTO v_act.n, v_act.previous_hash FROM operator_act ORDER BY n DESC LIMIT 1;
  v_act := ROW(coalesce(v_act.n, 0) + 1, p_at, p_operator, p_roles, p_partner, p_action, p_subject_kind, p_subject, p_outcome,
    p_detail, p_request_id, coalesce(v_act.previous_hash, decode(repeat('00', 32), 'hex')), NULL);
  v_act.hash := operator_act_hash(v_act);
  INSERT INTO operator_act SELECT v_act.*;
  RETURN jsonb_build_object('n', v_act.n);
END
$$;

-- Follows the chain for so many lines after one that is known to be right (0: from its beginning).
-- @returns {through: the last line that is right, broken: the first that is not | null, isEnd}
CREATE OR REPLACE FUNCTION operator_acts_check(p_after bigint, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_act operator_act;
  v_through bigint := p_after;
  v_hash bytea := CASE p_after WHEN 0 THEN decode(repeat('00', 32), 'hex')
    ELSE (SELECT hash FROM operator_act WHERE n = p_after) END;
BEGIN
  FOR v_act IN SELECT * FROM operator_act WHERE n > p_after ORDER BY n LIMIT p_limit LOOP
    IF v_act.n <> v_through + 1 OR v_act.previous_hash IS DISTINCT FROM v_hash OR v_act.hash <> operator_act_hash(v_act) THEN
      RETURN jsonb_build_object('through', v_through, 'broken', v_through + 1, 'isEnd', false);
    END IF;
    v_through := v_act.n;
    v_hash := v_act.hash;
  END LOOP;
  RETURN jsonb_build_object('through', v_through, 'broken', NULL, 'isEnd', v_through - p_after < p_limit);
END
$$;

-- A statement of the fund's account from its body's first byte until it is here whole; statement_take goes on from there.

-- How a statement stands, as it is told.
CREATE OR REPLACE FUNCTION statement_json(p_statement statement) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = surety, pg_temp
RETURN jsonb_build_object(
  'id', (p_statement).id, 'state', (p_statement).state, 'coversFrom', (p_statement).covers_from,
  'coversTo', (p_statement).covers_to, 'currencies', to_jsonb((p_statement).currencies), 'balances', (p_statement).balances,
  'totalLines', (p_statement).total_lines, 'movements', (p_statement).movements, 'newMovements', (p_statement).new_movements,
  'createdAt', (p_statement).created_at, 'reconciledAt', (p_statement).reconciled_at);

-- Begins to receive a body, or to receive it anew: the key belongs to the statement.
-- Outcomes: receiving {statementId, reception}; received {statementId, sha256}: the body is here already.
CREATE OR REPLACE FUNCTION statement_open(
  p_partner uuid, p_key_hash bytea, p_mapping jsonb, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_statement statement;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  -- Uploads that were cut and never came again.
  DELETE FROM statement
  WHERE partner_id = p_partner AND state = 'receiving' AND received_at < p_at - interval '1 hour' AND key_hash <> p_key_hash;
  INSERT INTO statement (partner_id, key_hash, mapping, actor, received_at, created_at)
  VALUES (p_partner, p_key_hash, p_mapping, p_actor, p_at, p_at)
  ON CONFLICT DO NOTHING RETURNING * INTO v_statement;
  IF NOT FOUND THEN
    SELECT * INTO STRICT v_statement FROM statement WHERE partner_id = p_partner AND key_hash = p_key_hash FOR UPDATE;
    IF v_statement.state <> 'receiving' THEN
      RETURN jsonb_build_object('outcome', 'received', 'statementId', v_statement.id,
        'sha256', encode(v_statement.sha256, 'hex'));
    END IF;
    DELETE FROM statement_line_received WHERE statement_id = v_statement.id;
    UPDATE statement SET reception = reception + 1, received_at = p_at, mapping = p_mapping
    WHERE id = v_statement.id RETURNING * INTO v_statement;
  END IF;
  RETURN jsonb_build_object('outcome', 'receiving', 'statementId', v_statement.id, 'reception', v_statement.reception);
END
$$;

-- Keeps lines of the body. A moment is a day, a day with a time in the mapping's zone, or an instant (it ends with Z).
-- Outcomes: stored; superseded (the body is being received anew, or is here already).
CREATE OR REPLACE FUNCTION statement_receive(
  p_partner uuid, p_statement uuid, p_reception integer, p_identities uuid[], p_lines integer[], p_moments text[],
  p_transactions text[], p_operations text[], p_numbers text[], p_amounts bigint[], p_currencies text[], p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_zone text;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  UPDATE statement SET received_at = p_at
  WHERE id = p_statement AND reception = p_reception AND state = 'receiving'
  RETURNING mapping ->> 'timeZone' INTO v_zone;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'superseded');
  END IF;
  INSERT INTO statement_line_received (statement_id, identity, line, partner_id, day, at, transaction_id, operation_id,
    invoice_number, amount_minor, currency)
  SELECT p_statement, identity, line, p_partner,
    CASE WHEN moment LIKE '%Z' THEN (moment::timestamptz AT TIME ZONE v_zone)::date ELSE left(moment, 10)::date END,
    CASE
      WHEN moment LIKE '%Z' THEN moment::timestamptz
      WHEN length(moment) > 10 THEN moment::timestamp AT TIME ZONE v_zone
    END,
    transaction_id, operation_id, number, amount, currency
  FROM unnest(p_identities, p_lines, p_moments, p_transactions, p_operations, p_numbers, p_amounts, p_currencies)
    AS given(identity, line, moment, transaction_id, operation_id, number, amount, currency);
  RETURN jsonb_build_object('outcome', 'stored');
END
$$;

-- The body is here whole: from now on it counts. It covers the days that it was said to cover (p_from_day to p_to_day, both
-- whole, in its zone), or from the day of its first movement on, as far as it can be complete: to the end of its last
-- movement's day; where that day is not over yet, to the last movement's moment, or where it tells none to that day's beginning.
-- Outcomes: received {statementId}; superseded; out_of_period {line}: a movement of another day than it was said to cover.
CREATE OR REPLACE FUNCTION statement_start(
  p_partner uuid, p_statement uuid, p_reception integer, p_from_day date, p_to_day date, p_currencies text[], p_balances jsonb,
  p_total_lines integer, p_movements integer, p_sha256 bytea, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_statement statement;
  v_zone text;
  v_first date;
  v_last date;
  v_last_at timestamptz;
  v_line integer;
  v_today date;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_statement FROM statement
  WHERE id = p_statement AND reception = p_reception AND state = 'receiving' FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'superseded');
  END IF;
  v_zone := v_statement.mapping ->> 'timeZone';
  v_today := (p_at AT TIME ZONE v_zone)::date;
  SELECT min(day), max(day), max(at), min(line) FILTER (WHERE day < p_from_day OR day > p_to_day)
  INTO v_first, v_last, v_last_at, v_line FROM statement_line_received WHERE statement_id = p_statement;
  IF v_line IS NOT NULL THEN
    RETURN jsonb_build_object('outcome', 'out_of_period', 'line', v_line);
  END IF;
  v_first := coalesce(p_from_day, v_first, v_today);
  v_last := coalesce(p_to_day, v_last, v_today);
  UPDATE statement SET state = 'received', sha256 = p_sha256, currencies = p_currencies, balances = p_balances,
    total_lines = p_total_lines, movements = p_movements,
    covers_from = v_first::timestamp AT TIME ZONE v_zone,
    covers_to = CASE
      WHEN v_last < v_today THEN (v_last + 1)::timestamp AT TIME ZONE v_zone
      ELSE greatest(coalesce(least(v_last_at, p_at), v_today::timestamp AT TIME ZONE v_zone), v_first::timestamp AT TIME ZONE v_zone)
    END
  WHERE id = p_statement;
  RETURN jsonb_build_object('outcome', 'received', 'statementId', p_statement);
END
$$;

-- Forgets a body that was cut off, or that cannot be read; its key may come again.
CREATE OR REPLACE FUNCTION statement_abandon(p_partner uuid, p_statement uuid, p_reception integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  DELETE FROM statement WHERE id = p_statement AND reception = p_reception AND state = 'receiving';
  RETURN jsonb_build_object('outcome', 'abandoned');
END
$$;

-- How a statement stands; NULL where there is none that was received.
CREATE OR REPLACE FUNCTION statement_get(p_partner uuid, p_statement uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (SELECT statement_json(statement) FROM statement WHERE id = p_statement AND state <> 'receiving');
END
$$;

-- A page of statements, newest first, from before p_before (exclusive).
CREATE OR REPLACE FUNCTION statement_list(p_partner uuid, p_before uuid, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(statement_json(page) ORDER BY (page).id DESC), '[]')
    FROM (SELECT page FROM statement AS page
      WHERE partner_id = p_partner AND state <> 'receiving' AND (p_before IS NULL OR id < p_before)
      ORDER BY id DESC LIMIT p_limit) AS pages(page));
END
$$;

CREATE OR REPLACE FUNCTION statement_mapping_get(p_partner uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (SELECT mapping FROM statement_mapping WHERE partner_id = p_partner);
END
$$;

CREATE OR REPLACE FUNCTION statement_mapping_put(p_partner uuid, p_mapping jsonb, p_actor jsonb, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  INSERT INTO statement_mapping (partner_id, mapping, changed_by, changed_at) VALUES (p_partner, p_mapping, p_actor, p_at)
  ON CONFLICT (partner_id) DO UPDATE SET mapping = excluded.mapping, changed_by = excluded.changed_by, changed_at = excluded.changed_at;
  RETURN jsonb_build_object('outcome', 'changed');
END
$$;

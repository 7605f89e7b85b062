-- Runs of reconciliation: wanted, begun one after the other, ended.

CREATE OR REPLACE FUNCTION reconciliation_json(p_run reconciliation) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = surety, pg_temp
RETURN jsonb_build_object('id', (p_run).id, 'state', (p_run).state, 'wantedBy', (p_run).wanted_by,
  'failure', (p_run).failure, 'result', (p_run).result, 'createdAt', (p_run).created_at, 'startedAt', (p_run).started_at,
  'finishedAt', (p_run).finished_at);

-- Wants a run. One that waits already will do it: what is wanted now is there when it begins.
-- Outcomes: wanted, waiting; both {reconciliationId}.
CREATE OR REPLACE FUNCTION reconciliation_want(
  p_partner uuid, p_id uuid, p_wanted_by text, p_read_since timestamptz, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_run reconciliation;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  -- The same wish again: as it stands.
  SELECT * INTO v_run FROM reconciliation WHERE id = p_id;
  IF FOUND THEN
    RETURN jsonb_build_object('outcome', 'wanted', 'reconciliationId', p_id);
  END IF;
  INSERT INTO reconciliation (id, partner_id, wanted_by, read_since, actor, created_at)
  VALUES (p_id, p_partner, p_wanted_by, p_read_since, p_actor, p_at)
  ON CONFLICT DO NOTHING;
  IF FOUND THEN
    RETURN jsonb_build_object('outcome', 'wanted', 'reconciliationId', p_id);
  END IF;
  UPDATE reconciliation SET read_since = least(read_since, p_read_since)
  WHERE partner_id = p_partner AND state = 'waiting' RETURNING * INTO v_run;
  IF NOT FOUND THEN
    -- It has begun in this moment, before what is wanted was there.
    RETURN reconciliation_want(p_partner, p_id, p_wanted_by, p_read_since, p_actor, p_at);
  END IF;
  RETURN jsonb_build_object('outcome', 'waiting', 'reconciliationId', v_run.id);
END
$$;

-- Begins the run that waits, or goes on with the one that runs: {reconciliationId}; NULL where there is nothing to do.
CREATE OR REPLACE FUNCTION reconciliation_begin(p_partner uuid, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_run reconciliation;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_run FROM reconciliation WHERE partner_id = p_partner AND state = 'running';
  IF NOT FOUND THEN
    UPDATE reconciliation SET state = 'running', started_at = p_at
    WHERE partner_id = p_partner AND state = 'waiting' RETURNING * INTO v_run;
    IF NOT FOUND THEN
      RETURN NULL;
    END IF;
    IF v_run.read_since IS NOT NULL THEN
      UPDATE payment_check SET next_at = p_at WHERE partner_id = p_partner AND ended_at >= v_run.read_since;
    END IF;
  END IF;
  RETURN jsonb_build_object('reconciliationId', v_run.id);
END
$$;

-- Ends a run; p_failure NULL: it did all; p_result: what it did and found, in numbers. What is under way, and so no difference,
-- is told beside that: payments whose outcome is not known, entries that no statement covers yet.
-- Outcomes: ended; already_ended.
CREATE OR REPLACE FUNCTION reconciliation_end(
  p_partner uuid, p_run uuid, p_failure text, p_result jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_covered timestamptz;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT max(covers_to) INTO v_covered FROM statement WHERE partner_id = p_partner AND state = 'reconciled';
  UPDATE reconciliation SET state = CASE WHEN p_failure IS NULL THEN 'finished' ELSE 'failed' END, failure = p_failure,
    finished_at = p_at, result = p_result || jsonb_build_object(
      'openDifferences', (SELECT count(*) FROM fund_difference WHERE partner_id = p_partner AND state = 'open'),
      'paymentsInFlight', (SELECT count(*) FROM payment
        WHERE partner_id = p_partner AND state IN ('settling', 'unknown', 'in_review')),
      'entriesNotCovered', CASE WHEN v_covered IS NOT NULL THEN (SELECT count(*) FROM fund_entry entry
        WHERE entry.partner_id = p_partner AND entry.at >= v_covered
          AND NOT EXISTS (SELECT FROM statement_line line WHERE line.transfer_id = entry.id OFFSET 0)) END)
  WHERE id = p_run AND state = 'running';
  RETURN jsonb_build_object('outcome', CASE WHEN FOUND THEN 'ended' ELSE 'already_ended' END);
END
$$;

CREATE OR REPLACE FUNCTION reconciliation_get(p_partner uuid, p_run uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (SELECT reconciliation_json(reconciliation) FROM reconciliation WHERE id = p_run);
END
$$;

-- A page of runs, newest first, from before p_before (exclusive).
CREATE OR REPLACE FUNCTION reconciliation_list(p_partner uuid, p_before uuid, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(reconciliation_json(page) ORDER BY (page).id DESC), '[]')
    FROM (SELECT page FROM reconciliation AS page
      WHERE partner_id = p_partner AND (p_before IS NULL OR id < p_before) ORDER BY id DESC LIMIT p_limit) AS pages(page));
END
$$;

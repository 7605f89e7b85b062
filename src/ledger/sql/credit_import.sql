-- An import of credits from its body's first byte to its end; the lines themselves are booked by credit_import_apply.

-- How an import stands, as it is told.
CREATE OR REPLACE FUNCTION credit_import_json(p_import credit_import) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = surety, pg_temp
RETURN jsonb_build_object(
  'id', (p_import).id, 'state', (p_import).state, 'format', (p_import).format, 'dryRun', (p_import).dry_run,
  'totalBytes', (p_import).total_bytes, 'totalLines', (p_import).total_lines, 'linesDone', (p_import).lines_done,
  'creditedLines', (p_import).credited_lines, 'creditedPoints', (p_import).credited_points,
  'alreadyCreditedLines', (p_import).already_credited_lines, 'rejectedLines', (p_import).rejected_lines,
  'membersCreated', (p_import).members_created, 'failure', (p_import).failure,
  'createdAt', (p_import).created_at, 'startedAt', (p_import).started_at, 'finishedAt', (p_import).finished_at);

-- Begins to receive a body, or to receive it anew: the key belongs to the import.
-- Outcomes: receiving {importId, reception}; received {importId, sha256}: the body is here already; other (the same key
-- came with another format, or was no dry run); too_many: so many of the partner's are being received or run.
DROP FUNCTION IF EXISTS credit_import_open(uuid, bytea, text, boolean, jsonb, timestamptz);
CREATE OR REPLACE FUNCTION credit_import_open(
  p_partner uuid, p_key_hash bytea, p_format text, p_dry_run boolean, p_actor jsonb, p_at timestamptz,
  p_most_receiving integer DEFAULT NULL, p_most_running integer DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_import credit_import;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  -- Counted by one at a time. What is here already is told, however many there are.
  PERFORM pg_advisory_xact_lock(hashtextextended('credit_import/' || p_partner, 0));
  IF (SELECT count(*) FILTER (WHERE state = 'running') >= p_most_running OR count(*) FILTER (WHERE state = 'receiving') >= p_most_receiving
      FROM credit_import WHERE partner_id = p_partner AND key_hash <> p_key_hash AND (state = 'running'
        OR state = 'receiving' AND received_at > p_at - interval '1 minute'))
    AND NOT EXISTS (SELECT FROM credit_import WHERE partner_id = p_partner AND key_hash = p_key_hash AND state <> 'receiving') THEN
    RETURN jsonb_build_object('outcome', 'too_many');
  END IF;
  INSERT INTO credit_import (partner_id, key_hash, format, dry_run, actor, received_at, created_at)
  VALUES (p_partner, p_key_hash, p_format, p_dry_run, p_actor, p_at, p_at)
  ON CONFLICT DO NOTHING RETURNING * INTO v_import;
  IF FOUND THEN
    RETURN jsonb_build_object('outcome', 'receiving', 'importId', v_import.id, 'reception', v_import.reception);
  END IF;
  SELECT * INTO STRICT v_import FROM credit_import WHERE partner_id = p_partner AND key_hash = p_key_hash FOR UPDATE;
  IF v_import.format <> p_format OR v_import.dry_run <> p_dry_run THEN
    RETURN jsonb_build_object('outcome', 'other');
  END IF;
  IF v_import.state <> 'receiving' THEN
    RETURN jsonb_build_object('outcome', 'received', 'importId', v_import.id, 'sha256', encode(v_import.sha256, 'hex'));
  END IF;
  DELETE FROM credit_import_chunk WHERE import_id = v_import.id;
  UPDATE credit_import SET reception = reception + 1, received_at = p_at WHERE id = v_import.id RETURNING * INTO v_import;
  RETURN jsonb_build_object('outcome', 'receiving', 'importId', v_import.id, 'reception', v_import.reception);
END
$$;

-- Keeps a chunk of the body. Outcomes: stored; superseded (the body is being received anew, or is here already).
CREATE OR REPLACE FUNCTION credit_import_receive(
  p_partner uuid, p_import uuid, p_reception integer, p_n integer, p_first_line bigint, p_lines integer, p_bytes bytea,
  p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  UPDATE credit_import SET received_at = p_at WHERE id = p_import AND reception = p_reception AND state = 'receiving';
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'superseded');
  END IF;
  INSERT INTO credit_import_chunk (import_id, n, partner_id, first_line, lines, bytes)
  VALUES (p_import, p_n, p_partner, p_first_line, p_lines, p_bytes);
  RETURN jsonb_build_object('outcome', 'stored');
END
$$;

-- The body is here whole: from now on the import runs. Outcomes: started; superseded.
CREATE OR REPLACE FUNCTION credit_import_start(
  p_partner uuid, p_import uuid, p_reception integer, p_bytes bigint, p_lines bigint, p_sha256 bytea, p_header text, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  UPDATE credit_import SET state = 'running', total_bytes = p_bytes, total_lines = p_lines, sha256 = p_sha256,
    header = p_header, started_at = p_at
  WHERE id = p_import AND reception = p_reception AND state = 'receiving';
  RETURN jsonb_build_object('outcome', CASE WHEN FOUND THEN 'started' ELSE 'superseded' END);
END
$$;

-- Forgets a body that was cut off, or that is too large to be taken; its key may come again.
CREATE OR REPLACE FUNCTION credit_import_abandon(p_partner uuid, p_import uuid, p_reception integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  PERFORM FROM credit_import WHERE id = p_import AND reception = p_reception AND state = 'receiving' FOR UPDATE;
  IF FOUND THEN
    DELETE FROM credit_import_chunk WHERE import_id = p_import;
  END IF;
  RETURN jsonb_build_object('outcome', 'abandoned');
END
$$;

-- What there is to do: {state, format, header, today, chunks: the numbers of those not done}; NULL where there is no such import.
CREATE OR REPLACE FUNCTION credit_import_work(p_partner uuid, p_import uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT jsonb_build_object('state', state, 'format', format, 'header', header,
      -- The day on which it began: a retry after midnight judges the lines as the first try did.
      'today', (started_at AT TIME ZONE partner_zone(p_partner))::date,
      'chunks', (SELECT coalesce(jsonb_agg(n ORDER BY n), '[]') FROM credit_import_chunk WHERE import_id = p_import))
    FROM credit_import WHERE id = p_import);
END
$$;

-- The bytes of a chunk; no row: it is done.
CREATE OR REPLACE FUNCTION credit_import_read_chunk(p_partner uuid, p_import uuid, p_n integer)
RETURNS TABLE (first_line bigint, bytes bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN QUERY SELECT chunk.first_line, chunk.bytes FROM credit_import_chunk AS chunk
  WHERE chunk.import_id = p_import AND chunk.n = p_n;
END
$$;

-- Takes away what a dry run and a failed import leave, by pieces: no transaction lasts long. Answers how many rows went.
CREATE OR REPLACE FUNCTION credit_import_clear(p_partner uuid, p_import uuid, p_limit integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_rehearsed integer;
  v_chunks integer;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  DELETE FROM credit_import_rehearsal WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM credit_import_rehearsal WHERE import_id = p_import LIMIT p_limit));
  GET DIAGNOSTICS v_rehearsed = ROW_COUNT;
  DELETE FROM credit_import_chunk WHERE import_id = p_import AND n IN (
    SELECT n FROM credit_import_chunk WHERE import_id = p_import LIMIT 16)
    AND EXISTS (SELECT FROM credit_import WHERE id = p_import AND state = 'failed');
  GET DIAGNOSTICS v_chunks = ROW_COUNT;
  RETURN v_rehearsed + v_chunks;
END
$$;

-- What an import came to, for its history: whoever has the file knows it by this after the ledger was restored to before.
CREATE OR REPLACE FUNCTION credit_import_told(p_import credit_import) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = surety, pg_temp
RETURN jsonb_build_object('sha256', encode((p_import).sha256, 'hex'), 'state', (p_import).state, 'dryRun', (p_import).dry_run,
  'totalLines', (p_import).total_lines, 'creditedLines', (p_import).credited_lines, 'creditedPoints', (p_import).credited_points,
  'alreadyCreditedLines', (p_import).already_credited_lines, 'rejectedLines', (p_import).rejected_lines);

-- Ends an import, and tells the partner once. p_failure null: every line is done. Outcomes, each with {told}: ended; already_ended.
CREATE OR REPLACE FUNCTION credit_import_end(p_partner uuid, p_import uuid, p_failure text, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_import credit_import;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO STRICT v_import FROM credit_import WHERE id = p_import FOR UPDATE;
  IF v_import.state IN ('finished', 'failed') THEN
    RETURN jsonb_build_object('outcome', 'already_ended', 'told', credit_import_told(v_import));
  END IF;
  IF p_failure IS NULL AND EXISTS (SELECT FROM credit_import_chunk WHERE import_id = p_import) THEN
    RAISE EXCEPTION 'import % has lines that are not done', p_import;
  END IF;
  UPDATE credit_import SET state = CASE WHEN p_failure IS NULL THEN 'finished' ELSE 'failed' END, failure = p_failure,
    header = NULL, finished_at = p_at,
    members_created = CASE WHEN dry_run THEN (
      SELECT count(*) FROM (SELECT DISTINCT external_id FROM credit_import_rehearsal WHERE import_id = p_import) AS named
      WHERE NOT EXISTS (SELECT FROM member WHERE partner_id = p_partner AND external_id = named.external_id))
      ELSE members_created END
  WHERE id = p_import RETURNING * INTO v_import;
  PERFORM event_publish(p_partner, 'import.finished', NULL, NULL, credit_import_json(v_import), p_at);
  RETURN jsonb_build_object('outcome', 'ended', 'told', credit_import_told(v_import));
END
$$;

-- How an import stands; NULL where there is none.
CREATE OR REPLACE FUNCTION credit_import_get(p_partner uuid, p_import uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (SELECT credit_import_json(credit_import) FROM credit_import WHERE id = p_import);
END
$$;

-- A page of imports, newest first, from before p_before (exclusive).
CREATE OR REPLACE FUNCTION credit_import_list(p_partner uuid, p_before uuid, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(credit_import_json(page) ORDER BY (page).id DESC), '[]')
    FROM (SELECT page FROM credit_import AS page
      WHERE partner_id = p_partner AND (p_before IS NULL OR id < p_before) ORDER BY id DESC LIMIT p_limit) AS pages(page));
END
$$;

-- A page of the lines that were not credited, by number, from after p_after (exclusive).
CREATE OR REPLACE FUNCTION credit_import_rejections(p_partner uuid, p_import uuid, p_after bigint, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object('line', line, 'reason', reason, 'field', field) ORDER BY line), '[]')
    FROM (SELECT * FROM credit_import_rejection WHERE import_id = p_import AND line > p_after ORDER BY line LIMIT p_limit) AS page);
END
$$;

-- Forgets an upload that was cut and did not come again: what has come of it may name people.
CREATE OR REPLACE FUNCTION credit_import_forget(p_partner uuid, p_import uuid, p_quiet_ms bigint, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  DELETE FROM credit_import
  WHERE id = p_import AND state = 'receiving' AND received_at < p_at - p_quiet_ms * interval '1 millisecond';
  RETURN jsonb_build_object('outcome', CASE WHEN FOUND THEN 'forgotten' ELSE 'kept' END);
END
$$;

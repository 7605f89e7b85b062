-- Takes lines of a statement that is here whole among those that are known, p_limit of them, in the order of their identities:
-- so equal lines come one after the other and are counted, and whoever goes on after a crash begins where the last commit was.
-- A line with Invoicebox's own id is there once; one without it as often as one file says so: in an overlapping file, or in
-- the same again, the first of equal lines is the first that is known, the second the second, and nothing is added.
-- Outcomes: more; taken (all of them are); nothing (there is no statement to take).
CREATE OR REPLACE FUNCTION statement_take(p_partner uuid, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_statement statement;
  v_new integer;
  v_last record;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_statement FROM statement WHERE partner_id = p_partner AND state = 'received' ORDER BY id LIMIT 1 FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'nothing');
  END IF;
  WITH next AS MATERIALIZED (
    SELECT * FROM statement_line_received
    WHERE statement_id = v_statement.id
      AND (v_statement.taken_identity IS NULL OR (identity, line) > (v_statement.taken_identity, v_statement.taken_line))
    ORDER BY identity, line
    LIMIT p_limit
  ), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY identity ORDER BY line)
      + CASE WHEN identity = v_statement.taken_identity THEN v_statement.taken_ordinal ELSE 0 END AS nth
    FROM next
  ), added AS (
    INSERT INTO statement_line (partner_id, statement_id, line, identity, ordinal, day, at, transaction_id, operation_id,
      invoice_number, amount_minor, currency)
    SELECT p_partner, statement_id, line, identity, CASE WHEN transaction_id IS NULL THEN nth ELSE 1 END, day, at,
      transaction_id, operation_id, invoice_number, amount_minor, currency
    FROM numbered ORDER BY identity, nth
    ON CONFLICT (partner_id, identity, ordinal) DO NOTHING
    RETURNING 1
  )
  SELECT identity, line, nth, (SELECT count(*) FROM added) AS added, (SELECT count(*) FROM next) AS looked INTO v_last
  FROM numbered ORDER BY identity DESC, line DESC LIMIT 1;
  IF FOUND THEN
    v_new := v_last.added;
    UPDATE statement SET taken_identity = v_last.identity, taken_line = v_last.line, taken_ordinal = v_last.nth,
      new_movements = new_movements + v_new
    WHERE id = v_statement.id;
    IF v_last.looked = p_limit THEN
      RETURN jsonb_build_object('outcome', 'more');
    END IF;
  END IF;
  UPDATE statement SET state = 'taken' WHERE id = v_statement.id;
  RETURN jsonb_build_object('outcome', 'taken');
END
$$;

-- Takes away lines that were taken, by pieces: no transaction lasts long. Answers how many went.
CREATE OR REPLACE FUNCTION statement_clear(p_partner uuid, p_limit integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_gone integer;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  DELETE FROM statement_line_received WHERE ctid = ANY (ARRAY(
    SELECT received.ctid FROM statement JOIN statement_line_received received ON received.statement_id = statement.id
    WHERE statement.partner_id = p_partner AND statement.state = 'taken' LIMIT p_limit));
  GET DIAGNOSTICS v_gone = ROW_COUNT;
  RETURN v_gone;
END
$$;

-- Takes back, by pieces, what the statements have brought that were not compared with the books yet; those without a line left
-- are rejected. Answers how many lines went; 0: all of it is taken back.
CREATE OR REPLACE FUNCTION statement_reject(p_partner uuid, p_limit integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_gone integer;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  DELETE FROM statement_line WHERE ctid = ANY (ARRAY(
    SELECT line.ctid FROM statement_line line
    WHERE line.partner_id = p_partner
      AND line.statement_id IN (SELECT id FROM statement WHERE partner_id = p_partner AND state = 'taken')
    LIMIT p_limit));
  GET DIAGNOSTICS v_gone = ROW_COUNT;
  IF v_gone = 0 THEN
    UPDATE statement SET state = 'rejected' WHERE partner_id = p_partner AND state = 'taken';
  END IF;
  RETURN v_gone;
END
$$;

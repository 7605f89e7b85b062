-- Finds the entries of our books that lines of statements are: by Invoicebox's transaction, then by the operation (the
-- payment's id), then by a reference, then by the invoice's number with the sum and the day. Every line and every entry is
-- used once (a unique index says so too), and only what fits best from both sides is paired. Lines are looked at again by
-- each run as long as they have no entry. One run works at a partner at a time.

-- By an id: p_limit lines that have it and no entry, from after p_after. p_by: transaction | operation.
-- Answers {after, looked, matched}; after NULL: there are no more.
CREATE OR REPLACE FUNCTION statement_match_by_id(p_partner uuid, p_by text, p_after bigint, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp
-- Sets of thousands meet tables of millions, by their indexes.
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
  v_last bigint;
  v_looked integer;
  v_matched integer := 0;
  v_found integer;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT max(id), count(*) INTO v_last, v_looked FROM (
    SELECT id FROM statement_line WHERE partner_id = p_partner AND transfer_id IS NULL AND id > p_after
      AND CASE p_by WHEN 'transaction' THEN transaction_id ELSE operation_id END IS NOT NULL
    ORDER BY id LIMIT p_limit) AS page;
  -- Each round pairs what fits each other best; more than one is needed only where ids stand in several lines.
  LOOP
    WITH line AS MATERIALIZED (
      SELECT id, transaction_id, operation_id, amount_minor, currency FROM statement_line
      WHERE partner_id = p_partner AND transfer_id IS NULL AND id > p_after AND id <= v_last
    ), pointed AS (
      -- Each a look-up of its own (OFFSET 0 keeps it so): from the lines to the payments, never the other way round.
      SELECT line.*, named.id AS payment_id FROM line, LATERAL (
        SELECT id FROM payment WHERE partner_id = p_partner AND transaction_id = line.transaction_id OFFSET 0) AS named
      WHERE p_by = 'transaction'
      UNION ALL
      SELECT line.*, named.id FROM line, LATERAL (
        SELECT id FROM payment WHERE id = statement_payment_id(line.operation_id) AND partner_id = p_partner OFFSET 0) AS named
      WHERE p_by = 'operation'
    ), candidate AS (
      SELECT pointed.id AS line_id, entry.id AS entry_id,
        entry.amount_minor <> pointed.amount_minor OR entry.currency <> pointed.currency AS differs
      FROM pointed, LATERAL (SELECT * FROM fund_entry WHERE fund_entry.payment_id = pointed.payment_id OFFSET 0) AS entry
      WHERE sign(entry.amount_minor) = sign(pointed.amount_minor)
        AND NOT EXISTS (SELECT FROM statement_line used WHERE used.transfer_id = entry.id)
    ), ranked AS (
      SELECT *, row_number() OVER (PARTITION BY line_id ORDER BY differs, entry_id) AS of_line,
        row_number() OVER (PARTITION BY entry_id ORDER BY differs, line_id) AS of_entry
      FROM candidate
    )
    UPDATE statement_line SET transfer_id = ranked.entry_id, matched_by = p_by, differs = ranked.differs, candidates = NULL
    FROM ranked WHERE statement_line.id = ranked.line_id AND partner_id = p_partner AND statement_line.transfer_id IS NULL
      AND of_line = 1 AND of_entry = 1;
    GET DIAGNOSTICS v_found = ROW_COUNT;
    EXIT WHEN v_found = 0;
    v_matched := v_matched + v_found;
  END LOOP;
  RETURN jsonb_build_object('after', CASE WHEN v_looked = p_limit THEN v_last END, 'looked', v_looked, 'matched', v_matched);
END
$$;

-- The payment that an operation's id names; NULL where it names none. Anything may stand in a file.
CREATE OR REPLACE FUNCTION statement_payment_id(p_operation text) RETURNS uuid
LANGUAGE sql IMMUTABLE SET search_path = surety, pg_temp
RETURN CASE WHEN p_operation ~ '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' THEN p_operation::uuid END;

-- By a reference: what was booked because somebody told of it (deposits, repayments, returns, corrections), whenever that was.
-- Its reference, or the invoice's number or the id of its payment, stands in one of the line's columns, with the same sum.
-- Answers how many were matched.
CREATE OR REPLACE FUNCTION statement_match_by_reference(p_partner uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp
-- Sets are hashed: their sizes are not known beforehand. What must be looked up one by one says so by OFFSET 0.
SET enable_nestloop = off SET enable_mergejoin = off AS $$
DECLARE
  v_external uuid[];
  v_drawn uuid[];
  v_matched integer := 0;
  v_found integer;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT array_agg(id) FILTER (WHERE kind = 'fund.external'), array_agg(id) FILTER (WHERE kind = 'fund.drawn')
  INTO v_external, v_drawn FROM account WHERE partner_id = p_partner AND kind IN ('fund.external', 'fund.drawn') AND owner IS NULL;
  LOOP
    WITH told AS (
      -- Not by time: draws, which are the most, are left aside by the accounts' indexes.
      SELECT id FROM transfer WHERE debit = ANY (v_external || v_drawn) AND kind <> 'credit'
      UNION
      SELECT id FROM transfer WHERE credit = ANY (v_external)
    ), entry AS MATERIALIZED (
      SELECT entry.*, (SELECT invoice_number FROM payment WHERE payment.id = entry.payment_id) AS invoice_number
      FROM told, LATERAL (SELECT * FROM fund_entry WHERE fund_entry.id = told.id OFFSET 0) AS entry
      WHERE NOT EXISTS (SELECT FROM statement_line used WHERE used.transfer_id = told.id OFFSET 0)
    ), named AS (
      SELECT entry.id, entry.amount_minor, entry.currency, entry.at, name
      FROM entry, unnest(ARRAY[entry.reference, entry.invoice_number, entry.payment_id::text]) AS name
      WHERE name IS NOT NULL
    ), line AS (
      SELECT statement_line.id, statement_line.amount_minor, statement_line.currency, statement_line.day, name
      FROM statement_line, unnest(ARRAY[transaction_id, operation_id, invoice_number]) AS name
      WHERE partner_id = p_partner AND transfer_id IS NULL AND name IS NOT NULL
    ), candidate AS (
      SELECT DISTINCT line.id AS line_id, named.id AS entry_id, line.day, named.at
      FROM line JOIN named ON named.name = line.name AND named.amount_minor = line.amount_minor AND named.currency = line.currency
    ), ranked AS (
      SELECT *, row_number() OVER (PARTITION BY line_id ORDER BY at, entry_id) AS of_line,
        row_number() OVER (PARTITION BY entry_id ORDER BY day, line_id) AS of_entry
      FROM candidate
    )
    UPDATE statement_line SET transfer_id = ranked.entry_id, matched_by = 'reference', candidates = NULL
    FROM ranked WHERE statement_line.id = ranked.line_id AND partner_id = p_partner AND statement_line.transfer_id IS NULL
      AND of_line = 1 AND of_entry = 1;
    GET DIAGNOSTICS v_found = ROW_COUNT;
    EXIT WHEN v_found = 0;
    v_matched := v_matched + v_found;
  END LOOP;
  RETURN v_matched;
END
$$;

-- By the invoice's number with the sum and the day: draws of payments, whose entry was made between the first call and the
-- booking, and whose day at Invoicebox may be the one before or after that by a moment at midnight. Lines without an entry
-- in the order of their numbers, p_limit and those of the last number, from after p_after.
-- Equal lines and equal entries are paired in their order; where more entries than lines fit, which of them the lines are
-- cannot be known: those lines are marked, and a person looks at them.
-- Answers {after, looked, matched}; after NULL: there are no more.
DROP FUNCTION IF EXISTS statement_match_by_invoice(uuid, text, date, date);
DROP FUNCTION IF EXISTS statement_unmatched_days(uuid);
CREATE OR REPLACE FUNCTION statement_match_by_invoice(p_partner uuid, p_after text, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp
SET enable_nestloop = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
  v_last text;
  v_looked integer;
  v_tolerance integer;
  v_matched integer := 0;
  v_found integer;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT max(invoice_number), count(*) INTO v_last, v_looked FROM (
    SELECT invoice_number FROM statement_line
    WHERE partner_id = p_partner AND transfer_id IS NULL AND invoice_number > p_after
    ORDER BY invoice_number FETCH FIRST p_limit ROWS WITH TIES) AS page;
  UPDATE statement_line SET candidates = NULL
  WHERE partner_id = p_partner AND transfer_id IS NULL AND invoice_number > p_after AND invoice_number <= v_last
    AND candidates IS NOT NULL;
  -- The very day first. Twice each: an entry that stands to lines of two days is given to the one of them.
  FOREACH v_tolerance IN ARRAY ARRAY[0, 0, 1, 1] LOOP
    WITH line AS MATERIALIZED (
      SELECT id, day, invoice_number, amount_minor, currency,
        (SELECT mapping ->> 'timeZone' FROM statement WHERE statement.id = statement_line.statement_id) AS zone
      FROM statement_line
      WHERE partner_id = p_partner AND transfer_id IS NULL AND invoice_number > p_after AND invoice_number <= v_last
        AND candidates IS NULL AND amount_minor < 0
    ), entry AS MATERIALIZED (
      SELECT named.invoice_number, entry.id, entry.amount_minor, entry.currency, entry.at, least(entry.at, (
          SELECT min(started_at) FROM payment_attempt attempt WHERE attempt.payment_id = entry.payment_id)) AS began_at
      FROM (SELECT DISTINCT invoice_number FROM line) AS named,
        LATERAL (SELECT id FROM payment WHERE partner_id = p_partner AND payment.invoice_number = named.invoice_number
          AND transaction_id IS NOT NULL OFFSET 0) AS paid,
        LATERAL (SELECT * FROM fund_entry WHERE fund_entry.payment_id = paid.id AND kind = 'draw' OFFSET 0) AS entry
      WHERE NOT EXISTS (SELECT FROM statement_line used WHERE used.transfer_id = entry.id OFFSET 0)
    ), pair AS MATERIALIZED (
      SELECT line.id AS line_id, entry.id AS entry_id, line.day, line.invoice_number, line.amount_minor, line.currency
      FROM line JOIN entry USING (invoice_number, amount_minor, currency)
      WHERE line.day BETWEEN (entry.began_at AT TIME ZONE line.zone)::date - v_tolerance
        AND (entry.at AT TIME ZONE line.zone)::date + v_tolerance
    ), rivals AS (
      SELECT day, invoice_number, amount_minor, currency, array_agg(DISTINCT entry_id) AS entries
      FROM pair GROUP BY day, invoice_number, amount_minor, currency
      HAVING count(DISTINCT entry_id) > count(DISTINCT line_id)
    ), marked AS (
      UPDATE statement_line SET candidates = entries FROM pair JOIN rivals USING (day, invoice_number, amount_minor, currency)
      WHERE statement_line.id = pair.line_id AND partner_id = p_partner AND statement_line.transfer_id IS NULL
        AND statement_line.invoice_number > p_after AND statement_line.invoice_number <= v_last
      RETURNING statement_line.id
    ), ranked AS (
      -- Within such a group everything fits everything: the first line to the first entry, the second to the second.
      SELECT line_id, entry_id, dense_rank() OVER same_line AS nth_line, dense_rank() OVER same_entry AS nth_entry
      FROM pair LEFT JOIN rivals USING (day, invoice_number, amount_minor, currency)
      WHERE rivals.day IS NULL
      WINDOW same_line AS (PARTITION BY day, invoice_number, amount_minor, currency ORDER BY line_id),
        same_entry AS (PARTITION BY day, invoice_number, amount_minor, currency ORDER BY entry_id)
    ), chosen AS (
      SELECT DISTINCT ON (entry_id) entry_id, line_id FROM ranked WHERE nth_line = nth_entry ORDER BY entry_id, line_id
    )
    UPDATE statement_line SET transfer_id = chosen.entry_id, matched_by = 'invoice'
    FROM chosen WHERE statement_line.id = chosen.line_id AND partner_id = p_partner AND statement_line.transfer_id IS NULL
      AND statement_line.invoice_number > p_after AND statement_line.invoice_number <= v_last
      AND NOT EXISTS (SELECT FROM marked WHERE marked.id = chosen.line_id);
    GET DIAGNOSTICS v_found = ROW_COUNT;
    v_matched := v_matched + v_found;
    EXIT WHEN v_matched = v_looked;
  END LOOP;
  RETURN jsonb_build_object('after', CASE WHEN v_looked >= p_limit THEN v_last END, 'looked', v_looked, 'matched', v_matched);
END
$$;

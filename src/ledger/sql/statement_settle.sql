-- What disagrees, once lines and entries are matched. The first two only look (so that nothing that writes lasts long), at
-- most p_limit findings; the third keeps what they have found and closes what they have not.
-- What is under way is no difference: a line of a payment whose outcome is not known yet, an entry that no statement covers.

-- Lines: {findings, inFlight}. duplicate: it points at a payment whose entry another line is already; state: at one that has
-- ended unpaid here; ambiguous: see statement_match_by_invoice; amount: its entry says another sum; otherwise theirs_only.
CREATE OR REPLACE FUNCTION statement_line_findings(p_partner uuid, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_answer jsonb;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  WITH line AS (
    SELECT * FROM statement_line WHERE partner_id = p_partner AND transfer_id IS NULL ORDER BY id LIMIT p_limit
  ), live AS MATERIALIZED (
    SELECT id, invoice_number, amount_minor, currency FROM payment
    WHERE partner_id = p_partner AND state NOT IN ('paid', 'declined', 'expired', 'cancelled') AND transaction_id IS NULL
      AND EXISTS (SELECT FROM payment_attempt WHERE payment_attempt.payment_id = payment.id)
  ), judged AS (
    SELECT line.*, pointed.id AS payment_id, CASE
      WHEN line.candidates IS NOT NULL THEN 'ambiguous'
      WHEN pointed.id IN (SELECT id FROM live) THEN 'in_flight'
      WHEN pointed.id IS NULL AND EXISTS (SELECT FROM live WHERE live.invoice_number = line.invoice_number
        AND (-live.amount_minor, live.currency) = (line.amount_minor, line.currency)) THEN 'in_flight'
      WHEN EXISTS (SELECT FROM fund_entry entry JOIN statement_line other ON other.transfer_id = entry.id
        WHERE entry.payment_id = pointed.id AND sign(entry.amount_minor) = sign(line.amount_minor)) THEN 'duplicate'
      WHEN line.amount_minor < 0 AND pointed.id IS NOT NULL THEN 'state'
      ELSE 'theirs_only' END AS kind
    FROM line LEFT JOIN LATERAL (
      SELECT id, rank FROM (
        SELECT id, 1 AS rank FROM payment WHERE partner_id = p_partner AND transaction_id = line.transaction_id
        UNION ALL
        SELECT id, 2 FROM payment WHERE partner_id = p_partner AND id = statement_payment_id(line.operation_id)
      ) AS named ORDER BY rank LIMIT 1
    ) AS pointed ON true
  ), found AS (
    SELECT kind, 'line:' || id AS subject, currency, amount_minor, payment_id, id AS line_id, NULL::uuid AS transfer_id,
      CASE kind
        WHEN 'state' THEN (SELECT jsonb_build_object('ours', state, 'reason', reason) FROM payment WHERE payment.id = payment_id)
        WHEN 'ambiguous' THEN jsonb_build_object('candidates', to_jsonb(candidates))
        ELSE '{}' END AS detail
    FROM judged WHERE kind <> 'in_flight'
    UNION ALL
    SELECT 'amount', 'line:' || line.id, line.currency,
      CASE WHEN entry.currency = line.currency THEN line.amount_minor - entry.amount_minor ELSE line.amount_minor END,
      entry.payment_id, line.id, entry.id, jsonb_build_object('theirsMinor', line.amount_minor, 'theirsCurrency', line.currency,
        'oursMinor', entry.amount_minor, 'oursCurrency', entry.currency)
    FROM (SELECT * FROM statement_line WHERE partner_id = p_partner AND differs ORDER BY id LIMIT p_limit) AS line
    JOIN fund_entry entry ON entry.id = line.transfer_id
  )
  SELECT jsonb_build_object(
    'inFlight', (SELECT count(*) FROM judged WHERE kind = 'in_flight'),
    'findings', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'subject', subject, 'currency', currency,
      'amountMinor', amount_minor, 'paymentId', payment_id, 'lineId', line_id, 'transferId', transfer_id, 'detail', detail)), '[]')
      FROM found))
  INTO v_answer;
  RETURN v_answer;
END
$$;

-- Entries from p_from on and before p_to that no line is, although statements cover all the time in which they happened: from
-- the first call to Invoicebox to the booking. Corrections are a person's word and no movement of Invoicebox's. An entry that
-- an ambiguous line may be is told with that line. Answers an array of findings.
CREATE OR REPLACE FUNCTION statement_entry_findings(
  p_partner uuid, p_from timestamptz, p_to timestamptz, p_limit integer
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    WITH alone AS MATERIALIZED (
      SELECT entry.* FROM fund_entry entry
      WHERE entry.partner_id = p_partner AND entry.at >= p_from AND entry.at < p_to AND entry.kind <> 'correction'
        AND NOT EXISTS (SELECT FROM statement_line line WHERE line.transfer_id = entry.id OFFSET 0)
      ORDER BY entry.at, entry.id LIMIT p_limit
    ), judged AS (
      SELECT alone.*, least(alone.at, (SELECT min(started_at) FROM payment_attempt attempt
        WHERE attempt.payment_id = alone.payment_id AND alone.kind = 'draw')) AS began_at
      FROM alone
    ), doubtful AS MATERIALIZED (
      SELECT unnest(candidates) AS id FROM statement_line
      WHERE partner_id = p_partner AND transfer_id IS NULL AND candidates IS NOT NULL
    )
    SELECT coalesce(jsonb_agg(jsonb_build_object('kind', 'ours_only', 'subject', 'entry:' || id, 'currency', currency,
      'amountMinor', amount_minor, 'paymentId', payment_id, 'lineId', NULL, 'transferId', id,
      'detail', jsonb_build_object('entry', kind, 'at', at))), '[]')
    FROM judged
    WHERE id NOT IN (SELECT id FROM doubtful)
      AND (SELECT count(*) FROM unnest(ARRAY[judged.began_at, judged.at]) AS moment
        WHERE EXISTS (SELECT FROM statement WHERE partner_id = p_partner AND state IN ('taken', 'reconciled')
          AND judged.currency = ANY (currencies) AND moment >= covers_from AND moment < covers_to)) = 2);
END
$$;

-- Keeps the findings of a run, all in one: {opened, closed}. What is open about a line and was not found is closed; about an
-- entry, when a line has come that it is.
CREATE OR REPLACE FUNCTION statement_settle(p_partner uuid, p_findings jsonb, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_finding record;
  v_opened integer := 0;
  v_closed integer;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  FOR v_finding IN
    SELECT * FROM jsonb_to_recordset(p_findings) AS found(kind text, subject text, currency text, "amountMinor" bigint,
      "paymentId" uuid, "lineId" bigint, "transferId" uuid, detail jsonb)
    -- Payments are locked in one order.
    ORDER BY "paymentId", subject
  LOOP
    IF fund_difference_find(p_partner, v_finding.kind, v_finding.subject, v_finding.currency, v_finding."amountMinor",
      v_finding."paymentId", v_finding."lineId", v_finding."transferId", v_finding.detail, p_at)
    THEN
      v_opened := v_opened + 1;
    END IF;
    -- Money that came back to the fund for a payment of ours: its points should follow.
    IF v_finding.kind = 'theirs_only' AND v_finding."amountMinor" > 0 AND v_finding."paymentId" IS NOT NULL THEN
      PERFORM payment_return_propose(p_partner, v_finding."paymentId", v_finding."amountMinor", (
        SELECT CASE WHEN transaction_id ~ '^[!-~]{1,100}$' THEN transaction_id ELSE 'line-' || id END
        FROM statement_line WHERE id = v_finding."lineId"), 'Reconciliation: a statement tells of a refund', p_at);
    END IF;
  END LOOP;
  UPDATE fund_difference SET state = 'closed', closed_at = p_at
  WHERE partner_id = p_partner AND state = 'open' AND (
    line_id IS NOT NULL AND (subject, kind) NOT IN (
      SELECT subject, kind FROM jsonb_to_recordset(p_findings) AS found(subject text, kind text))
    OR subject LIKE 'entry:%' AND EXISTS (SELECT FROM statement_line line WHERE line.transfer_id = fund_difference.transfer_id));
  GET DIAGNOSTICS v_closed = ROW_COUNT;
  UPDATE statement SET state = 'reconciled', reconciled_at = p_at WHERE partner_id = p_partner AND state = 'taken';
  RETURN jsonb_build_object('opened', v_opened, 'closed', v_closed);
END
$$;

-- The periods of statements whose lines are taken and were not compared with the books yet, and of those that overlap them.
CREATE OR REPLACE FUNCTION statement_periods(p_partner uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('from', covers_from, 'to', covers_to) ORDER BY covers_from), '[]')
    FROM statement WHERE partner_id = p_partner AND state = 'taken');
END
$$;

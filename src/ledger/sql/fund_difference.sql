-- Differences between the books and Invoicebox: found (again), closed when they are found no longer, explained by a person.

-- Keeps one that was found, and tells the partner at once where it is new, found again after it was closed, or of another sum
-- than the one that a person explained. Answers whether it was told. The subject is what it is about: line:<id>, entry:<id>
-- or payment:<id>; of one kind there is one a subject.
CREATE OR REPLACE FUNCTION fund_difference_find(
  p_partner uuid, p_kind text, p_subject text, p_currency text, p_amount_minor bigint, p_payment uuid, p_line bigint,
  p_transfer uuid, p_detail jsonb, p_at timestamptz
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_found record;
BEGIN
  INSERT INTO fund_difference AS known (partner_id, kind, subject, currency, amount_minor, payment_id, line_id, transfer_id,
    detail, first_seen_at, last_seen_at)
  VALUES (p_partner, p_kind, p_subject, p_currency, p_amount_minor, p_payment, p_line, p_transfer, p_detail, p_at, p_at)
  ON CONFLICT (partner_id, subject, kind) DO UPDATE SET
    last_seen_at = excluded.last_seen_at, amount_minor = excluded.amount_minor, currency = excluded.currency,
    payment_id = excluded.payment_id, detail = excluded.detail, closed_at = NULL,
    state = CASE
      WHEN known.state IN ('explained', 'corrected')
        AND (known.amount_minor, known.currency) = (excluded.amount_minor, excluded.currency) THEN known.state
      ELSE 'open' END,
    reopened = known.reopened + CASE
      WHEN known.state = 'closed' OR known.state IN ('explained', 'corrected')
        AND (known.amount_minor, known.currency) <> (excluded.amount_minor, excluded.currency) THEN 1
      ELSE 0 END
  RETURNING old.state AS before, new.state, new.id INTO v_found;
  IF v_found.state <> 'open' OR v_found.before IS NOT DISTINCT FROM 'open' THEN
    RETURN false;
  END IF;
  PERFORM fund_difference_tell(p_partner, p_kind, p_currency, p_amount_minor, p_payment, NULL, v_found.id, p_at);
  RETURN true;
END
$$;

-- Ends what is open about this subject and was not found again.
CREATE OR REPLACE FUNCTION fund_difference_close(p_partner uuid, p_subject text, p_but_kind text, p_at timestamptz) RETURNS void
LANGUAGE sql VOLATILE SET search_path = surety, pg_temp AS $$
  UPDATE fund_difference SET state = 'closed', closed_at = p_at
  WHERE partner_id = p_partner AND subject = p_subject AND state = 'open' AND kind IS DISTINCT FROM p_but_kind;
$$;

-- How one is told. A line's own words are told with it: they are the partner's.
CREATE OR REPLACE FUNCTION fund_difference_json(p_difference fund_difference) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = surety, pg_temp
RETURN jsonb_build_object(
  'id', (p_difference).id, 'kind', (p_difference).kind, 'state', (p_difference).state,
  'currency', (p_difference).currency, 'amountMinor', (p_difference).amount_minor,
  'paymentId', (p_difference).payment_id, 'entryId', (p_difference).transfer_id,
  'line', (SELECT jsonb_build_object('statementId', line.statement_id, 'line', line.line, 'day', line.day, 'at', line.at,
      'transactionId', line.transaction_id, 'operationId', line.operation_id, 'invoiceNumber', line.invoice_number,
      'amountMinor', line.amount_minor, 'currency', line.currency)
    FROM statement_line line WHERE line.id = (p_difference).line_id),
  'detail', (p_difference).detail,
  'firstSeenAt', (p_difference).first_seen_at, 'lastSeenAt', (p_difference).last_seen_at,
  'closedAt', (p_difference).closed_at, 'reopened', (p_difference).reopened,
  'reason', (p_difference).reason, 'approvalId', (p_difference).approval_id,
  'explainedBy', (p_difference).explained_by, 'explainedAt', (p_difference).explained_at);

CREATE OR REPLACE FUNCTION fund_difference_get(p_partner uuid, p_difference uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (SELECT fund_difference_json(fund_difference) FROM fund_difference WHERE id = p_difference);
END
$$;

-- A page of differences, newest first, from before p_before (exclusive); of one state or kind where they are given.
CREATE OR REPLACE FUNCTION fund_difference_list(
  p_partner uuid, p_state text, p_kind text, p_before uuid, p_limit integer
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(fund_difference_json(page) ORDER BY (page).id DESC), '[]')
    FROM (SELECT page FROM fund_difference AS page
      WHERE partner_id = p_partner AND (p_state IS NULL OR state = p_state) AND (p_kind IS NULL OR kind = p_kind)
        AND (p_before IS NULL OR id < p_before)
      ORDER BY id DESC LIMIT p_limit) AS pages(page));
END
$$;

-- A person says why; with the approval of what was booked for it, it is corrected.
-- Outcomes: explained; closed (there is nothing to explain any more); not_found; no_approval (it was not granted, or moved no
-- money of the fund).
CREATE OR REPLACE FUNCTION fund_difference_explain(
  p_partner uuid, p_difference uuid, p_reason text, p_approval uuid, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_difference fund_difference;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_difference FROM fund_difference WHERE id = p_difference FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  IF v_difference.state = 'closed' THEN
    RETURN jsonb_build_object('outcome', 'closed');
  END IF;
  IF p_approval IS NOT NULL AND NOT EXISTS (SELECT FROM approval WHERE id = p_approval AND state = 'approved'
    AND action IN ('fund.deposit', 'fund.repayment', 'fund.correction', 'payment.return'))
  THEN
    RETURN jsonb_build_object('outcome', 'no_approval');
  END IF;
  UPDATE fund_difference SET state = CASE WHEN p_approval IS NULL THEN 'explained' ELSE 'corrected' END, reason = p_reason,
    approval_id = p_approval, explained_by = p_actor, explained_at = p_at
  WHERE id = p_difference;
  RETURN jsonb_build_object('outcome', 'explained');
END
$$;

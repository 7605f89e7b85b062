-- Batches as their partner sees them: opens one, tells how it stands, pauses, resumes, cancels it.

-- How a batch stands, counted from its items; those under way by the state of their payments.
CREATE OR REPLACE FUNCTION payment_batch_json(p_batch payment_batch) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = surety, pg_temp AS $$
  WITH item AS (
    SELECT CASE WHEN item.state = 'started' THEN CASE payment.state
        WHEN 'awaiting_approval' THEN 'awaiting_approval'
        WHEN 'in_review' THEN 'in_review'
        WHEN 'paid' THEN 'paid' WHEN 'expired' THEN 'expired' WHEN 'cancelled' THEN 'cancelled'
        -- Declined as well, until the batch has judged it: it may go back to waiting (payment_batch_stock).
        ELSE 'in_flight' END
      ELSE item.state END AS state,
      CASE item.state WHEN 'skipped' THEN item.reason END AS skipped_because,
      coalesce(payment.currency, item.currency) AS currency, coalesce(payment.amount_minor, item.amount_minor) AS amount_minor
    FROM payment_batch_item item LEFT JOIN payment ON item.state = 'started' AND payment.id = item.payment_id
    WHERE item.batch_id = p_batch.id
  ), counted AS (
    SELECT state, skipped_because, currency, count(*) AS n, sum(amount_minor) AS amount_minor FROM item GROUP BY 1, 2, 3
  ), by_state AS (
    SELECT coalesce(jsonb_object_agg(state, n), '{}') AS n FROM (SELECT state, sum(n) AS n FROM counted GROUP BY 1) AS states
  )
  SELECT jsonb_build_object(
    'id', p_batch.id, 'state', p_batch.state, 'pauseReason', p_batch.pause_reason, 'filter', p_batch.filter,
    'found', (SELECT coalesce(sum(n), 0) FROM counted),
    'waiting', coalesce((n -> 'waiting')::bigint, 0),
    'skipped', coalesce((n -> 'skipped')::bigint, 0),
    'skippedBecause', (SELECT coalesce(jsonb_object_agg(skipped_because, n), '{}') FROM (
      SELECT skipped_because, sum(n) AS n FROM counted WHERE skipped_because IS NOT NULL GROUP BY 1) AS reasons),
    'started', (SELECT coalesce(sum(n), 0) FROM counted WHERE state NOT IN ('waiting', 'skipped')),
    'inFlight', coalesce((n -> 'in_flight')::bigint, 0),
    'awaitingApproval', coalesce((n -> 'awaiting_approval')::bigint, 0),
    'inReview', coalesce((n -> 'in_review')::bigint, 0),
    'paid', coalesce((n -> 'paid')::bigint, 0),
    'declined', coalesce((n -> 'declined')::bigint, 0),
    'expired', coalesce((n -> 'expired')::bigint, 0),
    'cancelled', coalesce((n -> 'cancelled')::bigint, 0),
    'unreadable', p_batch.unreadable,
    'paidAmounts', (SELECT coalesce(jsonb_agg(jsonb_build_object('currency', currency, 'amountMinor', amount_minor)
      ORDER BY currency), '[]') FROM (SELECT currency, sum(amount_minor) AS amount_minor FROM counted
        WHERE state = 'paid' AND currency IS NOT NULL GROUP BY 1) AS paid),
    'listEnded', p_batch.list_ended,
    'listLeft', p_batch.list_left,
    'createdAt', p_batch.created_at, 'finishedAt', p_batch.finished_at)
  FROM by_state;
$$;

-- Opens a batch, once by its id: over a filter, or over invoices that are named. Outcomes: opened; existing.
CREATE OR REPLACE FUNCTION payment_batch_open(
  p_partner uuid, p_batch uuid, p_filter jsonb, p_invoices text[], p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  INSERT INTO payment_batch (id, partner_id, filter, actor, list_from, list_ended, created_at, changed_at)
  VALUES (p_batch, p_partner, p_filter, p_actor, (p_filter ->> 'createdAfter')::timestamptz, p_filter IS NULL, p_at, p_at)
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'existing');
  END IF;
  -- In the order given; one that is named twice is one.
  INSERT INTO payment_batch_item (batch_id, invoice_id, partner_id)
  SELECT p_batch, invoice, p_partner
  FROM (SELECT invoice, min(o) AS o FROM unnest(p_invoices) WITH ORDINALITY AS given(invoice, o) GROUP BY invoice) AS named
  ORDER BY o;
  RETURN jsonb_build_object('outcome', 'opened');
END
$$;

-- NULL where there is none.
CREATE OR REPLACE FUNCTION payment_batch_get(p_partner uuid, p_batch uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (SELECT payment_batch_json(batch) FROM payment_batch AS batch WHERE id = p_batch);
END
$$;

-- A page of batches, newest first, from before p_before (exclusive).
CREATE OR REPLACE FUNCTION payment_batch_list(p_partner uuid, p_before uuid, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(payment_batch_json(page) ORDER BY (page).id DESC), '[]')
    FROM (SELECT page FROM payment_batch AS page
      WHERE partner_id = p_partner AND (p_before IS NULL OR id < p_before) ORDER BY id DESC LIMIT p_limit) AS pages(page));
END
$$;

-- A page of a batch's invoices in the order in which they were found, from after p_after (exclusive); p_state null: of any state.
CREATE OR REPLACE FUNCTION payment_batch_items(p_partner uuid, p_batch uuid, p_state text, p_after bigint, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object('n', page.n, 'invoiceId', page.invoice_id, 'state', page.state,
      'reason', coalesce(page.reason, payment.reason), 'paymentId', page.payment_id, 'paymentState', payment.state,
      'amountMinor', coalesce(payment.amount_minor, page.amount_minor), 'currency', coalesce(payment.currency, page.currency))
      ORDER BY page.n), '[]')
    FROM (SELECT * FROM payment_batch_item WHERE batch_id = p_batch AND n > p_after AND (p_state IS NULL OR state = p_state)
      ORDER BY n LIMIT p_limit) AS page
    LEFT JOIN payment ON payment.id = page.payment_id);
END
$$;

-- Pauses (p_reason), resumes or cancels. What has been started goes on to its end in any case; a cancelled batch starts no
-- more. Outcomes: changed; unchanged (it stands so already); conflict {state}; not_found.
CREATE OR REPLACE FUNCTION payment_batch_change(
  p_partner uuid, p_batch uuid, p_verb text, p_reason text, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_batch payment_batch;
  v_to text := CASE p_verb WHEN 'pause' THEN 'paused' WHEN 'resume' THEN 'running' WHEN 'cancel' THEN 'cancelling' END;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_batch FROM payment_batch WHERE id = p_batch FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  IF v_batch.state = v_to OR v_to = 'cancelling' AND v_batch.state = 'cancelled' THEN
    RETURN jsonb_build_object('outcome', 'unchanged');
  END IF;
  IF v_batch.state NOT IN ('running', 'paused') THEN
    RETURN jsonb_build_object('outcome', 'conflict', 'state', v_batch.state);
  END IF;
  UPDATE payment_batch SET state = v_to, pause_reason = CASE v_to WHEN 'paused' THEN p_reason END, changed_at = p_at
  WHERE id = p_batch;
  IF v_to = 'cancelling' THEN
    UPDATE payment_batch_item SET state = 'skipped', reason = 'batch_cancelled', read = NULL
    WHERE batch_id = p_batch AND state = 'waiting';
  END IF;
  RETURN jsonb_build_object('outcome', 'changed');
END
$$;

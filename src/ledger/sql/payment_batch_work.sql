-- What a batch's workflow does. Whoever works on a batch locks its row first, then items, then what payment_open and
-- payment_quote lock.

-- Takes note of payments that have come to their end, and tells what there is to do. A payment that was declined for want of
-- money, of credentials, or by a limit of the day or month, goes back to waiting, and the batch pauses with that reason
-- instead of having the rest declined. p_want_codes: Invoicebox's codes that say want of money.
-- Answers {state, pauseReason, ready, unread, inFlight, listEnded, place: {fromMs | null, page, pass}, filter,
-- progress | null}; ready and
-- unread up to p_most; progress where p_tells. NULL: there is no such batch.
CREATE OR REPLACE FUNCTION payment_batch_stock(
  p_partner uuid, p_batch uuid, p_want_codes text[], p_fresh_ms bigint, p_most integer, p_tells boolean, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_batch payment_batch;
  v_fresh_from timestamptz := clock_timestamp() - p_fresh_ms * interval '1 millisecond';
  v_pause text;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_batch FROM payment_batch WHERE id = p_batch FOR UPDATE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  WITH ended AS (
    SELECT item.invoice_id, payment.state, payment.reason, payment.amount_minor, payment.currency, CASE
      WHEN payment.state <> 'declined' OR v_batch.state = 'cancelling' THEN NULL
      WHEN payment.reason IN ('credentials', 'over_day_limit', 'over_month_limit') THEN payment.reason
      WHEN payment.reason = 'insufficient_fund' THEN 'fund_empty'
      WHEN payment.reason = 'refused' AND payment.refusal_code = ANY (p_want_codes) THEN 'fund_unavailable' END AS pauses
    FROM payment_batch_item item JOIN payment ON payment.id = item.payment_id
    WHERE item.batch_id = p_batch AND item.state = 'started'
      AND payment.state IN ('paid', 'declined', 'expired', 'cancelled')
  ), noted AS (
    UPDATE payment_batch_item item SET
      state = CASE WHEN ended.pauses IS NULL THEN ended.state ELSE 'waiting' END,
      reason = CASE WHEN ended.pauses IS NULL THEN ended.reason END,
      payment_id = CASE WHEN ended.pauses IS NULL THEN item.payment_id END,
      amount_minor = ended.amount_minor, currency = ended.currency
    FROM ended WHERE item.batch_id = p_batch AND item.invoice_id = ended.invoice_id
  )
  SELECT min(pauses) INTO v_pause FROM ended;
  -- Paused because all new payments were (pause.sql): it goes on by itself.
  IF v_batch.state = 'paused' AND v_batch.pause_reason = 'payments_paused' AND NOT EXISTS (
    SELECT FROM pause WHERE (partner_id = p_partner OR partner_id IS NULL) AND ended_at IS NULL)
  THEN
    UPDATE payment_batch SET state = 'running', pause_reason = NULL, changed_at = p_at WHERE id = p_batch
    RETURNING * INTO v_batch;
  END IF;
  IF v_pause IS NOT NULL AND v_batch.state = 'running' THEN
    UPDATE payment_batch SET state = 'paused', pause_reason = v_pause, changed_at = p_at WHERE id = p_batch
    RETURNING * INTO v_batch;
  END IF;
  RETURN jsonb_build_object('state', v_batch.state, 'pauseReason', v_batch.pause_reason, 'filter', v_batch.filter,
    'listEnded', v_batch.list_ended,
    'place', jsonb_build_object('fromMs', (extract(epoch FROM v_batch.list_from) * 1000)::bigint,
      'page', v_batch.list_page, 'pass', v_batch.list_pass),
    'progress', CASE WHEN p_tells THEN payment_batch_json(v_batch) END,
    'ready', (SELECT count(*) FROM (SELECT FROM payment_batch_item WHERE batch_id = p_batch AND state = 'waiting'
      AND (unlisted OR read_began_at >= v_fresh_from) LIMIT p_most) AS ready),
    'unread', (SELECT count(*) FROM (SELECT FROM payment_batch_item WHERE batch_id = p_batch AND state = 'waiting'
      AND NOT (unlisted OR coalesce(read_began_at >= v_fresh_from, false)) LIMIT p_most) AS unread),
    'inFlight', (SELECT count(*) FROM payment_batch_item item JOIN payment ON payment.id = item.payment_id
      -- Those too that have ended since: they are to be noted soon.
      WHERE item.batch_id = p_batch AND item.state = 'started' AND payment.state NOT IN ('awaiting_approval', 'in_review')));
END
$$;

-- Ids of waiting invoices, in order: those that can be started (p_ready), or those that a list has yet to tell.
CREATE OR REPLACE FUNCTION payment_batch_next(
  p_partner uuid, p_batch uuid, p_ready boolean, p_fresh_ms bigint, p_limit integer
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(invoice_id ORDER BY n), '[]') FROM (
      SELECT invoice_id, n FROM payment_batch_item
      WHERE batch_id = p_batch AND state = 'waiting' AND p_ready = (unlisted
        OR coalesce(read_began_at >= clock_timestamp() - p_fresh_ms * interval '1 millisecond', false))
      ORDER BY n LIMIT p_limit) AS next);
END
$$;

-- Stores what a list has told. p_told: [{invoiceId, read, amountMinor, currency, skip | null}]; what is new is added where
-- p_place is given, and otherwise only what waits is renewed, and p_asked of which nothing was told is `unlisted`.
-- p_place: how far the list is read now, {fromMs | null, page, endsPass, left | null, unreadable}, from p_expected on; a page that
-- was stored already, by a try whose answer was lost, changes nothing. Answers how many were new.
CREATE OR REPLACE FUNCTION payment_batch_found(
  p_partner uuid, p_batch uuid, p_told jsonb, p_asked text[], p_expected jsonb, p_place jsonb, p_age_ms bigint, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_batch payment_batch;
  v_began_at timestamptz := clock_timestamp() - p_age_ms * interval '1 millisecond';
  v_new integer := 0;
  v_ends_pass boolean := (p_place ->> 'endsPass')::boolean;
  v_disturbs boolean;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO STRICT v_batch FROM payment_batch WHERE id = p_batch FOR UPDATE;
  UPDATE payment_batch_item item SET
    read = CASE WHEN told ->> 'skip' IS NULL THEN told -> 'read' END, read_at = p_at, read_began_at = v_began_at,
    amount_minor = (told ->> 'amountMinor')::bigint, currency = told ->> 'currency',
    state = CASE WHEN told ->> 'skip' IS NULL THEN 'waiting' ELSE 'skipped' END, reason = told ->> 'skip'
  FROM jsonb_array_elements(p_told) AS told
  WHERE item.batch_id = p_batch AND item.invoice_id = told ->> 'invoiceId' AND item.state = 'waiting';
  UPDATE payment_batch_item SET unlisted = true
  WHERE batch_id = p_batch AND state = 'waiting' AND invoice_id = ANY (p_asked)
    AND invoice_id NOT IN (SELECT told ->> 'invoiceId' FROM jsonb_array_elements(p_told) AS told);
  IF p_place IS NULL OR v_batch.state NOT IN ('running', 'paused')
    OR jsonb_build_object('fromMs', (extract(epoch FROM v_batch.list_from) * 1000)::bigint, 'page', v_batch.list_page,
      'pass', v_batch.list_pass) <> p_expected THEN
    RETURN jsonb_build_object('new', 0);
  END IF;
  INSERT INTO payment_batch_item (batch_id, invoice_id, partner_id, read, read_at, read_began_at, amount_minor, currency, state, reason)
  SELECT p_batch, told ->> 'invoiceId', p_partner, CASE WHEN told ->> 'skip' IS NULL THEN told -> 'read' END, p_at, v_began_at,
    (told ->> 'amountMinor')::bigint, told ->> 'currency',
    CASE WHEN told ->> 'skip' IS NULL THEN 'waiting' ELSE 'skipped' END, told ->> 'skip'
  FROM jsonb_array_elements(p_told) WITH ORDINALITY AS page(told, o) ORDER BY o
  ON CONFLICT (batch_id, invoice_id) DO NOTHING;
  GET DIAGNOSTICS v_new = ROW_COUNT;
  -- The list has been gone through: once more from its beginning, until that brings nothing new. Where page numbers were
  -- needed, what was paid meanwhile may have moved something past us: such a pass is the last only if nothing could be.
  v_disturbs := v_ends_pass AND EXISTS (
    SELECT FROM payment_batch_item item LEFT JOIN payment ON payment.id = item.payment_id
    WHERE item.batch_id = p_batch AND (item.state = 'waiting'
      OR item.state = 'started' AND payment.state IN ('opening', 'settling', 'unknown')));
  UPDATE payment_batch SET
    list_ended = v_ends_pass AND list_new + v_new = 0 AND NOT (list_numbered AND list_disturbed),
    list_numbered = NOT v_ends_pass AND (list_numbered OR (p_place ->> 'page')::integer > 1),
    list_disturbed = CASE WHEN v_ends_pass THEN v_disturbs ELSE list_disturbed END,
    list_from = CASE WHEN v_ends_pass THEN (filter ->> 'createdAfter')::timestamptz
      ELSE to_timestamp((p_place ->> 'fromMs')::double precision / 1000) END,
    list_page = CASE WHEN v_ends_pass THEN 1 ELSE (p_place ->> 'page')::integer END,
    list_new = CASE WHEN v_ends_pass THEN 0 ELSE list_new + v_new END,
    list_pass = list_pass + CASE WHEN v_ends_pass THEN 1 ELSE 0 END,
    list_left = (p_place ->> 'left')::bigint,
    unreadable = unreadable + (p_place ->> 'unreadable')::bigint
  WHERE id = p_batch;
  RETURN jsonb_build_object('new', v_new);
END
$$;

-- Opens the payment of one waiting invoice and gives it the read that the list brought, if that is still fresh.
-- Outcomes: started {paymentId, epoch, openedBy, quote: {amountMinor, currency, expiresAt, readAt, version, approval} | null};
-- skipped {reason} (it is paid, or another payment is under way); pause {reason} (nothing was opened: the batch should be);
-- not_waiting (nor is the batch running, or the item was started before).
CREATE OR REPLACE FUNCTION payment_batch_start(
  p_partner uuid, p_batch uuid, p_invoice text, p_payment uuid, p_policy jsonb, p_fresh_ms bigint, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_batch payment_batch;
  v_item payment_batch_item;
  v_opened jsonb;
  v_quoted jsonb;
  v_quote jsonb;
  v_pause text;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_batch FROM payment_batch WHERE id = p_batch FOR SHARE;
  -- Two tries of one step may start the same invoice at once (a worker that had stood still): the second waits here, and then
  -- sees a payment of the batch's own, not somebody else's.
  SELECT * INTO v_item FROM payment_batch_item WHERE batch_id = p_batch AND invoice_id = p_invoice FOR UPDATE;
  IF v_batch.state IS DISTINCT FROM 'running' OR v_item.state IS DISTINCT FROM 'waiting' THEN
    RETURN jsonb_build_object('outcome', 'not_waiting');
  END IF;
  -- An empty fund would have it declined, and all the others after it. Only a look: the hold is what decides.
  IF EXISTS (
    SELECT FROM fund
    JOIN account ON account.partner_id = p_partner AND account.kind = 'fund.available' AND account.asset = fund.currency
    WHERE fund.partner_id = p_partner AND fund.currency = v_item.currency AND fund.guard = 'enforce'
      AND account.balance + fund.overdraft_minor < v_item.amount_minor + (
        SELECT coalesce(sum(item.amount_minor), 0) FROM payment_batch_item item JOIN payment ON payment.id = item.payment_id
        WHERE item.batch_id = p_batch AND item.state = 'started' AND payment.state = 'opening'
          AND item.currency = v_item.currency))
  THEN
    RETURN jsonb_build_object('outcome', 'pause', 'reason', 'fund_empty');
  END IF;
  v_opened := payment_open(p_partner, p_payment, 'organisation', p_invoice, NULL, v_batch.actor, p_policy, '{}', p_at, true);
  CASE v_opened ->> 'outcome'
    WHEN 'refused' THEN
      RETURN jsonb_build_object('outcome', 'pause', 'reason',
        CASE v_opened ->> 'reason' WHEN 'paused' THEN 'payments_paused' ELSE v_opened ->> 'reason' END);
    WHEN 'existing' THEN
      UPDATE payment_batch_item SET state = 'skipped', read = NULL,
        reason = CASE v_opened ->> 'state' WHEN 'paid' THEN 'already_paid' ELSE 'already_under_way' END
      WHERE batch_id = p_batch AND invoice_id = p_invoice RETURNING reason INTO v_pause;
      RETURN jsonb_build_object('outcome', 'skipped', 'reason', v_pause);
    WHEN 'opened' THEN
      NULL;
  END CASE;
  IF v_item.read_began_at >= clock_timestamp() - p_fresh_ms * interval '1 millisecond' THEN
    v_quoted := payment_quote(p_partner, p_payment, 1, v_item.read, 0, v_item.read_at,
      ceil(extract(epoch FROM clock_timestamp() - v_item.read_began_at) * 1000)::bigint, v_item.read_at);
    v_quote := jsonb_build_object('amountMinor', v_item.amount_minor, 'currency', v_item.currency,
      'expiresAt', (extract(epoch FROM (v_item.read ->> 'expiresAt')::timestamptz) * 1000)::bigint,
      'readAt', floor(extract(epoch FROM v_item.read_at) * 1000)::bigint,
      'version', v_quoted -> 'version', 'approval', v_item.read -> 'approval');
  END IF;
  UPDATE payment_batch_item SET state = 'started', payment_id = p_payment, read = NULL
  WHERE batch_id = p_batch AND invoice_id = p_invoice;
  RETURN jsonb_build_object('outcome', 'started', 'paymentId', p_payment, 'epoch', 1, 'quote', v_quote,
    'openedBy', v_batch.actor);
END
$$;

-- Ends a batch in which nothing waits and nothing is in flight, and tells the partner once. Outcomes: ended; not_yet.
CREATE OR REPLACE FUNCTION payment_batch_end(p_partner uuid, p_batch uuid, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_batch payment_batch;
  v_told jsonb;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO STRICT v_batch FROM payment_batch WHERE id = p_batch FOR UPDATE;
  IF v_batch.state IN ('cancelled', 'finished') THEN
    RETURN jsonb_build_object('outcome', 'ended');
  END IF;
  v_told := payment_batch_json(v_batch);
  IF v_batch.state NOT IN ('running', 'cancelling') OR v_batch.state = 'running' AND NOT v_batch.list_ended
    OR (v_told -> 'waiting')::bigint > 0 OR (v_told -> 'inFlight')::bigint > 0 THEN
    RETURN jsonb_build_object('outcome', 'not_yet');
  END IF;
  UPDATE payment_batch SET state = CASE state WHEN 'cancelling' THEN 'cancelled' ELSE 'finished' END, changed_at = p_at,
    finished_at = p_at WHERE id = p_batch RETURNING * INTO v_batch;
  PERFORM event_publish(p_partner, 'batch.finished', NULL, NULL,
    payment_batch_json(v_batch) - ARRAY['pauseReason', 'waiting', 'inFlight', 'listEnded', 'listLeft'], p_at);
  RETURN jsonb_build_object('outcome', 'ended');
END
$$;

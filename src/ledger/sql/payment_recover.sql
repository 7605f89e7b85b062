-- Tells a restored ledger what the history of a payment proves (src/domain/evidence.ts): its row where that is missing, what is
-- held, the calls, how it ended. In one transaction; told again, it changes nothing. The ledger is closed, so nobody else writes.
-- p_evidence: {scheme, invoiceId, policy, openedBy, memberId, batchId, openedAt, epoch, quote | null, read | null, held | null,
-- released, outstanding, mayHavePaid, attempts: [{ticket, n | null, class | null, code, requestId, transactionId, startedAt,
-- finishedAt}], action: pay | close | take_up, state, reason, transactionId, at, toldBy: Temporal | …}
-- Outcomes: recovered {state, epoch, points: none | booked | missing}; over {state}; and with nothing changed: unknown_partner,
-- unknown_sum, other_payment {paymentId} (that the invoice is paid by, or is to be).
CREATE OR REPLACE FUNCTION payment_recover(p_partner uuid, p_payment uuid, p_evidence jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_at timestamptz := (p_evidence ->> 'at')::timestamptz;
  v_state text := p_evidence ->> 'state';
  v_action text := p_evidence ->> 'action';
  v_held jsonb := nullif(p_evidence -> 'held', 'null');
  v_released boolean := (p_evidence ->> 'released')::boolean;
  v_points text := 'none';
  v_n integer;
  v_request text;
  v_before text;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  IF NOT EXISTS (SELECT FROM partner WHERE id = p_partner) THEN
    RETURN jsonb_build_object('outcome', 'unknown_partner');
  END IF;
  SELECT * INTO v_payment FROM payment
  WHERE partner_id = p_partner AND invoice_id = p_evidence ->> 'invoiceId' AND id <> p_payment
    AND state NOT IN ('declined', 'expired', 'cancelled');
  IF FOUND THEN
    RETURN jsonb_build_object('outcome', 'other_payment', 'paymentId', v_payment.id);
  END IF;
  v_payment := payment_recover_row(p_partner, p_payment, p_evidence);
  v_before := v_payment.state;
  IF v_before IN ('paid', 'declined', 'expired', 'cancelled') THEN
    RETURN jsonb_build_object('outcome', 'over', 'state', v_before);
  END IF;
  IF v_action = 'pay' AND v_payment.amount_minor IS NULL AND v_held IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'SU001', MESSAGE = 'unknown_sum';
  END IF;
  PERFORM payment_recover_attempts(p_partner, p_payment, p_evidence);
  SELECT n, request_id INTO v_n, v_request FROM payment_attempt
  WHERE payment_id = p_payment ORDER BY (transaction_id = p_evidence ->> 'transactionId') DESC NULLS LAST, n DESC LIMIT 1;

  IF v_action = 'close' THEN
    PERFORM payment_recover_release(p_partner, p_payment, v_at);
    UPDATE payment SET state = v_state, reason = p_evidence ->> 'reason', closed_at = v_at, next_probe_at = NULL
    WHERE id = p_payment;
    PERFORM payment_event_write(p_partner, p_payment, 'payment.' || v_state, jsonb_build_object(
      'reason', p_evidence ->> 'reason', 'by', jsonb_build_object('kind', 'saga', 'id', p_payment)), v_at);
  ELSE
    IF NOT v_released AND v_held IS NOT NULL THEN
      v_points := payment_recover_hold(p_partner, p_payment, v_held);
    ELSIF v_action = 'pay' THEN
      -- Of what was given back by a person, or of which no history tells for whom it was held.
      v_points := 'missing';
    ELSE
      PERFORM payment_recover_release(p_partner, p_payment, v_at);
    END IF;
    IF v_released OR v_points = 'missing' AND (v_action = 'pay' OR (p_evidence ->> 'mayHavePaid')::boolean) THEN
      PERFORM payment_recover_released(p_partner, p_payment,
        CASE WHEN v_released THEN 'released_by_person' ELSE 'hold_not_restored' END, v_held, v_at);
    END IF;
    IF v_action = 'pay' THEN
      PERFORM payment_capture(p_partner, p_payment, (SELECT epoch FROM payment WHERE id = p_payment), coalesce(v_n, 0),
        p_evidence ->> 'transactionId', v_request, v_at);
      IF v_released AND v_state = 'paid' THEN
        -- As payment_resolve has ended it before.
        UPDATE payment SET state = 'paid', reason = NULL, closed_at = v_at, next_probe_at = NULL WHERE id = p_payment;
        PERFORM payment_event_write(p_partner, p_payment, 'payment.paid', jsonb_build_object(
          'transactionId', p_evidence ->> 'transactionId', 'points', 0), v_at);
      END IF;
    ELSE
      PERFORM payment_recover_state(p_partner, p_payment, v_state, p_evidence ->> 'reason', v_points = 'missing', v_at);
    END IF;
  END IF;

  IF p_evidence ->> 'batchId' IS NOT NULL THEN
    UPDATE payment_batch_item SET state = 'started', payment_id = p_payment, read = NULL
    WHERE batch_id = (p_evidence ->> 'batchId')::uuid AND invoice_id = p_evidence ->> 'invoiceId' AND state = 'waiting';
  END IF;
  SELECT * INTO STRICT v_payment FROM payment WHERE id = p_payment;
  PERFORM payment_event_write(p_partner, p_payment, 'payment.recovered', jsonb_build_object(
    'from', v_before, 'to', v_payment.state, 'points', v_points), v_at);
  RETURN jsonb_build_object('outcome', 'recovered', 'state', v_payment.state, 'epoch', v_payment.epoch, 'points', v_points);
EXCEPTION
  WHEN SQLSTATE 'SU001' THEN
    RETURN jsonb_build_object('outcome', 'unknown_sum');
END
$$;

-- The row, made where it is missing, with what is known of its invoice. What the ledger knows better stays.
CREATE OR REPLACE FUNCTION payment_recover_row(p_partner uuid, p_payment uuid, p_evidence jsonb) RETURNS payment
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_member uuid := (p_evidence ->> 'memberId')::uuid;
  v_quote jsonb := nullif(p_evidence -> 'quote', 'null');
  v_read jsonb := nullif(p_evidence -> 'read', 'null');
BEGIN
  PERFORM FROM payment WHERE id = p_payment FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO payment (id, partner_id, scheme, invoice_id, member_id, member_named, opened_by, policy, opened_at)
    SELECT p_payment, p_partner, p_evidence ->> 'scheme', p_evidence ->> 'invoiceId', known.id, known.id IS NOT NULL,
      p_evidence -> 'openedBy', p_evidence -> 'policy', (p_evidence ->> 'openedAt')::timestamptz
    FROM (SELECT) AS one LEFT JOIN member AS known ON known.id = v_member;
    PERFORM payment_event_write(p_partner, p_payment, 'payment.opened', jsonb_build_object('scheme', p_evidence ->> 'scheme',
      'invoiceId', p_evidence ->> 'invoiceId', 'by', p_evidence -> 'openedBy'), (p_evidence ->> 'openedAt')::timestamptz);
  END IF;
  UPDATE payment SET epoch = greatest(epoch, (p_evidence ->> 'epoch')::integer) WHERE id = p_payment RETURNING * INTO v_payment;
  IF v_payment.state IN ('paid', 'declined', 'expired', 'cancelled') THEN
    RETURN v_payment;
  END IF;
  IF v_read IS NOT NULL THEN
    UPDATE payment SET invoice_number = v_read ->> 'number', description = v_read ->> 'description',
      vat_amount_minor = (v_read ->> 'vatAmountMinor')::bigint, payment_url = v_read ->> 'paymentUrl'
    WHERE id = p_payment;
  END IF;
  IF v_quote IS NOT NULL AND coalesce(v_payment.read_at < to_timestamp((v_quote ->> 'readAt')::bigint / 1000.0), true) THEN
    -- Read before the restore, so never fresh: whatever is done with it begins by a new read.
    UPDATE payment SET read_at = to_timestamp((v_quote ->> 'readAt')::bigint / 1000.0), invoice_status = 'pending',
      read_amount_minor = (v_quote ->> 'amountMinor')::bigint, read_currency = v_quote ->> 'currency',
      read_points = (v_quote ->> 'points')::bigint,
      read_priced_at = to_timestamp((v_quote ->> 'pricedAt')::bigint / 1000.0),
      invoice_expires_at = to_timestamp((v_quote ->> 'expiresAt')::bigint / 1000.0),
      read_version = coalesce((v_quote ->> 'version')::integer, read_version), read_approval = v_quote ->> 'approval',
      read_print = CASE WHEN read_version = (v_quote ->> 'version')::integer THEN read_print END,
      amount_minor = (v_quote ->> 'amountMinor')::bigint, currency = v_quote ->> 'currency',
      points = (v_quote ->> 'points')::bigint, priced_at = to_timestamp((v_quote ->> 'pricedAt')::bigint / 1000.0)
    WHERE id = p_payment RETURNING * INTO v_payment;
  END IF;
  RETURN v_payment;
END
$$;

-- The calls of which the ledger does not know, or not how they ended. A ticket that it knows is a call that it knows; what it has
-- is a beginning of what there was, so a call without a number is the next one.
CREATE OR REPLACE FUNCTION payment_recover_attempts(p_partner uuid, p_payment uuid, p_evidence jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_call record;
  v_next integer;
BEGIN
  FOR v_call IN
    SELECT told.* FROM jsonb_array_elements(p_evidence -> 'attempts') WITH ORDINALITY AS each(told, o),
      jsonb_to_record(told) AS told(ticket text, n integer, class text, code text, "requestId" text, "transactionId" text,
        "startedAt" timestamptz, "finishedAt" timestamptz)
    ORDER BY o
  LOOP
    SELECT coalesce(max(n), 0) + 1 INTO v_next FROM payment_attempt WHERE payment_id = p_payment;
    IF v_call.n IS NULL AND EXISTS (
      SELECT FROM payment_ticket WHERE payment_id = p_payment AND ticket = v_call.ticket AND state = 'spent')
    THEN
      CONTINUE;
    END IF;
    -- Nobody knows when a call without an answer ended, so it may be under way until now.
    INSERT INTO payment_attempt (payment_id, n, partner_id, epoch, started_at, finished_at, class, code, request_id, transaction_id)
    VALUES (p_payment, coalesce(v_call.n, v_next), p_partner, (p_evidence ->> 'epoch')::integer,
      CASE WHEN v_call.class IS NULL THEN clock_timestamp() ELSE v_call."startedAt" END,
      CASE WHEN v_call.class IS NOT NULL THEN v_call."finishedAt" END,
      v_call.class, v_call.code, v_call."requestId", v_call."transactionId")
    ON CONFLICT (payment_id, n) DO UPDATE SET finished_at = coalesce(payment_attempt.finished_at, excluded.finished_at),
      class = excluded.class, code = excluded.code, request_id = excluded.request_id, transaction_id = excluded.transaction_id
    WHERE payment_attempt.class IS NULL;
    INSERT INTO payment_ticket (payment_id, ticket, partner_id, state) VALUES (p_payment, v_call.ticket, p_partner, 'spent')
    ON CONFLICT DO NOTHING;
    IF v_call.class = 'refused' THEN
      UPDATE payment SET refusal_code = v_call.code WHERE id = p_payment;
    END IF;
  END LOOP;
  IF (p_evidence ->> 'outstanding')::boolean AND NOT EXISTS (SELECT FROM payment_attempt WHERE payment_id = p_payment
    AND (class IS NULL OR class IN ('unknown', 'paid')))
  THEN
    INSERT INTO payment_attempt (payment_id, n, partner_id, epoch, started_at)
    SELECT p_payment, coalesce(max(n), 0) + 1, p_partner, (p_evidence ->> 'epoch')::integer, clock_timestamp()
    FROM payment_attempt WHERE payment_id = p_payment;
  END IF;
END
$$;

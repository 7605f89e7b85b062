-- Allows one pivot call and records it before its first byte. p_ticket names the workflow's order to call;
-- p_proving also allows a call while the invoice reads paid, after an attempt that may have paid it.
-- Outcomes: go {n, ambiguousBefore}; paid {n, transactionId, requestId} (an earlier call's answer is known: nothing to ask);
-- prove (an earlier call may have paid: read first, and call only as a proof); stale (read again first); superseded;
-- not_found; conflict {state}. Only `go` may call.
CREATE OR REPLACE FUNCTION payment_attempt_begin(
  p_partner uuid, p_payment uuid, p_epoch integer, p_ticket text, p_proving boolean, p_freshness_ms bigint, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_hold hold;
  v_paid payment_attempt;
  v_ambiguous boolean;
  v_last_at timestamptz;
  v_n integer;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_payment FROM payment WHERE id = p_payment FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  IF v_payment.epoch > p_epoch OR EXISTS (SELECT FROM payment_ticket WHERE payment_id = p_payment AND ticket = p_ticket) THEN
    RETURN jsonb_build_object('outcome', 'superseded');
  END IF;
  SELECT * INTO v_paid FROM payment_attempt WHERE payment_id = p_payment AND transaction_id IS NOT NULL ORDER BY n LIMIT 1;
  IF FOUND AND v_payment.state IN ('settling', 'unknown', 'in_review') THEN
    RETURN jsonb_build_object('outcome', 'paid', 'n', v_paid.n, 'transactionId', v_paid.transaction_id, 'requestId', v_paid.request_id);
  END IF;
  SELECT * INTO v_hold FROM hold WHERE payment_id = p_payment AND state = 'held';
  IF NOT FOUND AND v_payment.released_at IS NULL OR v_payment.state NOT IN ('settling', 'unknown', 'in_review') THEN
    RETURN jsonb_build_object('outcome', 'conflict', 'state', v_payment.state);
  END IF;
  SELECT coalesce(max(n), 0) + 1, coalesce(bool_or(class IS DISTINCT FROM 'not_executed'), false),
    max(coalesce(finished_at, started_at))
  INTO v_n, v_ambiguous, v_last_at FROM payment_attempt WHERE payment_id = p_payment;
  IF v_ambiguous AND NOT p_proving THEN
    RETURN jsonb_build_object('outcome', 'prove');
  END IF;
  -- Only what is held may be paid: once a person has released it, nothing but the repeat on a paid invoice is allowed.
  -- What is missing allows nothing.
  IF NOT coalesce(
    v_payment.read_began_at >= clock_timestamp() - p_freshness_ms * interval '1 millisecond'
    AND (
      v_hold.id IS NOT NULL AND v_payment.invoice_status = 'pending'
        AND v_payment.invoice_expires_at > p_at
        AND v_payment.read_amount_minor = v_hold.amount_minor
        AND v_payment.read_currency = v_hold.currency
        -- What an approver has not seen is not paid on his word, nor what needs one on nobody's.
        AND (v_payment.read_approval IS NULL
          OR v_payment.read_version = (v_payment.confirmation #>> '{seen,version}')::integer)
        -- The last call may still be executing at Invoicebox; this clock also knows of calls that a reset run forgot.
        AND (NOT v_ambiguous
          OR v_payment.read_began_at >= v_last_at + (v_payment.policy ->> 'quietMs')::bigint * interval '1 millisecond')
      OR p_proving AND v_ambiguous AND v_payment.invoice_status = 'paid'), false)
  THEN
    RETURN jsonb_build_object('outcome', 'stale');
  END IF;
  INSERT INTO payment_attempt (payment_id, n, partner_id, epoch, started_at)
  VALUES (p_payment, v_n, p_partner, p_epoch, clock_timestamp());
  -- A call ordered twice is made once.
  INSERT INTO payment_ticket (payment_id, ticket, partner_id, state) VALUES (p_payment, p_ticket, p_partner, 'spent');
  RETURN jsonb_build_object('outcome', 'go', 'n', v_n, 'ambiguousBefore', v_ambiguous);
END
$$;

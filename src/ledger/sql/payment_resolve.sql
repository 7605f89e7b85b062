-- Does what a person decided about a payment in review, if the invoice, read a moment ago by the same run, allows it:
--   paid            it reads paid, or we know the transaction; the points are captured and the fund is drawn under the one he names
--   paid_elsewhere  it reads paid, and he has proof (the reference) that somebody else paid it: released, declined
--   not_paid        it does not read paid, and no call can be under way any more: released; final if the invoice is canceled
--                   or expired with margin, otherwise live in review until it is
-- Outcomes: resolved {state, reason}; refused {why}; already_decided {result}; superseded; conflict {state}.
CREATE OR REPLACE FUNCTION payment_resolve(
  p_partner uuid, p_payment uuid, p_epoch integer, p_resolution uuid, p_read_within_ms bigint, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_resolution payment_resolution;
  v_hold uuid;
  v_last_attempt_at timestamptz;
  v_margin interval;
  v_known text;
  v_why text;
  v_over text;
  v_captured text;
  v_result jsonb;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO STRICT v_payment FROM payment WHERE id = p_payment FOR UPDATE;
  SELECT * INTO STRICT v_resolution FROM payment_resolution WHERE id = p_resolution AND payment_id = p_payment;
  IF v_resolution.result IS NOT NULL THEN
    RETURN jsonb_build_object('outcome', 'already_decided', 'result', v_resolution.result);
  END IF;
  IF v_payment.epoch > p_epoch THEN
    RETURN jsonb_build_object('outcome', 'superseded');
  END IF;
  IF v_payment.state <> 'in_review' THEN
    RETURN jsonb_build_object('outcome', 'conflict', 'state', v_payment.state);
  END IF;

  v_margin := (v_payment.policy ->> 'marginMs')::bigint * interval '1 millisecond';
  SELECT max(coalesce(finished_at, started_at)) INTO v_last_attempt_at FROM payment_attempt WHERE payment_id = p_payment;
  -- Also of a call whose run was lost before it could capture.
  v_known := coalesce(v_payment.transaction_id, (
    SELECT transaction_id FROM payment_attempt WHERE payment_id = p_payment AND transaction_id IS NOT NULL ORDER BY n LIMIT 1));
  v_why := CASE
    WHEN coalesce(v_payment.read_began_at < clock_timestamp() - p_read_within_ms * interval '1 millisecond', true)
      THEN 'invoice_not_read'
    WHEN v_resolution.outcome = 'paid' AND v_known <> v_resolution.transaction_id THEN 'another_transaction_is_proven'
    WHEN v_resolution.outcome = 'paid' AND EXISTS (SELECT FROM payment
      WHERE partner_id = p_partner AND transaction_id = v_resolution.transaction_id AND id <> p_payment)
      THEN 'transaction_pays_another_payment'
    -- The merchant may have taken it back since: what we know to be paid is booked all the same.
    WHEN v_resolution.outcome = 'paid' AND v_known IS NOT NULL THEN NULL
    WHEN v_resolution.outcome <> 'paid' AND (v_known IS NOT NULL
      OR EXISTS (SELECT FROM payment_attempt WHERE payment_id = p_payment AND class = 'paid'))
      THEN 'paid_by_us_is_proven'
    WHEN v_payment.invoice_status = 'unknown' THEN 'invoice_status_unknown'
    WHEN v_resolution.outcome = 'not_paid' AND v_payment.invoice_status = 'paid' THEN 'invoice_reads_paid'
    WHEN v_resolution.outcome <> 'not_paid' AND v_payment.invoice_status <> 'paid' THEN 'invoice_reads_not_paid'
    WHEN v_resolution.outcome <> 'paid' AND v_payment.read_began_at < v_last_attempt_at + v_margin
      THEN 'too_soon_after_the_last_call'
  END;
  PERFORM payment_event_write(p_partner, p_payment, 'payment.resolution', jsonb_build_object(
    'asked', v_resolution.outcome, 'reason', v_resolution.reason, 'refusedBecause', v_why), p_at);

  IF v_why IS NOT NULL THEN
    v_result := jsonb_build_object('outcome', 'refused', 'why', v_why);
  ELSIF v_resolution.outcome = 'paid' THEN
    v_captured := payment_capture(p_partner, p_payment, p_epoch, 0, v_resolution.transaction_id, NULL, p_at) ->> 'outcome';
    CASE v_captured
      WHEN 'captured' THEN
        NULL;
      WHEN 'captured_late' THEN
        -- The fund is drawn, the points had been given back: his word ends the review.
        UPDATE payment SET state = 'paid', reason = NULL, closed_at = p_at, next_probe_at = NULL WHERE id = p_payment;
        PERFORM payment_event_write(p_partner, p_payment, 'payment.paid', jsonb_build_object(
          'transactionId', v_resolution.transaction_id, 'amountMinor', v_payment.amount_minor,
          'currency', v_payment.currency, 'points', 0), p_at);
      ELSE
        RAISE EXCEPTION 'a payment in review could not be captured: %', v_captured;
    END CASE;
    v_result := jsonb_build_object('outcome', 'resolved', 'state', 'paid', 'reason', NULL);
  ELSE
    SELECT id INTO v_hold FROM hold WHERE payment_id = p_payment AND state = 'held';
    IF FOUND THEN
      PERFORM payment_release(p_partner, v_hold, p_at);
    END IF;
    v_over := CASE
      WHEN v_resolution.outcome = 'paid_elsewhere' OR v_payment.invoice_status = 'canceled' THEN 'declined'
      WHEN v_payment.invoice_status = 'pending' AND v_payment.read_at >= v_payment.invoice_expires_at + v_margin THEN 'expired'
    END;
    UPDATE payment SET
      state = coalesce(v_over, state),
      reason = CASE
        WHEN v_resolution.outcome = 'paid_elsewhere' THEN 'paid_elsewhere'
        WHEN v_over = 'declined' THEN 'invoice_canceled'
        WHEN v_over = 'expired' THEN 'invoice_expired'
        ELSE 'released_by_person' END,
      released_at = coalesce(released_at, clock_timestamp()),
      closed_at = CASE WHEN v_over IS NOT NULL THEN p_at END,
      next_probe_at = CASE WHEN v_over IS NULL THEN next_probe_at END
    WHERE id = p_payment RETURNING * INTO v_payment;
    PERFORM payment_event_write(p_partner, p_payment,
      CASE WHEN v_over IS NULL THEN 'payment.released' ELSE 'payment.' || v_over END,
      jsonb_build_object('reason', v_payment.reason), p_at);
    v_result := jsonb_build_object('outcome', 'resolved', 'state', v_payment.state, 'reason', v_payment.reason);
  END IF;
  UPDATE payment_resolution SET result = v_result, decided_at = p_at WHERE id = p_resolution;
  RETURN v_result;
END
$$;

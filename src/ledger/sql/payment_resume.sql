-- A new run takes over a live payment whose workflow has ended or was lost: raises the epoch, so that whatever is left of the
-- old run can change nothing, and tells what the new one goes on from. Nothing is guessed: an attempt of which no answer
-- is recorded counts as "may have paid".
-- p_hold_age_ms: given where the old run still runs but does not settle: then only if it must, because something has been
-- held for so long, or was released by a person; what has changed since somebody looked is left alone.
-- Outcomes: resumed {epoch, scheme, invoiceId, policy, state, reason, held | null, released, confirmation | null,
-- attempt: {kind: paid {n, transactionId, requestId} | outstanding | refused {code} | none}}; over {state}; superseded; not_found.
CREATE OR REPLACE FUNCTION payment_resume(p_partner uuid, p_payment uuid, p_epoch integer, p_hold_age_ms bigint, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_hold hold;
  v_held jsonb;
  v_attempt jsonb;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_payment FROM payment WHERE id = p_payment FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  IF v_payment.epoch <> p_epoch THEN
    RETURN jsonb_build_object('outcome', 'superseded');
  END IF;
  IF v_payment.state IN ('paid', 'declined', 'expired', 'cancelled') THEN
    RETURN jsonb_build_object('outcome', 'over', 'state', v_payment.state);
  END IF;
  SELECT * INTO v_hold FROM hold WHERE payment_id = p_payment AND state = 'held';
  IF p_hold_age_ms IS NOT NULL AND v_payment.released_at IS NULL
    AND NOT coalesce(uuid_extract_timestamp(v_hold.id) < clock_timestamp() - p_hold_age_ms * interval '1 millisecond', false) THEN
    RETURN jsonb_build_object('outcome', 'superseded');
  END IF;
  IF v_hold.id IS NOT NULL THEN
    v_held := jsonb_build_object('amountMinor', v_hold.amount_minor, 'currency', v_hold.currency, 'points', v_hold.points);
  ELSIF v_payment.released_at IS NOT NULL THEN
    v_held := jsonb_build_object(
      'amountMinor', v_payment.amount_minor, 'currency', v_payment.currency, 'points', v_payment.points);
  END IF;
  SELECT CASE
    WHEN transaction_id IS NOT NULL THEN
      jsonb_build_object('kind', 'paid', 'n', n, 'transactionId', transaction_id, 'requestId', request_id)
    WHEN class IS NULL OR class IN ('unknown', 'paid') THEN jsonb_build_object('kind', 'outstanding')
    ELSE jsonb_build_object('kind', 'refused', 'code', code) END
  INTO v_attempt FROM payment_attempt
  WHERE payment_id = p_payment AND class IS DISTINCT FROM 'not_executed'
  ORDER BY (transaction_id IS NOT NULL) DESC, (class = 'refused') NULLS FIRST, n DESC LIMIT 1;
  UPDATE payment SET epoch = epoch + 1, resumed_at = clock_timestamp() WHERE id = p_payment;
  PERFORM payment_event_write(p_partner, p_payment, 'payment.resumed',
    jsonb_build_object('state', v_payment.state, 'epoch', p_epoch + 1), p_at);
  RETURN jsonb_build_object('outcome', 'resumed', 'epoch', p_epoch + 1, 'scheme', v_payment.scheme,
    'invoiceId', v_payment.invoice_id, 'policy', v_payment.policy, 'state', v_payment.state, 'reason', v_payment.reason,
    'held', v_held, 'released', v_payment.released_at IS NOT NULL, 'confirmation', v_payment.confirmation,
    'attempt', coalesce(v_attempt, jsonb_build_object('kind', 'none')));
END
$$;

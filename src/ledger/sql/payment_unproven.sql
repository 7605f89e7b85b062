-- Says truthfully that the outcome is not known: state unknown or in_review, why, and when the next probe comes.
-- The hold stays as it is. Outcomes: superseded; conflict {state}; noted {state, reason, held | null, released,
-- paid: {n, transactionId, requestId} | null}: how it stands, for a run that was reset and has forgotten it; paid: an answer
-- that nobody has captured. Of a released one, held is what was.
-- p_goes_back: where the answers recorded meanwhile leave no doubt, the payment is settling again instead: not_executed (no
-- call can have paid, the next one may be made), or refused {code}.
DROP FUNCTION IF EXISTS payment_unproven(uuid, uuid, integer, text, text, text, timestamptz, timestamptz);
CREATE OR REPLACE FUNCTION payment_unproven(
  p_partner uuid, p_payment uuid, p_epoch integer, p_state text, p_reason text, p_last_probe text,
  p_next_probe_at timestamptz, p_at timestamptz, p_goes_back boolean DEFAULT false
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_hold hold;
  v_state text;
  v_reason text;
  v_code text;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO STRICT v_payment FROM payment WHERE id = p_payment FOR UPDATE;
  IF v_payment.epoch > p_epoch THEN
    RETURN jsonb_build_object('outcome', 'superseded');
  END IF;
  IF v_payment.state NOT IN ('settling', 'unknown', 'in_review') THEN
    RETURN jsonb_build_object('outcome', 'conflict', 'state', v_payment.state);
  END IF;
  IF p_goes_back AND v_payment.state IN ('settling', 'unknown') AND v_payment.released_at IS NULL
    AND NOT EXISTS (SELECT FROM payment_attempt WHERE payment_id = p_payment
      AND (class IS NULL OR class IN ('unknown', 'paid') OR transaction_id IS NOT NULL))
  THEN
    UPDATE payment SET state = 'settling', reason = NULL, next_probe_at = NULL,
      last_probe = coalesce(p_last_probe, last_probe) WHERE id = p_payment;
    SELECT code INTO v_code FROM payment_attempt WHERE payment_id = p_payment AND class = 'refused' ORDER BY n DESC LIMIT 1;
    IF FOUND THEN
      RETURN jsonb_build_object('outcome', 'refused', 'code', v_code);
    END IF;
    IF v_payment.state = 'unknown' THEN
      PERFORM payment_event_write(p_partner, p_payment, 'payment.not_executed', '{}', p_at);
    END IF;
    RETURN jsonb_build_object('outcome', 'not_executed');
  END IF;
  -- What a person was asked about stays with him, also when the run that asked was reset.
  v_state := CASE v_payment.state WHEN 'in_review' THEN 'in_review' ELSE p_state END;
  v_reason := CASE WHEN v_payment.state = 'in_review' AND p_state <> 'in_review' THEN v_payment.reason ELSE p_reason END;
  UPDATE payment SET state = v_state, reason = v_reason, last_probe = coalesce(p_last_probe, last_probe),
    next_probe_at = p_next_probe_at WHERE id = p_payment;
  IF v_payment.state <> v_state THEN
    PERFORM payment_event_write(p_partner, p_payment, 'payment.' || v_state, jsonb_build_object('reason', v_reason), p_at);
  END IF;
  SELECT * INTO v_hold FROM hold WHERE payment_id = p_payment AND state = 'held';
  RETURN jsonb_build_object('outcome', 'noted', 'state', v_state, 'reason', v_reason, 'released', v_payment.released_at IS NOT NULL, 'held',
    CASE WHEN v_hold.id IS NOT NULL OR v_payment.released_at IS NOT NULL THEN jsonb_build_object(
      'amountMinor', coalesce(v_hold.amount_minor, v_payment.amount_minor),
      'currency', coalesce(v_hold.currency, v_payment.currency),
      'points', coalesce(v_hold.points, v_payment.points)) END,
    'paid', (SELECT jsonb_build_object('n', n, 'transactionId', transaction_id, 'requestId', request_id) FROM payment_attempt
      WHERE payment_id = p_payment AND transaction_id IS NOT NULL AND v_payment.transaction_id IS NULL ORDER BY n LIMIT 1));
END
$$;

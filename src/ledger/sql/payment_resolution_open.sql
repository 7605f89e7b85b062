-- Keeps what a person says about a payment in review, with reason, comment and reference, before its workflow is told.
-- Asked again with the same id: what came of it, if that is known.
-- Outcomes: recorded; already_recorded {result | null}; conflict {state} (it is not in review); not_found.
CREATE OR REPLACE FUNCTION payment_resolution_open(
  p_partner uuid, p_payment uuid, p_resolution uuid, p_outcome text, p_transaction text, p_reason text, p_comment text,
  p_reference text, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_state text;
  v_result jsonb;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  -- Two that say the same at once come one after the other.
  SELECT state INTO v_state FROM payment WHERE id = p_payment FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  SELECT result INTO v_result FROM payment_resolution WHERE id = p_resolution AND payment_id = p_payment;
  IF FOUND THEN
    RETURN jsonb_build_object('outcome', 'already_recorded', 'result', v_result);
  END IF;
  IF v_state <> 'in_review' THEN
    RETURN jsonb_build_object('outcome', 'conflict', 'state', v_state);
  END IF;
  INSERT INTO payment_resolution (id, partner_id, payment_id, outcome, transaction_id, reason, comment, reference, actor, at)
  VALUES (p_resolution, p_partner, p_payment, p_outcome, p_transaction, p_reason, p_comment, p_reference, p_actor, p_at);
  RETURN jsonb_build_object('outcome', 'recorded');
END
$$;

-- Says truthfully that the outcome is not known: state unknown or in_review, why, and when the next probe comes.
-- The hold stays as it is. Outcomes: noted, superseded, conflict {state}.
CREATE OR REPLACE FUNCTION payment_unproven(
  p_partner uuid, p_payment uuid, p_epoch integer, p_state text, p_reason text, p_last_probe text,
  p_next_probe_at timestamptz, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_state text;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO STRICT v_payment FROM payment WHERE id = p_payment FOR UPDATE;
  IF v_payment.epoch > p_epoch THEN
    RETURN jsonb_build_object('outcome', 'superseded');
  END IF;
  IF v_payment.state NOT IN ('settling', 'unknown', 'in_review') THEN
    RETURN jsonb_build_object('outcome', 'conflict', 'state', v_payment.state);
  END IF;
  -- What a person was asked about stays with him, also when the run that asked was reset.
  v_state := CASE v_payment.state WHEN 'in_review' THEN 'in_review' ELSE p_state END;
  UPDATE payment SET state = v_state, reason = p_reason, last_probe = coalesce(p_last_probe, last_probe),
    next_probe_at = p_next_probe_at WHERE id = p_payment;
  IF v_payment.state <> v_state THEN
    PERFORM payment_event_write(p_partner, p_payment, 'payment.' || v_state, jsonb_build_object('reason', p_reason), p_at);
  END IF;
  RETURN jsonb_build_object('outcome', 'noted');
END
$$;

-- A second person's word on a return that was asked for: then it is booked by its saga, or it is not to be. The caller sees to it that
-- he may say so. Outcomes: approved, rejected; stale (it is not this version any more, or its time is over); conflict {state};
-- not_found.
CREATE OR REPLACE FUNCTION payment_return_decide(
  p_partner uuid, p_return uuid, p_version integer, p_approve boolean, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_return payment_return;
BEGIN
  SELECT * INTO v_payment FROM payment WHERE id = (SELECT payment_id FROM payment_return WHERE id = p_return) FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  SELECT * INTO STRICT v_return FROM payment_return WHERE id = p_return;
  IF v_return.version <> p_version THEN
    RETURN jsonb_build_object('outcome', 'stale');
  END IF;
  IF v_return.state <> 'requested' THEN
    RETURN jsonb_build_object('outcome', 'conflict', 'state', v_return.state);
  END IF;
  -- Out of time, its sum may be another's by now.
  IF p_approve AND v_return.requested_until <= p_at THEN
    RETURN jsonb_build_object('outcome', 'stale');
  END IF;
  UPDATE payment_return SET state = CASE WHEN p_approve THEN 'approved' ELSE 'rejected' END, decided_by = p_actor, decided_at = p_at
  WHERE id = p_return RETURNING * INTO v_return;
  PERFORM payment_event_write(p_partner, v_payment.id, 'payment.return_' || v_return.state,
    payment_return_said(v_return) || jsonb_build_object('by', p_actor), p_at);
  RETURN jsonb_build_object('outcome', v_return.state);
END
$$;

-- The same as an action that was asked for and granted (approval_perform.sql).
CREATE OR REPLACE FUNCTION payment_return_perform(p_approval approval, p_decider jsonb, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_outcome text := payment_return_decide(p_approval.partner_id, p_approval.subject::uuid, p_approval.version, true, p_decider,
    p_at) ->> 'outcome';
BEGIN
  RETURN CASE v_outcome
    WHEN 'approved' THEN jsonb_build_object('outcome', 'done', 'returnId', p_approval.subject)
    ELSE jsonb_build_object('outcome', 'refused', 'why', v_outcome) END;
END
$$;

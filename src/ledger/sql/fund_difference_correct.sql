-- A difference that is set right by money in the books: asked for, and corrected when a second person agrees.

-- Asks for a deposit, a repayment or a correction because of this difference; where approval is waived it is booked, and the
-- difference is corrected. Outcomes: those of fund_change_request; closed (a later run found it no longer), not_found.
CREATE OR REPLACE FUNCTION fund_difference_correct(
  p_partner uuid, p_difference uuid, p_approval uuid, p_kind text, p_currency text, p_amount_minor bigint, p_reference text,
  p_reason text, p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_state text;
  v_asked jsonb;
  v_approval uuid;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  -- Looked at before anything is locked; its row comes last, as when a decision books it.
  SELECT state INTO v_state FROM fund_difference WHERE id = p_difference;
  IF v_state IS NULL OR v_state = 'closed' THEN
    RETURN jsonb_build_object('outcome', coalesce(v_state, 'not_found'));
  END IF;
  v_asked := fund_change_request(p_partner, p_approval, p_kind, p_currency, p_amount_minor, p_reference, p_reason, p_actor, p_at);
  IF v_asked ->> 'outcome' IN ('requested', 'already_requested', 'performed') THEN
    v_approval := (v_asked -> 'approval' ->> 'id')::uuid;
    UPDATE fund_difference SET correction_id = v_approval WHERE id = p_difference AND state <> 'closed';
    IF v_asked -> 'approval' ->> 'state' = 'approved' THEN
      PERFORM fund_difference_corrected(v_approval, p_reason, coalesce(v_asked -> 'approval' -> 'decidedBy', p_actor), p_at);
    END IF;
  END IF;
  RETURN v_asked;
END
$$;

-- What was asked for is booked (fund_change.sql).
CREATE OR REPLACE FUNCTION fund_difference_corrected(p_approval uuid, p_reason text, p_actor jsonb, p_at timestamptz) RETURNS void
LANGUAGE sql VOLATILE SET search_path = surety, pg_temp AS $$
  UPDATE fund_difference SET state = 'corrected', approval_id = p_approval, reason = p_reason, explained_by = p_actor,
    explained_at = p_at
  WHERE correction_id = p_approval AND state IN ('open', 'explained');
$$;

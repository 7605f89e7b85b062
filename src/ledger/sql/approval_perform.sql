-- Does what was asked for and granted, in the transaction of the decision: a line an action (and its name in
-- src/domain/approval.ts). An action's function answers done {…} (kept as the result), or refused {why} with nothing changed.
CREATE OR REPLACE FUNCTION approval_perform(p_approval approval, p_decider jsonb, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  -- Who asked and who agreed; the same person where approval is waived.
  v_actor jsonb := jsonb_build_object('kind', 'approval', 'id', p_approval.id,
    'requestedBy', p_approval.requested_by, 'decidedBy', p_decider);
BEGIN
  CASE p_approval.action
    WHEN 'fund.deposit' THEN RETURN fund_change_perform(p_approval, 'deposit', v_actor, p_at);
    WHEN 'fund.repayment' THEN RETURN fund_change_perform(p_approval, 'repayment', v_actor, p_at);
    WHEN 'fund.correction' THEN RETURN fund_change_perform(p_approval, 'correction', v_actor, p_at);
    WHEN 'payment.return' THEN RETURN payment_return_perform(p_approval, p_decider, p_at);
    WHEN 'points.adjust' THEN RETURN points_adjust_perform(p_approval, v_actor, p_at);
  END CASE;
END
$$;

-- What a rejection does to a subject that keeps a state of its own.
CREATE OR REPLACE FUNCTION approval_turn_down(p_approval approval, p_decider jsonb, p_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
BEGIN
  CASE p_approval.action
    WHEN 'payment.return' THEN
      PERFORM payment_return_decide(p_approval.partner_id, p_approval.subject::uuid, p_approval.version, false, p_decider, p_at);
    ELSE
      NULL;
  END CASE;
END
$$;

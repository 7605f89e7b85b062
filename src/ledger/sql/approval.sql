-- Wishes that take effect when a second person agrees. What can be asked for stands in approval_perform.sql.
-- In a decision the approval's row is locked first, then what its action locks (payment, accounts, lots): so whoever asks
-- calls approval_request before it locks any of these.

-- An approval as people read it; one whose time is over is expired, also before anybody has noted it.
CREATE OR REPLACE FUNCTION approval_json(p_approval approval, p_at timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = surety, pg_temp AS $$
  SELECT jsonb_build_object('id', p_approval.id, 'action', p_approval.action, 'subject', p_approval.subject,
    'version', p_approval.version, 'request', p_approval.body, 'reason', p_approval.reason,
    'state', CASE WHEN p_approval.state = 'pending' AND p_approval.expires_at <= p_at THEN 'expired' ELSE p_approval.state END,
    'waived', p_approval.waived,
    'requestedBy', p_approval.requested_by, 'requestedAt', p_approval.requested_at, 'expiresAt', p_approval.expires_at,
    'decidedBy', p_approval.decided_by,
    'decidedAt', CASE WHEN p_approval.state IN ('approved', 'rejected') THEN p_approval.decided_at END,
    'decisionReason', p_approval.decision_reason, 'result', p_approval.result);
$$;

-- Asks for an action on a version of a subject; once: the same again tells what is there. A greater version takes the place
-- of an older one that is still open. Where the partner waives approval, it is done at once.
-- Outcomes, each with {approval}: requested, performed (approval is waived), already_requested, conflict (another wish for
-- this subject is open or was fulfilled); without: refused {why}, and nothing is kept.
CREATE OR REPLACE FUNCTION approval_request(
  p_partner uuid, p_approval uuid, p_action text, p_subject text, p_version integer, p_body jsonb, p_reason text,
  p_actor jsonb, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_approval approval;
  v_waived boolean := (SELECT coalesce(approvals -> 'waived', '[]') ? p_action FROM partner WHERE id = p_partner);
  v_done jsonb;
BEGIN
  LOOP
    UPDATE approval SET state = 'expired', decided_at = p_at
    WHERE partner_id = p_partner AND action = p_action AND subject = p_subject AND state = 'pending' AND expires_at <= p_at;
    BEGIN
      INSERT INTO approval (id, partner_id, action, subject, version, body, reason, requested_by, requested_at, expires_at)
      VALUES (p_approval, p_partner, p_action, p_subject, p_version, p_body, p_reason, p_actor, p_at, p_at + interval '24 hours')
      ON CONFLICT (partner_id, action, subject) WHERE state IN ('pending', 'approved') DO NOTHING
      RETURNING * INTO v_approval;
      IF FOUND THEN
        IF NOT v_waived THEN
          RETURN jsonb_build_object('outcome', 'requested', 'approval', approval_json(v_approval, p_at));
        END IF;
        v_done := approval_perform(v_approval, p_actor, p_at);
        IF v_done ->> 'outcome' <> 'done' THEN
          -- Takes the wish back as well.
          RAISE SQLSTATE 'SU001';
        END IF;
        UPDATE approval SET state = 'approved', waived = true, decided_at = p_at, result = v_done - 'outcome'
        WHERE id = p_approval RETURNING * INTO v_approval;
        RETURN jsonb_build_object('outcome', 'performed', 'approval', approval_json(v_approval, p_at));
      END IF;
    EXCEPTION
      WHEN SQLSTATE 'SU001' THEN
        RETURN v_done;
    END;
    SELECT * INTO v_approval FROM approval
    WHERE partner_id = p_partner AND action = p_action AND subject = p_subject AND state IN ('pending', 'approved') FOR UPDATE;
    -- Otherwise it was rejected this very moment.
    IF FOUND THEN
      IF v_approval.version = p_version AND v_approval.body = p_body THEN
        RETURN jsonb_build_object('outcome', 'already_requested', 'approval', approval_json(v_approval, p_at));
      END IF;
      IF v_approval.state = 'approved' OR v_approval.version >= p_version THEN
        RETURN jsonb_build_object('outcome', 'conflict', 'approval', approval_json(v_approval, p_at));
      END IF;
      UPDATE approval SET state = 'superseded', decided_at = p_at WHERE id = v_approval.id;
    END IF;
  END LOOP;
END
$$;

-- Decides, and does what was asked for in the same transaction. Whoever asked may take his wish back, not grant it himself.
-- Outcomes, each with {approval}: decided; already_decided, expired, stale (he names another version than is asked for),
-- own_request, refused {why} (it can't be done as things stand; it stays open): nothing was changed. Also: not_found.
CREATE OR REPLACE FUNCTION approval_decide(
  p_partner uuid, p_approval uuid, p_version integer, p_decision text, p_actor jsonb, p_reason text, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_approval approval;
  v_done jsonb;
  v_why text;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_approval FROM approval WHERE id = p_approval FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  v_why := CASE
    WHEN v_approval.state = 'expired' OR v_approval.state = 'pending' AND v_approval.expires_at <= p_at THEN 'expired'
    WHEN v_approval.state <> 'pending' THEN 'already_decided'
    WHEN v_approval.version <> p_version THEN 'stale'
    WHEN p_decision = 'approve' AND v_approval.requested_by ->> 'kind' = p_actor ->> 'kind'
      AND v_approval.requested_by ->> 'id' = p_actor ->> 'id' THEN 'own_request'
  END;
  IF v_why IS NOT NULL THEN
    RETURN jsonb_build_object('outcome', v_why, 'approval', approval_json(v_approval, p_at));
  END IF;
  CASE p_decision
    WHEN 'approve' THEN
      v_done := approval_perform(v_approval, p_actor, p_at);
      IF v_done ->> 'outcome' <> 'done' THEN
        RETURN v_done || jsonb_build_object('approval', approval_json(v_approval, p_at));
      END IF;
      UPDATE approval SET state = 'approved', decided_by = p_actor, decided_at = p_at, decision_reason = p_reason,
        result = v_done - 'outcome'
      WHERE id = p_approval RETURNING * INTO v_approval;
    WHEN 'reject' THEN
      PERFORM approval_turn_down(v_approval, p_actor, p_at);
      UPDATE approval SET state = 'rejected', decided_by = p_actor, decided_at = p_at, decision_reason = p_reason
      WHERE id = p_approval RETURNING * INTO v_approval;
  END CASE;
  RETURN jsonb_build_object('outcome', 'decided', 'approval', approval_json(v_approval, p_at));
END
$$;

-- NULL where there is none.
CREATE OR REPLACE FUNCTION approval_read(p_partner uuid, p_approval uuid, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (SELECT approval_json(approval, p_at) FROM approval WHERE id = p_approval);
END
$$;

-- A page, newest first, from before p_before (exclusive); of one state, or of all.
CREATE OR REPLACE FUNCTION approval_list(p_partner uuid, p_state text, p_before uuid, p_limit integer, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (
    SELECT coalesce(jsonb_agg(told ORDER BY id DESC), '[]') FROM (
      SELECT id, approval_json(approval, p_at) AS told FROM approval
      WHERE partner_id = p_partner AND (p_before IS NULL OR id < p_before)
        AND (p_state IS NULL OR p_state = CASE WHEN state = 'pending' AND expires_at <= p_at THEN 'expired' ELSE state END)
      ORDER BY id DESC LIMIT p_limit
    ) AS page);
END
$$;

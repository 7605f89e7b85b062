-- What an attempt needs: where to, signed with what, which bytes. It writes nothing.
-- Outcomes: go {url, secretsSealed, body, attempts}; over (delivered, given up, or its endpoint is disabled or deleted).
CREATE OR REPLACE FUNCTION webhook_attempt_begin(p_partner uuid, p_event uuid, p_endpoint uuid, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN coalesce((
    SELECT jsonb_build_object('outcome', 'go', 'url', endpoint.url, 'body', event.body::text, 'attempts', delivery.attempts,
      'secretsSealed', jsonb_build_array(endpoint.secret_sealed) || CASE
        WHEN endpoint.previous_secret_until > p_at THEN jsonb_build_array(endpoint.previous_secret_sealed) ELSE '[]' END)
    FROM webhook_delivery delivery
    JOIN webhook_endpoint endpoint ON endpoint.id = delivery.endpoint_id
    JOIN event ON event.id = delivery.event_id
    WHERE delivery.event_id = p_event AND delivery.endpoint_id = p_endpoint
      AND delivery.state = 'pending' AND endpoint.state = 'enabled'
  ), jsonb_build_object('outcome', 'over'));
END
$$;

-- What came of it. p_decision: delivered; again, after p_delay_ms; failed (the schedule is over); gone.
-- An endpoint that has failed for p_disable_after_ms, or is gone, is disabled; its partner is told, and what was on its way
-- to it has failed. Outcomes: recorded {state}; over (it is not pending any more, or not there).
-- Locks the endpoint before any delivery of it.
CREATE OR REPLACE FUNCTION webhook_attempt_end(
  p_partner uuid, p_event uuid, p_endpoint uuid, p_decision text, p_delay_ms bigint, p_status integer, p_problem text,
  p_disable_after_ms bigint, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_endpoint webhook_endpoint;
  v_state text;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  IF p_decision = 'delivered' THEN
    UPDATE webhook_endpoint SET failing_since = NULL, failures = 0 WHERE id = p_endpoint AND failing_since IS NOT NULL;
  ELSE
    UPDATE webhook_endpoint SET failing_since = coalesce(failing_since, p_at), failures = failures + 1
    WHERE id = p_endpoint RETURNING * INTO v_endpoint;
  END IF;
  UPDATE webhook_delivery SET
    state = CASE p_decision WHEN 'delivered' THEN 'delivered' WHEN 'again' THEN 'pending' ELSE 'failed' END,
    attempts = attempts + 1, last_status = p_status, last_problem = p_problem, last_attempt_at = p_at,
    delivered_at = CASE WHEN p_decision = 'delivered' THEN p_at END,
    due_at = coalesce(p_at + p_delay_ms * interval '1 millisecond', due_at)
  WHERE event_id = p_event AND endpoint_id = p_endpoint AND state = 'pending'
  RETURNING state INTO v_state;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'over');
  END IF;
  IF p_decision = 'gone' THEN
    PERFORM webhook_endpoint_disable(p_partner, p_endpoint, 'gone', p_at);
  ELSIF v_endpoint.failing_since <= p_at - p_disable_after_ms * interval '1 millisecond' THEN
    PERFORM webhook_endpoint_disable(p_partner, p_endpoint, 'failing', p_at);
  END IF;
  SELECT state INTO v_state FROM webhook_delivery WHERE event_id = p_event AND endpoint_id = p_endpoint;
  RETURN jsonb_build_object('outcome', 'recorded', 'state', v_state);
END
$$;

-- Puts a delivery off that was not tried, its endpoint being busy with others; the Schedule takes it up again.
CREATE OR REPLACE FUNCTION webhook_postpone(p_partner uuid, p_event uuid, p_endpoint uuid, p_delay_ms bigint, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  UPDATE webhook_delivery SET due_at = p_at + p_delay_ms * interval '1 millisecond'
  WHERE event_id = p_event AND endpoint_id = p_endpoint AND state = 'pending';
  RETURN jsonb_build_object('outcome', CASE WHEN FOUND THEN 'postponed' ELSE 'over' END);
END
$$;

-- Disables an enabled endpoint: what was on its way to it has failed, and its partner is told, in the feed and at his others.
CREATE OR REPLACE FUNCTION webhook_endpoint_disable(p_partner uuid, p_endpoint uuid, p_reason text, p_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_endpoint webhook_endpoint;
BEGIN
  UPDATE webhook_endpoint SET state = 'disabled', disabled_reason = p_reason
  WHERE id = p_endpoint AND state = 'enabled' RETURNING * INTO v_endpoint;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  UPDATE webhook_delivery SET state = 'failed', last_problem = coalesce(last_problem, 'endpoint_disabled')
  WHERE endpoint_id = p_endpoint AND state = 'pending';
  PERFORM event_publish(p_partner, 'webhook_endpoint.disabled', NULL, NULL, jsonb_build_object(
    'endpointId', p_endpoint, 'reason', p_reason, 'failingSince', v_endpoint.failing_since), p_at);
END
$$;

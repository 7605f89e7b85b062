-- What an attempt needs: where to, signed with what, which bytes.
-- Outcomes: go {url, secretsSealed, body, attempts, type}; over (delivered, given up, or its endpoint is disabled or deleted).
CREATE OR REPLACE FUNCTION webhook_attempt_begin(p_partner uuid, p_event uuid, p_endpoint uuid, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_go jsonb;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT jsonb_build_object('outcome', 'go', 'url', endpoint.url, 'body', event.body::text, 'attempts', delivery.attempts,
    'type', event.type, 'secretsSealed', jsonb_build_array(endpoint.secret_sealed) || CASE
      WHEN endpoint.previous_secret_until > p_at THEN jsonb_build_array(endpoint.previous_secret_sealed) ELSE '[]' END) INTO v_go
  FROM webhook_delivery delivery
  JOIN webhook_endpoint endpoint ON endpoint.id = delivery.endpoint_id
  JOIN event ON event.id = delivery.event_id
  WHERE delivery.event_id = p_event AND delivery.endpoint_id = p_endpoint
    AND delivery.state = 'pending' AND endpoint.state = 'enabled' AND delivery.disablings = endpoint.disablings;
  IF FOUND THEN
    RETURN v_go;
  END IF;
  -- On its way when its endpoint was disabled: it would be taken up for ever.
  UPDATE webhook_delivery delivery SET state = 'failed', last_problem = coalesce(last_problem, 'endpoint_disabled')
  WHERE event_id = p_event AND endpoint_id = p_endpoint AND state = 'pending' AND EXISTS (
    SELECT FROM webhook_endpoint endpoint
    WHERE id = p_endpoint AND (endpoint.state = 'disabled' OR delivery.disablings <> endpoint.disablings));
  RETURN jsonb_build_object('outcome', 'over');
END
$$;

-- What came of it. p_decision: delivered; again, after p_delay_ms; failed (the schedule is over); gone.
-- An endpoint that has failed for p_disable_after_ms, or is gone, is disabled; its partner is told, and what was on its way
-- to it has failed. Of one that goes on the partner is told which event has failed for good, unless that event says just this.
-- Outcomes: recorded {state}; over (it is not pending any more, or not there).
-- Locks the endpoint before any delivery of it.
CREATE OR REPLACE FUNCTION webhook_attempt_end(
  p_partner uuid, p_event uuid, p_endpoint uuid, p_decision text, p_delay_ms bigint, p_status integer, p_problem text,
  p_disable_after_ms bigint, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_endpoint webhook_endpoint;
  v_delivery webhook_delivery;
  v_type text;
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
  RETURNING * INTO v_delivery;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'over');
  END IF;
  IF p_decision = 'gone' OR v_endpoint.failing_since <= p_at - p_disable_after_ms * interval '1 millisecond' THEN
    PERFORM webhook_endpoint_disable(p_partner, p_endpoint, CASE p_decision WHEN 'gone' THEN 'gone' ELSE 'failing' END, p_at);
    UPDATE webhook_delivery SET state = 'failed' WHERE event_id = p_event AND endpoint_id = p_endpoint AND state = 'pending';
    RETURN jsonb_build_object('outcome', 'recorded', 'state', 'failed');
  END IF;
  IF p_decision = 'failed' THEN
    SELECT type INTO STRICT v_type FROM event WHERE id = p_event;
    IF v_type NOT IN ('webhook_delivery.failed', 'test') THEN
      PERFORM event_publish(p_partner, 'webhook_delivery.failed', NULL, NULL, jsonb_build_object(
        'endpointId', p_endpoint, 'eventId', p_event, 'eventType', v_type, 'attempts', v_delivery.attempts,
        'lastStatus', p_status, 'lastProblem', p_problem), p_at);
    END IF;
  END IF;
  RETURN jsonb_build_object('outcome', 'recorded', 'state', v_delivery.state);
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

-- Disables an enabled endpoint: what was on its way to it is over, and its partner is told, in the feed and at his others.
-- However much is on its way, this is one row: that it has failed is recorded by and by (webhook_endpoint_clear).
CREATE OR REPLACE FUNCTION webhook_endpoint_disable(p_partner uuid, p_endpoint uuid, p_reason text, p_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_endpoint webhook_endpoint;
BEGIN
  UPDATE webhook_endpoint SET state = 'disabled', disabled_reason = p_reason, disablings = disablings + 1
  WHERE id = p_endpoint AND state = 'enabled' RETURNING * INTO v_endpoint;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  PERFORM event_publish(p_partner, 'webhook_endpoint.disabled', NULL, NULL, jsonb_build_object(
    'endpointId', p_endpoint, 'reason', p_reason, 'failingSince', v_endpoint.failing_since), p_at);
END
$$;

-- Records what was on its way to an endpoint when it was disabled as failed, or takes the deliveries of a deleted one away and
-- then itself, at most p_limit rows at a time: no transaction lasts long. Answers how many; fewer: nothing is left.
CREATE OR REPLACE FUNCTION webhook_endpoint_clear(p_partner uuid, p_endpoint uuid, p_limit integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_endpoint webhook_endpoint;
  v_cleared integer;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_endpoint FROM webhook_endpoint WHERE id = p_endpoint;
  IF v_endpoint.deleted_at IS NULL THEN
    UPDATE webhook_delivery SET state = 'failed', last_problem = coalesce(last_problem, 'endpoint_disabled')
    WHERE endpoint_id = p_endpoint AND event_id = ANY (ARRAY(
      SELECT event_id FROM webhook_delivery
      WHERE endpoint_id = p_endpoint AND state = 'pending' AND disablings < v_endpoint.disablings
      LIMIT p_limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_cleared = ROW_COUNT;
    RETURN v_cleared;
  END IF;
  DELETE FROM webhook_delivery
  WHERE endpoint_id = p_endpoint AND event_id = ANY (ARRAY(
    SELECT event_id FROM webhook_delivery WHERE endpoint_id = p_endpoint LIMIT p_limit));
  GET DIAGNOSTICS v_cleared = ROW_COUNT;
  IF v_cleared < p_limit THEN
    -- With what was written in this moment by somebody who had still seen it.
    DELETE FROM webhook_endpoint WHERE id = p_endpoint;
  END IF;
  RETURN v_cleared;
END
$$;

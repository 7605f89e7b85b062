-- The deliveries to an endpoint, of the newest event first; NULL where there is no such endpoint.
CREATE OR REPLACE FUNCTION webhook_deliveries_read(
  p_partner uuid, p_endpoint uuid, p_state text, p_before uuid, p_limit integer
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp
-- Which index serves depends on what is asked.
SET plan_cache_mode = force_custom_plan AS $$
DECLARE
  v_endpoint webhook_endpoint;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_endpoint FROM webhook_endpoint WHERE id = p_endpoint AND deleted_at IS NULL;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT coalesce(jsonb_agg(to_jsonb(delivery) ORDER BY "eventId" DESC), '[]') FROM (
      SELECT event_id AS "eventId", event.type AS "eventType", told.state, attempts, last_status AS "lastStatus",
        coalesce(last_problem, CASE WHEN told.state <> delivery.state THEN 'endpoint_disabled' END) AS "lastProblem",
        last_attempt_at AS "lastAttemptAt", delivered_at AS "deliveredAt", asked_at AS "askedAt",
        CASE WHEN told.state = 'pending' THEN greatest(due_at, asked_at) END AS "nextAttemptAt"
      FROM webhook_delivery delivery JOIN event ON event.id = event_id
      -- On its way when its endpoint was disabled: it has failed, whether that is recorded yet or not.
      CROSS JOIN LATERAL (SELECT CASE
        WHEN delivery.state = 'pending' AND delivery.disablings < v_endpoint.disablings THEN 'failed'
        ELSE delivery.state END AS state) AS told
      WHERE endpoint_id = p_endpoint AND (p_before IS NULL OR event_id < p_before)
        AND (p_state IS NULL OR delivery.state = p_state AND told.state = p_state)
      ORDER BY event_id DESC
      LIMIT p_limit
    ) AS delivery);
END
$$;

-- Sends one event again, or now if it waits: announced as a new delivery is. The endpoint need not have been there when the
-- event was. Outcomes: asked; disabled (nothing is sent to it); not_found.
CREATE OR REPLACE FUNCTION webhook_replay(p_partner uuid, p_endpoint uuid, p_event uuid, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_endpoint webhook_endpoint;
  v_type text;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_endpoint FROM webhook_endpoint WHERE id = p_endpoint AND deleted_at IS NULL FOR KEY SHARE;
  SELECT type INTO v_type FROM event WHERE id = p_event;
  IF v_endpoint.id IS NULL OR v_type IS NULL THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  ELSIF v_endpoint.state = 'disabled' THEN
    RETURN jsonb_build_object('outcome', 'disabled');
  END IF;
  INSERT INTO webhook_delivery (event_id, endpoint_id, partner_id, due_at, asked_at, disablings, priority)
  VALUES (p_event, p_endpoint, p_partner, p_at, p_at, v_endpoint.disablings, delivery_priority(v_type))
  ON CONFLICT (event_id, endpoint_id) DO UPDATE
  SET state = 'pending', attempts = 0, delivered_at = NULL, due_at = p_at, asked_at = p_at, disablings = excluded.disablings;
  PERFORM deliveries_announce(concat_ws(':', p_partner, p_event, p_endpoint, delivery_priority(v_type)));
  RETURN jsonb_build_object('outcome', 'asked');
END
$$;

-- Sends the events of a span again that the endpoint listens to, also those that it has never been sent; the oldest first, at
-- most p_most, from after the event p_after of the moment p_after_at (NULL: from the beginning). Those on their way are left
-- to it. Nothing is announced: the Schedule takes them up.
-- Outcomes: asked {deliveries, complete, to, next {at, eventId}} (to: where the next replay could begin, if not complete; next:
-- after which event it does, which also leads on within a moment of many); disabled; not_found.
DROP FUNCTION IF EXISTS webhook_replay_range(uuid, uuid, timestamptz, timestamptz, boolean, integer, timestamptz);
CREATE OR REPLACE FUNCTION webhook_replay_range(
  p_partner uuid, p_endpoint uuid, p_from timestamptz, p_to timestamptz, p_undelivered_only boolean, p_most integer, p_at timestamptz,
  p_after_at timestamptz DEFAULT NULL, p_after uuid DEFAULT NULL
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp
-- By time, in that order: what the planner would guess of so open a span is no help.
SET plan_cache_mode = force_custom_plan SET enable_sort = off AS $$
DECLARE
  v_endpoint webhook_endpoint;
  v_events uuid[];
  v_times timestamptz[];
  v_asked integer;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_endpoint FROM webhook_endpoint WHERE id = p_endpoint AND deleted_at IS NULL FOR KEY SHARE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  ELSIF v_endpoint.state = 'disabled' THEN
    RETURN jsonb_build_object('outcome', 'disabled');
  END IF;
  SELECT array_agg(id ORDER BY at, id), array_agg(at ORDER BY at, id) INTO v_events, v_times FROM (
    SELECT event.id, event.at FROM event
    LEFT JOIN webhook_delivery delivery ON delivery.event_id = event.id AND delivery.endpoint_id = p_endpoint
    WHERE event.partner_id = p_partner AND event.at >= p_from AND event.at < p_to AND event.type <> 'test'
      AND (p_after IS NULL OR (event.at, event.id) > (p_after_at, p_after))
      AND (v_endpoint.event_types IS NULL OR event.type = ANY (v_endpoint.event_types))
      AND (delivery.state IS NULL OR delivery.state = 'failed' OR (delivery.state = 'delivered' AND NOT p_undelivered_only)
        OR delivery.disablings < v_endpoint.disablings)
    ORDER BY event.at, event.id
    LIMIT p_most + 1
  ) AS wanted;
  INSERT INTO webhook_delivery AS delivery (event_id, endpoint_id, partner_id, due_at, asked_at, disablings, priority)
  SELECT wanted.id, p_endpoint, p_partner, p_at - interval '1 hour', p_at, v_endpoint.disablings, delivery_priority(event.type)
  FROM unnest(v_events[1 : p_most]) AS wanted(id) JOIN event ON event.id = wanted.id
  ON CONFLICT (event_id, endpoint_id) DO UPDATE
  SET state = 'pending', attempts = 0, delivered_at = NULL, due_at = excluded.due_at, asked_at = p_at,
    disablings = excluded.disablings
  WHERE delivery.state <> 'pending' OR delivery.disablings < excluded.disablings;
  GET DIAGNOSTICS v_asked = ROW_COUNT;
  IF cardinality(v_events) > p_most THEN
    RETURN jsonb_build_object('outcome', 'asked', 'deliveries', v_asked, 'complete', false, 'to', v_times[p_most + 1],
      'next', jsonb_build_object('at', v_times[p_most], 'eventId', v_events[p_most]));
  END IF;
  RETURN jsonb_build_object('outcome', 'asked', 'deliveries', v_asked, 'complete', true, 'to', p_to, 'next', NULL);
END
$$;

-- Makes an event of type `test`, which tells that the endpoint is reached, and sends it to this endpoint alone in the way of
-- all events. It is not in the feed.
-- Outcomes: asked {eventId}; disabled; not_found.
CREATE OR REPLACE FUNCTION webhook_test(p_partner uuid, p_endpoint uuid, p_event uuid, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  IF EXISTS (SELECT FROM webhook_endpoint WHERE id = p_endpoint AND state = 'enabled') THEN
    INSERT INTO event (id, partner_id, type, body, at)
    VALUES (p_event, p_partner, 'test', json_build_object('id', p_event, 'type', 'test', 'timestamp', p_at, 'sequence', NULL,
      'data', json_build_object('endpointId', p_endpoint)), p_at)
    ON CONFLICT (id) DO NOTHING;
    RETURN webhook_replay(p_partner, p_endpoint, p_event, p_at) || jsonb_build_object('eventId', p_event);
  END IF;
  RETURN jsonb_build_object('outcome', CASE
    WHEN EXISTS (SELECT FROM webhook_endpoint WHERE id = p_endpoint AND deleted_at IS NULL) THEN 'disabled' ELSE 'not_found' END);
END
$$;

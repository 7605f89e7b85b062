-- The deliveries to an endpoint, of the newest event first; NULL where there is no such endpoint.
CREATE OR REPLACE FUNCTION webhook_deliveries_read(
  p_partner uuid, p_endpoint uuid, p_state text, p_before uuid, p_limit integer
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  IF NOT EXISTS (SELECT FROM webhook_endpoint WHERE id = p_endpoint) THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT coalesce(jsonb_agg(to_jsonb(delivery) ORDER BY "eventId" DESC), '[]') FROM (
      SELECT event_id AS "eventId", event.type AS "eventType", state, attempts, last_status AS "lastStatus",
        last_problem AS "lastProblem", last_attempt_at AS "lastAttemptAt", delivered_at AS "deliveredAt", asked_at AS "askedAt",
        CASE WHEN state = 'pending' THEN greatest(due_at, asked_at) END AS "nextAttemptAt"
      FROM webhook_delivery JOIN event ON event.id = event_id
      WHERE endpoint_id = p_endpoint AND (p_state IS NULL OR state = p_state) AND (p_before IS NULL OR event_id < p_before)
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
  v_state text;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT state INTO v_state FROM webhook_endpoint WHERE id = p_endpoint FOR KEY SHARE;
  IF NOT FOUND OR NOT EXISTS (SELECT FROM event WHERE id = p_event) THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  ELSIF v_state = 'disabled' THEN
    RETURN jsonb_build_object('outcome', 'disabled');
  END IF;
  INSERT INTO webhook_delivery (event_id, endpoint_id, partner_id, due_at, asked_at)
  VALUES (p_event, p_endpoint, p_partner, p_at, p_at)
  ON CONFLICT (event_id, endpoint_id) DO UPDATE
  SET state = 'pending', attempts = 0, delivered_at = NULL, due_at = p_at, asked_at = p_at;
  PERFORM deliveries_announce(concat_ws(':', p_partner, p_event, p_endpoint));
  RETURN jsonb_build_object('outcome', 'asked');
END
$$;

-- Sends the events of a span again that the endpoint listens to, also those that it has never been sent; the oldest first, at
-- most p_most. Those on their way are left to it. Nothing is announced: the Schedule takes them up.
-- Outcomes: asked {deliveries, complete, to} (to: where the next replay should begin, if not complete); disabled; not_found.
CREATE OR REPLACE FUNCTION webhook_replay_range(
  p_partner uuid, p_endpoint uuid, p_from timestamptz, p_to timestamptz, p_undelivered_only boolean, p_most integer, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_endpoint webhook_endpoint;
  v_events uuid[];
  v_asked integer;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  SELECT * INTO v_endpoint FROM webhook_endpoint WHERE id = p_endpoint FOR KEY SHARE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  ELSIF v_endpoint.state = 'disabled' THEN
    RETURN jsonb_build_object('outcome', 'disabled');
  END IF;
  SELECT array_agg(id ORDER BY at, id) INTO v_events FROM (
    SELECT event.id, event.at FROM event
    LEFT JOIN webhook_delivery delivery ON delivery.event_id = event.id AND delivery.endpoint_id = p_endpoint
    WHERE event.partner_id = p_partner AND event.at >= p_from AND event.at < p_to AND event.type <> 'test'
      AND (v_endpoint.event_types IS NULL OR event.type = ANY (v_endpoint.event_types))
      AND (delivery.state IS NULL OR delivery.state = 'failed' OR (delivery.state = 'delivered' AND NOT p_undelivered_only))
    ORDER BY event.at, event.id
    LIMIT p_most + 1
  ) AS wanted;
  INSERT INTO webhook_delivery AS delivery (event_id, endpoint_id, partner_id, due_at, asked_at)
  SELECT id, p_endpoint, p_partner, p_at - interval '1 hour', p_at FROM unnest(v_events[1 : p_most]) AS id
  ON CONFLICT (event_id, endpoint_id) DO UPDATE
  SET state = 'pending', attempts = 0, delivered_at = NULL, due_at = excluded.due_at, asked_at = p_at
  WHERE delivery.state <> 'pending';
  GET DIAGNOSTICS v_asked = ROW_COUNT;
  RETURN jsonb_build_object('outcome', 'asked', 'deliveries', v_asked,
    'complete', coalesce(cardinality(v_events), 0) <= p_most,
    'to', CASE WHEN cardinality(v_events) > p_most
      THEN (SELECT at FROM event WHERE id = v_events[p_most + 1]) ELSE p_to END);
END
$$;

-- Makes an event of no meaning for this endpoint alone, and sends it as any other. It is not in the feed.
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
    WHEN EXISTS (SELECT FROM webhook_endpoint WHERE id = p_endpoint) THEN 'disabled' ELSE 'not_found' END);
END
$$;

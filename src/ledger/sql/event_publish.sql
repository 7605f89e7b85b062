-- Tells the partner: writes the event, and for each endpoint that listens a delivery to come. Which deliveries those are
-- stands in the setting surety.deliveries until the transaction ends ("partner:event:endpoint:priority", by commas), so that whoever
-- called can start their workflows after the commit without a question of its own (src/ledger/call.ts).
-- Not announced there: deliveries to an endpoint that has failed again and again. They stand and wait in this table, where
-- they cost nothing, until the Schedule takes up a few at a time.
CREATE OR REPLACE FUNCTION event_publish(
  p_partner uuid, p_type text, p_payment uuid, p_sequence integer, p_data jsonb, p_at timestamptz
) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_event uuid := uuidv7();
  v_deliveries text;
BEGIN
  INSERT INTO event (id, partner_id, type, payment_id, sequence, body, at)
  VALUES (v_event, p_partner, p_type, p_payment, p_sequence, json_build_object(
    'id', v_event, 'type', p_type, 'timestamp', p_at, 'sequence', p_sequence, 'data', p_data), p_at);
  WITH listening AS (
    SELECT id, struggling, disablings FROM webhook_endpoint
    WHERE partner_id = p_partner AND state = 'enabled' AND (event_types IS NULL OR p_type = ANY (event_types))
    -- An endpoint deleted in this moment is passed over: its key must not fail a payment.
    FOR KEY SHARE
  ), due AS (
    INSERT INTO webhook_delivery (event_id, endpoint_id, partner_id, disablings, priority)
    SELECT v_event, id, p_partner, disablings, delivery_priority(p_type) FROM listening
  )
  SELECT string_agg(concat_ws(':', p_partner, v_event, id, delivery_priority(p_type)), ',') INTO v_deliveries
  FROM listening WHERE NOT struggling;
  PERFORM deliveries_announce(v_deliveries);
  RETURN v_event;
END
$$;

-- Whose turn comes first where an endpoint has no place for all: lower before higher. Points expire by the hundred thousand in
-- one night, and a buyer stands at the till.
CREATE OR REPLACE FUNCTION delivery_priority(p_type text) RETURNS smallint
LANGUAGE sql IMMUTABLE SET search_path = surety, pg_temp AS $$
  SELECT (CASE split_part(p_type, '.', 1) WHEN 'payment' THEN 1 WHEN 'points' THEN 4 ELSE 3 END)::smallint;
$$;

CREATE OR REPLACE FUNCTION deliveries_announce(p_deliveries text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
BEGIN
  IF p_deliveries IS NOT NULL THEN
    PERFORM set_config('surety.deliveries',
      concat_ws(',', nullif(current_setting('surety.deliveries', true), ''), p_deliveries), true);
  END IF;
END
$$;

-- An endpoint as its partner sees it: never a secret.
CREATE OR REPLACE FUNCTION webhook_endpoint_json(p_endpoint webhook_endpoint, p_at timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = surety, pg_temp AS $$
  SELECT jsonb_build_object('id', p_endpoint.id, 'url', p_endpoint.url, 'description', p_endpoint.description,
    'eventTypes', to_jsonb(p_endpoint.event_types), 'state', p_endpoint.state, 'disabledReason', p_endpoint.disabled_reason,
    'failingSince', p_endpoint.failing_since, 'createdAt', p_endpoint.created_at,
    'previousSecretUntil', CASE WHEN p_endpoint.previous_secret_until > p_at THEN p_endpoint.previous_secret_until END);
$$;

-- Once by its id. Outcomes: created, already_created {endpoint}; too_many.
CREATE OR REPLACE FUNCTION webhook_endpoint_create(
  p_partner uuid, p_endpoint uuid, p_url text, p_description text, p_event_types text[], p_secret_sealed text, p_most integer,
  p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_endpoint webhook_endpoint;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  -- Counted by one at a time.
  PERFORM pg_advisory_xact_lock(hashtextextended('webhook_endpoint/' || p_partner, 0));
  SELECT * INTO v_endpoint FROM webhook_endpoint WHERE id = p_endpoint;
  IF FOUND THEN
    RETURN jsonb_build_object('outcome', 'already_created', 'endpoint', webhook_endpoint_json(v_endpoint, p_at));
  END IF;
  IF (SELECT count(*) FROM webhook_endpoint WHERE partner_id = p_partner AND deleted_at IS NULL) >= p_most THEN
    RETURN jsonb_build_object('outcome', 'too_many');
  END IF;
  INSERT INTO webhook_endpoint (id, partner_id, url, description, event_types, secret_sealed, created_at)
  VALUES (p_endpoint, p_partner, p_url, p_description, p_event_types, p_secret_sealed, p_at)
  RETURNING * INTO v_endpoint;
  RETURN jsonb_build_object('outcome', 'created', 'endpoint', webhook_endpoint_json(v_endpoint, p_at));
END
$$;

-- One endpoint, or all with p_endpoint NULL; oldest first.
CREATE OR REPLACE FUNCTION webhook_endpoints_read(p_partner uuid, p_endpoint uuid, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  RETURN (SELECT coalesce(jsonb_agg(webhook_endpoint_json(endpoint, p_at) ORDER BY endpoint.id), '[]')
    FROM webhook_endpoint endpoint
    WHERE partner_id = p_partner AND deleted_at IS NULL AND (p_endpoint IS NULL OR endpoint.id = p_endpoint));
END
$$;

-- p_change holds what changes: url, description, eventTypes (null: all), state. Enabling forgets the failures; disabling ends
-- what was on its way, also where it is enabled again at once. Outcomes: changed {endpoint}; not_found.
CREATE OR REPLACE FUNCTION webhook_endpoint_change(p_partner uuid, p_endpoint uuid, p_change jsonb, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_endpoint webhook_endpoint;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  UPDATE webhook_endpoint SET
    url = coalesce(p_change ->> 'url', url),
    description = coalesce(p_change ->> 'description', description),
    event_types = CASE
      WHEN NOT p_change ? 'eventTypes' THEN event_types
      WHEN p_change -> 'eventTypes' <> 'null' THEN ARRAY(SELECT jsonb_array_elements_text(p_change -> 'eventTypes'))
    END
  WHERE id = p_endpoint AND deleted_at IS NULL;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  CASE p_change ->> 'state'
    WHEN 'enabled' THEN
      UPDATE webhook_endpoint SET state = 'enabled', disabled_reason = NULL, failing_since = NULL, failures = 0
      WHERE id = p_endpoint AND state = 'disabled';
    WHEN 'disabled' THEN
      PERFORM webhook_endpoint_disable(p_partner, p_endpoint, 'by_partner', p_at);
    ELSE
      NULL;
  END CASE;
  SELECT * INTO v_endpoint FROM webhook_endpoint WHERE id = p_endpoint;
  RETURN jsonb_build_object('outcome', 'changed', 'endpoint', webhook_endpoint_json(v_endpoint, p_at));
END
$$;

-- The secret before goes on signing beside the new one until p_until. The same rotation again, after a lost answer, replaces
-- the secret that nobody has seen. Outcomes: rotated {endpoint}; not_found.
CREATE OR REPLACE FUNCTION webhook_secret_rotate(
  p_partner uuid, p_endpoint uuid, p_rotation uuid, p_secret_sealed text, p_until timestamptz, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_endpoint webhook_endpoint;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  UPDATE webhook_endpoint SET
    previous_secret_sealed = CASE WHEN secret_rotation = p_rotation THEN previous_secret_sealed ELSE secret_sealed END,
    previous_secret_until = p_until, secret_sealed = p_secret_sealed, secret_rotation = p_rotation
  WHERE id = p_endpoint AND deleted_at IS NULL RETURNING * INTO v_endpoint;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  RETURN jsonb_build_object('outcome', 'rotated', 'endpoint', webhook_endpoint_json(v_endpoint, p_at));
END
$$;

-- Gone for its partner at once; the row and its deliveries go by pieces (webhook_endpoint_clear). Events stay. Its secrets go
-- now. Outcomes: deleted, not_found.
CREATE OR REPLACE FUNCTION webhook_endpoint_delete(p_partner uuid, p_endpoint uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  UPDATE webhook_endpoint SET deleted_at = now(), state = 'disabled', disabled_reason = coalesce(disabled_reason, 'by_partner'),
    disablings = disablings + 1, secret_sealed = '', previous_secret_sealed = NULL, previous_secret_until = NULL
  WHERE id = p_endpoint AND deleted_at IS NULL;
  RETURN jsonb_build_object('outcome', CASE WHEN FOUND THEN 'deleted' ELSE 'not_found' END);
END
$$;

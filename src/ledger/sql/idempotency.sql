-- Idempotency-Key of the API (experience.md, section 4).

-- started {paymentId, lease}: go on, with this payment id (the first request's, when its lease of 30 s ran out);
-- replay {status, body}, or replay {paymentId} alone where no final answer was frozen; in_flight; other_body.
CREATE OR REPLACE FUNCTION idempotency_begin(
  p_partner uuid, p_route text, p_key_hash bytea, p_body_hash bytea, p_payment uuid, p_at timestamptz
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_row idempotency_key;
  v_lease uuid := gen_random_uuid();
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  INSERT INTO idempotency_key (partner_id, route, key_hash, body_hash, payment_id, lease_until, lease)
  VALUES (p_partner, p_route, p_key_hash, p_body_hash, p_payment, p_at + interval '30 seconds', v_lease)
  ON CONFLICT DO NOTHING;
  IF FOUND THEN
    RETURN jsonb_build_object('outcome', 'started', 'paymentId', p_payment, 'lease', v_lease);
  END IF;
  SELECT * INTO STRICT v_row FROM idempotency_key
  WHERE partner_id = p_partner AND route = p_route AND key_hash = p_key_hash FOR UPDATE;
  -- The body comes first, also while the first request is in flight.
  IF v_row.body_hash <> p_body_hash THEN
    RETURN jsonb_build_object('outcome', 'other_body');
  END IF;
  IF v_row.status IS NOT NULL THEN
    RETURN jsonb_build_object('outcome', 'replay', 'paymentId', v_row.payment_id, 'status', v_row.status, 'body', v_row.body);
  END IF;
  IF v_row.lease_until > p_at THEN
    RETURN jsonb_build_object('outcome', 'in_flight');
  END IF;
  UPDATE idempotency_key SET lease_until = p_at + interval '30 seconds', lease = v_lease
  WHERE partner_id = p_partner AND route = p_route AND key_hash = p_key_hash;
  RETURN jsonb_build_object('outcome', 'started', 'paymentId', v_row.payment_id, 'lease', v_lease);
END
$$;

-- Freezes a final answer; a status of 202 remembers only that the true state is to be told.
-- A null status ends the lease with nothing decided: the next try with this key goes ahead at once.
-- Only for who holds the lease. Outcomes: recorded; superseded (another request has taken over since, and its word counts);
-- forgotten (the key is gone: an erasure took it along).
CREATE OR REPLACE FUNCTION idempotency_finish(
  p_partner uuid, p_route text, p_key_hash bytea, p_lease uuid, p_subject uuid, p_status integer, p_body jsonb
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  UPDATE idempotency_key SET status = p_status, body = p_body, payment_id = p_subject, lease_until = '-infinity', lease = NULL
  WHERE partner_id = p_partner AND route = p_route AND key_hash = p_key_hash AND status IS NULL AND lease = p_lease;
  IF FOUND THEN
    RETURN jsonb_build_object('outcome', 'recorded');
  END IF;
  RETURN jsonb_build_object('outcome', CASE WHEN EXISTS (
    SELECT FROM idempotency_key WHERE partner_id = p_partner AND route = p_route AND key_hash = p_key_hash)
    THEN 'superseded' ELSE 'forgotten' END);
END
$$;

-- The same for the release before, which knows nothing of leases: it freezes too, and changes nothing that is frozen.
CREATE OR REPLACE FUNCTION idempotency_end(
  p_partner uuid, p_route text, p_key_hash bytea, p_payment uuid, p_status integer, p_body jsonb
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  UPDATE idempotency_key SET status = p_status, body = p_body, payment_id = p_payment, lease_until = '-infinity'
  WHERE partner_id = p_partner AND route = p_route AND key_hash = p_key_hash AND status IS NULL;
  RETURN jsonb_build_object('outcome', 'recorded');
END
$$;

-- The look-ups that come before a tenant is known. Owned by surety_directory, the one role that sees all partners.

-- The partner behind an API key, by the key's hash; NULL where there is none, it is revoked or has expired.
CREATE OR REPLACE FUNCTION api_key_authenticate(p_hash bytea, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_key api_key;
BEGIN
  SELECT * INTO v_key FROM api_key
  WHERE hash = p_hash AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > p_at);
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  -- "Last used" is for people: once a minute is enough, and keeps the row from being everybody's lock.
  IF v_key.last_used_at IS NULL OR v_key.last_used_at < p_at - interval '1 minute' THEN
    UPDATE api_key SET last_used_at = p_at WHERE id = v_key.id;
  END IF;
  RETURN (SELECT jsonb_build_object('keyId', v_key.id, 'scopes', to_jsonb(v_key.scopes), 'partnerId', partner.id,
    'slug', partner.slug, 'name', partner.name, 'settings', partner.settings, 'programme', partner.programme,
    'invoiceboxOptions', partner.invoicebox_options)
    FROM partner WHERE partner.id = v_key.partner_id);
END
$$;

CREATE OR REPLACE FUNCTION partner_by_slug(p_slug text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT jsonb_build_object('partnerId', id, 'slug', slug, 'name', name, 'settings', settings, 'programme', programme,
    'invoiceboxOptions', invoicebox_options, 'loginSecretSealed', login_secret_sealed)
  FROM partner WHERE slug = p_slug;
$$;

-- What the worker needs to speak to Invoicebox for a partner.
CREATE OR REPLACE FUNCTION partner_account(p_partner uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT jsonb_build_object('settings', settings, 'programme', programme, 'invoiceboxOptions', invoicebox_options,
    'organisationPolicy', organisation_policy,
    'tokenSealed', invoicebox_token_sealed,
    'currencies', (SELECT coalesce(jsonb_agg(currency), '[]') FROM fund WHERE partner_id = p_partner))
  FROM partner WHERE id = p_partner;
$$;

-- Whether this Temporal namespace is the one that these payments' workflows live in; the first that asks is.
CREATE OR REPLACE FUNCTION temporal_namespace_is_ours(p_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
BEGIN
  INSERT INTO temporal_namespace (id) VALUES (p_id) ON CONFLICT DO NOTHING;
  RETURN EXISTS (SELECT FROM temporal_namespace WHERE id = p_id);
END
$$;

-- A page of live payments for the sweeper, by id; mustSettle: its workflow must be settling or proving. Left out: those so young, or so lately resumed, that they may still be on
-- their way to their workflow; each further resumption is given twice the time, up to an hour.
CREATE OR REPLACE FUNCTION payments_to_sweep(p_after uuid, p_limit integer, p_grace_ms bigint, p_hold_age_ms bigint) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('partnerId', partner_id, 'paymentId', id, 'epoch', epoch,
    'mustSettle', must_settle) ORDER BY id), '[]')
  FROM (
    SELECT payment.partner_id, payment.id, payment.epoch, payment.released_at IS NOT NULL OR EXISTS (
      SELECT FROM hold WHERE hold.payment_id = payment.id AND hold.state = 'held'
        AND uuid_extract_timestamp(hold.id) < clock_timestamp() - p_hold_age_ms * interval '1 millisecond') AS must_settle
    FROM payment
    WHERE payment.state NOT IN ('paid', 'declined', 'expired', 'cancelled')
      AND (p_after IS NULL OR payment.id > p_after)
      AND payment.created_at < clock_timestamp() - p_grace_ms * interval '1 millisecond'
      AND (payment.resumed_at IS NULL OR payment.resumed_at < clock_timestamp() - least(
        p_grace_ms * power(2, least(payment.epoch - 1, 20)), greatest(p_grace_ms, 3600000)) * interval '1 millisecond')
    ORDER BY payment.id
    LIMIT p_limit
  ) AS candidate;
$$;

-- Of payments that Temporal knows, whoever's they are: those that are not in the books, and those of p_over that are live in them.
CREATE OR REPLACE FUNCTION payments_forgotten(p_known uuid[], p_over uuid[]) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT coalesce(jsonb_agg(id ORDER BY id), '[]') FROM (
    SELECT known.id FROM unnest(p_known) AS known(id) WHERE NOT EXISTS (SELECT FROM payment WHERE payment.id = known.id)
    UNION
    SELECT payment.id FROM payment WHERE id = ANY (p_over) AND state NOT IN ('paid', 'declined', 'expired', 'cancelled')
  ) AS forgotten;
$$;

-- Payments that wait for a person, oldest first; with an id, that payment whatever its state.
CREATE OR REPLACE FUNCTION review_queue(p_payment uuid, p_limit integer) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('partnerId', partner_id, 'partner', slug, 'paymentId', id, 'scheme', scheme,
    'invoiceId', invoice_id, 'state', state, 'reason', reason, 'amountMinor', amount_minor, 'currency', currency,
    'lastProbe', last_probe, 'nextProbeAt', next_probe_at, 'createdAt', created_at) ORDER BY id), '[]')
  FROM (
    SELECT payment.*, partner.slug FROM (
      SELECT id, partner_id, scheme, invoice_id, state, reason, amount_minor, currency, last_probe, next_probe_at, created_at
      FROM payment
    ) AS payment JOIN partner ON partner.id = payment.partner_id
    WHERE CASE WHEN p_payment IS NULL THEN payment.state = 'in_review' ELSE payment.id = p_payment END
    ORDER BY payment.id
    LIMIT p_limit
  ) AS waiting;
$$;

-- The partners of whom lots have expired with something left in them.
CREATE OR REPLACE FUNCTION partners_with_expired_points(p_at timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT coalesce(jsonb_agg(DISTINCT partner_id), '[]') FROM lot WHERE NOT spent AND expires_at <= p_at;
$$;

-- Deliveries that should have been tried by now and that nobody seems to be trying: taken up, so that no other asks for the
-- same within p_lease_ms. Of one endpoint at most p_each at a time; of one that struggles only p_each_struggling. The urgent
-- first. An endpoint is looked at by its index: what waits behind those few is not read.
CREATE OR REPLACE FUNCTION webhook_deliveries_take_up(
  p_grace_ms bigint, p_lease_ms bigint, p_each integer, p_each_struggling integer, p_limit integer, p_at timestamptz
) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  WITH wanted AS (
    SELECT late.event_id, late.endpoint_id
    FROM webhook_endpoint endpoint
    CROSS JOIN LATERAL (
      SELECT event_id, endpoint_id, priority, due_at FROM webhook_delivery
      WHERE endpoint_id = endpoint.id AND disablings = endpoint.disablings AND state = 'pending'
        AND due_at < p_at - p_grace_ms * interval '1 millisecond'
      ORDER BY priority, due_at
      LIMIT CASE WHEN endpoint.struggling THEN p_each_struggling ELSE p_each END
      FOR UPDATE SKIP LOCKED
    ) AS late
    WHERE endpoint.state = 'enabled'
    ORDER BY late.priority, late.due_at
    LIMIT p_limit
  ), taken AS (
    UPDATE webhook_delivery delivery SET due_at = p_at + p_lease_ms * interval '1 millisecond'
    FROM wanted WHERE delivery.event_id = wanted.event_id AND delivery.endpoint_id = wanted.endpoint_id
    RETURNING delivery.partner_id, delivery.event_id, delivery.endpoint_id, delivery.priority
  )
  SELECT coalesce(jsonb_agg(jsonb_build_object('partnerId', partner_id, 'eventId', event_id, 'endpointId', endpoint_id,
    'priority', priority) ORDER BY priority), '[]')
  FROM taken;
$$;

-- Batches that have something to do, begun no later than p_grace_ms ago; isPaused: since payments were, and they are no longer.
CREATE OR REPLACE FUNCTION payment_batches_to_work_on(p_grace_ms bigint, p_limit integer, p_at timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('partnerId', partner_id, 'batchId', id, 'isPaused', state = 'paused')), '[]') FROM (
    SELECT partner_id, id, state FROM payment_batch AS batch
    WHERE (state IN ('running', 'cancelling') OR state = 'paused' AND pause_reason = 'payments_paused' AND NOT EXISTS (
      SELECT FROM pause WHERE (pause.partner_id = batch.partner_id OR pause.partner_id IS NULL) AND ended_at IS NULL))
      AND created_at < p_at - p_grace_ms * interval '1 millisecond'
    ORDER BY id LIMIT p_limit
  ) AS open;
$$;

-- Endpoints with something to clear (webhook_endpoint_clear): deleted, or with deliveries from before they were disabled.
CREATE OR REPLACE FUNCTION webhook_endpoints_to_clear(p_limit integer) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('partnerId', partner_id, 'endpointId', id)), '[]') FROM (
    SELECT partner_id, id FROM webhook_endpoint endpoint
    WHERE deleted_at IS NOT NULL OR disablings > 0 AND EXISTS (
      SELECT FROM webhook_delivery
      WHERE endpoint_id = endpoint.id AND state = 'pending' AND disablings < endpoint.disablings)
    ORDER BY id LIMIT p_limit
  ) AS unclear;
$$;

-- Uploads of imports that were cut so long ago and did not come again.
CREATE OR REPLACE FUNCTION credit_imports_cut(p_quiet_ms bigint, p_limit integer, p_at timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('partnerId', partner_id, 'importId', id)), '[]') FROM (
    SELECT partner_id, id FROM credit_import
    WHERE state = 'receiving' AND received_at < p_at - p_quiet_ms * interval '1 millisecond' ORDER BY received_at LIMIT p_limit
  ) AS cut;
$$;

-- Imports whose body is here and whose lines are not all done, started no later than p_grace_ms ago.
CREATE OR REPLACE FUNCTION credit_imports_running(p_grace_ms bigint, p_limit integer, p_at timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('partnerId', partner_id, 'importId', id)), '[]') FROM (
    SELECT partner_id, id FROM credit_import
    WHERE state = 'running' AND started_at < p_at - p_grace_ms * interval '1 millisecond' ORDER BY id LIMIT p_limit
  ) AS running;
$$;

-- Of all partners: approved returns that nobody has booked for so long.
CREATE OR REPLACE FUNCTION payment_returns_to_book(p_grace_ms bigint, p_limit integer, p_at timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('partnerId', partner_id, 'returnId', id)), '[]') FROM (
    SELECT partner_id, id FROM payment_return
    WHERE state = 'approved' AND decided_at < p_at - p_grace_ms * interval '1 millisecond' ORDER BY id LIMIT p_limit
  ) AS approved;
$$;

-- All partners: each has a chain to seal (audit_seal.sql).
CREATE OR REPLACE FUNCTION partners_to_seal() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT coalesce(jsonb_agg(id ORDER BY id), '[]') FROM partner;
$$;

-- Partners whose reconciliation waits, or runs, since longer than p_grace_ms.
CREATE OR REPLACE FUNCTION reconciliations_unfinished(p_grace_ms bigint, p_limit integer, p_at timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT coalesce(jsonb_agg(partner_id), '[]') FROM (
    SELECT partner_id FROM reconciliation
    WHERE state IN ('waiting', 'running') AND created_at < p_at - p_grace_ms * interval '1 millisecond'
    GROUP BY partner_id ORDER BY min(created_at) LIMIT p_limit
  ) AS unfinished;
$$;

-- The last thing that the ledger knows of, of anybody; NULL: it is empty.
CREATE OR REPLACE FUNCTION ledger_last_written() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT to_jsonb(at) FROM payment_event ORDER BY id DESC LIMIT 1;
$$;

-- Payments whose points are still owed (payment_recover_points), a page of them by id.
CREATE OR REPLACE FUNCTION points_owed_page(p_after uuid, p_limit integer) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object('partnerId', partner_id, 'paymentId', payment_id) ORDER BY payment_id), '[]') FROM (
    SELECT partner_id, payment_id FROM points_owed
    WHERE taken_at IS NULL AND (p_after IS NULL OR payment_id > p_after) ORDER BY payment_id LIMIT p_limit) AS page;
$$;

-- All partners, a page of them by id.
CREATE OR REPLACE FUNCTION partners_page(p_after uuid, p_limit integer) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  SELECT coalesce(jsonb_agg(id ORDER BY id), '[]') FROM (
    SELECT id FROM partner WHERE p_after IS NULL OR id > p_after ORDER BY id LIMIT p_limit) AS page;
$$;

-- What the views of violations said, kept for whoever watches (src/activities/checkLedger.ts).
CREATE OR REPLACE FUNCTION ledger_check_store(p_violations bigint, p_kinds jsonb, p_took_ms bigint, p_at timestamptz) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
  INSERT INTO ledger_check (checked_at, took_ms, violations, kinds) VALUES (p_at, p_took_ms, p_violations, p_kinds)
  RETURNING jsonb_build_object('outcome', 'stored');
$$;

-- Tells a restored ledger what the history of a return proves (src/recovery/begun.ts): that two people had agreed to it, and
-- whether it was booked. Its payment is told before. In one transaction; told again, it changes nothing.
-- p_told: as made of payment_return_work, and booked: {at, invoiceStatus | null, invoiceReadAt | null} | null.
-- Outcomes: recovered {state: approved | returned, points | null}; known {state: approved | returned}; and with nothing changed:
-- unknown_partner, unknown_payment, not_paid {state}, too_much {leftMinor}, other_return {returnId} (its reference was asked for anew).
CREATE OR REPLACE FUNCTION payment_recover_return(p_partner uuid, p_return uuid, p_told jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_return payment_return;
  v_other uuid;
  v_left bigint;
  v_digest text := p_told ->> 'referenceDigest';
  v_decided_at timestamptz := (p_told ->> 'decidedAt')::timestamptz;
  v_booked jsonb := nullif(p_told -> 'booked', 'null');
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  IF NOT EXISTS (SELECT FROM partner WHERE id = p_partner) THEN
    RETURN jsonb_build_object('outcome', 'unknown_partner');
  END IF;
  -- In the order of decisions: the approval, then the payment.
  PERFORM FROM approval
  WHERE partner_id = p_partner AND action = 'payment.return' AND subject = p_return::text AND state = 'pending' FOR UPDATE;
  SELECT * INTO v_payment FROM payment WHERE id = (p_told ->> 'paymentId')::uuid FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'unknown_payment');
  END IF;
  SELECT * INTO v_return FROM payment_return WHERE id = p_return;
  IF v_return.state = 'returned' OR v_return.state = 'approved' AND v_booked IS NULL THEN
    RETURN jsonb_build_object('outcome', 'known', 'state', v_return.state);
  END IF;
  IF v_payment.state <> 'paid' THEN
    RETURN jsonb_build_object('outcome', 'not_paid', 'state', v_payment.state);
  END IF;
  IF v_return.state IS DISTINCT FROM 'approved' THEN
    SELECT id INTO v_other FROM payment_return
    WHERE payment_id = v_payment.id AND id <> p_return AND v_digest IN (reference, payment_return_digest(reference));
    IF FOUND THEN
      RETURN jsonb_build_object('outcome', 'other_return', 'returnId', v_other);
    END IF;
    -- What is only asked for gives way to what was approved.
    v_left := payment_return_left(v_payment, p_return, 'infinity');
    IF v_left < (p_told ->> 'amountMinor')::bigint THEN
      RETURN jsonb_build_object('outcome', 'too_much', 'leftMinor', v_left);
    END IF;
    PERFORM payment_recover_return_row(p_partner, p_return, v_payment, p_told);
    IF payment_return_left(v_payment, NULL, v_decided_at) < 0 THEN
      UPDATE payment_return SET requested_until = v_decided_at WHERE payment_id = v_payment.id AND state = 'requested';
    END IF;
  END IF;
  IF v_booked IS NOT NULL THEN
    PERFORM payment_return_book(p_partner, p_return, v_booked ->> 'invoiceStatus', (v_booked ->> 'invoiceReadAt')::timestamptz,
      (v_booked ->> 'at')::timestamptz);
  END IF;
  SELECT * INTO STRICT v_return FROM payment_return WHERE id = p_return;
  RETURN jsonb_build_object('outcome', 'recovered', 'state', v_return.state, 'points', v_return.points);
END
$$;

-- The return as it was approved: made, or what the ledger has of it brought forward, with the approval that it waits for.
CREATE OR REPLACE FUNCTION payment_recover_return_row(p_partner uuid, p_return uuid, p_payment payment, p_told jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = surety, pg_temp AS $$
DECLARE
  v_return payment_return;
  v_decided_at timestamptz := (p_told ->> 'decidedAt')::timestamptz;
BEGIN
  INSERT INTO payment_return (id, partner_id, payment_id, reference, state, version, amount_minor, currency, fund_restored, reason,
    opened_by, opened_at, requested_by, requested_at, requested_until, decided_by, decided_at)
  VALUES (p_return, p_partner, p_payment.id, p_told ->> 'referenceDigest', 'approved', (p_told ->> 'version')::integer,
    (p_told ->> 'amountMinor')::bigint, p_payment.currency, (p_told ->> 'fundRestored')::boolean,
    'Its words were lost with the ledger that was restored.', p_told -> 'openedBy', (p_told ->> 'openedAt')::timestamptz,
    p_told -> 'requestedBy', (p_told ->> 'requestedAt')::timestamptz, (p_told ->> 'requestedUntil')::timestamptz,
    p_told -> 'decidedBy', v_decided_at)
  ON CONFLICT (id) DO UPDATE SET state = 'approved', version = excluded.version, amount_minor = excluded.amount_minor,
    fund_restored = excluded.fund_restored, requested_by = excluded.requested_by, requested_at = excluded.requested_at,
    requested_until = excluded.requested_until, decided_by = excluded.decided_by, decided_at = excluded.decided_at
  RETURNING * INTO v_return;
  UPDATE approval SET decided_at = v_decided_at,
    state = CASE version WHEN v_return.version THEN 'approved' ELSE 'superseded' END,
    decided_by = CASE version WHEN v_return.version THEN v_return.decided_by END,
    result = CASE version WHEN v_return.version THEN jsonb_build_object('returnId', p_return) END
  WHERE partner_id = p_partner AND action = 'payment.return' AND subject = p_return::text AND state = 'pending';
  PERFORM payment_event_write(p_partner, p_payment.id, 'payment.return_approved',
    payment_return_said(v_return) || jsonb_build_object('by', v_return.decided_by, 'recovered', true), v_decided_at);
END
$$;

-- Opens a return of a paid payment, once by the refund's reference: asked for by somebody, or found and proposed (p_proposed).
-- A proposal and a request for the same refund are one return: a request takes a proposal over, with what it says itself, and
-- a proposal leaves a request as it is. What was rejected, or asked for and not decided in time, can be asked for again.
-- A request needs a second person's approval (approval.sql), unless the partner waives that.
-- What is asked for is kept free until the request is over, so that however many come at once none is approved in vain.
-- One that a recovery has told of (payment_recover_return.sql) is known by its reference's digest, until somebody names it again.
-- Outcomes: opened, existing {returnId, version, state}; conflict {returnId} (that reference asks for something else);
-- too_much {leftMinor}; not_paid {state}; not_found.
CREATE OR REPLACE FUNCTION payment_return_open(
  p_partner uuid, p_payment uuid, p_amount_minor bigint, p_fund_restored boolean, p_reference text, p_reason text,
  p_actor jsonb, p_at timestamptz, p_proposed boolean DEFAULT false
) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = surety, pg_temp AS $$
DECLARE
  v_payment payment;
  v_return payment_return;
  v_digest text := payment_return_digest(p_reference);
  v_left bigint;
  v_asked text;
BEGIN
  PERFORM set_config('surety.partner', p_partner::text, true);
  -- In the order of decisions: the approval, then the payment.
  IF NOT p_proposed THEN
    PERFORM FROM approval WHERE partner_id = p_partner AND action = 'payment.return' AND state = 'pending'
      AND subject = (SELECT id::text FROM payment_return WHERE payment_id = p_payment AND reference = p_reference)
    FOR UPDATE;
  END IF;
  SELECT * INTO v_payment FROM payment WHERE id = p_payment FOR UPDATE;
  IF NOT FOUND THEN
    RETURN jsonb_build_object('outcome', 'not_found');
  END IF;
  IF v_payment.state <> 'paid' THEN
    RETURN jsonb_build_object('outcome', 'not_paid', 'state', v_payment.state);
  END IF;
  -- The payment's row is the lock of all its returns.
  SELECT * INTO v_return FROM payment_return WHERE payment_id = p_payment AND reference IN (p_reference, v_digest);
  IF FOUND AND p_proposed THEN
    RETURN payment_return_told('existing', v_return);
  END IF;
  IF v_return.state IN ('requested', 'approved', 'returned') THEN
    IF (v_return.amount_minor, v_return.fund_restored) IS DISTINCT FROM (p_amount_minor, p_fund_restored)
      OR v_return.reason <> p_reason AND v_return.reference <> v_digest
    THEN
      RETURN jsonb_build_object('outcome', 'conflict', 'returnId', v_return.id);
    END IF;
    IF v_return.reference = v_digest THEN
      UPDATE payment_return SET reference = p_reference, reason = p_reason WHERE id = v_return.id;
    END IF;
    IF v_return.state <> 'requested' OR v_return.requested_until > p_at THEN
      RETURN payment_return_told('existing', v_return);
    END IF;
  END IF;

  v_left := payment_return_left(v_payment, v_return.id, p_at);
  IF p_amount_minor > v_left THEN
    RETURN jsonb_build_object('outcome', 'too_much', 'leftMinor', v_left);
  END IF;
  IF v_return.id IS NULL THEN
    INSERT INTO payment_return (partner_id, payment_id, reference, state, amount_minor, currency, fund_restored, reason,
      opened_by, opened_at)
    VALUES (p_partner, p_payment, p_reference, 'proposed', p_amount_minor, v_payment.currency, p_fund_restored, p_reason,
      p_actor, p_at)
    RETURNING * INTO v_return;
  END IF;
  IF p_proposed THEN
    PERFORM payment_event_write(p_partner, p_payment, 'payment.return_proposed', payment_return_said(v_return), p_at);
    RETURN payment_return_told('opened', v_return);
  END IF;
  UPDATE payment_return SET
    state = 'requested', version = CASE WHEN requested_at IS NULL THEN version ELSE version + 1 END,
    amount_minor = p_amount_minor, fund_restored = p_fund_restored, reason = p_reason,
    requested_by = p_actor, requested_at = p_at, requested_until = p_at + interval '24 hours', decided_by = NULL, decided_at = NULL
  WHERE id = v_return.id RETURNING * INTO v_return;
  PERFORM payment_event_write(p_partner, p_payment, 'payment.return_requested',
    payment_return_said(v_return) || jsonb_build_object('by', p_actor), p_at);
  v_asked := approval_request(p_partner, uuidv7(), 'payment.return', v_return.id::text, v_return.version,
    payment_return_said(v_return) || jsonb_build_object('paymentId', p_payment), p_reason, p_actor, p_at) ->> 'outcome';
  IF v_asked NOT IN ('requested', 'performed') THEN
    RAISE EXCEPTION 'the approval of return % was not asked for: %', v_return.id, v_asked;
  END IF;
  -- Approved by now, where the partner waives a second person.
  SELECT * INTO STRICT v_return FROM payment_return WHERE id = v_return.id;
  RETURN payment_return_told('opened', v_return);
END
$$;

-- A return's reference where its words must not be.
CREATE OR REPLACE FUNCTION payment_return_digest(p_reference text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = surety, pg_temp
RETURN 'sha256:' || encode(sha256(convert_to(p_reference, 'UTF8')), 'hex');

-- What of a payment's sum is neither returned nor kept for a return, leaving p_but aside. The caller has locked the payment.
CREATE OR REPLACE FUNCTION payment_return_left(p_payment payment, p_but uuid, p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = surety, pg_temp AS $$
BEGIN
  RETURN p_payment.amount_minor - (
    SELECT coalesce(sum(amount_minor), 0)::bigint FROM payment_return
    WHERE payment_id = p_payment.id AND id IS DISTINCT FROM p_but
      AND (state IN ('approved', 'returned') OR state = 'requested' AND requested_until > p_at));
END
$$;

CREATE OR REPLACE FUNCTION payment_return_told(p_outcome text, p_return payment_return) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = surety, pg_temp
RETURN jsonb_build_object('outcome', p_outcome, 'returnId', p_return.id, 'version', p_return.version, 'state', p_return.state);

-- Of a return, what the audit trail keeps: its reason may name people and stays in its own row.
CREATE OR REPLACE FUNCTION payment_return_said(p_return payment_return) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = surety, pg_temp
RETURN jsonb_build_object('returnId', p_return.id, 'amountMinor', p_return.amount_minor, 'currency', p_return.currency,
  'fundRestored', p_return.fund_restored, 'reference', p_return.reference);
